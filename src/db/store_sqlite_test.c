/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The SQLite file itself: who may open it, schema upgrades, what an administrator reads in it, the change
 * log, damage. */
#include "db/store_sqlite.h"

#include "base/error.h"
#include "db/test_model.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

/* A folder with a closed database of one VM. */
typedef struct Fixture {
    char *dir, *path, *vm;
} Fixture;

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    fixture->dir = test_dir_new();
    fixture->path = g_build_filename(fixture->dir, "db", NULL);
    Db *db = test_db_file(fixture->dir);
    fixture->vm = test_insert(db, CLASS_VM, "one");
    db_close(db);
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    test_dir_free(fixture->dir);
    g_free(fixture->path);
    g_free(fixture->vm);
}

/* What an administrator does with sqlite3. The answer's first column, a line each; the caller frees it. */
static char *
edit(Fixture *fixture, const char *sql)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    GString *text = g_string_new(NULL);
    int result;

    g_assert_cmpint(sqlite3_open(fixture->path, &handle), ==, SQLITE_OK);
    for (const char *rest = sql; *rest != '\0'; sqlite3_finalize(statement)) {
        g_assert_cmpint(sqlite3_prepare_v2(handle, rest, -1, &statement, &rest), ==, SQLITE_OK);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW)
            g_string_append_printf(text, "%s\n", (const char *)sqlite3_column_text(statement, 0));
        g_assert_cmpint(result, ==, SQLITE_DONE);
    }
    sqlite3_close(handle);
    return g_string_free(text, FALSE);
}

static void
change(Fixture *fixture, const char *sql)
{
    g_free(edit(fixture, sql));
}

static void
assert_refused(Fixture *fixture, BaseError code, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(db_store_sqlite_open(fixture->path, FALSE, &error));
    g_assert_error(error, BASE_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, fixture->path));
    g_assert_nonnull(strstr(error->message, words));
}

/* -- Opening -- */

