/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SRs: made, introduced, destroyed, forgotten, scanned, probed. */
#include "api/storage/pbd.h"
#include "api/storage/scan.h"
#include "api/storage/undo.h"
#include "base/text.h"

/* What SR.create and SR.introduce are told of the new row. */
typedef struct SrSpec {
    const char *uuid;
    const char *name_label;
    const char *name_description;
    const char *type;
    const char *content_type;
    gboolean is_shared;
    Value *sm_config;
} SrSpec;

static gboolean
require_driver(ApiServices *services, const char *type, GError **error)
{
    g_autoptr(StoragePlugin) plugin = storage_find_plugin(services->storage, type);
    return plugin != NULL || api_error_sr_unknown_driver(error, type);
}

static const char *
insert_sr(DbTxn *txn, const SrSpec *spec)
{
    g_autofree char *type = g_ascii_strdown(spec->type, -1);
    const char *sr = db_txn_insert(txn, CLASS_SR, NULL);
    db_txn_set_string(txn, CLASS_SR, sr, SR_UUID, spec->uuid);
    db_txn_set_string(txn, CLASS_SR, sr, SR_NAME_LABEL, spec->name_label);
    db_txn_set_string(txn, CLASS_SR, sr, SR_NAME_DESCRIPTION, spec->name_description);
    db_txn_set_string(txn, CLASS_SR, sr, SR_TYPE, type);
    db_txn_set_string(txn, CLASS_SR, sr, SR_CONTENT_TYPE, spec->content_type);
    db_txn_set_bool(txn, CLASS_SR, sr, SR_SHARED, spec->is_shared);
    db_txn_set_bool(txn, CLASS_SR, sr, SR_DEFAULT_VDI_VISIBILITY, TRUE);
    db_txn_set(txn, CLASS_SR, sr, SR_SM_CONFIG, value_ref(spec->sm_config));
    return sr;
}

/* The rows come first, because the plugin is told their refs and may call back about them. */
static char *
insert_sr_with_pbd(ApiCall *call, Plan *plan, const SrSpec *spec, HostRef host, Value *device_config,
                   GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *sr = insert_sr(txn, spec);
    const char *pbd = db_txn_insert(txn, CLASS_PBD, NULL);
    db_txn_set_string(txn, CLASS_PBD, pbd, PBD_SR, sr);
    db_txn_set_string(txn, CLASS_PBD, pbd, PBD_HOST, host.id);
    db_txn_set(txn, CLASS_PBD, pbd, PBD_DEVICE_CONFIG, value_ref(device_config));
    plan_txn_add(plan, txn, UNDO_SR_ROWS, spec->uuid);
    g_autofree char *ref = g_strdup(sr);
    return db_txn_commit(txn, NULL, error) ? g_steal_pointer(&ref) : NULL;
}

static gboolean
make_and_plug(ApiCall *call, Plan *plan, const char *sr_ref, gint64 size_bytes, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!storage_context_sr(&context, call->services, call->task, sr_ref, error))
        return FALSE;
    if (!storage_sr_create(call->services->storage, &context.call, (guint64)size_bytes, error))
        return api_error_from_storage(error);
    return plan_add(plan, UNDO_SR, context.call.sr_uuid, error) &&
           pbd_plug(call->services, call->task, &call->actor, sr_ref, error);
}

static gboolean
end_plan(ApiCall *call, Plan *plan, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    return plan_commit(plan, txn, error);
}

gboolean
api_sr__create(ApiCall *call, const SrCreateArgs *args, Value **ret_value, GError **error)
{
    g_autofree char *uuid = base_uuid_new();
    SrSpec spec = {uuid,         args->name_label, args->name_description, args->type, args->content_type,
                   args->shared, args->sm_config};
    if (args->physical_size < 0)
        return api_error_invalid_value(error, "physical_size", "a negative size");
    if (!require_driver(call->services, args->type, error))
        return FALSE;
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    g_autofree char *sr = insert_sr_with_pbd(call, plan, &spec, args->host, args->device_config, error);
    if (sr == NULL || !make_and_plug(call, plan, sr, args->physical_size, error) ||
        !end_plan(call, plan, error))
        return FALSE;
    *ret_value = value_string(sr);
    return TRUE;
}

