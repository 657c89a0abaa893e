/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens databases kept on disks, and takes VMs and appliances back from them. */
#include "cli/database.h"

#include <string.h>

#include "cli/handlers.h"
#include "model/classes.h"

static const char *
database_word(CliCall *call, const char *name)
{
    g_autofree char *key = g_strconcat("database:", name, NULL);
    return cli_get(call, key);
}

/* (transfer full): the ref of a session in the database on a disk. */
static Value *
open_disk(CliCall *call, const char *uuid, GError **error)
{
    g_autoptr(DbRow) vdi = cli_row_by_uuid(call, CLASS_VDI, uuid, error);
    return vdi == NULL ? NULL : cli_invoke(call, "VDI.open_database", error, value_string(vdi->ref), NULL);
}

/* A call in the session @ref; @params (transfer full) follow it. */
static Value *
invoke_in(CliCall *call, const char *ref, const char *method, GError **error, ...)
{
    g_autoptr(Value) all = value_array_new(4);
    Value *result = NULL;
    va_list params;
    value_array_add(all, value_string(ref));
    va_start(params, error);
    for (Value *param = va_arg(params, Value *); param != NULL; param = va_arg(params, Value *))
        value_array_add(all, param);
    va_end(params);
    if (!rpc_invoke(call->rpc, call->origin, method, all, &result, error))
        return NULL;
    return result != NULL ? result : value_nil();
}

static void
close_database(CliCall *call, const char *ref)
{
    g_autoptr(Value) result = invoke_in(call, ref, "session.logout", NULL, NULL);
}

gboolean
cli_database_check(CliCall *call, GError **error)
{
    const char *disk = database_word(call, "vdi-uuid"), *file = database_word(call, "filename");
    if (disk == NULL && file == NULL)
        return TRUE;
    if (disk != NULL && file != NULL)
        return cli_error_failed(error,
                                "A database is either on a disk or in a file: give one of database:vdi-uuid "
                                "and database:filename");
    g_autoptr(Value) session =
        disk != NULL ? open_disk(call, disk, error)
                     : cli_invoke(call, "session.create_from_db_file", error, value_string(file), NULL);
    if (session == NULL)
        return FALSE;
    close_database(call, value_get_string(session));
    return cli_error_failed(error, "Objects of another database cannot be shown from here");
}

/* -- Recovery
 * -----------------------------------------------------------------------------------------------------------
 */

/* Finds the object "uuid" in the open database and calls @message on it, with this session as the place to go
 * to. */
static gboolean
recover_from(CliCall *call, const char *database, const char *class_name, const char *message,
             const gboolean *is_forced, GError **error)
{
    g_autofree char *finder = g_strdup_printf("%s.get_by_uuid", class_name);
    g_autofree char *method = g_strdup_printf("%s.%s", class_name, message);
    g_autoptr(Value) object =
        invoke_in(call, database, finder, error, value_string(cli_get(call, "uuid")), NULL);
    if (object == NULL)
        return FALSE;
    g_autoptr(Value) result =
        invoke_in(call, database, method, error, value_ref(object), value_string(call->session->ref),
                  is_forced == NULL ? NULL : value_bool(*is_forced), NULL);
    return result != NULL;
}

static gboolean
recover(CliCall *call, const char *class_name, const char *message, gboolean takes_force, GError **error)
{
    const char *disk = database_word(call, "vdi-uuid");
    gboolean is_forced = FALSE;
    if (disk == NULL)
        return cli_error_failed(error, "Say which database to look in: database:vdi-uuid=<uuid of its disk>");
    if (!cli_get_truth(call, "force", FALSE, &is_forced, error))
        return FALSE;
    g_autoptr(Value) session = open_disk(call, disk, error);
    if (session == NULL)
        return FALSE;
    const char *database = value_get_string(session);
    gboolean is_done =
        recover_from(call, database, class_name, message, takes_force ? &is_forced : NULL, error);
    close_database(call, database);
    return is_done;
}

gboolean
cli_vm_recover(CliCall *call, GError **error)
{
    return recover(call, "VM", "recover", TRUE, error);
}

gboolean
cli_vm_assert_can_be_recovered(CliCall *call, GError **error)
{
    return recover(call, "VM", "assert_can_be_recovered", FALSE, error);
}

gboolean
cli_appliance_recover(CliCall *call, GError **error)
{
    return recover(call, "VM_appliance", "recover", TRUE, error);
}

gboolean
cli_appliance_assert_can_be_recovered(CliCall *call, GError **error)
{
    return recover(call, "VM_appliance", "assert_can_be_recovered", FALSE, error);
}
