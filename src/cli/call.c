/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Helpers every command uses: words, calls, objects. The client's side of a call is in client_stream.c. */
#include "cli/call.h"

#include <string.h>

#include "base/text.h"
#include "model/api_error.h"
#include "model/classes.h"

/* -- Words
 * ---------------------------------------------------------------------------------------------------------
 */

const char *
cli_get(CliCall *call, const char *key)
{
    return cli_arguments_get(call->arguments, key);
}

const char *
cli_require(CliCall *call, const char *key, GError **error)
{
    const char *value = cli_get(call, key);
    if (value == NULL)
        cli_error_usage(error, "Required parameter not found: %s", key);
    return value;
}

gboolean
cli_get_truth(CliCall *call, const char *key, gboolean fallback, gboolean *ret_truth, GError **error)
{
    const char *value = cli_get(call, key);
    gboolean truth = fallback;
    if (value != NULL && !cli_truth_parse(value, &truth))
        return cli_error_failed(error, "Parameter '%s' must be true or false, not '%s'", key, value);
    *ret_truth = truth;
    return TRUE;
}

gboolean
cli_get_size(CliCall *call, const char *key, gint64 *ret_bytes, GError **error)
{
    const char *value = cli_require(call, key, error);
    guint64 bytes = 0;
    if (value == NULL)
        return FALSE;
    if (!base_size_parse(value, &bytes) || bytes > G_MAXINT64)
        return cli_error_failed(error, "Parameter '%s' must be a size such as 10GiB, not '%s'", key, value);
    *ret_bytes = (gint64)bytes;
    return TRUE;
}

/* -- Calls
 * ---------------------------------------------------------------------------------------------------------
 */

Value *
cli_invoke_array(CliCall *call, const char *method, const Value *params, GError **error)
{
    if (!cli_flush(call, error))
        return NULL;

    const ModelMessage *message = model_message_by_name(method);
    gsize n_params = value_size(params);
    g_autoptr(Value) all = value_array_new(n_params + 1);
    if (message == NULL || message->needs_session)
        value_array_add(all, value_string(call->session->ref));
    for (gsize i = 0; i < n_params; i++)
        value_array_add(all, value_ref(value_array_get(params, i)));

    Value *result = NULL;
    if (!rpc_invoke(call->rpc, call->origin, method, all, &result, error))
        return NULL;
    return result != NULL ? result : value_nil();
}

static Value *
gather_params(va_list values)
{
    Value *params = value_array_new(4);
    for (Value *value = va_arg(values, Value *); value != NULL; value = va_arg(values, Value *))
        value_array_add(params, value);
    return params;
}

Value *
cli_invoke(CliCall *call, const char *method, GError **error, ...)
{
    va_list values;
    va_start(values, error);
    g_autoptr(Value) params = gather_params(values);
    va_end(values);
    return cli_invoke_array(call, method, params, error);
}

gboolean
cli_do(CliCall *call, const char *method, GError **error, ...)
{
    va_list values;
    va_start(values, error);
    g_autoptr(Value) params = gather_params(values);
    va_end(values);
    g_autoptr(Value) result = cli_invoke_array(call, method, params, error);
    return result != NULL;
}

gboolean
cli_check_role(CliCall *call, ModelRole least, const char *what, GError **error)
{
    if (call->session->is_local_superuser || call->session->role <= least)
        return TRUE;
    const char *params[] = {what, "the roles of this session do not allow it", NULL};
    return api_error_set(error, "RBAC_PERMISSION_DENIED", params);
}

/* -- Objects
 * ------------------------------------------------------------------------------------------------------- */

DbRow *
cli_row_by_uuid(CliCall *call, int class_id, const char *uuid, GError **error)
{
    DbRow *row = db_get_by_uuid(call->db, class_id, uuid);
    if (row == NULL) {
        const char *params[] = {model_classes[class_id].name, uuid, NULL};
        api_error_set(error, "UUID_INVALID", params);
    }
    return row;
}

