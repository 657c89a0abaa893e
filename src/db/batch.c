/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From transactions to StoreChanges, transaction by transaction so that the change log can name who did what;
 * and from the batch's pending rows to the tables. */
#include "db/batch.h"

#include "db/apply.h"

static void
unref_row(gpointer row)
{
    db_row_unref(row);
}

DbBatch *
db_batch_new(Db *db)
{
    DbBatch *batch = g_new(DbBatch, 1);

    batch->view = db_view_new(db);
    batch->changes = g_array_new(FALSE, FALSE, sizeof(StoreChange));
    batch->kept = g_ptr_array_new_with_free_func(unref_row);
    return batch;
}

void
db_batch_free(DbBatch *batch)
{
    if (batch == NULL)
        return;
    db_view_free(batch->view);
    g_array_unref(batch->changes);
    g_ptr_array_unref(batch->kept);
    g_free(batch);
}

gboolean
db_batch_is_empty(const DbBatch *batch)
{
    return g_hash_table_size(batch->view->batch->pendings) == 0;
}

/* -- Towards the store -- */

static gboolean
is_stored_row(const DbRow *row)
{
    return row != NULL && !row->is_volatile && row->model_class->is_persistent;
}

/* Copies of a row share the ref's value; one deleted and made anew has another. */
static gboolean
is_same_object(const DbRow *a, const DbRow *b)
{
    return db_row_ref_value(a) == db_row_ref_value(b);
}

/* The generation is filled in by db_batch_seal(). */
static void
add_change(DbBatch *batch, DbPending *pending, StoreChange change)
{
    const DbRow *row = pending->now != NULL ? pending->now : pending->before;

    change.class_id = pending->class_id;
    change.ref = row->ref;
    change.created = row->created;
    change.fields = pending->now != NULL ? pending->now->fields : NULL;
    g_array_append_val(batch->changes, change);
    pending->is_stored = TRUE;
}

static void
keep_rows(DbBatch *batch, const DbPending *pending)
{
    if (pending->before != NULL)
        g_ptr_array_add(batch->kept, db_row_ref(pending->before));
    if (pending->now != NULL)
        g_ptr_array_add(batch->kept, db_row_ref(pending->now));
}

static void
add_field_changes(DbBatch *batch, const DbTxn *txn, DbPending *pending)
{
    const ModelClass *model_class = pending->now->model_class;

    for (gsize i = 0; i < model_class->n_fields; i++) {
        Value *before = pending->before->fields[i], *now = pending->now->fields[i];
        if (before == now || !db_field_is_stored(&model_class->fields[i]) || value_equal(before, now))
            continue;
        add_change(batch, pending,
                   (StoreChange){.kind = STORE_SET_FIELD,
                                 .field = (int)i,
                                 .old_value = before,
                                 .new_value = now,
                                 .task = txn->task,
                                 .user = txn->user});
    }
}

static void
add_row_changes(DbBatch *batch, const DbTxn *txn, DbPending *pending)
{
    gboolean was_stored = is_stored_row(pending->before), is_stored = is_stored_row(pending->now);

    if (!was_stored && !is_stored)
        return;
    keep_rows(batch, pending);
    if (was_stored && is_stored && is_same_object(pending->before, pending->now))
        add_field_changes(batch, txn, pending);
    else
        add_change(batch, pending,
                   (StoreChange){.kind = is_stored ? STORE_PUT_ROW : STORE_DELETE_ROW,
                                 .field = -1,
                                 .task = txn->task,
                                 .user = txn->user});
}

gboolean
db_batch_add(DbBatch *batch, DbTxn *txn, GError **error)
{
    if (!db_apply_txn(batch->view, txn, error)) {
        db_view_drop_txn(batch->view);
        return FALSE;
    }
    g_autoptr(GPtrArray) pendings = db_layer_pendings(batch->view->txn);
    for (guint i = 0; i < pendings->len; i++)
        add_row_changes(batch, txn, pendings->pdata[i]);
    db_view_commit_txn(batch->view);
    return TRUE;
}

