/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading everything at the start. */
#include "db/store_sqlite.h"

/* One class being read. */
typedef struct ClassReader {
    int class_id;
    const ModelClass *model_class;
    SqliteColumn *columns; /* by field */
    int *places;           /* by field: column of the answer; -1: not there */
    sqlite3_stmt *statement;
} ClassReader;

static void
reader_clear(ClassReader *reader)
{
    for (gsize i = 0; reader->columns != NULL && i < reader->model_class->n_fields; i++)
        sqlite_column_clear(&reader->columns[i]);
    g_free(reader->columns);
    g_free(reader->places);
    sqlite_statement_free(reader->statement);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ClassReader, reader_clear)

/* Rows were never replaced by newer ones with another rowid, so that its order is the order of creation. */
static gboolean
prepare_reader(ClassReader *reader, const SqliteStore *store, GHashTable *present, GError **error)
{
    const ModelClass *model_class = reader->model_class;
    g_autoptr(GString) sql = g_string_new("SELECT ref, _created, _changed");
    int place = 3;

    reader->columns = g_new0(SqliteColumn, model_class->n_fields);
    reader->places = g_new(int, model_class->n_fields);
    for (gsize i = 0; i < model_class->n_fields; i++) {
        const ModelField *field = &model_class->fields[i];
        reader->places[i] = -1;
        if (!sqlite_has_column(field) || !g_hash_table_contains(present, field->name))
            continue;
        sqlite_column_init(&reader->columns[i], field);
        reader->places[i] = place++;
        g_string_append(sql, ", ");
        sqlite_append_name(sql, field->name);
    }
    g_string_append(sql, " FROM ");
    sqlite_append_name(sql, model_class->name);
    g_string_append(sql, " ORDER BY rowid");
    reader->statement = sqlite_prepare(store, sql->str, error);
    return reader->statement != NULL;
}

static void
read_row(ClassReader *reader, StoreRowVisit visit, gpointer data, Value **fields)
{
    sqlite3_stmt *statement = reader->statement;

    for (gsize i = 0; i < reader->model_class->n_fields; i++)
        fields[i] = reader->places[i] >= 0
                        ? sqlite_column_read(&reader->columns[i], statement, reader->places[i])
                        : NULL;
    visit(data, reader->class_id, (const char *)sqlite3_column_text(statement, 0),
          (guint64)sqlite3_column_int64(statement, 1), (guint64)sqlite3_column_int64(statement, 2), fields);
}

static gboolean
read_class(const SqliteStore *store, int class_id, StoreRowVisit visit, gpointer data, GError **error)
{
    g_auto(ClassReader) reader = {.class_id = class_id, .model_class = &model_classes[class_id]};
    g_autoptr(GHashTable) present = NULL;
    int result;

    if (!sqlite_schema_columns(store, reader.model_class->name, &present, error))
        return FALSE;
    if (g_hash_table_size(present) == 0) /* read only, and older than the class */
        return TRUE;
    if (!prepare_reader(&reader, store, present, error))
        return FALSE;
    g_autofree Value **fields = g_new(Value *, reader.model_class->n_fields);
    while ((result = sqlite3_step(reader.statement)) == SQLITE_ROW)
        if (sqlite3_column_type(reader.statement, 0) != SQLITE_NULL)
            read_row(&reader, visit, data, fields);
    return result == SQLITE_DONE || sqlite_fail(store, reader.model_class->name, error);
}

static gboolean
read_deletions(const SqliteStore *store, StoreDeletionVisit visit, gpointer data, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = sqlite_prepare(store,
                                                       "SELECT class, ref, created, generation FROM change "
                                                       "WHERE operation = 'delete' ORDER BY generation, id",
                                                       error);
    int result;

    if (statement == NULL)
        return FALSE;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *ref = (const char *)sqlite3_column_text(statement, 1);
        const ModelClass *model_class = name != NULL ? model_class_by_name(name) : NULL;
        if (model_class != NULL && ref != NULL)
            visit(data, model_class_id(model_class), ref, (guint64)sqlite3_column_int64(statement, 2),
                  (guint64)sqlite3_column_int64(statement, 3));
    }
    return result == SQLITE_DONE || sqlite_fail(store, "reading deletions", error);
}

static gboolean
read_state(const SqliteStore *store, StoreState *state, GError **error)
{
    gint64 newest, reserved, is_open, deletions_since;

    if (!sqlite_number(store, "SELECT max(generation) FROM change", &newest, error) ||
        !sqlite_meta_get(store, "reserved", &reserved, error) ||
        !sqlite_meta_get(store, "is_open", &is_open, error) ||
        !sqlite_meta_get(store, "deletions_since", &deletions_since, error))
        return FALSE;
    *state = (StoreState){(guint64)MAX(newest, reserved), (guint64)deletions_since, is_open == 0};
    return TRUE;
}

gboolean
sqlite_read_all(DbStore *base, StoreRowVisit row, StoreDeletionVisit deletion, gpointer data,
                StoreState *ret_state, GError **error)
{
    const SqliteStore *store = (SqliteStore *)base;
    gint64 n_tables;

    if (!sqlite_number(store, "SELECT count(*) FROM sqlite_schema", &n_tables, error))
        return FALSE;
    if (n_tables == 0) { /* read only, and empty */
        *ret_state = (StoreState){.was_closed = TRUE};
        return TRUE;
    }
    for (gsize i = 0; i < model_n_classes; i++)
        if (model_classes[i].is_persistent && model_classes[i].has_rows &&
            !read_class(store, (int)i, row, data, error))
            return FALSE;
    return read_deletions(store, deletion, data, error) && read_state(store, ret_state, error);
}