static void
test_file_is_private(Fixture *fixture, gconstpointer data)
{
    struct stat status;

    g_assert_cmpint(g_stat(fixture->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void
test_second_writer_is_refused(Fixture *fixture, gconstpointer data)
{
    G_GNUC_UNUSED g_autoptr(Db) db = test_db_file(fixture->dir);

    assert_refused(fixture, BASE_ERROR_IO, "in use");
}

static void
test_later_format_is_refused(Fixture *fixture, gconstpointer data)
{
    change(fixture, "PRAGMA user_version = 1000");
    assert_refused(fixture, BASE_ERROR_INVALID, "later version");
}

static void
test_other_files_are_refused(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    change(fixture, "PRAGMA application_id = 7");
    assert_refused(fixture, BASE_ERROR_INVALID, "another program");
    g_assert_true(
        g_file_set_contents(fixture->path, "This is a letter, not a database at all.\n", -1, &error));
    assert_refused(fixture, BASE_ERROR_INVALID, "not a database");
}

static void
test_missing_folder_is_an_error(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(db_store_sqlite_open("/nonexistent/folder/db", FALSE, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(db_store_sqlite_open("/nonexistent/folder/db", TRUE, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
}

/* -- Schema
 * -----------------------------------------------------------------------------------------------------------
 */

/* Makes a file as an older program would have left it. */
static void
make_older(Fixture *fixture, const char *sql)
{
    change(fixture, sql);
    change(fixture, "UPDATE meta SET value = 'older' WHERE key = 'model'");
}

static void
test_new_field_gets_its_default(Fixture *fixture, gconstpointer data)
{
    make_older(fixture, "ALTER TABLE VM DROP COLUMN memory");
    g_autoptr(Db) db = test_db_file(fixture->dir);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, fixture->vm);
    g_assert_cmpint(db_row_int(row, VM_MEMORY), ==, 256);
    g_assert_cmpstr(db_row_string(row, VM_NAME_LABEL), ==, "one");
    test_set(db, CLASS_VM, fixture->vm, VM_MEMORY, value_int(3));
    g_clear_pointer(&db, db_close);
    g_autofree char *memory = edit(fixture, "SELECT memory FROM VM");
    g_assert_cmpstr(memory, ==, "3\n");
}

static void
test_new_class_gets_its_table(Fixture *fixture, gconstpointer data)
{
    make_older(fixture, "DROP TABLE VBD");
    g_autoptr(Db) db = test_db_file(fixture->dir);
    test_make(db, CLASS_VBD, NULL);
    g_assert_cmpuint(db_count(db, CLASS_VBD), ==, 1);
}

static void
test_removed_field_stays_behind(Fixture *fixture, gconstpointer data)
{
    make_older(fixture, "ALTER TABLE VM ADD COLUMN relic TEXT; UPDATE VM SET relic = 'old'");
    Db *db = test_db_file(fixture->dir);
    test_set(db, CLASS_VM, fixture->vm, VM_MEMORY, value_int(3));
    test_set(db, CLASS_VM, fixture->vm, VM_NAME_LABEL, value_string("x"));
    db_close(db);
    g_autofree char *relic = edit(fixture, "SELECT relic FROM VM");
    g_assert_cmpstr(relic, ==, "old\n");
}

static void
test_read_only_needs_no_upgrade(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    make_older(fixture, "ALTER TABLE VM DROP COLUMN memory; DROP TABLE VBD");
    g_autoptr(Db) db = db_open(db_store_sqlite_open(fixture->path, TRUE, &error), &error);
    g_assert_no_error(error);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, fixture->vm);
    g_assert_cmpint(db_row_int(row, VM_MEMORY), ==, 256);
    g_clear_pointer(&db, db_close);
    g_autofree char *tables = edit(fixture, "SELECT count(*) FROM sqlite_schema WHERE name = 'VBD'");
    g_assert_cmpstr(tables, ==, "0\n");
}

/* -- What stands in it -- */

static void
test_columns_are_readable(Fixture *fixture, gconstpointer data)
{
    const char *const tags[] = {"a", "b", NULL};
    Db *db = test_db_file(fixture->dir);
    Value *config = value_map_new(1);

    value_map_set(config, "k", value_string("v"));
    test_set(db, CLASS_VM, fixture->vm, VM_IS_TEMPLATE, value_bool(TRUE));
    test_set(db, CLASS_VM, fixture->vm, VM_WEIGHT, value_float(1.5));
    test_set(db, CLASS_VM, fixture->vm, VM_TAGS, value_array_of_strings(tags));
    test_set(db, CLASS_VM, fixture->vm, VM_OTHER_CONFIG, config);
    test_set(db, CLASS_VM, fixture->vm, VM_START_TIME, value_datetime(0));
    db_close(db);
    g_autofree char *line =
        edit(fixture,
             "SELECT name_label || ' ' || memory || ' ' || is_template || ' ' || weight || ' ' || power_state"
             " || ' ' || tags || ' ' || other_config || ' ' || start_time || ' ' || resident_on FROM VM");
    g_assert_cmpstr(line, ==,
                    "one 256 1 1.5 Halted [\"a\",\"b\"] {\"k\":\"v\"} 19700101T00:00:00Z OpaqueRef:NULL\n");
}

static void
test_edits_by_hand_are_taken(Fixture *fixture, gconstpointer data)
{
    change(fixture, "UPDATE VM SET memory = '77', tags = ' [ \"x\" ] ', resident_on = '', weight = 2");
    g_autoptr(Db) db = test_db_file(fixture->dir);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, fixture->vm);
    g_assert_cmpint(db_row_int(row, VM_MEMORY), ==, 77);
    g_assert_cmpfloat(db_row_float(row, VM_WEIGHT), ==, 2.0);
    g_assert_cmpstr(db_row_string(row, VM_RESIDENT_ON), ==, "OpaqueRef:NULL");
    test_assert_refs(db_row_get(db, row, VM_TAGS), "x", NULL);
}

static void
test_many_fields_of_a_row_at_once(Fixture *fixture, gconstpointer data)
{
    Db *db = test_db_file(fixture->dir);
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    db_txn_set_int(txn, CLASS_VM, fixture->vm, VM_MEMORY, 1);
    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_NAME_LABEL, "two");
    db_txn_set_bool(txn, CLASS_VM, fixture->vm, VM_IS_TEMPLATE, TRUE);
    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_POWER_STATE, "Running");
    db_txn_set_add(txn, CLASS_VM, fixture->vm, VM_TAGS, value_string("t"));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    g_autofree char *before = test_dump(db);
    db_close(db);
    db = test_db_file(fixture->dir);
    g_autofree char *after = test_dump(db);
    g_assert_cmpstr(before, ==, after);
    db_close(db);
    g_autofree char *logged = edit(
        fixture, "SELECT field FROM change WHERE operation = 'set' AND field != 'name_label' ORDER BY field");
    g_assert_cmpstr(logged, ==, "is_template\nmemory\npower_state\ntags\n");
}

/* -- Change log -- */

static void
test_log_says_who_did_what(Fixture *fixture, gconstpointer data)
{
    const DbActor actor = {"OpaqueRef:task", "root"};
    Db *db = test_db_file(fixture->dir);
    g_autoptr(DbTxn) txn = db_txn_new(db, &actor);
    g_autoptr(GError) error = NULL;

    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_NAME_LABEL, "two");
    g_assert_true(db_txn_commit(txn, NULL, &error));
    test_delete(db, CLASS_VM, fixture->vm);
    db_close(db);
    g_autofree char *lines = edit(fixture, "SELECT class || ' ' || operation || ' ' || ifnull(field, '-') || "
                                           "' ' || ifnull(old, '-') || ' ' || ifnull(new, '-')"
                                           " || ' ' || ifnull(task, '-') || ' ' || ifnull(user, '-') || ' ' "
                                           "|| (time GLOB '20*T*Z') FROM change ORDER BY id");
    g_assert_cmpstr(lines, ==,
                    "VM add - - - - - 1\n"
                    "VM set name_label one two OpaqueRef:task root 1\n"
                    "VM delete - - - - - 1\n");
}

static void
test_log_holds_no_secrets(Fixture *fixture, gconstpointer data)
{
    Db *db = test_db_file(fixture->dir);
    g_autofree char *secret = test_insert(db, CLASS_SECRET, NULL);

    test_set(db, CLASS_SECRET, secret, SECRET_VALUE, value_string("hunter2"));
    test_set(db, CLASS_SECRET, secret, SECRET_VALUE, value_string("hunter3"));
    db_close(db);
    g_autofree char *rows =
        edit(fixture, "SELECT count(*) FROM change WHERE old GLOB '*hunter*' OR new GLOB '*hunter*'");
    g_autofree char *sets = edit(fixture, "SELECT count(*) FROM change WHERE field = 'value'");
    g_assert_cmpstr(rows, ==, "0\n");
    g_assert_cmpstr(sets, ==, "2\n");
}

static void
test_log_cuts_long_texts(Fixture *fixture, gconstpointer data)
{
    Db *db = test_db_file(fixture->dir);
    g_autofree char *text = g_strnfill(100000, 'x');

    test_set(db, CLASS_VM, fixture->vm, VM_NAME_LABEL, value_string(text));
    db_close(db);
    g_autofree char *lengths =
        edit(fixture, "SELECT length(new) FROM change WHERE field = 'name_label' AND length(new) > 100"
                      " UNION ALL SELECT length(name_label) FROM VM");
    g_assert_cmpstr(lengths, ==, "4098\n100000\n");
}

/* Applies @n changes of the same field in one batch. */
static void
apply_many(DbStore *store, Fixture *fixture, gsize n, guint64 generation)
{
    g_autofree StoreChange *changes = g_new0(StoreChange, n);
    g_autoptr(Value) value = value_int(1);
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < n; i++)
        changes[i] =
            (StoreChange){.kind = STORE_SET_FIELD,
                          .class_id = CLASS_VM,
                          .ref = fixture->vm,
                          .created = 1,
                          .changed = generation,
                          .fields = (Value *const *)(changes + i), /* never read: it tells versions apart */
                          .field = VM_MEMORY,
                          .old_value = value,
                          .new_value = value};
    store->vtable->apply(store, generation, changes, n, &error);
    g_assert_no_error(error);
}

