/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two layers of pending changes over the tables. Keeps links and uuids in step with rows; leaves checking to
 * apply.c. */
#include "db/view.h"

#include <string.h>

/* Rows not yet in a table come after all that are. */
#define PENDING_SEQUENCE (G_MAXUINT64 / 2)

/* -- Reading the view -- */

DbView *
db_view_new(Db *db)
{
    DbView *view = g_new0(DbView, 1);

    view->db = db;
    view->batch = db_layer_new();
    view->txn = db_layer_new();
    return view;
}

void
db_view_free(DbView *view)
{
    if (view == NULL)
        return;
    db_layer_free(view->batch);
    db_layer_free(view->txn);
    g_free(view);
}

/* The row below the transaction's layer. */
static DbRow *
row_below(const DbView *view, int class_id, Value *ref)
{
    const DbPending *pending = db_layer_pending(view->batch, class_id, ref);

    if (pending != NULL)
        return pending->now;
    DbSlot *slot = db_table_find(view->db->tables[class_id], value_get_string(ref));
    return slot != NULL ? slot->row : NULL;
}

DbRow *
db_view_row(const DbView *view, int class_id, Value *ref)
{
    const DbPending *pending = db_layer_pending(view->txn, class_id, ref);

    return pending != NULL ? pending->now : row_below(view, class_id, ref);
}

gboolean
db_view_uuid_taken(const DbView *view, int class_id, const char *text, const char *ref)
{
    const DbUuid *uuid = db_layer_uuid(view->txn, class_id, text);

    if (uuid == NULL)
        uuid = db_layer_uuid(view->batch, class_id, text);
    if (uuid != NULL)
        return uuid->ref != NULL && strcmp(value_get_string(uuid->ref), ref) != 0;
    DbSlot *slot = db_table_find_uuid(view->db->tables[class_id], text);
    return slot != NULL && strcmp(slot->row->ref, ref) != 0;
}

static gboolean
layer_has_link(const DbLayer *layer, const DbRelation *relation, Value *source, Value *target)
{
    const DbLink probe = {.relation = relation, .source = source, .target = target};

    return g_hash_table_contains(layer->link_index, &probe);
}

static guint64
sequence_of(const DbView *view, int class_id, Value *ref)
{
    DbSlot *slot = db_table_find(view->db->tables[class_id], value_get_string(ref));
    if (slot != NULL)
        return slot->sequence;
    const DbPending *pending = db_layer_pending(view->batch, class_id, ref);
    if (pending == NULL)
        pending = db_layer_pending(view->txn, class_id, ref);
    return PENDING_SEQUENCE + (pending != NULL ? pending->first_order : 0);
}

static void
add_pending_referrers(const DbView *view, const GPtrArray *links, const DbRelation *relation,
                      const DbLayer *above, GArray *referrers)
{
    for (guint i = 0; links != NULL && i < links->len; i++) {
        const DbLink *link = links->pdata[i];
        if (!link->now || (relation != NULL && relation != link->relation))
            continue;
        if (above != NULL && layer_has_link(above, link->relation, link->source, link->target))
            continue;
        DbReferrer referrer = {link->relation, link->source,
                               sequence_of(view, link->relation->class_id, link->source)};
        g_array_append_val(referrers, referrer);
    }
}

