/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fields of a VDI that have a setter of their own: because the plugin is told, or because storage plugins
 * write them. */
#include "api/storage/undo.h"

static gboolean
set_field(ApiCall *call, VdiRef vdi, int field, Value *value, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set(txn, CLASS_VDI, vdi.id, field, value);
    return db_txn_commit(txn, NULL, error);
}

/* The plugin keeps names beside the data, so that they come back with SR.introduce. */
static gboolean
tell_plugin(ApiCall *call, StorageContext *context, const char *name_label, const char *name_description,
            GError **error)
{
    return storage_vdi_update(call->services->storage, &context->call, name_label, name_description, error);
}

/* The plugin is told first; if that cannot be shown, it is told the old name again. */
static gboolean
rename_disk(ApiCall *call, VdiRef vdi, int field, const char *name, GError **error)
{
    g_auto(StorageContext) context = {0};
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    gboolean is_label = field == VDI_NAME_LABEL;
    if (!storage_context_vdi(&context, call->services, call->task, vdi.id, error) ||
        !undo_add_disk(plan, UNDO_DISK_NAMES, &context, context.call.vdi_uuid, error))
        return FALSE;
    if (!tell_plugin(call, &context, is_label ? name : NULL, is_label ? NULL : name, error)) {
        undo_failed(plan, *error);
        return api_error_from_storage(error);
    }
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_string(txn, CLASS_VDI, vdi.id, field, name);
    return plan_commit(plan, txn, error);
}

gboolean
api_vdi__set_name_label(ApiCall *call, const VdiSetNameLabelArgs *args, GError **error)
{
    return rename_disk(call, args->self, VDI_NAME_LABEL, args->value, error);
}

gboolean
api_vdi__set_name_description(ApiCall *call, const VdiSetNameDescriptionArgs *args, GError **error)
{
    return rename_disk(call, args->self, VDI_NAME_DESCRIPTION, args->value, error);
}

gboolean
api_vdi__update(ApiCall *call, const VdiUpdateArgs *args, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!storage_context_vdi(&context, call->services, call->task, args->vdi.id, error))
        return FALSE;
    return tell_plugin(call, &context, db_row_string(context.vdi, VDI_NAME_LABEL),
                       db_row_string(context.vdi, VDI_NAME_DESCRIPTION), error) ||
           api_error_from_storage(error);
}

gboolean
api_vdi__set_managed(ApiCall *call, const VdiSetManagedArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_MANAGED, value_bool(args->value), error);
}

gboolean
api_vdi__set_sharable(ApiCall *call, const VdiSetSharableArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_SHARABLE, value_bool(args->value), error);
}

gboolean
api_vdi__set_read_only(ApiCall *call, const VdiSetReadOnlyArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_READ_ONLY, value_bool(args->value), error);
}

gboolean
api_vdi__set_missing(ApiCall *call, const VdiSetMissingArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_MISSING, value_bool(args->value), error);
}

gboolean
api_vdi__set_virtual_size(ApiCall *call, const VdiSetVirtualSizeArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_VIRTUAL_SIZE, value_int(args->value), error);
}

gboolean
api_vdi__set_physical_utilisation(ApiCall *call, const VdiSetPhysicalUtilisationArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_PHYSICAL_UTILISATION, value_int(args->value), error);
}

gboolean
api_vdi__set_is_a_snapshot(ApiCall *call, const VdiSetIsASnapshotArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_IS_A_SNAPSHOT, value_bool(args->value), error);
}

gboolean
api_vdi__set_snapshot_of(ApiCall *call, const VdiSetSnapshotOfArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_SNAPSHOT_OF, value_string(args->value.id), error);
}

gboolean
api_vdi__set_snapshot_time(ApiCall *call, const VdiSetSnapshotTimeArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_SNAPSHOT_TIME, value_datetime_text(args->value), error);
}

gboolean
api_vdi__set_metadata_of_pool(ApiCall *call, const VdiSetMetadataOfPoolArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_METADATA_OF_POOL, value_string(args->value.id), error);
}

gboolean
api_vdi__set_on_boot(ApiCall *call, const VdiSetOnBootArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_ON_BOOT, value_string(on_boot_name(args->value)), error);
}

gboolean
api_vdi__set_allow_caching(ApiCall *call, const VdiSetAllowCachingArgs *args, GError **error)
{
    return set_field(call, args->self, VDI_ALLOW_CACHING, value_bool(args->value), error);
}