gboolean
api_sr__introduce(ApiCall *call, const SrIntroduceArgs *args, Value **ret_value, GError **error)
{
    SrSpec spec = {args->uuid,         args->name_label, args->name_description, args->type,
                   args->content_type, args->shared,     args->sm_config};
    if (!require_driver(call->services, args->type, error))
        return FALSE;
    g_autoptr(DbRow) known = db_get_by_uuid(call->db, CLASS_SR, args->uuid);
    if (known != NULL)
        return api_error_sr_uuid_exists(error, args->uuid);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    g_autoptr(Value) result = value_string(insert_sr(txn, &spec));
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

static gboolean
require_all_unplugged(ApiCall *call, const char *sr_ref, GError **error)
{
    g_autoptr(GPtrArray) pbds = db_referrers(call->db, CLASS_PBD, PBD_SR, sr_ref);
    for (guint i = 0; i < pbds->len; i++)
        if (db_row_bool(g_ptr_array_index(pbds, i), PBD_CURRENTLY_ATTACHED))
            return api_error_sr_has_pbd(error, sr_ref);
    return TRUE;
}

gboolean
api_sr__forget(ApiCall *call, const SrForgetArgs *args, GError **error)
{
    return require_all_unplugged(call, args->sr.id, error) &&
           undo_delete_sr(call->db, &call->actor, args->sr.id, NULL, error);
}

/* What the plugin does, written down before. */
static gboolean
destroy_step(Plan *plan, const char *kind, gboolean (*step)(Storage *, const StorageCall *, GError **),
             Storage *storage, const StorageCall *call, GError **error)
{
    if (!plan_add(plan, kind, call->sr_uuid, error))
        return FALSE;
    if (step(storage, call, error))
        return TRUE;
    undo_failed(plan, *error);
    return api_error_from_storage(error);
}

/* Source: seed of SMAPIv1, appendix A: sr-destroy attaches, then deletes */
gboolean
api_sr__destroy(ApiCall *call, const SrDestroyArgs *args, GError **error)
{
    g_auto(StorageContext) context = {0};
    Storage *storage = call->services->storage;
    if (!require_all_unplugged(call, args->sr.id, error) ||
        !storage_context_sr(&context, call->services, call->task, args->sr.id, error))
        return FALSE;
    if (g_str_equal(db_row_map_string(context.sr, SR_OTHER_CONFIG, "indestructible", "false"), "true"))
        return api_error_sr_indestructible(error, args->sr.id);
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    return destroy_step(plan, UNDO_ATTACHMENT, storage_sr_attach, storage, &context.call, error) &&
           destroy_step(plan, UNDO_SR_GONE, storage_sr_delete, storage, &context.call, error) &&
           undo_delete_sr(call->db, &call->actor, args->sr.id, plan, error);
}

gboolean
api_sr__scan(ApiCall *call, const SrScanArgs *args, GError **error)
{
    g_auto(StorageContext) context = {0};
    return storage_context_attached_sr(&context, call->services, call->task, args->sr.id, error) &&
           scan_sr(call->services, &context, &call->actor, error);
}

gboolean
api_sr__update(ApiCall *call, const SrUpdateArgs *args, GError **error)
{
    g_auto(StorageContext) context = {0};
    StorageSizes sizes = {0};
    if (!storage_context_attached_sr(&context, call->services, call->task, args->sr.id, error))
        return FALSE;
    if (!storage_sr_update(call->services->storage, &context.call, &sizes, error))
        return api_error_from_storage(error);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    scan_write_sizes(txn, args->sr.id, &sizes);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_sr__probe(ApiCall *call, const SrProbeArgs *args, Value **ret_value, GError **error)
{
    StorageCall probe = {
        .host_ref = args->host.id,
        .session_ref = call->services->plugin_session->ref,
        .sr_type = args->type,
        .device_config = args->device_config,
        .sm_config = args->sm_config,
        .is_sr_master = TRUE,
        .subtask_of = task_ref(call->task),
        .cancellable = call->cancellable,
    };
    if (!require_driver(call->services, args->type, error))
        return FALSE;
    g_autofree char *document = storage_sr_probe(call->services->storage, &probe, error);
    if (document == NULL)
        return api_error_from_storage(error);
    *ret_value = value_string(document);
    return TRUE;
}

gboolean
api_sr__get_supported_types(ApiCall *call, Value **ret_value, GError **error)
{
    g_autoptr(GPtrArray) plugins = storage_plugins(call->services->storage);
    Value *types = value_array_new(plugins->len);
    for (guint i = 0; i < plugins->len; i++)
        value_array_add(types, value_string(((StoragePlugin *)g_ptr_array_index(plugins, i))->type));
    *ret_value = types;
    return TRUE;
}

/* ---- Fields that have a setter of their own
 * ---------------------------------------------------------------------- */

static gboolean
set_field(ApiCall *call, const char *sr_ref, int field, Value *value, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set(txn, CLASS_SR, sr_ref, field, value);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_sr__set_name_label(ApiCall *call, const SrSetNameLabelArgs *args, GError **error)
{
    return set_field(call, args->sr.id, SR_NAME_LABEL, value_string(args->value), error);
}

gboolean
api_sr__set_name_description(ApiCall *call, const SrSetNameDescriptionArgs *args, GError **error)
{
    return set_field(call, args->sr.id, SR_NAME_DESCRIPTION, value_string(args->value), error);
}

gboolean
api_sr__set_shared(ApiCall *call, const SrSetSharedArgs *args, GError **error)
{
    g_autoptr(GPtrArray) pbds = db_referrers(call->db, CLASS_PBD, PBD_SR, args->sr.id);
    if (!args->value && pbds->len > 1)
        return api_error_sr_has_multiple_pbds(error, ((DbRow *)g_ptr_array_index(pbds, 0))->ref);
    return set_field(call, args->sr.id, SR_SHARED, value_bool(args->value), error);
}

gboolean
api_sr__set_physical_size(ApiCall *call, const SrSetPhysicalSizeArgs *args, GError **error)
{
    return set_field(call, args->self.id, SR_PHYSICAL_SIZE, value_int(args->value), error);
}

gboolean
api_sr__set_virtual_allocation(ApiCall *call, const SrSetVirtualAllocationArgs *args, GError **error)
{
    return set_field(call, args->self.id, SR_VIRTUAL_ALLOCATION, value_int(args->value), error);
}

gboolean
api_sr__set_physical_utilisation(ApiCall *call, const SrSetPhysicalUtilisationArgs *args, GError **error)
{
    return set_field(call, args->self.id, SR_PHYSICAL_UTILISATION, value_int(args->value), error);
}
