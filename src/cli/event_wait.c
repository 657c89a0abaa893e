/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event-wait: until an object has the field values asked for. */
#include <string.h>

#include "cli/field.h"
#include "cli/handlers.h"
#include "model/model.h"

#define WAIT_SECONDS 5.0 /* how often a wait looks whether the server ends */
#define NOT          "/="

/* One "field=value", or "field=/=value". */
typedef struct Wish {
    const CliField *field;
    const char *value;
    gboolean is_denied; /* any value but this one */
} Wish;

static GArray *
read_wishes(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(GArray) wishes = g_array_new(FALSE, FALSE, sizeof(Wish));
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        if (strcmp(word->key, "class") == 0 || cli_arguments_is_general(word->key))
            continue;
        gboolean is_denied = g_str_has_prefix(word->value, NOT);
        Wish wish = {cli_field_find(cli_class, word->key), word->value + (is_denied ? strlen(NOT) : 0),
                     is_denied};
        if (wish.field == NULL) {
            cli_error_failed(error, "Unknown field '%s'", word->key);
            return NULL;
        }
        if (!cli_check_role(call, wish.field->role, wish.field->name, error))
            return NULL;
        g_array_append_val(wishes, wish);
    }
    return g_steal_pointer(&wishes);
}

static gboolean
is_fulfilled(CliCall *call, GArray *wishes, DbRow *row)
{
    for (guint i = 0; i < wishes->len; i++) {
        const Wish *wish = &g_array_index(wishes, Wish, i);
        g_autofree char *text = cli_field_text(call, wish->field, row);
        if ((strcmp(text, wish->value) == 0) == wish->is_denied)
            return FALSE;
    }
    return TRUE;
}

/* Whether one of the objects an answer of event.from names is as wished. */
static gboolean
is_fulfilled_by_events(CliCall *call, const CliClass *cli_class, GArray *wishes, const Value *events)
{
    for (gsize i = 0; events != NULL && value_kind(events) == VALUE_ARRAY && i < value_size(events); i++) {
        const Value *event = value_array_get(events, i);
        const char *ref = value_kind(event) == VALUE_MAP ? value_map_get_string(event, "ref", "") : "";
        g_autoptr(DbRow) row = db_get(call->db, cli_class->class_id, ref);
        if (row != NULL && is_fulfilled(call, wishes, row))
            return TRUE;
    }
    return FALSE;
}

gboolean
cli_event_wait(CliCall *call, GError **error)
{
    const char *name = cli_get(call, "class");
    const CliClass *cli_class = cli_class_by_name(name);
    if (cli_class == NULL)
        return cli_error_failed(error, "There is no class '%s' to wait for", name);
    g_autoptr(GArray) wishes = read_wishes(call, cli_class, error);
    if (wishes == NULL || !cli_check_role(call, cli_class->role, cli_class->name, error))
        return FALSE;

    /* The first answer, to no token, is every object there is. */
    const char *classes[] = {model_classes[cli_class->class_id].event_name, NULL};
    g_autofree char *token = g_strdup("");
    while (!g_cancellable_is_cancelled(call->cancellable)) {
        g_autoptr(Value) answer = cli_invoke(call, "event.from", error, value_array_of_strings(classes),
                                             value_string(token), value_float(WAIT_SECONDS), NULL);
        if (answer == NULL)
            return FALSE;
        if (value_kind(answer) != VALUE_MAP)
            break;
        if (is_fulfilled_by_events(call, cli_class, wishes, value_map_get(answer, "events")))
            return TRUE;
        g_free(token);
        token = g_strdup(value_map_get_string(answer, "token", ""));
    }
    return cli_error_failed(error, "The server is ending");
}
