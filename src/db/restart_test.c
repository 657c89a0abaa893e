/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes back after the database was closed in order, and after a crash; and that event tokens stay true
 * over both. A crash is played by opening a copy of the files of a database that is still open. */
#include "db/db.h"

#include "db/test_model.h"
#include <math.h>
#include <string.h>

static Db *
reopen(Db *db, const char *dir)
{
    db_close(db);
    return test_db_file(dir);
}

static void
copy_file(const char *from_dir, const char *to_dir, const char *name)
{
    g_autofree char *from = g_build_filename(from_dir, name, NULL);
    g_autofree char *to = g_build_filename(to_dir, name, NULL);
    g_autofree char *content = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(from, &content, &length, &error));
    g_assert_true(g_file_set_contents(to, content, (gssize)length, &error));
}

/* As open_crashed(), but only the process ended, not the machine: what was written is there without a sync.
 */
static Db *
open_killed(const char *dir, const char *copy_dir)
{
    copy_file(dir, copy_dir, "db");
    copy_file(dir, copy_dir, "db-wal");
    copy_file(dir, copy_dir, "db.shown");
    return test_db_file(copy_dir);
}

/* The database as a crash would leave it now, opened from @copy_dir. */
static Db *
open_crashed(const char *dir, const char *copy_dir)
{
    copy_file(dir, copy_dir, "db");
    copy_file(dir, copy_dir, "db-wal");
    return test_db_file(copy_dir);
}

/* "+vm <ref> =host <ref> -vm <ref>" of everything since @generation. The caller frees it. */
static char *
changes_since(Db *db, guint64 generation)
{
    static const char operations[] = "+=-";
    g_autoptr(GArray) interests = g_array_new(FALSE, FALSE, sizeof(DbInterest));
    GString *text = g_string_new(NULL);

    for (int i = 0; i < CLASS_N; i++) {
        DbInterest interest = {i, NULL};
        if (model_classes[i].has_events)
            g_array_append_val(interests, interest);
    }
    g_autoptr(DbDelta) delta =
        db_delta_new(db, generation, (DbInterest *)(gpointer)interests->data, interests->len);
    g_assert_false(delta->is_lost);
    for (gsize i = 0; i < delta->n_changes; i++)
        g_string_append_printf(text, "%c%s %s ", operations[delta->changes[i].operation],
                               model_classes[delta->changes[i].class_id].event_name,
                               value_get_string(delta->changes[i].ref));
    return g_string_free(text, FALSE);
}

static void
assert_changes(Db *db, guint64 generation, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *expected = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *found = changes_since(db, generation);
    g_assert_cmpstr(found, ==, expected);
}

static void
set_volatile(Db *db, int class_id, const char *ref, int field, Value *value)
{
    test_set(db, class_id, ref, field, value);
}

/* -- Values
 * ---------------------------------------------------------------------------------------------------------
 */

static Value *
string_map(const char *key, const char *text)
{
    Value *map = value_map_new(1);

    value_map_set(map, key, value_string(text));
    return map;
}

