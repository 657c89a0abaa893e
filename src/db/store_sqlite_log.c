/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table "change": who changed what and when, newest last, of bounded length. Deletions in it serve event
 * tokens over a restart. */
#include "db/store_sqlite.h"

#include "base/text.h"
#include <string.h>

/* Longer texts are cut in the log: it is for reading, the row has all. */
#define LOG_TEXT_MAX 4096

/* Fields whose values stay out of the log: it outlives the row. */
static const struct {
    const char *class_name, *field;
} log_secrets[] = {
    {"secret", "value"},
};

static const char *const operation_names[] = {
    [STORE_PUT_ROW] = "add",
    [STORE_SET_FIELD] = "set",
    [STORE_DELETE_ROW] = "delete",
};

gboolean
sqlite_log_create(const SqliteStore *store, GError **error)
{
    return sqlite_run(store,
                      "CREATE TABLE IF NOT EXISTS change (id INTEGER PRIMARY KEY, generation INTEGER, time "
                      "TEXT, task TEXT, user TEXT,"
                      " class TEXT, ref TEXT, operation TEXT, field TEXT, old, new, created INTEGER)",
                      error) &&
           sqlite_run(store,
                      "CREATE INDEX IF NOT EXISTS change_deletions ON change (generation) WHERE operation = "
                      "'delete'",
                      error);
}

static gboolean
is_secret(const ModelClass *model_class, const ModelField *field)
{
    for (gsize i = 0; i < G_N_ELEMENTS(log_secrets); i++)
        if (strcmp(log_secrets[i].class_name, model_class->name) == 0 &&
            strcmp(log_secrets[i].field, field->name) == 0)
            return TRUE;
    return FALSE;
}

static void
bind_field(SqliteStore *store, const StoreChange *change)
{
    const ModelClass *model_class = &model_classes[change->class_id];
    const ModelField *field = &model_class->fields[change->field];

    sqlite3_bind_text(store->log, 8, field->name, -1, SQLITE_STATIC);
    if (is_secret(model_class, field))
        return;
    sqlite_bind(store, store->log, 9, change->old_value, LOG_TEXT_MAX);
    sqlite_bind(store, store->log, 10, change->new_value, LOG_TEXT_MAX);
}

gboolean
sqlite_log_add(SqliteStore *store, const StoreChange *change, GError **error)
{
    g_autofree char *now = base_time_to_wire(base_now_us() / G_USEC_PER_SEC);

    if (!sqlite_prepare_once(store, &store->log,
                             "INSERT INTO change (generation, time, task, user, class, ref, operation, "
                             "field, old, new, created)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                             error))
        return FALSE;
    sqlite3_bind_int64(store->log, 1, (gint64)change->changed);
    sqlite3_bind_text(store->log, 2, now, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->log, 3, change->task, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->log, 4, change->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->log, 5, model_classes[change->class_id].name, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->log, 6, change->ref, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->log, 7, operation_names[change->kind], -1, SQLITE_STATIC);
    if (change->kind == STORE_SET_FIELD)
        bind_field(store, change);
    if (change->kind == STORE_DELETE_ROW)
        sqlite3_bind_int64(store->log, 11, (gint64)change->created);
    store->log_untrimmed++;
    return sqlite_finish(store, store->log, error);
}

gboolean
sqlite_log_trim(SqliteStore *store, GError **error)
{
    gint64 last, lost, known;

    if (store->log_untrimmed < STORE_LOG_TRIM_EVERY)
        return TRUE;
    if (!sqlite_number(store, "SELECT max(id) FROM change", &last, error))
        return FALSE;
    gint64 cut = last - STORE_LOG_KEPT;
    g_autofree char *lost_sql = g_strdup_printf(
        "SELECT max(generation) FROM change WHERE operation = 'delete' AND id <= %" G_GINT64_FORMAT, cut);
    g_autofree char *delete_sql = g_strdup_printf("DELETE FROM change WHERE id <= %" G_GINT64_FORMAT, cut);
    if (cut > 0) {
        if (!sqlite_number(store, lost_sql, &lost, error) ||
            !sqlite_meta_get(store, "deletions_since", &known, error))
            return FALSE;
        if (lost > known && !sqlite_meta_set(store, "deletions_since", lost, error))
            return FALSE;
        if (!sqlite_run(store, delete_sql, error))
            return FALSE;
    }
    store->log_untrimmed = 0;
    return TRUE;
}
