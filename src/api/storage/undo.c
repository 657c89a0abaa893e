/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undoing what calls on storage have begun: after a failure, and after a crash at the next start.
 *
 * Nothing is deleted but what the journal says was made by the call that was cut off: a disk is known by the
 * uuid that it was to have. A plugin that gives uuids of its own choice leaves a disk without a row, which
 * the next scan of the SR finds. */
#include "api/storage/undo.h"

#include "api/storage/deadline.h"
#include "api/storage/scan.h"
#include "base/log.h"
#include <string.h>

/* ---- Rows ---- */

/* The VBDs of halted VMs that name it: an empty disk drive is of no use to them. */
static void
delete_vbds(DbTxn *txn, const char *vdi_ref)
{
    g_autoptr(GPtrArray) vbds = db_txn_referrers(txn, CLASS_VBD, VBD_VDI, vdi_ref);
    for (guint i = 0; i < vbds->len; i++) {
        const DbRow *vbd = g_ptr_array_index(vbds, i);
        if (g_str_equal(db_row_string(vbd, VBD_TYPE), vbd_type_name(VBD_TYPE_CD)))
            db_txn_set_bool(txn, CLASS_VBD, vbd->ref, VBD_EMPTY, TRUE);
        else
            db_txn_delete(txn, CLASS_VBD, vbd->ref);
    }
}

typedef struct DeleteStep {
    const char *ref;
    gboolean is_freed;
} DeleteStep;

static gboolean
delete_step(DbTxn *txn, gpointer data, GError **error)
{
    const DeleteStep *step = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_VDI, step->ref);
    if (row == NULL)
        return api_error_handle_invalid(error, "VDI", step->ref);
    delete_vbds(txn, step->ref);
    db_txn_delete(txn, CLASS_VDI, step->ref);
    if (step->is_freed)
        scan_add_sizes(txn, db_row_string(row, VDI_SR), -db_row_int(row, VDI_VIRTUAL_SIZE),
                       -db_row_int(row, VDI_PHYSICAL_UTILISATION));
    return TRUE;
}

gboolean
undo_delete_vdi(Db *db, const DbActor *actor, const char *vdi_ref, gboolean is_freed, Plan *plan,
                GError **error)
{
    DeleteStep step = {vdi_ref, is_freed};
    g_autoptr(DbTxn) txn = db_txn_new(db, actor);
    db_txn_step(txn, delete_step, &step, NULL);
    return plan_commit(plan, txn, error);
}

gboolean
undo_delete_sr(Db *db, const DbActor *actor, const char *sr_ref, Plan *plan, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(db, actor);
    g_autoptr(GPtrArray) vdis = db_referrers(db, CLASS_VDI, VDI_SR, sr_ref);
    for (guint i = 0; i < vdis->len; i++)
        db_txn_delete(txn, CLASS_VDI, ((DbRow *)g_ptr_array_index(vdis, i))->ref);
    db_txn_delete(txn, CLASS_SR, sr_ref);
    return plan_commit(plan, txn, error);
}

/* ---- Disks ---- */

/* The row of the SR that @object names, which ends at a space or the end. */
static DbRow *
find_sr(ApiServices *services, const char *object)
{
    g_autofree char *uuid = g_strndup(object, strcspn(object, " "));
    return db_get_by_uuid(services->db, CLASS_SR, uuid);
}

static const char *
disk_of(const char *object)
{
    const char *space = strchr(object, ' ');
    return space != NULL ? space + 1 : "";
}

static const StorageVdi *
find_disk(const StorageScan *scan, const char *uuid)
{
    for (guint i = 0; i < scan->vdis->len; i++) {
        const StorageVdi *vdi = g_ptr_array_index(scan->vdis, i);
        if (g_ascii_strcasecmp(vdi->uuid, uuid) == 0)
            return vdi;
    }
    return NULL;
}

/* Whether the plugin still has it, and then where. */
static gboolean
look_for_disk(ApiServices *services, StorageContext *context, const char *uuid, char **ret_location,
              GError **error)
{
    g_autoptr(StorageScan) scan = storage_sr_scan(services->storage, &context->call, error);
    if (scan == NULL)
        return api_error_from_storage(error);
    const StorageVdi *vdi = find_disk(scan, uuid);
    g_autoptr(DbRow) row = db_get_by_uuid(services->db, CLASS_VDI, uuid);
    if (vdi != NULL)
        *ret_location = g_strdup(vdi->location);
    else if (!scan->is_reported && row != NULL) /* a plugin that keeps the rows itself */
        *ret_location = g_strdup(db_row_string(row, VDI_LOCATION));
    else
        *ret_location = NULL;
    return TRUE;
}