static int
compare_referrers(gconstpointer a, gconstpointer b)
{
    const DbReferrer *x = a, *y = b;

    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

GArray *
db_view_referrers(const DbView *view, int class_id, Value *ref, const DbRelation *wanted)
{
    GArray *referrers = g_array_new(FALSE, FALSE, sizeof(DbReferrer));
    const GPtrArray *in_txn = db_layer_links_to(view->txn, class_id, ref);
    const GPtrArray *in_batch = db_layer_links_to(view->batch, class_id, ref);
    DbSlot *target = db_table_find(view->db->tables[class_id], value_get_string(ref));
    const DbRelation *relation;

    for (guint i = 0; target != NULL && (relation = db_slot_relation(target, i)) != NULL; i++) {
        if (wanted != NULL && wanted != relation)
            continue;
        DbSlotIter iter = {.set = db_slot_referrers(target, relation)};
        for (DbSlot *slot; (slot = db_slot_iter_next(&iter)) != NULL;) {
            Value *source = db_row_ref_value(slot->row);
            if (in_txn != NULL && layer_has_link(view->txn, relation, source, ref))
                continue;
            if (in_batch != NULL && layer_has_link(view->batch, relation, source, ref))
                continue;
            DbReferrer referrer = {relation, source, slot->sequence};
            g_array_append_val(referrers, referrer);
        }
    }
    add_pending_referrers(view, in_batch, wanted, in_txn != NULL ? view->txn : NULL, referrers);
    add_pending_referrers(view, in_txn, wanted, NULL, referrers);
    g_array_sort(referrers, compare_referrers);
    return referrers;
}

/* -- Changing it -- */

/* The pending change of a row that exists in the view or is being made, new or found. */
static DbPending *
open_pending(DbView *view, DbLayer *layer, int class_id, Value *ref, DbRow *below)
{
    DbPending *pending = db_layer_pending(layer, class_id, ref);

    view->last_order++;
    if (pending == NULL) {
        pending = g_new0(DbPending, 1);
        pending->class_id = class_id;
        pending->ref = value_ref(ref);
        pending->before = below != NULL ? db_row_ref(below) : NULL;
        pending->now = below != NULL ? db_row_copy(below) : NULL;
        pending->first_order = view->last_order;
        g_hash_table_add(layer->pendings, pending);
    } else if (pending->now != NULL && db_row_is_shared(pending->now)) {
        /* A step has read this version and may hold it still. */
        DbRow *shared = pending->now;
        pending->now = db_row_copy(shared);
        db_row_unref(shared);
    }
    pending->order = view->last_order;
    return pending;
}

static DbPending *
edit(DbView *view, int class_id, Value *ref)
{
    return open_pending(view, view->txn, class_id, ref, row_below(view, class_id, ref));
}

static void
set_link(DbView *view, const DbRelation *relation, Value *source, const char *target_ref, gboolean now)
{
    g_autoptr(Value) target = value_string(target_ref);
    const DbLink probe = {.relation = relation, .source = source, .target = target};
    DbLink *link = g_hash_table_lookup(view->txn->link_index, &probe);

    if (link != NULL) {
        link->now = now;
        return;
    }
    link = g_new(DbLink, 1);
    *link = (DbLink){relation, value_ref(source), g_steal_pointer(&target), !now, now};
    db_layer_add_link(view->txn, link);
}

static gboolean
has_target(const GPtrArray *targets, GHashTable *set, const char *ref)
{
    if (set != NULL)
        return g_hash_table_contains(set, ref);
    for (guint i = 0; i < targets->len; i++)
        if (strcmp(targets->pdata[i], ref) == 0)
            return TRUE;
    return FALSE;
}

/* Many members are looked up by hash, a few by walking. */
static GHashTable *
target_set(const GPtrArray *targets)
{
    if (targets->len <= 16)
        return NULL;
    GHashTable *set = g_hash_table_new(db_text_hash, g_str_equal);
    for (guint i = 0; i < targets->len; i++)
        g_hash_table_add(set, targets->pdata[i]);
    return set;
}

/* Links of those in @from that are not in @other. */
static void
set_links_of_difference(DbView *view, const DbRelation *relation, Value *source, const GPtrArray *from,
                        const GPtrArray *other, gboolean now)
{
    GHashTable *set = target_set(other);

    for (guint i = 0; i < from->len; i++)
        if (!has_target(other, set, from->pdata[i]))
            set_link(view, relation, source, from->pdata[i], now);
    g_clear_pointer(&set, g_hash_table_unref);
}

/* @old or @new may be NULL: the row is made or goes. */
static void
relink(DbView *view, const DbRelation *relation, Value *source, const Value *old, const Value *new)
{
    g_autoptr(GPtrArray) before = g_ptr_array_new();
    g_autoptr(GPtrArray) after = g_ptr_array_new();

    if (old != NULL)
        db_relation_targets(relation, old, before);
    if (new != NULL)
        db_relation_targets(relation, new, after);
    set_links_of_difference(view, relation, source, before, after, FALSE);
    set_links_of_difference(view, relation, source, after, before, TRUE);
}

static void
relink_field(DbView *view, const DbClassInfo *info, int field, Value *source, const Value *old,
             const Value *new)
{
    for (gsize i = 0; i < info->n_relations; i++)
        if (info->relations[i].field == field)
            relink(view, &info->relations[i], source, old, new);
}

static void
relink_row(DbView *view, const DbClassInfo *info, Value *source, const DbRow *old, const DbRow *new)
{
    for (gsize i = 0; i < info->n_relations; i++) {
        const DbRelation *relation = &info->relations[i];
        relink(view, relation, source, old != NULL ? old->fields[relation->field] : NULL,
               new != NULL ? new->fields[relation->field] : NULL);
    }
}

void
db_view_insert(DbView *view, int class_id, DbRow *row)
{
    const DbClassInfo *info = &view->db->schema->classes[class_id];
    Value *ref = db_row_ref_value(row);
    DbPending *pending = edit(view, class_id, ref);
    int uuid_field = info->model_class->uuid_field;

    g_assert(pending->now == NULL);
    pending->now = row;
    relink_row(view, info, ref, NULL, row);
    if (uuid_field >= 0)
        db_layer_set_uuid(view->txn, class_id, db_row_string(row, uuid_field), ref);
}

void
db_view_set(DbView *view, int class_id, Value *ref, int field, Value *value)
{
    const DbClassInfo *info = &view->db->schema->classes[class_id];
    const Value *old = db_view_row(view, class_id, ref)->fields[field];

    if (value_equal(old, value)) {
        value_unref(value);
        return;
    }
    DbPending *pending = edit(view, class_id, ref);
    old = pending->now->fields[field];
    relink_field(view, info, field, pending->ref, old, value);
    if (field == info->model_class->uuid_field) {
        db_layer_set_uuid(view->txn, class_id, value_get_string(old), NULL);
        db_layer_set_uuid(view->txn, class_id, value_get_string(value), pending->ref);
    }
    db_row_set_field(pending->now, field, value);
}

void
db_view_touch(DbView *view, int class_id, Value *ref)
{
    edit(view, class_id, ref);
}

void
db_view_delete(DbView *view, int class_id, Value *ref)
{
    const DbClassInfo *info = &view->db->schema->classes[class_id];
    DbPending *pending = edit(view, class_id, ref);
    int uuid_field = info->model_class->uuid_field;

    if (uuid_field >= 0)
        db_layer_set_uuid(view->txn, class_id, db_row_string(pending->now, uuid_field), NULL);
    relink_row(view, info, pending->ref, pending->now, NULL);
    g_clear_pointer(&pending->now, db_row_unref);
}

/* -- Ends of transactions and batches -- */

static void
merge_pendings(DbLayer *batch, DbLayer *txn)
{
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, txn->pendings);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        DbPending *pending = data;
        DbPending *below = db_layer_pending(batch, pending->class_id, pending->ref);
        g_hash_table_iter_steal(&iter);
        if (below == NULL) {
            g_hash_table_add(batch->pendings, pending);
            continue;
        }
        db_row_unref(below->now);
        below->now = g_steal_pointer(&pending->now);
        below->order = pending->order;
        below->is_stored |= pending->is_stored;
        db_pending_free(pending);
    }
}

