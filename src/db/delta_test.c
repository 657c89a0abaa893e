/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is newer than a generation: kinds, order, single objects, lost deletions. */
#include "db/db.h"

#include "db/table.h"
#include "db/test_model.h"

static DbDelta *
delta_of(Db *db, guint64 generation, int class_id, const char *ref)
{
    const DbInterest interest = {class_id, ref};

    return db_delta_new(db, generation, &interest, 1);
}

static void
test_kinds_and_order(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *changed = test_insert(db, CLASS_VM, "changed");
    g_autofree char *gone = test_insert(db, CLASS_VM, "gone");
    test_make(db, CLASS_VM, "same");
    guint64 generation = db_generation(db);

    test_delete(db, CLASS_VM, gone);
    test_set(db, CLASS_VM, changed, VM_MEMORY, value_int(1));
    g_autofree char *first = test_insert(db, CLASS_VM, "first");
    g_autofree char *second = test_insert(db, CLASS_VM, "second");
    guint64 last = test_set(db, CLASS_VM, first, VM_MEMORY, value_int(1));
    g_autoptr(DbDelta) delta = delta_of(db, generation, CLASS_VM, NULL);
    const struct {
        DbOperation operation;
        const char *ref;
    } expected[] = {{DB_ADD, second}, {DB_ADD, first}, {DB_MOD, changed}, {DB_DEL, gone}};

    g_assert_cmpuint(delta->n_changes, ==, G_N_ELEMENTS(expected));
    for (gsize i = 0; i < delta->n_changes; i++) {
        g_assert_cmpint(delta->changes[i].operation, ==, expected[i].operation);
        g_assert_cmpstr(value_get_string(delta->changes[i].ref), ==, expected[i].ref);
        g_assert_true((delta->changes[i].row == NULL) == (expected[i].operation == DB_DEL));
    }
    g_assert_cmpuint(delta->changes[1].changed, ==, last);
    g_assert_cmpuint(delta->generation, ==, last);
    g_assert_cmpuint(delta->counts[CLASS_VM], ==, 4);
    g_assert_false(delta->is_lost);
    g_autoptr(DbDelta) nothing = delta_of(db, delta->generation, CLASS_VM, NULL);
    g_assert_cmpuint(nothing->n_changes, ==, 0);
}

static void
test_overlapping_interests_count_once(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autofree char *gone = test_insert(db, CLASS_VM, "gone");
    guint64 generation = db_generation(db);
    const DbInterest interests[] = {{CLASS_VM, NULL}, {CLASS_VM, vm}, {CLASS_VM, gone}, {CLASS_VM, NULL}};

    test_set(db, CLASS_VM, vm, VM_MEMORY, value_int(1));
    test_delete(db, CLASS_VM, gone);
    g_autoptr(DbDelta) delta = db_delta_new(db, generation, interests, G_N_ELEMENTS(interests));
    g_assert_cmpuint(delta->n_changes, ==, 2);
}

static void
test_single_object(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *a = test_insert(db, CLASS_VM, "a");
    g_autofree char *b = test_insert(db, CLASS_VM, "b");
    guint64 generation = db_generation(db);

    test_set(db, CLASS_VM, a, VM_MEMORY, value_int(1));
    g_autoptr(DbDelta) of_b = delta_of(db, generation, CLASS_VM, b);
    g_assert_cmpuint(of_b->n_changes, ==, 0);
    test_delete(db, CLASS_VM, b);
    g_autoptr(DbDelta) of_b_gone = delta_of(db, generation, CLASS_VM, b);
    g_assert_cmpuint(of_b_gone->n_changes, ==, 1);
    g_assert_cmpint(of_b_gone->changes[0].operation, ==, DB_DEL);
    g_autoptr(DbDelta) of_none = delta_of(db, generation, CLASS_VM, "OpaqueRef:none");
    g_assert_cmpuint(of_none->n_changes, ==, 0);
}

static void
delete_many(Db *db, guint n)
{
    for (guint i = 0; i < n; i += 512) {
        g_autoptr(DbTxn) insert = db_txn_new(db, NULL);
        g_autoptr(DbTxn) delete = db_txn_new(db, NULL);
        g_autoptr(GError) error = NULL;
        for (guint j = i; j < MIN(i + 512, n); j++)
            db_txn_delete(delete, CLASS_VM, db_txn_insert_volatile(insert, CLASS_VM, NULL));
        g_assert_true(db_txn_commit(insert, NULL, &error));
        g_assert_true(db_txn_commit(delete, NULL, &error));
    }
}

static void
test_deletions_are_lost_only_when_too_old(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *gone = test_insert(db, CLASS_VM, "gone");
    guint64 generation = db_generation(db);

    test_delete(db, CLASS_VM, gone);
    delete_many(db, DB_DELETIONS_KEPT - 1);
    g_autoptr(DbDelta) full = delta_of(db, generation, CLASS_VM, NULL);
    g_assert_false(full->is_lost);
    g_assert_cmpuint(full->n_changes, ==, 1);
    delete_many(db, 1);
    g_autoptr(DbDelta) over = delta_of(db, generation, CLASS_VM, NULL);
    g_assert_true(over->is_lost);
    g_autoptr(DbDelta) other_class = delta_of(db, generation, CLASS_VDI, NULL);
    g_assert_false(other_class->is_lost);
    g_autoptr(DbDelta) newer = delta_of(db, generation + 1, CLASS_VM, NULL);
    g_assert_false(newer->is_lost);
    g_autoptr(DbDelta) from_start = delta_of(db, 0, CLASS_VM, NULL);
    g_assert_false(from_start->is_lost);
}

static void
test_later_than_now_is_lost(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autoptr(DbDelta) delta = delta_of(db, db_generation(db) + 1, CLASS_VM, NULL);

    g_assert_true(delta->is_lost);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/delta/kinds-and-order", test_kinds_and_order);
    g_test_add_func("/db/delta/overlapping-interests-count-once", test_overlapping_interests_count_once);
    g_test_add_func("/db/delta/single-object", test_single_object);
    g_test_add_func("/db/delta/deletions-are-lost-only-when-too-old",
                    test_deletions_are_lost_only_when_too_old);
    g_test_add_func("/db/delta/later-than-now-is-lost", test_later_than_now_is_lost);
    return g_test_run();
}
