/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conversation. What is out is one row of the table, or nothing:
 *
 *   nothing ──► sync ──► the questions of the round, each that the agent knows ──► nothing
 *                └─────► shutdown, or get-vcpus ──► set-vcpus, when somebody wants that
 *
 * Source: QEMU guest agent protocol reference; "guest-sync-delimited" says how an answer of an earlier
 * conversation is thrown away: all before the byte 0xFF. */
#include "domain/qemu/agent_talk.h"

#include <string.h>

#include "domain/qemu/agent_info.h"
#include "value/json.h"

#define DELIMITER '\xff'
/* Each costs time to read; an honest agent sends one an answer. */
#define MAX_LINES_A_ROUND 256

typedef enum AgentQuestion {
    QUESTION_NONE,
    QUESTION_SYNC,
    QUESTION_INFO,
    QUESTION_OS,
    QUESTION_NETWORK,
    QUESTION_DISKS,
    QUESTION_END, /* of a round */
    QUESTION_SHUTDOWN,
    QUESTION_GET_VCPUS,
    QUESTION_SET_VCPUS,
} AgentQuestion;

struct AgentTalk {
    DomainVifTList vifs;
    char *vm;
    GString *input;
    guint n_lines; /* in this round */
    gint64 sync_id;
    gboolean is_synced; /* since the last agent_talk_begin() or wish */
    AgentQuestion out;  /* what waits for its answer */
    AgentQuestion next; /* of the round; NONE: no round is under way */
    guint known;        /* bits: the questions that guest-info names */
    gboolean wants_shutdown;
    gboolean has_acknowledged;
    gboolean wants_vcpus;
    Value *offline; /* what guest-set-vcpus is to be sent; NULL: nothing */
    Value *draft;   /* of the round */
    Value *info;    /* of the round before */
};

/* ---- Answers */

static void take_info(AgentTalk *talk, Value *answer);

static void
take_os(AgentTalk *talk, Value *answer)
{
    agent_info_from_os(answer, talk->draft);
}

static void
take_network(AgentTalk *talk, Value *answer)
{
    agent_info_from_network(answer, &talk->vifs, talk->vm, talk->draft);
}

static void
take_disks(AgentTalk *talk, Value *answer)
{
    agent_info_from_disks(answer, talk->draft);
}

/* The places that the guest has and does not use. */
static void
take_vcpus(AgentTalk *talk, Value *answer)
{
    g_autoptr(Value) offline = value_array_new(8);
    for (gsize i = 0; value_kind(answer) == VALUE_ARRAY && i < value_size(answer) && i < 1024; i++) {
        Value *row = value_array_get(answer, i);
        Value *id = value_kind(row) == VALUE_MAP ? value_map_get(row, "logical-id") : NULL;
        Value *online = value_kind(row) == VALUE_MAP ? value_map_get(row, "online") : NULL;
        if (id == NULL || value_kind(id) != VALUE_INT || online == NULL || value_kind(online) != VALUE_BOOL ||
            value_get_bool(online))
            continue;
        Value *wish = value_map_new(2);
        value_map_set(wish, "logical-id", value_ref(id));
        value_map_set(wish, "online", value_bool(TRUE));
        value_array_add(offline, wish);
    }
    if (value_size(offline) > 0)
        talk->offline = g_steal_pointer(&offline);
}

static const struct QuestionRow {
    const char *command;
    void (*take)(AgentTalk *talk, Value *answer);
} question_rows[] = {
    [QUESTION_SYNC] = {"guest-sync-delimited", NULL},
    [QUESTION_INFO] = {"guest-info", take_info},
    [QUESTION_OS] = {"guest-get-osinfo", take_os},
    [QUESTION_NETWORK] = {"guest-network-get-interfaces", take_network},
    [QUESTION_DISKS] = {"guest-get-fsinfo", take_disks},
    [QUESTION_SHUTDOWN] = {"guest-shutdown", NULL},
    [QUESTION_GET_VCPUS] = {"guest-get-vcpus", take_vcpus},
    [QUESTION_SET_VCPUS] = {"guest-set-vcpus", NULL},
};

