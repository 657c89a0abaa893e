/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SR.scan: rows are made for disks that are new, changed for those that changed, and removed for those that
 * are gone. */
#include "api/storage/scan.h"

#include "base/text.h"

/* 1970 stands for "never" on the wire. */
static Value *
snapshot_time(const StorageVdi *vdi)
{
    return value_datetime(vdi->snapshot_time);
}

static void
write_content(DbTxn *txn, const char *ref, const StorageVdi *vdi)
{
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_LOCATION, vdi->location);
    if (!vdi->is_complete)
        return;
    db_txn_set_int(txn, CLASS_VDI, ref, VDI_VIRTUAL_SIZE, (gint64)vdi->virtual_size);
    db_txn_set_int(txn, CLASS_VDI, ref, VDI_PHYSICAL_UTILISATION, (gint64)vdi->physical_utilisation);
    db_txn_set_bool(txn, CLASS_VDI, ref, VDI_READ_ONLY, vdi->is_read_only);
    db_txn_set_bool(txn, CLASS_VDI, ref, VDI_MANAGED, vdi->is_managed);
    db_txn_set_bool(txn, CLASS_VDI, ref, VDI_MISSING, FALSE);
    if (vdi->sm_config != NULL)
        db_txn_set(txn, CLASS_VDI, ref, VDI_SM_CONFIG, value_ref(vdi->sm_config));
}

const char *
scan_insert_vdi(DbTxn *txn, const char *sr_ref, const StorageVdi *vdi)
{
    const char *ref = db_txn_insert(txn, CLASS_VDI, NULL);
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_UUID, vdi->uuid);
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_SR, sr_ref);
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_ON_BOOT, on_boot_name(ON_BOOT_PERSIST));
    write_content(txn, ref, vdi);
    if (!vdi->is_complete)
        return ref;
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_NAME_LABEL, vdi->name_label);
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_NAME_DESCRIPTION, vdi->name_description);
    db_txn_set_string(txn, CLASS_VDI, ref, VDI_TYPE, vdi->type);
    db_txn_set_bool(txn, CLASS_VDI, ref, VDI_SHARABLE, vdi->is_sharable);
    db_txn_set_bool(txn, CLASS_VDI, ref, VDI_IS_A_SNAPSHOT, vdi->is_a_snapshot);
    db_txn_set(txn, CLASS_VDI, ref, VDI_SNAPSHOT_TIME, snapshot_time(vdi));
    return ref;
}

void
scan_write_sizes(DbTxn *txn, const char *sr_ref, const StorageSizes *sizes)
{
    if (!sizes->is_reported)
        return;
    db_txn_set_int(txn, CLASS_SR, sr_ref, SR_PHYSICAL_SIZE, (gint64)sizes->physical_size);
    db_txn_set_int(txn, CLASS_SR, sr_ref, SR_PHYSICAL_UTILISATION, (gint64)sizes->physical_utilisation);
    db_txn_set_int(txn, CLASS_SR, sr_ref, SR_VIRTUAL_ALLOCATION, (gint64)sizes->virtual_allocation);
}

typedef struct SizeStep {
    char *sr_ref;
    gint64 virtual_size;
    gint64 physical_utilisation;
} SizeStep;

static void
size_step_free(gpointer data)
{
    SizeStep *step = data;
    g_free(step->sr_ref);
    g_free(step);
}

/* Both from a plugin, so their sum may be too large to be true. */
static gint64
sum_of_sizes(gint64 size, gint64 more)
{
    gint64 sum = 0;
    if (__builtin_add_overflow(size, more, &sum))
        return size;
    return MAX(sum, 0);
}

/* A step, because other disks of the SR come and go at the same time. */
static gboolean
add_sizes(DbTxn *txn, gpointer data, GError **error)
{
    const SizeStep *step = data;
    g_autoptr(DbRow) sr = db_txn_read(txn, CLASS_SR, step->sr_ref);
    if (sr == NULL)
        return TRUE;
    db_txn_set_int(txn, CLASS_SR, step->sr_ref, SR_VIRTUAL_ALLOCATION,
                   sum_of_sizes(db_row_int(sr, SR_VIRTUAL_ALLOCATION), step->virtual_size));
    db_txn_set_int(txn, CLASS_SR, step->sr_ref, SR_PHYSICAL_UTILISATION,
                   sum_of_sizes(db_row_int(sr, SR_PHYSICAL_UTILISATION), step->physical_utilisation));
    return TRUE;
}

void
scan_add_sizes(DbTxn *txn, const char *sr_ref, gint64 virtual_size, gint64 physical_utilisation)
{
    SizeStep *step = g_new(SizeStep, 1);
    *step = (SizeStep){g_strdup(sr_ref), virtual_size, physical_utilisation};
    db_txn_step(txn, add_sizes, step, size_step_free);
}

