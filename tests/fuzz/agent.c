/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: what a guest's agent sends. Each byte 0x01 of an input begins a new round, 0x02 asks for a
 * shutdown, 0x03 for processors, 0x04 is a new connection; SYNC stands for the number that the agent was
 * asked to repeat. */
#include "fuzz.h"

#include <string.h>

#include "domain/qemu/agent_talk.h"

#define MAX_INFO_KEYS  4096
#define MAX_TEXT_BYTES 2048

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    return 0;
}

/* What it says now; of a question for a number, the number. */
static void
listen_to(AgentTalk *talk, char **number)
{
    g_autoptr(GString) out = g_string_new(NULL);
    agent_talk_next(talk, out);
    g_assert_true(out->len == 0 || out->str[out->len - 1] == '\n');
    if (strstr(out->str, "guest-sync-delimited") == NULL)
        return;
    g_free(*number);
    *number = g_strdup_printf("%" G_GINT64_FORMAT, g_ascii_strtoll(strrchr(out->str, ':') + 1, NULL, 10));
}

static void
act(AgentTalk *talk, char byte)
{
    if (byte == 1)
        agent_talk_begin(talk);
    else if (byte == 2)
        agent_talk_want_shutdown(talk);
    else if (byte == 3)
        agent_talk_want_vcpus(talk);
    else
        agent_talk_reset(talk);
}

/* What is kept is plain text, and not too much of it. */
static void
check_info(AgentTalk *talk)
{
    Value *info = agent_talk_info(talk);
    if (info == NULL)
        return;
    g_assert_cmpuint(value_size(info), <, MAX_INFO_KEYS);
    for (gsize i = 0; i < value_size(info); i++) {
        const char *text = value_get_string(value_map_value(info, i));
        g_assert_true(g_utf8_validate(text, -1, NULL));
        g_assert_cmpuint(strlen(text), <, MAX_TEXT_BYTES);
        for (const char *at = text; *at != '\0'; at++)
            g_assert_true((guchar)*at >= 0x20 && *at != 0x7f);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static DomainVifT vif = {.id = (char *)"vm.0", .mac = (char *)"52:54:00:00:00:01"};
    const DomainVifTList vifs = {&vif, 1};
    g_autoptr(AgentTalk) talk = agent_talk_new(&vifs, "vm");
    g_autofree char *number = g_strdup("0");
    const guint8 *end = data + size;
    agent_talk_begin(talk);
    listen_to(talk, &number);
    while (data < end) {
        const guint8 *stop = data;
        while (stop < end && (*stop == 0 || *stop > 4))
            stop++;
        const guint8 *sync = memmem(data, (gsize)(stop - data), "SYNC", 4);
        gsize plain = (gsize)((sync == NULL ? stop : sync) - data);
        if (!agent_talk_take(talk, (const char *)data, plain) ||
            (sync != NULL && !agent_talk_take(talk, number, strlen(number))))
            agent_talk_reset(talk);
        data += plain + (sync == NULL ? 0 : 4);
        if (sync == NULL && data < end)
            act(talk, (char)*data++);
        listen_to(talk, &number);
        check_info(talk);
    }
    return 0;
}