static void
test_every_kind_of_value_comes_back(void)
{
    static const char *const texts[] = {"",
                                        "plain",
                                        "with 'quotes' and \"more\"",
                                        "line\nbreak\ttab \x01",
                                        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                        "12",
                                        "null"};
    static const gint64 numbers[] = {0, 1, -1, G_MAXINT64, G_MININT64};
    static const double reals[] = {0.0, -0.5, 1e300, 0.1, INFINITY, -INFINITY};
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *host = test_insert(db, CLASS_HOST, "h");

    for (gsize i = 0; i < 30; i++) {
        const char *text = texts[i % G_N_ELEMENTS(texts)];
        const char *const devices[] = {"cd", "disk", NULL};
        const char *const tags[] = {text, "second", NULL};
        g_autofree char *vm = test_insert(db, CLASS_VM, text);
        const char *const friends[] = {vm, NULL};
        Value *costs = value_map_new(1);
        value_map_set(costs, host, value_int(numbers[i % G_N_ELEMENTS(numbers)]));
        test_set(db, CLASS_VM, vm, VM_MEMORY, value_int(numbers[i % G_N_ELEMENTS(numbers)]));
        test_set(db, CLASS_VM, vm, VM_WEIGHT, value_float(reals[i % G_N_ELEMENTS(reals)]));
        test_set(db, CLASS_VM, vm, VM_IS_TEMPLATE, value_bool(i % 2));
        test_set(db, CLASS_VM, vm, VM_POWER_STATE, value_string("Running"));
        test_set(db, CLASS_VM, vm, VM_START_TIME,
                 i % 2 ? value_datetime(1234567890) : value_datetime_text("20230305T18:18:29"));
        test_set(db, CLASS_VM, vm, VM_OTHER_CONFIG, string_map(text, text));
        test_set(db, CLASS_VM, vm, VM_TAGS, value_array_of_strings(tags));
        test_set(db, CLASS_VM, vm, VM_RESIDENT_ON, value_string(host));
        test_set(db, CLASS_VM, vm, VM_FRIENDS, value_array_of_strings(friends));
        test_set(db, CLASS_VM, vm, VM_COSTS, costs);
        test_set(db, CLASS_VM, vm, VM_DEVICES, value_array_of_strings(devices));
    }
    g_autofree char *before = test_dump(db);
    db = reopen(db, dir);
    g_autofree char *after = test_dump(db);
    g_assert_cmpstr(before, ==, after);
    db_close(db);
    test_dir_free(dir);
}

static void
test_nan_comes_back(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");

    test_set(db, CLASS_VM, vm, VM_WEIGHT, value_float(NAN));
    db = reopen(db, dir);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, vm);
    g_assert_true(isnan(db_row_float(row, VM_WEIGHT)));
    db_close(db);
    test_dir_free(dir);
}

static void
test_rows_keep_order_and_generations(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *a = test_insert(db, CLASS_VM, "a");
    g_autofree char *b = test_insert(db, CLASS_VM, "b");
    test_make(db, CLASS_VM, "c");

    test_set(db, CLASS_VM, a, VM_MEMORY, value_int(1));
    test_delete(db, CLASS_VM, b);
    g_autoptr(GPtrArray) before = db_get_all(db, CLASS_VM);
    db = reopen(db, dir);
    g_autoptr(GPtrArray) after = db_get_all(db, CLASS_VM);
    g_assert_cmpuint(after->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const DbRow *x = before->pdata[i], *y = after->pdata[i];
        g_assert_cmpstr(x->ref, ==, y->ref);
        g_assert_cmpuint(x->created, ==, y->created);
        g_assert_cmpuint(x->changed, ==, y->changed);
    }
    db_close(db);
    test_dir_free(dir);
}

static void
test_what_is_not_stored_is_gone(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    db_txn_insert_volatile(txn, CLASS_TASK, NULL);
    db_txn_insert(txn, CLASS_SESSION, NULL);
    db_txn_map_put(txn, CLASS_VM, vm, VM_CURRENT_OPERATIONS, "t", value_string("start"));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    db = reopen(db, dir);
    g_assert_cmpuint(db_count(db, CLASS_TASK), ==, 0);
    g_assert_cmpuint(db_count(db, CLASS_SESSION), ==, 0);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, vm);
    g_assert_cmpuint(value_size(row->fields[VM_CURRENT_OPERATIONS]), ==, 0);
    db_close(db);
    test_dir_free(dir);
}

/* -- Generations and tokens -- */

static void
test_generation_never_goes_back(void)
{
    char *dir = test_dir_new(), *copy = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");

    for (int i = 0; i < 10; i++)
        set_volatile(db, CLASS_VM, vm, VM_ALLOWED_OPERATIONS,
                     i % 2 ? value_array_empty() : value_array_of_strings((const char *const[]){"x", NULL}));
    guint64 shown = db_generation(db);
    Db *crashed = open_crashed(dir, copy);
    g_assert_cmpuint(db_generation(crashed), >, shown);
    db_close(crashed);
    db = reopen(db, dir);
    g_assert_cmpuint(db_generation(db), >, shown);
    guint64 first = db_generation(db);
    db = reopen(db, dir);
    g_assert_cmpuint(db_generation(db), <, first + 10); /* no leap when closed in order */
    db_close(db);
    test_dir_free(dir);
    test_dir_free(copy);
}

