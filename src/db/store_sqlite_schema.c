/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file's tables against the model: one per class, one column per field that is kept. Only ever adds: a
 * column the model no longer has stays behind, and a program of before finds it again. */
#include "db/store_sqlite.h"

#include "base/error.h"

/* "Xylm", so that file(1) and we know our files. */
#define APPLICATION_ID 0x58796c6d

gboolean
sqlite_has_column(const ModelField *field)
{
    return field->is_persistent && !field->is_derived;
}

static const char *
column_type(const Type *type)
{
    switch (type->kind) {
    case TYPE_INT:
    case TYPE_BOOL:
        return "INTEGER";
    case TYPE_FLOAT:
        return "REAL";
    default:
        return "TEXT";
    }
}

static void
append_column(GString *sql, const ModelField *field)
{
    sqlite_append_name(sql, field->name);
    g_string_append_printf(sql, " %s", column_type(field->type));
}

gboolean
sqlite_schema_columns(const SqliteStore *store, const char *table, GHashTable **ret_names, GError **error)
{
    g_autoptr(GString) sql = g_string_new("PRAGMA table_info (");
    sqlite_append_name(sql, table);
    g_string_append_c(sql, ')');
    g_autoptr(sqlite3_stmt) statement = sqlite_prepare(store, sql->str, error);
    if (statement == NULL)
        return FALSE;

    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        g_hash_table_add(names, g_strdup((const char *)sqlite3_column_text(statement, 1)));
    if (result != SQLITE_DONE)
        return sqlite_fail(store, sql->str, error);
    *ret_names = g_steal_pointer(&names);
    return TRUE;
}

gboolean
sqlite_schema_check(const SqliteStore *store, GError **error)
{
    gint64 application, format, n_tables;

    if (!sqlite_number(store, "PRAGMA application_id", &application, error) ||
        !sqlite_number(store, "PRAGMA user_version", &format, error) ||
        !sqlite_number(store, "SELECT count(*) FROM sqlite_schema", &n_tables, error))
        return FALSE;
    if (application != APPLICATION_ID && n_tables > 0)
        return base_error_set(error, BASE_ERROR_INVALID,
                              "'%s' is a database of another program; name another file", store->path);
    if (format > STORE_FORMAT)
        return base_error_set(error, BASE_ERROR_INVALID,
                              "'%s' has format %d, written by a later version; this one knows formats up to "
                              "%d: run the later version, or restore a "
                              "backup made by this one",
                              store->path, (int)format, STORE_FORMAT);
    return TRUE;
}

/* -- Upgrade -- */

/* One line per column, so that a changed model is noticed without reading the file's schema. */
static char *
model_fingerprint(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (gsize i = 0; i < model_n_classes; i++) {
        const ModelClass *model_class = &model_classes[i];
        if (!model_class->is_persistent || !model_class->has_rows)
            continue;
        g_string_append_printf(text, "%s\n", model_class->name);
        for (gsize j = 0; j < model_class->n_fields; j++)
            if (sqlite_has_column(&model_class->fields[j]))
                g_string_append_printf(text, " %s %s\n", model_class->fields[j].name,
                                       model_class->fields[j].type->name);
    }
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

static gboolean
create_table(const SqliteStore *store, const ModelClass *model_class, GError **error)
{
    g_autoptr(GString) sql = g_string_new("CREATE TABLE ");

    sqlite_append_name(sql, model_class->name);
    g_string_append(sql, " (ref TEXT PRIMARY KEY, _created INTEGER, _changed INTEGER");
    for (gsize i = 0; i < model_class->n_fields; i++) {
        if (!sqlite_has_column(&model_class->fields[i]))
            continue;
        g_string_append(sql, ", ");
        append_column(sql, &model_class->fields[i]);
    }
    g_string_append_c(sql, ')');
    return sqlite_run(store, sql->str, error);
}

static gboolean
add_column(const SqliteStore *store, const ModelClass *model_class, const ModelField *field, GError **error)
{
    g_autoptr(GString) sql = g_string_new("ALTER TABLE ");

    sqlite_append_name(sql, model_class->name);
    g_string_append(sql, " ADD COLUMN ");
    append_column(sql, field);
    return sqlite_run(store, sql->str, error);
}

static gboolean
upgrade_class(const SqliteStore *store, const ModelClass *model_class, GError **error)
{
    g_autoptr(GHashTable) columns = NULL;

    if (!sqlite_schema_columns(store, model_class->name, &columns, error))
        return FALSE;
    if (g_hash_table_size(columns) == 0)
        return create_table(store, model_class, error);
    for (gsize i = 0; i < model_class->n_fields; i++) {
        const ModelField *field = &model_class->fields[i];
        if (sqlite_has_column(field) && !g_hash_table_contains(columns, field->name) &&
            !add_column(store, model_class, field, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_current(const SqliteStore *store, const char *fingerprint, gboolean *ret_is_current, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT count(*) FROM meta WHERE key = 'model' AND value = '%s'", fingerprint);
    gint64 n;

    if (!sqlite_number(store, sql, &n, error))
        return FALSE;
    *ret_is_current = n > 0;
    return TRUE;
}

static gboolean
upgrade_classes(const SqliteStore *store, const char *fingerprint, GError **error)
{
    for (gsize i = 0; i < model_n_classes; i++) {
        const ModelClass *model_class = &model_classes[i];
        if (model_class->is_persistent && model_class->has_rows && !upgrade_class(store, model_class, error))
            return FALSE;
    }
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO meta (key, value) VALUES ('model', '%s'), ('version', '%s')"
                        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                        fingerprint, XYLEM_VERSION);
    return sqlite_run(store, sql, error);
}

static gboolean
upgrade(const SqliteStore *store, GError **error)
{
    g_autofree char *fingerprint = model_fingerprint();
    g_autofree char *marks =
        g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, STORE_FORMAT);
    gboolean current;

    if (!sqlite_run(store, "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
                    error))
        return FALSE;
    if (!is_current(store, fingerprint, &current, error))
        return FALSE;
    if (current)
        return TRUE;
    return sqlite_run(store, marks, error) && sqlite_log_create(store, error) &&
           upgrade_classes(store, fingerprint, error);
}

gboolean
sqlite_schema_upgrade(const SqliteStore *store, GError **error)
{
    if (!sqlite_run(store, "BEGIN IMMEDIATE", error))
        return FALSE;
    if (upgrade(store, error) && sqlite_run(store, "COMMIT", error))
        return TRUE;
    sqlite_run(store, "ROLLBACK", NULL);
    return FALSE;
}
