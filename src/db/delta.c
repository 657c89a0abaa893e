/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is newer than a generation. Rows stand in order of change, deletions in a ring, so only what is newer
 * is walked. */
#include "db/db.h"

#include "db/internal.h"
#include <string.h>

typedef struct Gathering {
    Db *db;
    guint64 since;
    GArray *changes; /* of DbDeltaChange */
    gboolean is_lost;
} Gathering;

static void
add_row(Gathering *gathering, const DbSlot *slot)
{
    const DbRow *row = slot->row;
    DbDeltaChange change = {.operation = row->created > gathering->since ? DB_ADD : DB_MOD,
                            .class_id = model_class_id(row->model_class),
                            .changed = row->changed,
                            .order = slot->order,
                            .ref = value_ref(db_row_ref_value(row)),
                            .row = db_row_ref(slot->row)};

    g_array_append_val(gathering->changes, change);
}

/* An object that came after @since and went again was never seen. */
static void
add_deletion(Gathering *gathering, int class_id, const DbDeletion *deletion)
{
    if (deletion->created > gathering->since)
        return;
    DbDeltaChange change = {.operation = DB_DEL,
                            .class_id = class_id,
                            .changed = deletion->generation,
                            .order = deletion->order,
                            .ref = value_ref(deletion->ref)};
    g_array_append_val(gathering->changes, change);
}

/* Whether deletions between @since and the oldest remembered are missing. Somebody who starts from nothing
 * misses none. */
static void
check_lost(Gathering *gathering, const DbTable *table)
{
    if (gathering->since > 0 && gathering->since < table->deletions_since)
        gathering->is_lost = TRUE;
}

static void
gather_deletions(Gathering *gathering, const DbTable *table, const char *ref)
{
    check_lost(gathering, table);
    for (guint age = 0; gathering->since > 0 && age < table->n_deletions; age++) {
        const DbDeletion *deletion = db_table_deletion(table, age);
        if (deletion->generation <= gathering->since)
            break;
        if (ref == NULL || strcmp(ref, value_get_string(deletion->ref)) == 0)
            add_deletion(gathering, table->info->id, deletion);
    }
}

static void
gather_class(Gathering *gathering, const DbTable *table)
{
    for (const DbSlot *slot = table->changed_last; slot != NULL; slot = slot->changed_prev) {
        if (slot->row->changed <= gathering->since)
            break;
        add_row(gathering, slot);
    }
    gather_deletions(gathering, table, NULL);
}

static void
gather_object(Gathering *gathering, const DbTable *table, const char *ref)
{
    const DbSlot *slot = db_table_find(table, ref);

    if (slot == NULL)
        gather_deletions(gathering, table, ref);
    else if (slot->row->changed > gathering->since)
        add_row(gathering, slot);
}

static int
compare_changes(gconstpointer a, gconstpointer b)
{
    const DbDeltaChange *x = a, *y = b;

    if (x->operation != y->operation)
        return (int)x->operation - (int)y->operation;
    return x->order < y->order ? -1 : x->order > y->order;
}

static gboolean
is_same_change(const DbDeltaChange *a, const DbDeltaChange *b)
{
    return a->operation == b->operation && a->order == b->order;
}

static void
change_clear(DbDeltaChange *change)
{
    value_unref(change->ref);
    db_row_unref(change->row);
}

/* Interests may overlap (a class and one of its objects): sorted, the same change stands twice in a row. */
static gsize
sort_changes(GArray *changes)
{
    DbDeltaChange *all = (DbDeltaChange *)(gpointer)changes->data;
    gsize n = 0;

    g_array_sort(changes, compare_changes);
    for (gsize i = 0; i < changes->len; i++) {
        if (n > 0 && is_same_change(&all[n - 1], &all[i]))
            change_clear(&all[i]);
        else
            all[n++] = all[i];
    }
    return n;
}

DbDelta *
db_delta_new(Db *db, guint64 generation, const DbInterest *interests, gsize n_interests)
{
    DbDelta *delta = g_new0(DbDelta, 1);
    Gathering gathering = {
        .db = db, .since = generation, .changes = g_array_new(FALSE, FALSE, sizeof(DbDeltaChange))};

    delta->counts = g_new(gsize, db->schema->n_classes);
    db_lock_shared(db);
    delta->generation = db->generation;
    for (gsize i = 0; i < n_interests; i++) {
        const DbTable *table = db->tables[interests[i].class_id];
        if (interests[i].ref == NULL)
            gather_class(&gathering, table);
        else
            gather_object(&gathering, table, interests[i].ref);
    }
    for (gsize i = 0; i < db->schema->n_classes; i++)
        delta->counts[i] = g_hash_table_size(db->tables[i]->by_ref);
    db_unlock_shared(db);

    delta->is_lost = gathering.is_lost || generation > delta->generation;
    delta->n_changes = sort_changes(gathering.changes);
    delta->changes = (DbDeltaChange *)(gpointer)g_array_free(gathering.changes, FALSE);
    return delta;
}

void
db_delta_free(DbDelta *delta)
{
    if (delta == NULL)
        return;
    for (gsize i = 0; i < delta->n_changes; i++)
        change_clear(&delta->changes[i]);
    g_free(delta->changes);
    g_free(delta->counts);
    g_free(delta);
}
