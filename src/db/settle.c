/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last act of a database closed in order: remembers in the store what only memory knew of changes, so
 * that event tokens stay true: rows changed in fields that are not stored, and rows and deletions that were
 * never stored. See load.c for the other end. */
#include "db/internal.h"

#include "base/log.h"

typedef struct Settling {
    Db *db;
    guint64 generation;
    GArray *changes; /* of StoreChange; the rows they name stay where they are: no thread runs any more */
    GPtrArray *kept; /* values that changes name */
} Settling;

gboolean
db_has_volatile_content(const DbClassInfo *info, const DbRow *row)
{
    for (gsize i = 0; info->has_volatile_fields && i < info->model_class->n_fields; i++) {
        const ModelField *field = &info->model_class->fields[i];
        if (!field->is_derived && !field->is_persistent && !value_equal(row->fields[i], info->defaults[i]))
            return TRUE;
    }
    return FALSE;
}

static void
settle_row(Settling *settling, const DbClassInfo *info, const DbSlot *slot)
{
    const DbRow *row = slot->row;
    StoreChange change = {.kind = STORE_TOUCH_ROW,
                          .class_id = info->id,
                          .ref = row->ref,
                          .created = row->created,
                          .changed = row->changed,
                          .fields = row->fields,
                          .field = -1};

    if (row->is_volatile) {
        change.kind = STORE_DELETE_ROW;
        change.changed = settling->generation;
    } else if (db_has_volatile_content(info, row)) {
        change.changed = settling->generation;
    } else if (slot->stored == row->changed) {
        return;
    }
    g_array_append_val(settling->changes, change);
}

/* Stored fields that name a row which will not be there. */
static void
settle_referrer(Settling *settling, const DbRelation *relation, DbSlot *source, const char *target)
{
    DbRow *row = source->row;

    if (!relation->is_stored || row->is_volatile || relation->on_delete != ON_DELETE_NULL)
        return;
    Value *old = value_ref(row->fields[relation->field]);
    Value *new = db_relation_without(settling->db->schema, relation, old, target);
    g_ptr_array_add(settling->kept, old);
    g_ptr_array_add(settling->kept, value_ref(new));
    db_row_set_field(row, relation->field, new);
    row->changed = source->stored = settling->generation;
    StoreChange change = {.kind = STORE_SET_FIELD,
                          .class_id = relation->class_id,
                          .ref = row->ref,
                          .created = row->created,
                          .changed = settling->generation,
                          .fields = row->fields,
                          .field = relation->field,
                          .old_value = old,
                          .new_value = new};
    g_array_append_val(settling->changes, change);
}

static void
settle_referrers(Settling *settling, const DbTable *table)
{
    const DbRelation *relation;

    for (const DbSlot *slot = table->created_first; slot != NULL; slot = slot->created_next) {
        if (!slot->row->is_volatile)
            continue;
        for (guint i = 0; (relation = db_slot_relation(slot, i)) != NULL; i++) {
            DbSlotIter iter = {.set = db_slot_referrers(slot, relation)};
            for (DbSlot *source; (source = db_slot_iter_next(&iter)) != NULL;)
                settle_referrer(settling, relation, source, slot->row->ref);
        }
    }
}

static void
settle_deletions(Settling *settling, const DbTable *table)
{
    for (guint age = table->n_deletions; age-- > 0;) {
        const DbDeletion *deletion = db_table_deletion(table, age);
        if (deletion->is_stored)
            continue;
        StoreChange change = {.kind = STORE_DELETE_ROW,
                              .class_id = table->info->id,
                              .ref = value_get_string(deletion->ref),
                              .created = deletion->created,
                              .changed = deletion->generation,
                              .field = -1};
        g_array_append_val(settling->changes, change);
    }
}

static void
unref_value(gpointer value)
{
    value_unref(value);
}

guint64
db_settle(Db *db)
{
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(StoreChange));
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(unref_value);
    Settling settling = {db, db->generation + 1, changes, kept};
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < db->schema->n_classes; i++)
        settle_referrers(&settling, db->tables[i]);
    for (gsize i = 0; i < db->schema->n_classes; i++) {
        DbTable *table = db->tables[i];
        if (!table->info->model_class->has_events)
            continue;
        settle_deletions(&settling, table);
        for (const DbSlot *slot = table->changed_first; slot != NULL; slot = slot->changed_next)
            settle_row(&settling, table->info, slot);
    }
    if (changes->len == 0)
        return db->generation;
    if (db->store->vtable->apply(db->store, settling.generation, (const StoreChange *)(gpointer)changes->data,
                                 changes->len, &error))
        return settling.generation;
    log_warning("database: not closed in order: %s",
                error->message); /* the next start takes it for a crash, which is safe */
    return 0;
}
