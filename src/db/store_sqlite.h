/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The SQLite store from the inside, shared by the store_sqlite files. One connection, used by one thread at a
 * time. */
#pragma once

#include "db/store.h"
#include <sqlite3.h>

/* Of the file's layout, not of the model: a program refuses files of a later one. */
#define STORE_FORMAT 1

/* Changes kept in the log, and after how many new ones it is cut. */
#define STORE_LOG_KEPT       100000
#define STORE_LOG_TRIM_EVERY 1000

/* Prepared when first wanted. */
typedef struct SqliteClass {
    sqlite3_stmt *put;
    sqlite3_stmt *touch;
    sqlite3_stmt *delete;
    sqlite3_stmt **set; /* by field */
} SqliteClass;

typedef struct SqliteStore {
    DbStore store; /* first: a DbStore pointer is a SqliteStore pointer */
    sqlite3 *handle;
    char *path; /* for messages */
    int lock_fd;
    SqliteClass *classes; /* by class id */
    sqlite3_stmt *log;
    guint log_untrimmed; /* rows since it was last cut */
    GString *scratch;    /* text of the set or map at hand */
} SqliteStore;

/* -- store_sqlite_statement.c: small helpers; all errors name the file -- */

/** sqlite_fail: sets BASE_ERROR_IO (or _INVALID for what is no database) with @what and SQLite's words.
 * Returns FALSE. */
gboolean sqlite_fail(const SqliteStore *store, const char *what, GError **error);
gboolean sqlite_run(const SqliteStore *store, const char *sql, GError **error);
/** sqlite_prepare: NULL on failure. */
sqlite3_stmt *sqlite_prepare(const SqliteStore *store, const char *sql, GError **error);
/** sqlite_prepare_once: prepares into *@statement unless it is there already. */
gboolean sqlite_prepare_once(const SqliteStore *store, sqlite3_stmt **statement, const char *sql,
                             GError **error);
/** sqlite_finish: runs a statement that answers nothing, then makes it ready for the next time. */
gboolean sqlite_finish(const SqliteStore *store, sqlite3_stmt *statement, GError **error);
/** sqlite_number: the first column of the first row; 0 if there is none. */
gboolean sqlite_number(const SqliteStore *store, const char *sql, gint64 *ret_number, GError **error);
/** sqlite_append_name: a quoted identifier. */
void sqlite_append_name(GString *sql, const char *name);
void sqlite_statement_free(sqlite3_stmt *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite_statement_free)

/** sqlite_meta_get / _set: entries of the table "meta"; 0 when absent. */
gboolean sqlite_meta_get(const SqliteStore *store, const char *key, gint64 *ret_number, GError **error);
gboolean sqlite_meta_set(const SqliteStore *store, const char *key, gint64 number, GError **error);

/* -- store_sqlite_schema.c -- */

/** sqlite_schema_check: that the file is ours and not of a later format. */
gboolean sqlite_schema_check(const SqliteStore *store, GError **error);
/** sqlite_schema_upgrade: makes what the model has and the file lacks. */
gboolean sqlite_schema_upgrade(const SqliteStore *store, GError **error);
/** sqlite_schema_columns: names of a table's columns; empty without such a table. */
gboolean sqlite_schema_columns(const SqliteStore *store, const char *table, GHashTable **ret_names,
                               GError **error);
/** sqlite_has_column: whether a field is a column. */
gboolean sqlite_has_column(const ModelField *field);

/* -- store_sqlite_value.c -- */

/** sqlite_bind: @value in the column form of its kind; texts over @max_length bytes are cut (0: never). */
void sqlite_bind(SqliteStore *store, sqlite3_stmt *statement, int index, const Value *value,
                 gsize max_length);

/* Values of one column seen before, so that equal ones are shared. */
typedef struct SqliteColumn {
    const ModelField *field;
    GHashTable *seen; /* text -> Value; NULL when it does not pay */
    guint n_hits;
} SqliteColumn;

void sqlite_column_init(SqliteColumn *column, const ModelField *field);
void sqlite_column_clear(SqliteColumn *column);
/** sqlite_column_read: (transfer full) (nullable): NULL for an SQL NULL. What does not fit the field's type
 * comes as a VALUE_STRING, or VALUE_NIL where it is not even text. */
Value *sqlite_column_read(SqliteColumn *column, sqlite3_stmt *statement, int index);

/* -- store_sqlite_read.c -- */

/** sqlite_read_all: the vtable's read_all. */
gboolean sqlite_read_all(DbStore *store, StoreRowVisit row, StoreDeletionVisit deletion, gpointer data,
                         StoreState *ret_state, GError **error);

/* -- store_sqlite_log.c -- */

/** sqlite_log_create: makes the change log's table if it is not there. */
gboolean sqlite_log_create(const SqliteStore *store, GError **error);
/** sqlite_log_add: one line of the log, in the batch's transaction. */
gboolean sqlite_log_add(SqliteStore *store, const StoreChange *change, GError **error);
/** sqlite_log_trim: cuts it, once in a while. */
gboolean sqlite_log_trim(SqliteStore *store, GError **error);
