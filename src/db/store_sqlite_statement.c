/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running statements with errors that say which file and what for. */
#include "db/store_sqlite.h"

#include "base/error.h"

gboolean
sqlite_fail(const SqliteStore *store, const char *what, GError **error)
{
    gboolean is_foreign = sqlite3_errcode(store->handle) == SQLITE_NOTADB;

    return base_error_set(error, is_foreign ? BASE_ERROR_INVALID : BASE_ERROR_IO, "database '%s': %s: %s",
                          store->path, what, sqlite3_errmsg(store->handle));
}

gboolean
sqlite_run(const SqliteStore *store, const char *sql, GError **error)
{
    return sqlite3_exec(store->handle, sql, NULL, NULL, NULL) == SQLITE_OK || sqlite_fail(store, sql, error);
}

sqlite3_stmt *
sqlite_prepare(const SqliteStore *store, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v3(store->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        sqlite_fail(store, sql, error);
    return statement;
}

gboolean
sqlite_prepare_once(const SqliteStore *store, sqlite3_stmt **statement, const char *sql, GError **error)
{
    if (*statement == NULL)
        *statement = sqlite_prepare(store, sql, error);
    return *statement != NULL;
}

gboolean
sqlite_finish(const SqliteStore *store, sqlite3_stmt *statement, GError **error)
{
    gboolean is_done =
        sqlite3_step(statement) == SQLITE_DONE || sqlite_fail(store, sqlite3_sql(statement), error);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement); /* what was bound is the caller's and goes away */
    return is_done;
}

gboolean
sqlite_number(const SqliteStore *store, const char *sql, gint64 *ret_number, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = sqlite_prepare(store, sql, error);

    if (statement == NULL)
        return FALSE;
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return sqlite_fail(store, sql, error);
    *ret_number = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return TRUE;
}

void
sqlite_append_name(GString *sql, const char *name)
{
    g_string_append_c(sql, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            g_string_append_c(sql, '"');
        g_string_append_c(sql, *name);
    }
    g_string_append_c(sql, '"');
}

void
sqlite_statement_free(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement); /* answers the error of the last step again: it was reported then */
}

gboolean
sqlite_meta_get(const SqliteStore *store, const char *key, gint64 *ret_number, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT value FROM meta WHERE key = '%s'", key);

    return sqlite_number(store, sql, ret_number, error);
}

gboolean
sqlite_meta_set(const SqliteStore *store, const char *key, gint64 number, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO meta (key, value) VALUES ('%s', %" G_GINT64_FORMAT ") "
                        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                        key, number);

    return sqlite_run(store, sql, error);
}