DbRow *
cli_row_by_key(CliCall *call, int class_id, const char *key, GError **error)
{
    const char *uuid = cli_require(call, key, error);
    return uuid == NULL ? NULL : cli_row_by_uuid(call, class_id, uuid, error);
}

static DbRow *
host_by_hostname(CliCall *call, const char *name)
{
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    for (guint i = 0; i < hosts->len; i++) {
        if (strcmp(db_row_string(hosts->pdata[i], HOST_HOSTNAME), name) == 0)
            return db_row_ref(hosts->pdata[i]);
    }
    return NULL;
}

DbRow *
cli_row_by_name(CliCall *call, int class_id, const char *name, GError **error)
{
    const char *class_name = model_classes[class_id].name;
    DbRow *row = db_get_by_uuid(call->db, class_id, name);
    if (row != NULL)
        return row;

    g_autoptr(GPtrArray) rows = db_get_by_name(call->db, class_id, name);
    if (rows->len == 1)
        return db_row_ref(rows->pdata[0]);
    if (rows->len > 1) {
        cli_error_failed(error, "More than one %s has the name %s: use a uuid", class_name, name);
        return NULL;
    }
    row = class_id == CLASS_HOST ? host_by_hostname(call, name) : NULL;
    if (row == NULL)
        cli_error_failed(error, "No %s has the uuid or name %s", class_name, name);
    return row;
}

DbRow *
cli_pool(CliCall *call, GError **error)
{
    g_autoptr(GPtrArray) pools = db_get_all(call->db, CLASS_POOL);
    if (pools->len > 0)
        return db_row_ref(pools->pdata[0]);
    cli_error_failed(error, "This server has no pool yet");
    return NULL;
}

DbRow *
cli_master(CliCall *call, GError **error)
{
    g_autoptr(DbRow) pool = cli_pool(call, error);
    return pool == NULL ? NULL : db_require(call->db, CLASS_HOST, db_row_string(pool, POOL_MASTER), error);
}

DbRow *
cli_default_sr(CliCall *call)
{
    g_autoptr(DbRow) pool = cli_pool(call, NULL);
    return pool == NULL ? NULL : db_get(call->db, CLASS_SR, db_row_string(pool, POOL_DEFAULT_SR));
}

DbRow *
cli_snapshot_row(CliCall *call, GError **error)
{
    const char *uuid = cli_get(call, "snapshot-uuid");
    if (uuid == NULL)
        uuid = cli_require(call, "uuid", error);
    g_autoptr(DbRow) row = uuid == NULL ? NULL : cli_row_by_uuid(call, CLASS_VM, uuid, error);
    if (row == NULL)
        return NULL;
    if (!db_row_bool(row, VM_IS_A_SNAPSHOT)) {
        cli_error_failed(error, "%s is not a snapshot", uuid);
        return NULL;
    }
    return g_steal_pointer(&row);
}

DbRow *
cli_template_row(CliCall *call, const char *key, GError **error)
{
    g_autoptr(DbRow) row = cli_row_by_key(call, CLASS_VM, key, error);
    if (row == NULL)
        return NULL;
    if (!db_row_bool(row, VM_IS_A_TEMPLATE)) {
        cli_error_failed(error, "%s is not a template", cli_row_uuid(row));
        return NULL;
    }
    return g_steal_pointer(&row);
}

const char *
cli_row_uuid(const DbRow *row)
{
    int field = row->model_class->uuid_field;
    return field < 0 ? CLI_MISSING : db_row_string(row, field);
}

const char *
cli_row_name(const DbRow *row)
{
    int field = row->model_class->name_label_field;
    return field < 0 ? "" : db_row_string(row, field);
}

char *
cli_uuid_of(CliCall *call, int class_id, const char *ref)
{
    g_autoptr(DbRow) row = db_get(call->db, class_id, ref);
    return g_strdup(row == NULL ? CLI_MISSING : cli_row_uuid(row));
}
