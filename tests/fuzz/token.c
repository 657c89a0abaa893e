/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: event tokens, and what a client wants to hear of. The first line of an input is a token, the
 * others name classes and objects. */
#include "fuzz.h"

#include <string.h>

#include "event/test_answer.h"
#include "event/token.h"

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    return 0;
}

static void
check_token(const char *text)
{
    guint64 generation = 0, again = 0;
    g_autoptr(GError) error = NULL;
    gboolean is_good = event_token_parse(text, &generation, &error);
    g_assert_true(is_good == (error == NULL));
    if (!is_good)
        return;
    g_autofree char *written = event_token_format(generation);
    g_assert_true(event_token_parse(written, &again, NULL));
    g_assert_cmpuint(generation, ==, again);
    g_autofree char *later = event_token_format(generation + 1);
    g_assert_true(generation == G_MAXUINT64 || strcmp(written, later) < 0);
}

/* The answer's token is good for the next call. */
static void
check_answer(const TestAnswer *answer)
{
    guint64 generation;
    if (answer->result == NULL)
        return;
    g_assert_true(
        event_token_parse(value_map_get_string(answer->result, "token", "none"), &generation, NULL));
}

static void
ask(FuzzWorld *world, const char *token, const Value *classes)
{
    g_auto(TestAnswer) answer = {0};
    g_mutex_init(&answer.mutex);
    g_cond_init(&answer.cond);
    g_autoptr(EventWait) wait G_GNUC_UNUSED = event_from_start(world->cli->events, "OpaqueRef:fuzz", classes,
                                                               token, 0.0, test_answer_take, &answer);
    test_answer_wait(&answer);
    check_answer(&answer);
}

static void
register_and_unregister(FuzzWorld *world, const Value *classes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) end_error = NULL;
    gboolean is_registered = event_register(world->cli->events, "OpaqueRef:fuzz", classes, &error);
    g_assert_true(is_registered == (error == NULL));
    gboolean is_ended = event_unregister(world->cli->events, "OpaqueRef:fuzz", classes, &end_error);
    g_assert_true(is_ended == (end_error == NULL));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    FuzzWorld *world = fuzz_world();
    g_autofree char *text = fuzz_text(data, size);
    if (!g_utf8_validate(text, -1, NULL))
        return 0; /* refused where calls are read */
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const char *token = lines[0] != NULL ? lines[0] : "";
    g_autoptr(Value) classes =
        value_array_of_strings(lines[0] != NULL ? (const char *const *)lines + 1 : NULL);
    check_token(token);
    ask(world, token, classes);
    register_and_unregister(world, classes);
    return 0;
}