static void
take_info(AgentTalk *talk, Value *answer)
{
    agent_info_from_info(answer, talk->draft);
    talk->known = 0;
    for (guint i = QUESTION_OS; i < QUESTION_END; i++) {
        if (agent_info_has_command(answer, question_rows[i].command))
            talk->known |= 1u << i;
    }
}

/* ---- Life */

AgentTalk *
agent_talk_new(const DomainVifTList *vifs, const char *vm)
{
    AgentTalk *talk = g_new0(AgentTalk, 1);
    domain_vif_t_list_copy(vifs, &talk->vifs);
    talk->vm = g_strdup(vm);
    talk->input = g_string_new(NULL);
    talk->sync_id = g_random_int();
    return talk;
}

void
agent_talk_free(AgentTalk *talk)
{
    if (talk == NULL)
        return;
    domain_vif_t_list_clear(&talk->vifs);
    g_free(talk->vm);
    g_string_free(talk->input, TRUE);
    value_unref(talk->offline);
    value_unref(talk->draft);
    value_unref(talk->info);
    g_free(talk);
}

void
agent_talk_reset(AgentTalk *talk)
{
    g_string_truncate(talk->input, 0);
    talk->n_lines = 0;
    talk->out = talk->next = QUESTION_NONE;
    talk->is_synced = talk->wants_shutdown = talk->wants_vcpus = FALSE;
    g_clear_pointer(&talk->offline, value_unref);
}

gboolean
agent_talk_begin(AgentTalk *talk)
{
    if (talk->out != QUESTION_NONE)
        return FALSE;
    talk->is_synced = FALSE;
    talk->n_lines = 0;
    talk->next = QUESTION_INFO;
    value_unref(talk->draft);
    talk->draft = value_map_new(16);
    return TRUE;
}

void
agent_talk_want_shutdown(AgentTalk *talk)
{
    talk->wants_shutdown = TRUE;
    talk->has_acknowledged = FALSE;
    /* Whether it is alive now is what counts. */
    talk->is_synced = FALSE;
}

gboolean
agent_talk_has_acknowledged(const AgentTalk *talk)
{
    return talk->has_acknowledged;
}

void
agent_talk_want_vcpus(AgentTalk *talk)
{
    talk->wants_vcpus = TRUE;
}

Value *
agent_talk_info(const AgentTalk *talk)
{
    return talk->info;
}

/* ---- Asking */

static void
send(AgentTalk *talk, AgentQuestion question, Value *arguments, GString *out)
{
    g_autoptr(Value) message = value_map_new(2);
    value_map_set(message, "execute", value_string(question_rows[question].command));
    if (arguments != NULL)
        value_map_set(message, "arguments", arguments);
    json_write_value(out, message);
    g_string_append_c(out, '\n');
    talk->out = question;
}

static void
send_sync(AgentTalk *talk, GString *out)
{
    Value *arguments = value_map_new(1);
    value_map_set(arguments, "id", value_int(++talk->sync_id));
    g_string_append_c(out, DELIMITER); /* ends what an earlier client may have begun */
    send(talk, QUESTION_SYNC, arguments, out);
}

/* It answers only when it fails, so nothing waits for that. */
static void
send_shutdown(AgentTalk *talk, GString *out)
{
    Value *arguments = value_map_new(1);
    value_map_set(arguments, "mode", value_string("powerdown"));
    send(talk, QUESTION_SHUTDOWN, arguments, out);
    talk->wants_shutdown = FALSE;
    talk->has_acknowledged = TRUE;
    talk->out = QUESTION_NONE;
    talk->next = QUESTION_NONE;
}

