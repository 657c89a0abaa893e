/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last act of a database closed in order: remembers in the store what only memory knew of changes, so that event tokens stay true:
 * rows changed in fields that are not stored, and rows and deletions that were never stored. See load.c for the other end. */
#include "db/internal.h"

#include "base/log.h"

typedef struct Settling {
    Db *db;
    guint64 generation;
    GArray *changes; /* of StoreChange; everything they name stays where it is: no thread runs any more */
} Settling;

static gboolean
has_volatile_content(const DbClassInfo *info, const DbRow *row)
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
    } else if (has_volatile_content(info, row)) {
        change.changed = settling->generation;
    } else if (slot->stored == row->changed) {
        return;
    }
    g_array_append_val(settling->changes, change);
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

guint64
db_settle(Db *db)
{
    Settling settling = {db, db->generation + 1, g_array_new(FALSE, FALSE, sizeof(StoreChange))};
    g_autoptr(GArray) changes = settling.changes;
    g_autoptr(GError) error = NULL;

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
    if (db->store->vtable->apply(db->store, settling.generation, (const StoreChange *)(gpointer)changes->data, changes->len, &error))
        return settling.generation;
    log_warning("database: not closed in order: %s", error->message); /* the next start takes it for a crash, which is safe */
    return 0;
}