static gboolean
delete_disk(ApiServices *services, StorageContext *context, const char *uuid, const char *location,
            GError **error)
{
    context->call.vdi_ref = "OpaqueRef:NULL";
    context->call.vdi_uuid = uuid;
    context->call.vdi_location = location;
    return storage_vdi_delete(services->storage, &context->call, error) || api_error_from_storage(error);
}

static gboolean
delete_row_of(ApiServices *services, const char *uuid, gboolean is_freed, GError **error)
{
    g_autoptr(DbRow) row = db_get_by_uuid(services->db, CLASS_VDI, uuid);
    return row == NULL || undo_delete_vdi(services->db, NULL, row->ref, is_freed, NULL, error);
}

typedef gboolean (*OpenSr)(StorageContext *context, ApiServices *services, Task *task, const char *sr_ref,
                           GError **error);
typedef gboolean (*SrWork)(ApiServices *services, StorageContext *context, const char *object,
                           GError **error);

/* Does @work within the deadline on the SR that @object names; an SR that is gone needs none. */
static gboolean
work_on_sr(ApiServices *services, Task *task, const char *object, OpenSr open, SrWork work, GError **error)
{
    g_auto(StorageContext) context = {0};
    g_auto(StorageDeadline) deadline = storage_deadline_start(task != NULL ? task_cancellable(task) : NULL);
    g_autoptr(DbRow) sr = find_sr(services, object);
    if (sr == NULL)
        return TRUE;
    if (!open(&context, services, NULL, sr->ref, error))
        return FALSE;
    context.call.cancellable = deadline.cancellable;
    return work(services, &context, object, error);
}

static gboolean
delete_disk_and_row(ApiServices *services, StorageContext *context, const char *object, GError **error)
{
    g_autofree char *location = NULL;
    const char *uuid = disk_of(object);
    return look_for_disk(services, context, uuid, &location, error) &&
           (location == NULL || delete_disk(services, context, uuid, location, error)) &&
           delete_row_of(services, uuid, TRUE, error);
}

static gboolean
undo_disk(gpointer services, Task *task, const char *object, GError **error)
{
    return work_on_sr(services, task, object, storage_context_attached_sr, delete_disk_and_row, error);
}

static gboolean
delete_row_without_disk(ApiServices *services, StorageContext *context, const char *object, GError **error)
{
    g_autofree char *location = NULL;
    return look_for_disk(services, context, disk_of(object), &location, error) &&
           (location != NULL || delete_row_of(services, disk_of(object), TRUE, error));
}

static gboolean
finish_disk_row(gpointer services, Task *task, const char *object, GError **error)
{
    return work_on_sr(services, task, object, storage_context_attached_sr, delete_row_without_disk, error);
}

static gboolean
write_disk_size(ApiServices *services, StorageContext *context, const char *object, GError **error)
{
    g_autoptr(StorageScan) scan = storage_sr_scan(services->storage, &context->call, error);
    if (scan == NULL)
        return api_error_from_storage(error);
    const StorageVdi *vdi = find_disk(scan, disk_of(object));
    g_autoptr(DbRow) row = db_get_by_uuid(services->db, CLASS_VDI, disk_of(object));
    if (vdi == NULL || row == NULL)
        return TRUE;
    g_autoptr(DbTxn) txn = db_txn_new(services->db, NULL);
    scan_write_resized(txn, row, vdi);
    return db_txn_commit(txn, NULL, error);
}

static gboolean
settle_disk_size(gpointer services, Task *task, const char *object, GError **error)
{
    return work_on_sr(services, task, object, storage_context_attached_sr, write_disk_size, error);
}

static gboolean
tell_disk_names(ApiServices *services, StorageContext *context, const char *object, GError **error)
{
    g_auto(StorageContext) disk = {0};
    g_autoptr(DbRow) row = db_get_by_uuid(services->db, CLASS_VDI, disk_of(object));
    if (row == NULL)
        return TRUE;
    if (!storage_context_vdi(&disk, services, NULL, row->ref, error))
        return FALSE;
    disk.call.cancellable = context->call.cancellable;
    return storage_vdi_update(services->storage, &disk.call, db_row_string(row, VDI_NAME_LABEL),
                              db_row_string(row, VDI_NAME_DESCRIPTION), error) ||
           api_error_from_storage(error);
}

