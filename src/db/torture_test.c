/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs one story over and over; each time another call of the store fails. Whatever fails: the transaction
 * that met it has changed nothing, all others stand, and after a restart all is as it was. */
#include "db/db.h"

#include "db/test_model.h"
#include "model/api_error.h"

/* One transaction of the story. */
typedef void (*Chapter)(DbTxn *txn);

static void
make_rows(DbTxn *txn)
{
    db_txn_insert(txn, CLASS_HOST, "OpaqueRef:host");
    db_txn_insert(txn, CLASS_SR, "OpaqueRef:sr");
    db_txn_insert(txn, CLASS_VDI, "OpaqueRef:vdi");
    db_txn_set_string(txn, CLASS_VDI, "OpaqueRef:vdi", VDI_SR, "OpaqueRef:sr");
    db_txn_insert(txn, CLASS_VM, "OpaqueRef:vm");
}

static void
plug(DbTxn *txn)
{
    db_txn_insert(txn, CLASS_VBD, "OpaqueRef:vbd");
    db_txn_set_string(txn, CLASS_VBD, "OpaqueRef:vbd", VBD_VM, "OpaqueRef:vm");
    db_txn_set_string(txn, CLASS_VBD, "OpaqueRef:vbd", VBD_VDI, "OpaqueRef:vdi");
}

static void
start(DbTxn *txn)
{
    db_txn_set_string(txn, CLASS_VM, "OpaqueRef:vm", VM_POWER_STATE, "Running");
    db_txn_set_string(txn, CLASS_VM, "OpaqueRef:vm", VM_RESIDENT_ON, "OpaqueRef:host");
    db_txn_map_put(txn, CLASS_VM, "OpaqueRef:vm", VM_CURRENT_OPERATIONS, "t", value_string("start"));
}

static void
finish_start(DbTxn *txn)
{
    db_txn_map_remove(txn, CLASS_VM, "OpaqueRef:vm", VM_CURRENT_OPERATIONS, "t"); /* not stored */
}

static void
rename_both(DbTxn *txn)
{
    db_txn_set_string(txn, CLASS_VM, "OpaqueRef:vm", VM_NAME_LABEL, "new");
    db_txn_set_string(txn, CLASS_HOST, "OpaqueRef:host", HOST_NAME_LABEL, "new");
}

static void
tag(DbTxn *txn)
{
    db_txn_set_add(txn, CLASS_VM, "OpaqueRef:vm", VM_TAGS, value_string("t"));
    db_txn_map_put(txn, CLASS_VM, "OpaqueRef:vm", VM_COSTS, "OpaqueRef:host", value_int(7));
}

static void
lose_disk(DbTxn *txn)
{
    db_txn_delete(txn, CLASS_VDI, "OpaqueRef:vdi");
    db_txn_delete(txn, CLASS_SR, "OpaqueRef:sr");
}

static void
lose_host(DbTxn *txn)
{
    db_txn_delete(txn, CLASS_HOST, "OpaqueRef:host");
}

static void
lose_vm(DbTxn *txn)
{
    db_txn_delete(txn, CLASS_VM, "OpaqueRef:vm");
}

static const Chapter story[] = {make_rows, plug,      start,   finish_start, rename_both, tag,
                                lose_disk, lose_host, lose_vm, make_rows,    plug};

/* Commits one chapter. Where an earlier one failed, this one may meet missing rows: that is an error of the
 * API, and changes nothing either. */
static void
tell(Db *db, Chapter chapter)
{
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = test_dump(db);
    guint64 generation = db_generation(db);

    chapter(txn);
    if (db_txn_commit(txn, NULL, &error))
        return;
    g_assert_cmpuint(error->domain, ==, API_ERROR);
    g_autofree char *after = test_dump(db);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(db_generation(db), ==, generation);
}

static Db *
open_failing(const char *dir, TestFaults *faults, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "db", NULL);
    DbStore *store = db_store_sqlite_open(path, FALSE, error);

    g_assert_no_error(*error);
    return db_open(test_store_failing(store, faults), error);
}

static void
assert_no_violation(gpointer data, const char *line)
{
    g_error("%s", line);
}

/* What is kept over a restart: volatile fields go back to their defaults, so they are put there first. */
static void
settle_volatile(Db *db)
{
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_VM);

    for (guint i = 0; i < rows->len; i++)
        test_set(db, CLASS_VM, ((DbRow *)rows->pdata[i])->ref, VM_CURRENT_OPERATIONS, value_map_empty());
}

/* FALSE once the story ends before the fault. */
static gboolean
run_story(guint n, guint width)
{
    char *dir = test_dir_new();
    TestFaults faults = {.fail_from = n, .fail_to = n + width - 1};
    g_autoptr(GError) error = NULL;
    Db *db = open_failing(dir, &faults, &error);

    if (db == NULL) { /* the fault met the opening: the next one must succeed */
        g_clear_error(&error);
        faults = (TestFaults){0};
        db = open_failing(dir, &faults, &error);
        g_assert_no_error(error);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(story); i++)
        tell(db, story[i]);
    gboolean is_over = faults.n_calls < n;
    faults.fail_from = 0;
    settle_volatile(db);
    g_assert_cmpuint(db_check(db, assert_no_violation, NULL), ==, 0);
    g_autofree char *before = test_dump(db);
    db_close(db);
    db = test_db_file(dir);
    g_autofree char *after = test_dump(db);
    g_assert_cmpstr(before, ==, after);
    db_close(db);
    test_dir_free(dir);
    return !is_over;
}

static void
test_each_call_fails_once(void)
{
    guint n = 1;

    while (run_story(n, 1))
        n++;
    g_assert_cmpuint(n, >, G_N_ELEMENTS(story));
}

static void
test_store_stays_broken_for_a_while(void)
{
    for (guint n = 2; run_story(n, 4); n++)
        ;
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/torture/each-call-fails-once", test_each_call_fails_once);
    g_test_add_func("/db/torture/store-stays-broken-for-a-while", test_store_stays_broken_for_a_while);
    return g_test_run();
}
