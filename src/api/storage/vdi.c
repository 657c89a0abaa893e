/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks: made, destroyed, snapshotted, cloned and resized: plugin first, then the row, so that a row never
 * names a disk that is not there. What a crash leaves in between the journal knows: see undo.c. */
#include "api/storage/vdi.h"

#include "api/storage/scan.h"
#include "api/storage/undo.h"
#include "base/text.h"
#include "rpc/record.h"

/* ---- The new row
 * -------------------------------------------------------------------------------------------------- */

/* A plugin that calls back has made the row itself (VDI.db_introduce); ours do not. */
static const char *
ensure_row(ApiCall *call, DbTxn *txn, const char *sr_ref, const StorageVdi *vdi)
{
    g_autoptr(DbRow) known = db_get_by_uuid(call->db, CLASS_VDI, vdi->uuid);
    if (known == NULL)
        return scan_insert_vdi(txn, sr_ref, vdi);
    return g_intern_string(known->ref);
}

/* A step of a plan, which may be the caller's: the disk goes unless the plan comes to its end. A plugin may
 * have given the disk another uuid than it was asked to. */
static char *
commit_row(StorageContext *context, Plan *plan, gboolean is_last, DbTxn *txn, const char *row_ref,
           const StorageVdi *vdi, GError **error)
{
    g_autofree char *ref = g_strdup(row_ref);
    if (vdi->is_complete) /* a plugin that writes rows itself keeps its SR's sizes, too */
        scan_add_sizes(txn, context->sr->ref, (gint64)vdi->virtual_size, (gint64)vdi->physical_utilisation);
    if (!is_last && !g_str_equal(vdi->uuid, context->call.new_uuid))
        undo_txn_add_disk(plan, txn, context, vdi->uuid);
    return plan_commit(is_last ? plan : NULL, txn, error) ? g_steal_pointer(&ref) : NULL;
}

/* Writes down that a disk will be made. */
static gboolean
begin_disk(StorageContext *context, Plan *plan, GError **error)
{
    context->new_uuid = base_uuid_new();
    context->call.new_uuid = context->new_uuid;
    return undo_add_disk(plan, UNDO_DISK, context, context->new_uuid, error);
}

/* ---- Create
 * ------------------------------------------------------------------------------------------------------- */

static gboolean
create_disk(ApiCall *call, StorageContext *context, Plan *plan, const StorageVdiSpec *spec,
            StorageVdi **ret_vdi, GError **error)
{
    if (!task_mark_object(call->task, CLASS_SR, context->sr->ref, "vdi_create", error) ||
        !begin_disk(context, plan, error))
        return FALSE;
    *ret_vdi = storage_vdi_create(call->services->storage, &context->call, spec, error);
    if (*ret_vdi != NULL)
        return TRUE;
    undo_failed(plan, *error);
    return api_error_from_storage(error);
}

char *
api_vdi_create_disk(ApiCall *call, Plan *plan, const char *sr_ref, const char *name_label, guint64 size_bytes,
                    const char *type, GError **error)
{
    g_auto(StorageContext) context = {0};
    StorageVdiSpec spec = {.size_bytes = size_bytes, .name_label = name_label, .type = type};
    g_autoptr(StorageVdi) vdi = NULL;
    if (!storage_context_attached_sr(&context, call->services, call->task, sr_ref, error) ||
        !create_disk(call, &context, plan, &spec, &vdi, error))
        return NULL;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    return commit_row(&context, plan, FALSE, txn, ensure_row(call, txn, sr_ref, vdi), vdi, error);
}

/* The record's fields, each in canonical form. */
typedef struct CreateRecord {
    Value *fields[VDI_N_FIELDS];
} CreateRecord;