static void
send_vcpus(AgentTalk *talk, GString *out)
{
    if (talk->offline == NULL) {
        talk->wants_vcpus = FALSE;
        send(talk, QUESTION_GET_VCPUS, NULL, out);
        return;
    }
    Value *arguments = value_map_new(1);
    value_map_set(arguments, "vcpus", g_steal_pointer(&talk->offline));
    send(talk, QUESTION_SET_VCPUS, arguments, out);
}

static gboolean
is_known(const AgentTalk *talk, AgentQuestion question)
{
    return question == QUESTION_INFO || (talk->known & (1u << question)) != 0;
}

static void
end_round(AgentTalk *talk)
{
    talk->next = QUESTION_NONE;
    value_map_set(talk->draft, "data/updated", value_string("1"));
    value_unref(talk->info);
    talk->info = g_steal_pointer(&talk->draft);
}

static void
send_round(AgentTalk *talk, GString *out)
{
    while (talk->next < QUESTION_END && !is_known(talk, talk->next))
        talk->next++;
    if (talk->next == QUESTION_END)
        end_round(talk);
    else
        send(talk, talk->next++, NULL, out);
}

void
agent_talk_next(AgentTalk *talk, GString *out)
{
    gboolean wants_vcpus = talk->wants_vcpus || talk->offline != NULL;
    if (talk->out != QUESTION_NONE)
        return;
    if (!talk->is_synced && (talk->wants_shutdown || wants_vcpus || talk->next != QUESTION_NONE))
        send_sync(talk, out);
    else if (talk->wants_shutdown)
        send_shutdown(talk, out);
    else if (wants_vcpus)
        send_vcpus(talk, out);
    else if (talk->next != QUESTION_NONE)
        send_round(talk, out);
}

/* ---- Being answered */

static void
take_answer(AgentTalk *talk, Value *answer)
{
    AgentQuestion question = talk->out;
    if (question == QUESTION_NONE)
        return; /* to what nobody waits for any more */
    if (question == QUESTION_SYNC) {
        if (value_kind(answer) != VALUE_INT || value_get_int(answer) != talk->sync_id)
            return;
        talk->is_synced = TRUE;
    } else if (question_rows[question].take != NULL && (talk->draft != NULL || question > QUESTION_END)) {
        question_rows[question].take(talk, answer);
    }
    talk->out = QUESTION_NONE;
}

/* What it cannot do is left out of the round; a failed shutdown is not acknowledged. */
static void
take_error(AgentTalk *talk)
{
    if (talk->out == QUESTION_SYNC)
        return;
    if (talk->out == QUESTION_NONE)
        talk->has_acknowledged = FALSE;
    talk->out = QUESTION_NONE;
}

static gboolean
take_line(AgentTalk *talk, const char *line, gsize length)
{
    if (++talk->n_lines > MAX_LINES_A_ROUND)
        return FALSE;
    g_autoptr(Value) message = length == 0 ? NULL : json_read_lax(line, length, NULL);
    if (message == NULL || value_kind(message) != VALUE_MAP)
        return talk->out == QUESTION_SYNC || length == 0; /* the rest of something older, perhaps */
    Value *answer = value_map_get(message, "return");
    if (answer != NULL)
        take_answer(talk, answer);
    else if (value_map_get(message, "error") != NULL)
        take_error(talk);
    return TRUE;
}

gboolean
agent_talk_take(AgentTalk *talk, const char *data, gsize length)
{
    g_string_append_len(talk->input, data, (gssize)length);
    gsize begin = 0;
    for (gsize at = talk->input->len - length; at < talk->input->len; at++) {
        char byte = talk->input->str[at];
        if (byte != DELIMITER && byte != '\n')
            continue;
        if (byte == '\n' && !take_line(talk, talk->input->str + begin, at - begin))
            return FALSE;
        begin = at + 1;
    }
    g_string_erase(talk->input, 0, (gssize)begin);
    return talk->input->len <= AGENT_MESSAGE_MAX_BYTES;
}