static void
test_log_is_bounded(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Db *db = test_db_file(fixture->dir);
    g_autofree char *deleted = test_insert(db, CLASS_HOST, "h");
    guint64 token = db_generation(db);
    const DbInterest interest = {CLASS_HOST, NULL};

    test_delete(db, CLASS_HOST, deleted);
    guint64 deletion = db_generation(db);
    db_close(db);
    DbStore *store = db_store_sqlite_open(fixture->path, FALSE, &error);
    g_assert_no_error(error);
    for (int i = 0; i < STORE_LOG_KEPT / 10000 + 1; i++)
        apply_many(store, fixture, 10000, deletion + (guint64)i);
    store->vtable->close(store, deletion + 100);
    g_autofree char *count = edit(fixture, "SELECT count(*) BETWEEN 100000 AND 101000 FROM change");
    g_assert_cmpstr(count, ==, "1\n");

    /* The deletion is no longer known: somebody who has not heard of it must be told that. */
    db = test_db_file(fixture->dir);
    g_autoptr(DbDelta) before = db_delta_new(db, token, &interest, 1);
    g_assert_true(before->is_lost);
    g_autoptr(DbDelta) after = db_delta_new(db, deletion, &interest, 1);
    g_assert_false(after->is_lost);
    db_close(db);
}