static void
create_record_clear(CreateRecord *record)
{
    for (int i = 0; i < VDI_N_FIELDS; i++)
        value_unref(record->fields[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CreateRecord, create_record_clear)

/* Source: API reference, VDI.create: these are what a client gives; the others are the server's */
static const int create_fields[] = {
    VDI_SR,        VDI_NAME_LABEL,   VDI_NAME_DESCRIPTION, VDI_VIRTUAL_SIZE,  VDI_TYPE, VDI_SHARABLE,
    VDI_READ_ONLY, VDI_OTHER_CONFIG, VDI_SM_CONFIG,        VDI_XENSTORE_DATA, VDI_TAGS};

static gboolean
read_record(CreateRecord *record, const Value *given, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(create_fields); i++) {
        int field = create_fields[i];
        record->fields[field] = rpc_record_field(CLASS_VDI, field, given, error);
        if (record->fields[field] == NULL)
            return FALSE;
    }
    if (value_get_int(record->fields[VDI_VIRTUAL_SIZE]) > 0)
        return TRUE;
    g_autofree char *text =
        g_strdup_printf("%" G_GINT64_FORMAT, value_get_int(record->fields[VDI_VIRTUAL_SIZE]));
    return api_error_invalid_value(error, "virtual_size", text);
}

static void
write_record(DbTxn *txn, const char *ref, const CreateRecord *record)
{
    static const int given[] = {VDI_NAME_LABEL, VDI_NAME_DESCRIPTION, VDI_TYPE,          VDI_SHARABLE,
                                VDI_READ_ONLY,  VDI_OTHER_CONFIG,     VDI_XENSTORE_DATA, VDI_TAGS};
    for (gsize i = 0; i < G_N_ELEMENTS(given); i++)
        db_txn_set(txn, CLASS_VDI, ref, given[i], value_ref(record->fields[given[i]]));
    const Value *sm_config = record->fields[VDI_SM_CONFIG];
    for (gsize i = 0; i < value_size(sm_config); i++)
        db_txn_map_put(txn, CLASS_VDI, ref, VDI_SM_CONFIG, value_map_key(sm_config, i),
                       value_ref(value_map_value(sm_config, i)));
}

gboolean
api_vdi__create(ApiCall *call, const VdiCreateArgs *args, Value **ret_value, GError **error)
{
    g_auto(CreateRecord) record = {{NULL}};
    g_auto(StorageContext) context = {0};
    if (!read_record(&record, args->args, error))
        return FALSE;
    const char *sr_ref = value_get_string(record.fields[VDI_SR]);
    if (!storage_context_attached_sr(&context, call->services, call->task, sr_ref, error))
        return FALSE;
    StorageVdiSpec spec = {.size_bytes = (guint64)value_get_int(record.fields[VDI_VIRTUAL_SIZE]),
                           .name_label = value_get_string(record.fields[VDI_NAME_LABEL]),
                           .name_description = value_get_string(record.fields[VDI_NAME_DESCRIPTION]),
                           .type = value_get_string(record.fields[VDI_TYPE]),
                           .is_read_only = value_get_bool(record.fields[VDI_READ_ONLY]),
                           .is_sharable = value_get_bool(record.fields[VDI_SHARABLE])};
    context.call.sm_config = record.fields[VDI_SM_CONFIG];
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    g_autoptr(StorageVdi) vdi = NULL;
    if (!create_disk(call, &context, plan, &spec, &vdi, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *ref = ensure_row(call, txn, sr_ref, vdi);
    write_record(txn, ref, &record);
    g_autofree char *made = commit_row(&context, plan, TRUE, txn, ref, vdi, error);
    if (made == NULL)
        return FALSE;
    *ret_value = value_string(made);
    return TRUE;
}

/* ---- Snapshot and clone
 * ------------------------------------------------------------------------------------------- */

/* Source: API reference, VDI.snapshot: names and other_config are copied */
static void
copy_description(DbTxn *txn, const char *ref, const DbRow *from)
{
    static const int copied[] = {VDI_NAME_LABEL,   VDI_NAME_DESCRIPTION, VDI_TYPE,
                                 VDI_OTHER_CONFIG, VDI_XENSTORE_DATA,    VDI_TAGS,
                                 VDI_ON_BOOT,      VDI_ALLOW_CACHING};
    for (gsize i = 0; i < G_N_ELEMENTS(copied); i++)
        db_txn_set(txn, CLASS_VDI, ref, copied[i], value_ref(from->fields[copied[i]]));
}

static void
mark_snapshot(DbTxn *txn, const char *ref, const char *of)
{
    db_txn_set_bool(txn, CLASS_VDI, ref, VDI_IS_A_SNAPSHOT, TRUE);
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_SNAPSHOT_OF, of);
    db_txn_set(txn, CLASS_VDI, ref, VDI_SNAPSHOT_TIME, value_datetime(base_now_us() / G_USEC_PER_SEC));
}

typedef StorageVdi *(*StorageCopy)(Storage *storage, const StorageCall *call, const Value *driver_params,
                                   GError **error);

/* What a copy is: how the plugin makes it, and what its row says. */
typedef struct CopyKind {
    StorageCopy copy;
    gboolean is_snapshot;
} CopyKind;

static const CopyKind clone_kind = {storage_vdi_clone, FALSE};
static const CopyKind snapshot_kind = {storage_vdi_snapshot, TRUE};

static char *
copy_disk(ApiCall *call, Plan *plan, gboolean is_last, const CopyKind *kind, const char *vdi_ref,
          const Value *driver_params, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!storage_context_vdi(&context, call->services, call->task, vdi_ref, error) ||
        !begin_disk(&context, plan, error))
        return NULL;
    g_autoptr(StorageVdi) vdi = kind->copy(call->services->storage, &context.call, driver_params, error);
    if (vdi == NULL) {
        undo_failed(plan, *error);
        api_error_from_storage(error);
        return NULL;
    }
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *ref = ensure_row(call, txn, context.sr->ref, vdi);
    copy_description(txn, ref, context.vdi);
    if (kind->is_snapshot)
        mark_snapshot(txn, ref, vdi_ref);
    return commit_row(&context, plan, is_last, txn, ref, vdi, error);
}

char *
api_vdi_clone_disk(ApiCall *call, Plan *plan, const char *vdi_ref, GError **error)
{
    return copy_disk(call, plan, FALSE, &clone_kind, vdi_ref, NULL, error);
}

char *
api_vdi_snapshot_disk(ApiCall *call, Plan *plan, const char *vdi_ref, GError **error)
{
    return copy_disk(call, plan, FALSE, &snapshot_kind, vdi_ref, NULL, error);
}

static gboolean
copy_alone(ApiCall *call, const CopyKind *kind, const char *vdi_ref, const Value *driver_params,
           Value **ret_value, GError **error)
{
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    g_autofree char *ref = copy_disk(call, plan, TRUE, kind, vdi_ref, driver_params, error);
    if (ref == NULL)
        return FALSE;
    *ret_value = value_string(ref);
    return TRUE;
}

gboolean
api_vdi__snapshot(ApiCall *call, const VdiSnapshotArgs *args, Value **ret_value, GError **error)
{
    return copy_alone(call, &snapshot_kind, args->vdi.id, args->driver_params, ret_value, error);
}

gboolean
api_vdi__clone(ApiCall *call, const VdiCloneArgs *args, Value **ret_value, GError **error)
{
    return copy_alone(call, &clone_kind, args->vdi.id, args->driver_params, ret_value, error);
}

/* ---- Destroy and resize
 * ------------------------------------------------------------------------------------------- */

static gboolean
require_detached(ApiCall *call, const char *vdi_ref, const char *operation, GError **error)
{
    g_autoptr(GPtrArray) vbds = db_referrers(call->db, CLASS_VBD, VBD_VDI, vdi_ref);
    for (guint i = 0; i < vbds->len; i++)
        if (db_row_bool(g_ptr_array_index(vbds, i), VBD_CURRENTLY_ATTACHED))
            return api_error_vdi_in_use(error, vdi_ref, operation);
    return TRUE;
}

gboolean
api_vdi_destroy_disk(ApiCall *call, const char *vdi_ref, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!require_detached(call, vdi_ref, "destroy", error) ||
        !storage_context_vdi(&context, call->services, call->task, vdi_ref, error))
        return FALSE;
    if (!db_row_bool(context.vdi, VDI_MANAGED))
        return api_error_vdi_not_managed(error, vdi_ref);
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    if (!undo_add_disk(plan, UNDO_DISK_ROW, &context, context.call.vdi_uuid, error))
        return FALSE;
    if (!storage_vdi_delete(call->services->storage, &context.call, error)) {
        undo_failed(plan, *error);
        return api_error_from_storage(error);
    }
    /* A plugin that calls back has deleted the row itself (VDI.db_forget); ours do not. */
    g_autoptr(DbRow) row = db_get(call->db, CLASS_VDI, vdi_ref);
    return row == NULL || undo_delete_vdi(call->db, &call->actor, vdi_ref, TRUE, plan, error);
}

