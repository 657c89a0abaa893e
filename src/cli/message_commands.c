/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages: leaving them, and destroying one or many. */
#include <string.h>

#include "base/text.h"
#include "cli/handlers.h"

/* clang-format off */
static const struct Subject {
    const char *key;
    const char *cls; /* in the wire's spelling */
} subjects[] = {
    {"vm-uuid",   "VM"  },
    {"pool-uuid", "Pool"},
    {"sr-uuid",   "SR"  },
    {"host-uuid", "Host"},
};
/* clang-format on */

gboolean
cli_message_create(CliCall *call, GError **error)
{
    char *end = NULL;
    gint64 priority = g_ascii_strtoll(cli_get(call, "priority"), &end, 10);
    if (end == cli_get(call, "priority") || *end != '\0')
        return cli_error_failed(error, "Parameter 'priority' must be an integer");
    for (gsize i = 0; i < G_N_ELEMENTS(subjects); i++) {
        const char *uuid = cli_get(call, subjects[i].key);
        if (uuid != NULL)
            return cli_do(call, "message.create", error, value_string(cli_get(call, "name")),
                          value_int(priority), value_string(subjects[i].cls), value_string(uuid),
                          value_string(cli_get(call, "body")), NULL);
    }
    return cli_error_failed(error, "Say what the message is about: vm-uuid, host-uuid, sr-uuid or pool-uuid");
}

gboolean
cli_message_destroy(CliCall *call, GError **error)
{
    const char *one = cli_get(call, "uuid"), *many = cli_get(call, "uuids");
    if ((one == NULL) == (many == NULL))
        return cli_error_failed(error, "Give exactly one of these: uuid, uuids");
    g_auto(GStrv) uuids = g_strsplit(one != NULL ? one : many, ",", -1);
    for (char **uuid = uuids; *uuid != NULL; uuid++) {
        g_autoptr(Value) message = cli_invoke(call, "message.get_by_uuid", error, value_string(*uuid), NULL);
        if (message == NULL || !cli_do(call, "message.destroy", error, value_ref(message), NULL))
            return FALSE;
    }
    return TRUE;
}

/* Which messages to destroy. */
typedef struct Reach {
    gint64 before;   /* seconds; G_MAXINT64: any */
    gint64 after;    /* seconds; G_MININT64: any */
    gint64 priority; /* -1: any */
} Reach;

static gboolean
read_time(CliCall *call, const char *key, gint64 *time, GError **error)
{
    const char *text = cli_get(call, key);
    if (text == NULL || base_int_parse(text, time) || base_time_from_wire(text, time, NULL))
        return TRUE;
    return cli_error_failed(error, "Parameter '%s' must be a date such as 20260131T12:00:00Z, not '%s'", key,
                            text);
}

static gboolean
read_reach(CliCall *call, Reach *reach, GError **error)
{
    const char *priority = cli_get(call, "priority");
    if (priority != NULL && (!base_int_parse(priority, &reach->priority) || reach->priority < 0))
        return cli_error_failed(error, "Parameter 'priority' must be an integer from 0, not '%s'", priority);
    return read_time(call, "before", &reach->before, error) && read_time(call, "after", &reach->after, error);
}

static gboolean
is_in_reach(const Reach *reach, const Value *message)
{
    gint64 time = 0;
    const Value *timestamp = value_map_get(message, "timestamp");
    const Value *priority = value_map_get(message, "priority");
    if (timestamp == NULL || priority == NULL ||
        (reach->priority >= 0 && value_get_int(priority) != reach->priority))
        return FALSE;
    return base_time_from_wire(value_get_string(timestamp), &time, NULL) && time < reach->before &&
           time > reach->after;
}

gboolean
cli_message_destroy_all(CliCall *call, GError **error)
{
    Reach reach = {G_MAXINT64, G_MININT64, -1};
    if (!read_reach(call, &reach, error))
        return FALSE;
    g_autoptr(Value) messages = cli_invoke(call, "message.get_all_records", error, NULL);
    for (gsize i = 0; messages != NULL && i < value_size(messages); i++) {
        if (is_in_reach(&reach, value_map_value(messages, i)) &&
            !cli_do(call, "message.destroy", error, value_string(value_map_key(messages, i)), NULL))
            return FALSE;
    }
    return messages != NULL;
}
