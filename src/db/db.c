/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening, closing and reading the database. How it is filled is in load.c, how it changes in txn.c, apply.c
 * and writer.c. */
#include "db/db.h"

#include "db/internal.h"
#include "db/writer.h"
#include "model/api_error.h"

/* -- Errors -- */

gboolean
db_not_found(int class_id, const char *ref, GError **error)
{
    const char *params[] = {model_classes[class_id].name, ref, NULL};

    return api_error_set(error, "HANDLE_INVALID", params);
}

gboolean
db_internal_error(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    const char *params[] = {text, NULL};
    return api_error_set(error, "INTERNAL_ERROR", params);
}

/* -- Opening and closing -- */

static void
init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;

    /* Otherwise a steady stream of readers could keep the writer out for ever. Readers therefore never lock
     * twice. */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static Db *
db_new(DbStore *store)
{
    Db *db = g_new0(Db, 1);

    db->store = store;
    db->schema = db_schema_new();
    init_lock(&db->lock);
    g_mutex_init(&db->hook_mutex);
    db->tables = g_new0(DbTable *, db->schema->n_classes);
    for (gsize i = 0; i < db->schema->n_classes; i++)
        db->tables[i] = db_table_new(&db->schema->classes[i]);
    return db;
}

static void
db_free(Db *db, guint64 last_generation)
{
    db_notes_free(db->notes, last_generation > 0);
    db->store->vtable->close(db->store, last_generation);
    for (gsize i = 0; i < db->schema->n_classes; i++)
        db_table_free(db->tables[i]);
    g_free(db->tables);
    db_schema_free(db->schema);
    g_mutex_clear(&db->hook_mutex);
    pthread_rwlock_destroy(&db->lock);
    g_free(db);
}

Db *
db_open(DbStore *store, GError **error)
{
    model_init();
    Db *db = db_new(store);
    if (!db_load(db, error)) {
        db_free(db, 0);
        return NULL;
    }
    if (!store->is_read_only)
        db->writer = db_writer_new(db);
    return db;
}

void
db_close(Db *db)
{
    if (db == NULL)
        return;
    db_writer_free(db->writer);
    db_free(db, db->store->is_read_only ? 0 : db_settle(db));
}

/* -- Reading -- */

void
db_lock_shared(Db *db)
{
    pthread_rwlock_rdlock(&db->lock);
}

void
db_unlock_shared(Db *db)
{
    pthread_rwlock_unlock(&db->lock);
}

static void
unref_row(gpointer row)
{
    db_row_unref(row);
}

static GPtrArray *
rows_of_set(const DbSlotSet *set)
{
    GPtrArray *rows = g_ptr_array_new_full(set != NULL ? (guint)db_slot_set_size(set) : 0, unref_row);
    DbSlotIter iter = {.set = set};

    for (DbSlot *slot; (slot = db_slot_iter_next(&iter)) != NULL;)
        g_ptr_array_add(rows, db_row_ref(slot->row));
    return rows;
}

DbRow *
db_get(Db *db, int class_id, const char *ref)
{
    db_lock_shared(db);
    DbSlot *slot = db_table_find(db->tables[class_id], ref);
    DbRow *row = slot != NULL ? db_row_ref(slot->row) : NULL;
    db_unlock_shared(db);
    return row;
}

DbRow *
db_require(Db *db, int class_id, const char *ref, GError **error)
{
    DbRow *row = db_get(db, class_id, ref);

    if (row == NULL)
        db_not_found(class_id, ref, error);
    return row;
}

DbRow *
db_get_by_uuid(Db *db, int class_id, const char *uuid)
{
    db_lock_shared(db);
    DbSlot *slot = db_table_find_uuid(db->tables[class_id], uuid);
    DbRow *row = slot != NULL ? db_row_ref(slot->row) : NULL;
    db_unlock_shared(db);
    return row;
}

GPtrArray *
db_get_by_name(Db *db, int class_id, const char *name_label)
{
    db_lock_shared(db);
    GPtrArray *rows = rows_of_set(db_table_find_name(db->tables[class_id], name_label));
    db_unlock_shared(db);
    return rows;
}

GPtrArray *
db_get_all(Db *db, int class_id)
{
    db_lock_shared(db);
    DbTable *table = db->tables[class_id];
    GPtrArray *rows = g_ptr_array_new_full(g_hash_table_size(table->by_ref), unref_row);
    for (DbSlot *slot = table->created_first; slot != NULL; slot = slot->created_next)
        g_ptr_array_add(rows, db_row_ref(slot->row));
    db_unlock_shared(db);
    return rows;
}

gsize
db_count(Db *db, int class_id)
{
    db_lock_shared(db);
    gsize count = g_hash_table_size(db->tables[class_id]->by_ref);
    db_unlock_shared(db);
    return count;
}

GPtrArray *
db_referrers(Db *db, int class_id, int field, const char *ref)
{
    const DbRelation *relation = db_schema_relation(db->schema, class_id, field);

    if (relation == NULL)
        return g_ptr_array_new_with_free_func(unref_row);
    db_lock_shared(db);
    DbSlot *target = db_table_find(db->tables[relation->target_class], ref);
    GPtrArray *rows = rows_of_set(target != NULL ? db_slot_referrers(target, relation) : NULL);
    db_unlock_shared(db);
    return rows;
}

guint64
db_generation(Db *db)
{
    db_lock_shared(db);
    guint64 generation = db->generation;
    db_unlock_shared(db);
    return generation;
}

void
db_set_commit_hook(Db *db, DbCommitHook hook, gpointer data)
{
    g_mutex_lock(&db->hook_mutex);
    db->hook = hook;
    db->hook_data = data;
    g_mutex_unlock(&db->hook_mutex);
}