/* The reverse side of a stored relation: its row's new generation must outlive a restart, for event tokens.
 */
static void
add_touches(DbBatch *batch)
{
    g_autoptr(GPtrArray) pendings = db_layer_pendings(batch->view->batch);

    for (guint i = 0; i < pendings->len; i++) {
        DbPending *pending = pendings->pdata[i];
        if (!pending->needs_touch || pending->is_stored || !is_stored_row(pending->now))
            continue;
        keep_rows(batch, pending);
        add_change(batch, pending, (StoreChange){.kind = STORE_TOUCH_ROW, .field = -1});
    }
}

static void
stamp(DbRow *row, guint64 generation)
{
    row->changed = generation;
    if (row->created == 0)
        row->created = generation;
}

void
db_batch_seal(DbBatch *batch, guint64 generation)
{
    GHashTableIter iter;
    gpointer data;

    db_view_touch_peers(batch->view);
    add_touches(batch);
    g_hash_table_iter_init(&iter, batch->view->batch->pendings);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        DbPending *pending = data;
        if (pending->now != NULL)
            stamp(pending->now, generation);
    }
    for (guint i = 0; i < batch->changes->len; i++) {
        StoreChange *change = &g_array_index(batch->changes, StoreChange, i);
        change->changed = generation;
        if (change->created == 0)
            change->created = generation;
    }
}

/* -- Towards the readers -- */

static int
compare_first_order(gconstpointer a, gconstpointer b)
{
    const DbPending *x = *(DbPending *const *)a, *y = *(DbPending *const *)b;

    return x->first_order < y->first_order ? -1 : x->first_order > y->first_order;
}

/* New rows, in the order in which they were made. */
static void
insert_rows(Db *db, const GPtrArray *pendings)
{
    g_autoptr(GPtrArray) new_rows = g_ptr_array_new();

    for (guint i = 0; i < pendings->len; i++) {
        const DbPending *pending = pendings->pdata[i];
        if (pending->before == NULL && pending->now != NULL)
            g_ptr_array_add(new_rows, (gpointer)pending);
    }
    g_ptr_array_sort(new_rows, compare_first_order);
    for (guint i = 0; i < new_rows->len; i++) {
        const DbPending *pending = new_rows->pdata[i];
        db_table_insert(db->tables[pending->class_id], db_row_ref(pending->now), ++db->last_sequence);
    }
}

static void
replace_rows(Db *db, const GPtrArray *pendings, guint64 generation, GPtrArray *old_rows)
{
    for (guint i = 0; i < pendings->len; i++) {
        const DbPending *pending = pendings->pdata[i];
        DbTable *table = db->tables[pending->class_id];
        if (pending->now == NULL)
            continue;
        DbSlot *slot = db_table_find(table, pending->now->ref);
        if (pending->before != NULL)
            g_ptr_array_add(old_rows, db_table_replace(table, slot, db_row_ref(pending->now)));
        if (pending->is_stored)
            slot->stored = generation;
        slot->is_noted |= pending->is_noted;
        db_table_mark_changed(table, slot, ++db->last_order);
    }
}

static void
relink_rows(Db *db, const GPtrArray *links)
{
    for (guint i = 0; i < links->len; i++) {
        const DbLink *link = links->pdata[i];
        const DbRelation *relation = link->relation;
        if (link->was == link->now)
            continue;
        DbSlot *source = db_table_find(db->tables[relation->class_id], value_get_string(link->source));
        DbSlot *target = db_table_find(db->tables[relation->target_class], value_get_string(link->target));
        if (source == NULL || target == NULL) /* a damaged store had a ref to nowhere */
            continue;
        if (link->now)
            db_slot_link(target, relation, source);
        else
            db_slot_unlink(target, relation, source);
    }
}