static gboolean
settle_disk_names(gpointer services, Task *task, const char *object, GError **error)
{
    return work_on_sr(services, task, object, storage_context_attached_sr, tell_disk_names, error);
}

/* ---- SRs ---- */

static gboolean
undo_sr_rows(gpointer data, Task *task, const char *object, GError **error)
{
    ApiServices *services = data;
    g_autoptr(DbRow) sr = find_sr(services, object);
    return sr == NULL || undo_delete_sr(services->db, NULL, sr->ref, NULL, error);
}

/* The rows that go with it are a step of their own. */
static gboolean
delete_sr(ApiServices *services, StorageContext *context, const char *object, GError **error)
{
    storage_sr_attach(services->storage, &context->call, NULL); /* some plugins want it */
    return storage_sr_delete(services->storage, &context->call, error) || api_error_from_storage(error);
}

static gboolean
undo_sr(gpointer services, Task *task, const char *object, GError **error)
{
    return work_on_sr(services, task, object, storage_context_sr, delete_sr, error);
}

/* What is attached here to find out, the step before this one detaches. */
static gboolean
delete_rows_without_sr(ApiServices *services, StorageContext *context, const char *object, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (storage_sr_attach(services->storage, &context->call, &failure))
        return TRUE;
    if (!undo_is_unanswered(failure))
        return undo_delete_sr(services->db, NULL, context->call.sr_ref, NULL, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return api_error_from_storage(error);
}

static gboolean
finish_sr_rows(gpointer services, Task *task, const char *object, GError **error)
{
    return work_on_sr(services, task, object, storage_context_sr, delete_rows_without_sr, error);
}

static gboolean
undo_attachment(gpointer data, Task *task, const char *object, GError **error)
{
    ApiServices *services = data;
    g_auto(StorageContext) context = {0};
    g_auto(StorageDeadline) deadline = storage_deadline_start(task != NULL ? task_cancellable(task) : NULL);
    g_autoptr(DbRow) sr = find_sr(services, object);
    if (sr == NULL || !storage_context_sr(&context, services, NULL, sr->ref, NULL) ||
        db_row_bool(context.pbd, PBD_CURRENTLY_ATTACHED))
        return TRUE;
    context.call.cancellable = deadline.cancellable;
    return storage_sr_detach(services->storage, &context.call, error) || api_error_from_storage(error);
}

/* clang-format off */
const PlanKind undo_kinds[] = {
    {UNDO_DISK,       undo_disk        },
    {UNDO_DISK_ROW,   finish_disk_row  },
    {UNDO_DISK_SIZE,  settle_disk_size },
    {UNDO_DISK_NAMES, settle_disk_names},
    {UNDO_SR_ROWS,    undo_sr_rows     },
    {UNDO_SR,         undo_sr          },
    {UNDO_SR_GONE,    finish_sr_rows   },
    {UNDO_ATTACHMENT, undo_attachment  },
    {NULL,            NULL             },
};
/* clang-format on */

/* ---- Writing down ---- */

static char *
disk_object(const StorageContext *context, const char *vdi_uuid)
{
    return g_strdup_printf("%s %s", context->call.sr_uuid, vdi_uuid);
}

gboolean
undo_add_disk(Plan *plan, const char *kind, const StorageContext *context, const char *vdi_uuid,
              GError **error)
{
    g_autofree char *object = disk_object(context, vdi_uuid);
    return plan_add(plan, kind, object, error);
}

void
undo_txn_add_disk(Plan *plan, DbTxn *txn, const StorageContext *context, const char *vdi_uuid)
{
    g_autofree char *object = disk_object(context, vdi_uuid);
    plan_txn_add(plan, txn, UNDO_DISK, object);
}

gboolean
undo_is_unanswered(const GError *error)
{
    static const StorageError unanswered[] = {STORAGE_ERROR_BACKEND_EXIT, STORAGE_ERROR_BACKEND_REPLY,
                                              STORAGE_ERROR_BACKEND_TIMED_OUT, STORAGE_ERROR_BACKEND_FAILED,
                                              STORAGE_ERROR_CANCELLED};
    for (gsize i = 0; i < G_N_ELEMENTS(unanswered); i++)
        if (g_error_matches(error, STORAGE_ERROR, (int)unanswered[i]))
            return TRUE;
    return FALSE;
}

void
undo_failed(Plan *plan, const GError *error)
{
    if (!undo_is_unanswered(error))
        plan_forget_last(plan);
}