void
scan_write_resized(DbTxn *txn, const DbRow *row, const StorageVdi *vdi)
{
    gint64 virtual_size = (gint64)vdi->virtual_size;
    gint64 physical_utilisation = (gint64)vdi->physical_utilisation;
    if (!vdi->is_complete)
        return;
    db_txn_set_int(txn, CLASS_VDI, row->ref, VDI_VIRTUAL_SIZE, virtual_size);
    db_txn_set_int(txn, CLASS_VDI, row->ref, VDI_PHYSICAL_UTILISATION, physical_utilisation);
    scan_add_sizes(txn, db_row_string(row, VDI_SR), virtual_size - db_row_int(row, VDI_VIRTUAL_SIZE),
                   physical_utilisation - db_row_int(row, VDI_PHYSICAL_UTILISATION));
}

static gboolean
is_unchanged(const DbRow *row, const StorageVdi *vdi)
{
    return g_str_equal(db_row_string(row, VDI_LOCATION), vdi->location) && !db_row_bool(row, VDI_MISSING) &&
           (!vdi->is_complete ||
            (db_row_int(row, VDI_VIRTUAL_SIZE) == (gint64)vdi->virtual_size &&
             db_row_int(row, VDI_PHYSICAL_UTILISATION) == (gint64)vdi->physical_utilisation &&
             db_row_bool(row, VDI_READ_ONLY) == vdi->is_read_only &&
             db_row_bool(row, VDI_MANAGED) == vdi->is_managed &&
             (vdi->sm_config == NULL || value_equal(row->fields[VDI_SM_CONFIG], vdi->sm_config))));
}

/* Rows of disks that are gone. One that a VM refers to stays and says that its disk is missing. */
static void
remove_gone(ApiServices *services, DbTxn *txn, GHashTable *rows)
{
    GHashTableIter iter;
    gpointer data;
    g_hash_table_iter_init(&iter, rows);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        const DbRow *row = data;
        g_autoptr(GPtrArray) vbds = db_referrers(services->db, CLASS_VBD, VBD_VDI, row->ref);
        if (vbds->len == 0)
            db_txn_delete(txn, CLASS_VDI, row->ref);
        else if (!db_row_bool(row, VDI_MISSING))
            db_txn_set_bool(txn, CLASS_VDI, row->ref, VDI_MISSING, TRUE);
    }
}

/* Links need the refs of all rows, new ones too: a second pass. */
static void
link_snapshots(ApiServices *services, DbTxn *txn, const StorageScan *scan, GHashTable *refs)
{
    for (guint i = 0; i < scan->vdis->len; i++) {
        const StorageVdi *vdi = g_ptr_array_index(scan->vdis, i);
        const char *of = vdi->snapshot_of != NULL ? g_hash_table_lookup(refs, vdi->snapshot_of) : NULL;
        const char *ref = g_hash_table_lookup(refs, vdi->uuid);
        g_autoptr(DbRow) row = db_get(services->db, CLASS_VDI, ref);
        if (of != NULL && (row == NULL || !g_str_equal(db_row_string(row, VDI_SNAPSHOT_OF), of)))
            db_txn_set_string(txn, CLASS_VDI, ref, VDI_SNAPSHOT_OF, of);
    }
}

static void
reconcile(ApiServices *services, DbTxn *txn, const char *sr_ref, const StorageScan *scan)
{
    g_autoptr(GPtrArray) known = db_referrers(services->db, CLASS_VDI, VDI_SR, sr_ref);
    g_autoptr(GHashTable) rows = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) refs = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < known->len; i++) {
        DbRow *row = g_ptr_array_index(known, i);
        g_hash_table_insert(rows, (gpointer)db_row_string(row, VDI_UUID), row);
    }
    for (guint i = 0; i < scan->vdis->len; i++) {
        const StorageVdi *vdi = g_ptr_array_index(scan->vdis, i);
        const DbRow *row = g_hash_table_lookup(rows, vdi->uuid);
        const char *ref = row != NULL ? row->ref : scan_insert_vdi(txn, sr_ref, vdi);
        if (row != NULL && !is_unchanged(row, vdi))
            write_content(txn, ref, vdi);
        g_hash_table_insert(refs, vdi->uuid, (gpointer)ref);
        g_hash_table_remove(rows, vdi->uuid);
    }
    link_snapshots(services, txn, scan, refs);
    remove_gone(services, txn, rows);
}

gboolean
scan_sr(ApiServices *services, StorageContext *context, const DbActor *actor, GError **error)
{
    g_autoptr(StorageScan) scan = storage_sr_scan(services->storage, &context->call, error);
    if (scan == NULL)
        return api_error_from_storage(error);
    if (!scan->is_reported)
        return TRUE;
    g_autoptr(DbTxn) txn = db_txn_new(services->db, actor);
    reconcile(services, txn, context->sr->ref, scan);
    scan_write_sizes(txn, context->sr->ref, &scan->sizes);
    return db_txn_commit(txn, NULL, error);
}