/* -- Damage
 * -------------------------------------------------------------------------------------------------------------
 */

static void
count_lines(gpointer data, const char *line)
{
    g_string_append_printf(data, "%s\n", line);
}

static void
test_damaged_values_are_told(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *sql, *field;
    } cases[] = {
        {"UPDATE VM SET memory = 'many'", "memory"},
        {"UPDATE VM SET weight = 'heavy'", "weight"},
        {"UPDATE VM SET is_template = 'maybe'", "is_template"},
        {"UPDATE VM SET start_time = 'yesterday'", "start_time"},
        {"UPDATE VM SET tags = '[\"a\"'", "tags"},
        {"UPDATE VM SET tags = '{}'", "tags"},
        {"UPDATE VM SET other_config = '[1]'", "other_config"},
        {"UPDATE VM SET costs = '{\"x\": \"y\"}'", "costs"},
        {"UPDATE VM SET name_label = x'ff00'", "name_label"},
    };
    char *content;
    gsize length;

    change(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    g_assert_true(g_file_get_contents(fixture->path, &content, &length, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) lines = g_string_new(NULL);
        change(fixture, cases[i].sql);
        DbStore *store = db_store_sqlite_open(fixture->path, FALSE, &error);
        g_assert_no_error(error);
        g_assert_null(db_open(store, &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].field));
        g_assert_nonnull(strstr(error->message, fixture->vm));
        g_clear_error(&error);

        g_autoptr(Db) db = db_open(db_store_sqlite_open(fixture->path, TRUE, &error), &error);
        g_assert_no_error(error);
        g_assert_cmpuint(db_check(db, count_lines, lines), ==, 1);
        g_assert_nonnull(strstr(lines->str, cases[i].field));
        g_clear_pointer(&db, db_close);
        g_assert_true(g_file_set_contents(fixture->path, content, (gssize)length, NULL));
    }
    g_free(content);
}

#define ADD(name, function)                                                                                  \
    g_test_add("/db/store_sqlite/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("file-is-private", test_file_is_private);
    ADD("second-writer-is-refused", test_second_writer_is_refused);
    ADD("later-format-is-refused", test_later_format_is_refused);
    ADD("other-files-are-refused", test_other_files_are_refused);
    ADD("missing-folder-is-an-error", test_missing_folder_is_an_error);
    ADD("new-field-gets-its-default", test_new_field_gets_its_default);
    ADD("new-class-gets-its-table", test_new_class_gets_its_table);
    ADD("removed-field-stays-behind", test_removed_field_stays_behind);
    ADD("read-only-needs-no-upgrade", test_read_only_needs_no_upgrade);
    ADD("columns-are-readable", test_columns_are_readable);
    ADD("edits-by-hand-are-taken", test_edits_by_hand_are_taken);
    ADD("many-fields-of-a-row-at-once", test_many_fields_of_a_row_at_once);
    ADD("log-says-who-did-what", test_log_says_who_did_what);
    ADD("log-holds-no-secrets", test_log_holds_no_secrets);
    ADD("log-cuts-long-texts", test_log_cuts_long_texts);
    ADD("log-is-bounded", test_log_is_bounded);
    ADD("damaged-values-are-told", test_damaged_values_are_told);
    return g_test_run();
}