static void
test_tokens_outlive_an_orderly_restart(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    test_make(db, CLASS_VM, "same");
    g_autofree char *set = test_insert(db, CLASS_VM, "set");
    g_autofree char *deleted = test_insert(db, CLASS_VM, "deleted");
    g_autofree char *parent = test_insert(db, CLASS_VM, "parent");
    g_autofree char *busy = test_insert(db, CLASS_VM, "busy");
    g_autofree char *vbd = test_insert(db, CLASS_VBD, NULL);
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *ended = g_strdup(db_txn_insert_volatile(txn, CLASS_TASK, NULL));
    g_autofree char *running = g_strdup(db_txn_insert_volatile(txn, CLASS_TASK, NULL));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    guint64 token = db_generation(db);

    test_set(db, CLASS_VM, set, VM_MEMORY, value_int(1));
    test_delete(db, CLASS_VM, deleted);
    test_set(db, CLASS_VBD, vbd, VBD_VM, value_string(parent));
    test_delete(db, CLASS_TASK, ended);
    set_volatile(db, CLASS_VM, busy, VM_CURRENT_OPERATIONS, string_map("t", "start"));
    g_autofree char *added = test_insert(db, CLASS_HOST, "h");
    db = reopen(db, dir);
    /* The busy VM comes last: it changed once more, back to its default, by the restart. Inside one
     * generation classes come in turn. */
    assert_changes(db, token, "+host %s =vm %s =vm %s =vbd %s =vm %s -vm %s -task %s -task %s ", added, set,
                   parent, vbd, busy, deleted, ended, running);
    token = db_generation(db);
    db = reopen(db, dir);
    assert_changes(db, token, "");
    db_close(db);
    test_dir_free(dir);
}

static void
test_volatile_change_since_undone_is_told(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");

    set_volatile(db, CLASS_VM, vm, VM_CURRENT_OPERATIONS, string_map("t", "start"));
    guint64 token = db_generation(db);
    set_volatile(db, CLASS_VM, vm, VM_CURRENT_OPERATIONS, value_map_empty());
    db = reopen(db, dir);
    assert_changes(db, token, "=vm %s ", vm);
    db_close(db);
    test_dir_free(dir);
}

/* After a crash nobody knows whose volatile fields had been shown: all rows that have such fields are news.
 */
/* Two kills in a row: who has a token of before the first one is told all the same. */
static void
test_kill_tells_only_what_was_shown(void)
{
    char *dir = test_dir_new(), *copy = test_dir_new(), *again = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *idle = test_insert(db, CLASS_VM, "idle");
    g_autofree char *busy = test_insert(db, CLASS_VM, "busy");
    g_autofree char *was_busy = test_insert(db, CLASS_VM, "was busy");
    g_autofree char *both = test_insert(db, CLASS_VM, "both");

    set_volatile(db, CLASS_VM, was_busy, VM_CURRENT_OPERATIONS, string_map("t", "start"));
    set_volatile(db, CLASS_VM, was_busy, VM_CURRENT_OPERATIONS, value_map_empty());
    set_volatile(db, CLASS_VM, busy, VM_CURRENT_OPERATIONS, string_map("t", "start"));
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL); /* stored and not, together */
    db_txn_set_int(txn, CLASS_VM, both, VM_MEMORY, 7);
    db_txn_set(txn, CLASS_VM, both, VM_CURRENT_OPERATIONS, string_map("t", "start"));
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    guint64 token = db_generation(db);
    Db *killed = open_killed(dir, copy);
    assert_changes(killed, token, "=vm %s =vm %s =vm %s ", busy, was_busy, both);
    Db *killed_again = open_killed(copy, again);
    assert_changes(killed_again, token, "=vm %s =vm %s =vm %s ", busy, was_busy, both);
    assert_changes(killed_again, db_generation(killed), "");
    db_close(killed_again);
    db_close(killed);
    db_close(db);
    test_dir_free(dir);
    test_dir_free(copy);
    test_dir_free(again);
}