gboolean
api_vdi__destroy(ApiCall *call, const VdiDestroyArgs *args, GError **error)
{
    return api_vdi_destroy_disk(call, args->self.id, error);
}

static gboolean
resize_disk(ApiCall *call, StorageContext *context, guint64 size_bytes, GError **error)
{
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    if (!undo_add_disk(plan, UNDO_DISK_SIZE, context, context->call.vdi_uuid, error))
        return FALSE;
    g_autoptr(StorageVdi) vdi =
        storage_vdi_resize(call->services->storage, &context->call, size_bytes, error);
    if (vdi == NULL) {
        undo_failed(plan, *error);
        return api_error_from_storage(error);
    }
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    /* A plugin that writes rows itself does not say what came of it. */
    if (!vdi->is_complete)
        db_txn_set_int(txn, CLASS_VDI, context->vdi->ref, VDI_VIRTUAL_SIZE, (gint64)size_bytes);
    scan_write_resized(txn, context->vdi, vdi);
    return plan_commit(plan, txn, error);
}

gboolean
api_vdi__resize(ApiCall *call, const VdiResizeArgs *args, GError **error)
{
    g_auto(StorageContext) context = {0};
    if (!storage_context_vdi(&context, call->services, call->task, args->vdi.id, error))
        return FALSE;
    if (args->size >= db_row_int(context.vdi, VDI_VIRTUAL_SIZE))
        return resize_disk(call, &context, (guint64)args->size, error);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, args->size);
    return api_error_invalid_value(error, "size", text);
}

gboolean
api_vdi__forget(ApiCall *call, const VdiForgetArgs *args, GError **error)
{
    return require_detached(call, args->vdi.id, "forget", error) &&
           undo_delete_vdi(call->db, &call->actor, args->vdi.id, FALSE, NULL, error);
}

gboolean
api_vdi__db_forget(ApiCall *call, const VdiDbForgetArgs *args, GError **error)
{
    return undo_delete_vdi(call->db, &call->actor, args->vdi.id, FALSE, NULL, error);
}
