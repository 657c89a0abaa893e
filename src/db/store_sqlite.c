/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store of a single host: one SQLite file. Opening, closing, and applying batches; a batch is one SQLite
 * transaction and so one sync. */
#include "db/store_sqlite.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

/* From this many changed fields of one row on, the whole row is written at once. */
#define MANY_FIELDS 4

/* -- Statements of a class -- */

static char *
put_sql(const ModelClass *model_class)
{
    g_autoptr(GString) names = g_string_new("ref, _created, _changed");
    g_autoptr(GString) marks = g_string_new("?, ?, ?");
    g_autoptr(GString) updates = g_string_new("_created = excluded._created, _changed = excluded._changed");
    g_autoptr(GString) table = g_string_new(NULL);

    sqlite_append_name(table, model_class->name);
    for (gsize i = 0; i < model_class->n_fields; i++) {
        if (!sqlite_has_column(&model_class->fields[i]))
            continue;
        g_autoptr(GString) name = g_string_new(NULL);
        sqlite_append_name(name, model_class->fields[i].name);
        g_string_append_printf(names, ", %s", name->str);
        g_string_append(marks, ", ?");
        g_string_append_printf(updates, ", %s = excluded.%s", name->str, name->str);
    }
    return g_strdup_printf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (ref) DO UPDATE SET %s", table->str,
                           names->str, marks->str, updates->str);
}

static sqlite3_stmt *
put_statement(SqliteStore *store, int class_id, GError **error)
{
    sqlite3_stmt **put = &store->classes[class_id].put;

    if (*put == NULL) {
        g_autofree char *sql = put_sql(&model_classes[class_id]);
        *put = sqlite_prepare(store, sql, error);
    }
    return *put;
}

/* A prepared statement of a class: @before, its table, SET @column if any, @after. */
static sqlite3_stmt *
class_statement(SqliteStore *store, sqlite3_stmt **statement, int class_id, const char *before,
                const char *column, const char *after, GError **error)
{
    if (*statement == NULL) {
        g_autoptr(GString) sql = g_string_new(before);
        sqlite_append_name(sql, model_classes[class_id].name);
        if (column != NULL) {
            g_string_append(sql, " SET ");
            sqlite_append_name(sql, column);
        }
        g_string_append(sql, after);
        *statement = sqlite_prepare(store, sql->str, error);
    }
    return *statement;
}

/* -- Changes -- */

static gboolean
put_row(SqliteStore *store, const StoreChange *change, GError **error)
{
    const ModelClass *model_class = &model_classes[change->class_id];
    sqlite3_stmt *put = put_statement(store, change->class_id, error);
    int index = 1;

    if (put == NULL)
        return FALSE;
    sqlite3_bind_text(put, index++, change->ref, -1, SQLITE_STATIC);
    sqlite3_bind_int64(put, index++, (gint64)change->created);
    sqlite3_bind_int64(put, index++, (gint64)change->changed);
    for (gsize i = 0; i < model_class->n_fields; i++)
        if (sqlite_has_column(&model_class->fields[i]))
            sqlite_bind(store, put, index++, change->fields[i], 0);
    return sqlite_finish(store, put, error);
}

static gboolean
set_field(SqliteStore *store, const StoreChange *change, GError **error)
{
    const ModelClass *model_class = &model_classes[change->class_id];
    SqliteClass *class = &store->classes[change->class_id];

    if (class->set == NULL)
        class->set = g_new0(sqlite3_stmt *, model_class->n_fields);
    sqlite3_stmt *set =
        class_statement(store, &class->set[change->field], change->class_id, "UPDATE ",
                        model_class->fields[change->field].name, " = ?, _changed = ? WHERE ref = ?", error);
    if (set == NULL)
        return FALSE;
    sqlite_bind(store, set, 1, change->new_value, 0);
    sqlite3_bind_int64(set, 2, (gint64)change->changed);
    sqlite3_bind_text(set, 3, change->ref, -1, SQLITE_STATIC);
    return sqlite_finish(store, set, error);
}