static void
test_tokens_outlive_a_crash(void)
{
    char *dir = test_dir_new(), *copy = test_dir_new();
    Db *db = test_db_file(dir);
    test_make(db, CLASS_HOST, "same");
    g_autofree char *busy = test_insert(db, CLASS_VM, "busy");
    g_autofree char *deleted = test_insert(db, CLASS_SR, "deleted");

    set_volatile(db, CLASS_VM, busy, VM_CURRENT_OPERATIONS, string_map("t", "start"));
    guint64 token = db_generation(db);
    test_delete(db, CLASS_SR, deleted);
    Db *crashed = open_crashed(dir, copy);
    assert_changes(crashed, token, "=vm %s -sr %s ", busy, deleted);
    db_close(crashed);
    db_close(db);
    test_dir_free(dir);
    test_dir_free(copy);
}

static void
assert_no_violation(gpointer data, const char *line)
{
    g_error("%s", line);
}

static void
test_refs_to_rows_not_stored_become_null(void)
{
    char *dir = test_dir_new(), *copy = test_dir_new();
    Db *db = test_db_file(dir);
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    g_autofree char *parent = g_strdup(db_txn_insert_volatile(txn, CLASS_TASK, NULL));
    g_autofree char *child = g_strdup(db_txn_insert(txn, CLASS_TASK, NULL));
    db_txn_set_string(txn, CLASS_TASK, child, TASK_SUBTASK_OF, parent);
    g_assert_true(db_txn_commit(txn, NULL, &error));
    guint64 token = db_generation(db);

    Db *databases[] = {open_crashed(dir, copy), reopen(db, dir)};
    const char *const dirs[] = {copy, dir};
    for (gsize i = 0; i < 2; i++) {
        g_autoptr(DbRow) row = db_get(databases[i], CLASS_TASK, child);
        g_assert_cmpstr(db_row_string(row, TASK_SUBTASK_OF), ==, "OpaqueRef:NULL");
        g_assert_cmpuint(row->changed, >, token);
        db_close(databases[i]);
        /* It is so in the file too. */
        g_autofree char *path = g_build_filename(dirs[i], "db", NULL);
        g_autoptr(Db) read_only = db_open(db_store_sqlite_open(path, TRUE, &error), &error);
        g_assert_no_error(error);
        g_assert_cmpuint(db_check(read_only, assert_no_violation, NULL), ==, 0);
    }
    test_dir_free(dir);
    test_dir_free(copy);
}

static void
test_read_only_changes_nothing(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(dir, "db", NULL);
    g_autofree char *before = test_dump(db);

    db_close(db);
    g_autoptr(Db) read_only = db_open(db_store_sqlite_open(path, TRUE, &error), &error);
    g_assert_no_error(error);
    g_autofree char *after = test_dump(read_only);
    g_assert_cmpstr(before, ==, after);
    g_autoptr(DbTxn) txn = db_txn_new(read_only, NULL);
    db_txn_touch(txn, CLASS_VM, vm);
    g_assert_false(db_txn_commit(txn, NULL, &error));
    test_assert_api_error(&error, "INTERNAL_ERROR", "the database is open for reading only", NULL);
    g_clear_pointer(&read_only, db_close);
    test_dir_free(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/restart/every-kind-of-value-comes-back", test_every_kind_of_value_comes_back);
    g_test_add_func("/db/restart/nan-comes-back", test_nan_comes_back);
    g_test_add_func("/db/restart/rows-keep-order-and-generations", test_rows_keep_order_and_generations);
    g_test_add_func("/db/restart/what-is-not-stored-is-gone", test_what_is_not_stored_is_gone);
    g_test_add_func("/db/restart/generation-never-goes-back", test_generation_never_goes_back);
    g_test_add_func("/db/restart/tokens-outlive-an-orderly-restart", test_tokens_outlive_an_orderly_restart);
    g_test_add_func("/db/restart/volatile-change-since-undone-is-told",
                    test_volatile_change_since_undone_is_told);
    g_test_add_func("/db/restart/kill-tells-only-what-was-shown", test_kill_tells_only_what_was_shown);
    g_test_add_func("/db/restart/tokens-outlive-a-crash", test_tokens_outlive_a_crash);
    g_test_add_func("/db/restart/refs-to-rows-not-stored-become-null",
                    test_refs_to_rows_not_stored_become_null);
    g_test_add_func("/db/restart/read-only-changes-nothing", test_read_only_changes_nothing);
    return g_test_run();
}