static void
remove_rows(Db *db, const GPtrArray *pendings, guint64 generation, GPtrArray *old_rows)
{
    for (guint i = 0; i < pendings->len; i++) {
        const DbPending *pending = pendings->pdata[i];
        DbTable *table = db->tables[pending->class_id];
        if (pending->before == NULL || pending->now != NULL)
            continue;
        DbRow *row = db_table_remove(table, db_table_find(table, pending->before->ref));
        const DbDeletion deletion = {.generation = generation,
                                     .created = row->created,
                                     .order = ++db->last_order,
                                     .ref = db_row_ref_value(row),
                                     .is_stored = pending->is_stored};
        db_table_note_deletion(table, &deletion);
        g_ptr_array_add(old_rows, row);
    }
}

static void
run_hook(Db *db, const GPtrArray *pendings, guint64 generation)
{
    g_autoptr(GArray) changes = g_array_sized_new(FALSE, FALSE, sizeof(DbChange), pendings->len);

    for (guint i = 0; i < pendings->len; i++) {
        const DbPending *pending = pendings->pdata[i];
        if (pending->before == NULL && pending->now == NULL)
            continue;
        DbChange change = {.operation = pending->before == NULL ? DB_ADD
                                        : pending->now == NULL  ? DB_DEL
                                                                : DB_MOD,
                           .class_id = pending->class_id,
                           .ref = value_get_string(pending->ref),
                           .row = pending->now};
        g_array_append_val(changes, change);
    }
    g_mutex_lock(&db->hook_mutex);
    if (db->hook != NULL && changes->len > 0)
        db->hook(db->hook_data, generation, (const DbChange *)(gpointer)changes->data, changes->len);
    g_mutex_unlock(&db->hook_mutex);
}

/* Rows that readers are about to see with what the store does not know. */
static gboolean
is_to_be_noted(const Db *db, const DbPending *pending)
{
    const DbTable *table = db->tables[pending->class_id];

    if (!is_stored_row(pending->now) || !pending->now->model_class->has_events)
        return FALSE;
    return !pending->is_stored || db_has_volatile_content(table->info, pending->now);
}

static void
shorten_notes(Db *db)
{
    if (db->notes == NULL || !db_notes_is_long(db->notes))
        return;
    db_notes_rewrite_begin(db->notes);
    for (gsize i = 0; i < db->schema->n_classes; i++)
        for (const DbSlot *slot = db->tables[i]->created_first; slot != NULL; slot = slot->created_next)
            if (slot->is_noted)
                db_notes_add(db->notes, slot->row->model_class->name, slot->row->ref);
    db_notes_rewrite_end(db->notes);
}

static void
note_shown(Db *db, const GPtrArray *pendings)
{
    if (db->notes == NULL)
        return;
    for (guint i = 0; i < pendings->len; i++) {
        DbPending *pending = pendings->pdata[i];
        if (!is_to_be_noted(db, pending))
            continue;
        const DbSlot *slot = db_table_find(db->tables[pending->class_id], pending->now->ref);
        if (slot == NULL || !slot->is_noted)
            db_notes_add(db->notes, pending->now->model_class->name, pending->now->ref);
        pending->is_noted = TRUE;
    }
    db_notes_flush(db->notes);
}

void
db_batch_publish(DbBatch *batch, guint64 generation)
{
    Db *db = batch->view->db;
    g_autoptr(GPtrArray) pendings = db_layer_pendings(batch->view->batch);
    g_autoptr(GPtrArray) old_rows = g_ptr_array_new_with_free_func(unref_row); /* freed outside the lock */

    note_shown(db, pendings);
    pthread_rwlock_wrlock(&db->lock);
    insert_rows(db, pendings);
    replace_rows(db, pendings, generation, old_rows);
    relink_rows(db, batch->view->batch->links);
    remove_rows(db, pendings, generation, old_rows);
    db->generation = generation;
    pthread_rwlock_unlock(&db->lock);

    shorten_notes(db);
    run_hook(db, pendings, generation);
}
