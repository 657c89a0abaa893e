/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users from outside: letting them in, sending them away. */
#include "cli/handlers.h"
#include "cli/message.h"
#include "cli/print.h"
#include "model/classes.h"

/* Asks the directory who the user or group is; what it knows goes into the record. */
gboolean
cli_subject_add(CliCall *call, GError **error)
{
    const char *name = cli_get(call, "subject-name");
    g_autoptr(Value) identifier =
        cli_invoke(call, "auth.get_subject_identifier", error, value_string(name), NULL);
    if (identifier == NULL)
        return FALSE;
    g_autoptr(Value) known =
        cli_invoke(call, "auth.get_subject_information_from_identifier", error, value_ref(identifier), NULL);
    if (known == NULL)
        return FALSE;

    g_autoptr(Value) record = cli_message_record(CLASS_SUBJECT);
    value_map_set(record, "subject_identifier", value_ref(identifier));
    value_map_set(record, "other_config", value_ref(known));
    g_autoptr(Value) subject = cli_invoke(call, "subject.create", error, value_ref(record), NULL);
    if (subject == NULL)
        return FALSE;
    g_autofree char *uuid = cli_uuid_of(call, CLASS_SUBJECT, value_get_string(subject));
    cli_print_line(call, uuid);
    return TRUE;
}

gboolean
cli_subject_logout_all(CliCall *call, GError **error)
{
    g_autoptr(Value) identifiers = cli_invoke(call, "session.get_all_subject_identifiers", error, NULL);
    for (gsize i = 0; identifiers != NULL && i < value_size(identifiers); i++) {
        Value *identifier = value_array_get(identifiers, i);
        if (!cli_do(call, "session.logout_subject_identifier", error, value_ref(identifier), NULL))
            return FALSE;
    }
    return identifiers != NULL;
}