static gboolean
touch_row(SqliteStore *store, const StoreChange *change, GError **error)
{
    sqlite3_stmt *touch = class_statement(store, &store->classes[change->class_id].touch, change->class_id,
                                          "UPDATE ", "_changed", " = ? WHERE ref = ?", error);

    if (touch == NULL)
        return FALSE;
    sqlite3_bind_int64(touch, 1, (gint64)change->changed);
    sqlite3_bind_text(touch, 2, change->ref, -1, SQLITE_STATIC);
    return sqlite_finish(store, touch, error);
}

static gboolean
delete_row(SqliteStore *store, const StoreChange *change, GError **error)
{
    if (!model_classes[change->class_id].is_persistent) /* no table: only the log is told */
        return TRUE;
    sqlite3_stmt *delete = class_statement(store, &store->classes[change->class_id].delete, change->class_id,
                                           "DELETE FROM ", NULL, " WHERE ref = ?", error);
    if (delete == NULL)
        return FALSE;
    sqlite3_bind_text(delete, 1, change->ref, -1, SQLITE_STATIC);
    return sqlite_finish(store, delete, error);
}

static gboolean
log_changes(SqliteStore *store, const StoreChange *changes, gsize n, GError **error)
{
    for (gsize i = 0; i < n; i++)
        if (!sqlite_log_add(store, &changes[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
set_fields(SqliteStore *store, const StoreChange *changes, gsize n, GError **error)
{
    if (n >= MANY_FIELDS)
        return put_row(store, &changes[0], error);
    for (gsize i = 0; i < n; i++)
        if (!set_field(store, &changes[i], error))
            return FALSE;
    return TRUE;
}

/* How many changes from the first on set fields of the same version of one row. */
static gsize
count_fields_of_row(const StoreChange *changes, gsize n)
{
    gsize count = 1;

    while (count < n && changes[count].kind == STORE_SET_FIELD && changes[count].fields == changes[0].fields)
        count++;
    return count;
}

/* Applies the first change, or several that go together; *@ret_n is how many. */
static gboolean
apply_some(SqliteStore *store, const StoreChange *changes, gsize n, gsize *ret_n, GError **error)
{
    *ret_n = 1;
    switch (changes[0].kind) {
    case STORE_PUT_ROW:
        return put_row(store, &changes[0], error) && log_changes(store, changes, 1, error);
    case STORE_SET_FIELD:
        *ret_n = count_fields_of_row(changes, n);
        return set_fields(store, changes, *ret_n, error) && log_changes(store, changes, *ret_n, error);
    case STORE_TOUCH_ROW:
        return touch_row(store, &changes[0], error);
    case STORE_DELETE_ROW:
        return delete_row(store, &changes[0], error) && log_changes(store, changes, 1, error);
    }
    g_assert_not_reached();
}

static gboolean
apply_all(SqliteStore *store, const StoreChange *changes, gsize n_changes, GError **error)
{
    gsize n;

    for (gsize i = 0; i < n_changes; i += n)
        if (!apply_some(store, changes + i, n_changes - i, &n, error))
            return FALSE;
    return sqlite_log_trim(store, error);
}

static gboolean
sqlite_apply(DbStore *base, guint64 generation, const StoreChange *changes, gsize n_changes, GError **error)
{
    SqliteStore *store = (SqliteStore *)base;

    if (!sqlite_run(store, "BEGIN IMMEDIATE", error))
        return FALSE;
    if (apply_all(store, changes, n_changes, error) && sqlite_run(store, "COMMIT", error))
        return TRUE;
    if (!sqlite3_get_autocommit(store->handle)) /* some errors have rolled back already */
        sqlite_run(store, "ROLLBACK", NULL);
    return FALSE;
}

/* Also says that somebody has it open: until close() takes that back, an end is a crash. */
static gboolean
sqlite_reserve(DbStore *base, guint64 generation, GError **error)
{
    const SqliteStore *store = (SqliteStore *)base;

    if (!sqlite_run(store, "BEGIN IMMEDIATE", error))
        return FALSE;
    if (sqlite_meta_set(store, "reserved", (gint64)generation, error) &&
        sqlite_meta_set(store, "is_open", 1, error) && sqlite_run(store, "COMMIT", error))
        return TRUE;
    if (!sqlite3_get_autocommit(store->handle))
        sqlite_run(store, "ROLLBACK", NULL);
    return FALSE;
}

/* -- Opening and closing -- */

static void
free_statements(SqliteStore *store)
{
    for (gsize i = 0; i < model_n_classes; i++) {
        SqliteClass *class = &store->classes[i];
        sqlite_statement_free(class->put);
        sqlite_statement_free(class->touch);
        sqlite_statement_free(class->delete);
        for (gsize j = 0; class->set != NULL && j < model_classes[i].n_fields; j++)
            sqlite_statement_free(class->set[j]);
        g_free(class->set);
    }
    sqlite_statement_free(store->log);
}

static void
sqlite_store_free(SqliteStore *store)
{
    if (store == NULL)
        return;
    free_statements(store);
    sqlite3_close(store->handle);
    base_fd_clear(&store->lock_fd);
    g_string_free(store->scratch, TRUE);
    g_free(store->classes);
    g_free(store->store.notes_path);
    g_free(store->path);
    g_free(store);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqliteStore, sqlite_store_free)

static void
sqlite_close(DbStore *base, guint64 generation)
{
    SqliteStore *store = (SqliteStore *)base;

    /* Failing is harmless: the next start takes it for a crash. */
    if (generation > 0 && sqlite_run(store, "BEGIN IMMEDIATE", NULL)) {
        if (!sqlite_meta_set(store, "reserved", (gint64)generation, NULL) ||
            !sqlite_meta_set(store, "is_open", 0, NULL) || !sqlite_run(store, "COMMIT", NULL))
            sqlite_run(store, "ROLLBACK", NULL);
    }
    sqlite_store_free(store);
}

static const DbStoreVtable sqlite_vtable = {sqlite_read_all, sqlite_apply, sqlite_reserve, sqlite_close};

/* Two writers would each show a different database. The lock is the kernel's and goes with the process. */
static gboolean
take_lock(SqliteStore *store, GError **error)
{
    g_autofree char *path = g_strconcat(store->path, ".lock", NULL);

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return base_error_errno(error, errno, "open '%s'", path);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    if (errno == EWOULDBLOCK)
        return base_error_set(error, BASE_ERROR_IO, "database '%s' is in use by another process",
                              store->path);
    return base_error_errno(error, errno, "lock '%s'", path);
}

/* SQLite would make it readable to all; its other files take the mode of this one. */
static gboolean
create_file(const SqliteStore *store, GError **error)
{
    auto_fd fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == EEXIST || base_error_errno(error, errno, "create '%s'", store->path);
    g_autofree char *folder = g_path_get_dirname(store->path);
    return base_dir_sync(folder, error);
}

static gboolean
connect_file(SqliteStore *store, int flags, GError **error)
{
    if (sqlite3_open_v2(store->path, &store->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK)
        return sqlite_fail(store, "open", error);
    sqlite3_busy_timeout(store->handle, 10000); /* an administrator may be looking */
    return sqlite_schema_check(store, error);
}

static gboolean
open_for_writing(SqliteStore *store, gboolean is_file, GError **error)
{
    if (is_file && (!take_lock(store, error) || !create_file(store, error)))
        return FALSE;
    return connect_file(store, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error) &&
           sqlite_run(
               store,
               "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000;"
               "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8192",
               error) &&
           sqlite_schema_upgrade(store, error);
}

DbStore *
db_store_sqlite_open(const char *path, gboolean read_only, GError **error)
{
    g_autoptr(SqliteStore) store = g_new0(SqliteStore, 1);

    model_init();
    store->store.vtable = &sqlite_vtable;
    store->store.is_read_only = read_only;
    store->path = g_strdup(path != NULL ? path : ":memory:");
    if (path != NULL && !read_only)
        store->store.notes_path = g_strconcat(path, ".shown", NULL);
    store->lock_fd = -1;
    store->classes = g_new0(SqliteClass, model_n_classes);
    store->scratch = g_string_new(NULL);
    gboolean is_open = read_only ? connect_file(store, SQLITE_OPEN_READONLY, error)
                                 : open_for_writing(store, path != NULL, error);
    return is_open ? (DbStore *)g_steal_pointer(&store) : NULL;
}