static void
merge_links(DbLayer *batch, DbLayer *txn)
{
    for (guint i = 0; i < txn->links->len; i++) {
        const DbLink *link = txn->links->pdata[i];
        DbLink *below = g_hash_table_lookup(batch->link_index, link);
        if (below != NULL)
            below->now = link->now;
        else if (link->was != link->now)
            db_layer_add_link(batch, g_steal_pointer(&txn->links->pdata[i]));
    }
}

static void
merge_uuids(DbLayer *batch, DbLayer *txn)
{
    GHashTableIter iter;
    gpointer uuid;

    g_hash_table_iter_init(&iter, txn->uuids);
    while (g_hash_table_iter_next(&iter, &uuid, NULL)) {
        g_hash_table_iter_steal(&iter);
        g_hash_table_add(batch->uuids, uuid);
    }
}

void
db_view_commit_txn(DbView *view)
{
    merge_pendings(view->batch, view->txn);
    /* Its indexes go first: links move to the other layer. */
    g_hash_table_remove_all(view->txn->link_index);
    g_hash_table_remove_all(view->txn->by_target);
    merge_links(view->batch, view->txn);
    merge_uuids(view->batch, view->txn);
    db_layer_clear(view->txn);
}

void
db_view_drop_txn(DbView *view)
{
    db_layer_clear(view->txn);
}

void
db_view_touch_peers(DbView *view)
{
    const GPtrArray *links = view->batch->links;

    for (guint i = 0; i < links->len; i++) {
        const DbLink *link = links->pdata[i];
        int class_id = link->relation->target_class;
        if (link->was == link->now || !link->relation->has_peer)
            continue;
        if (db_view_row(view, class_id, link->target) == NULL)
            continue;
        DbPending *pending = db_layer_pending(view->batch, class_id, link->target);
        if (pending == NULL)
            pending = open_pending(view, view->batch, class_id, link->target,
                                   row_below(view, class_id, link->target));
        pending->needs_touch |= link->relation->is_stored;
    }
}
