/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Role rows are found by name, and subjects have the best of their roles. */
#include "auth/role.h"

#include "model/classes.h"

typedef struct Fixture {
    Db *db;
    char *refs[ROLE_N + 1]; /* the last is a permission */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    for (int role = 0; role <= ROLE_N; role++) {
        const char *ref = db_txn_insert(txn, CLASS_ROLE, NULL);
        db_txn_set_string(txn, CLASS_ROLE, ref, ROLE_NAME_LABEL,
                          role < ROLE_N ? model_role_names[role] : "vm.start");
        fixture->refs[role] = g_strdup(ref);
    }
    g_assert_true(db_txn_commit(txn, NULL, NULL));
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    for (int role = 0; role <= ROLE_N; role++)
        g_free(fixture->refs[role]);
    db_close(fixture->db);
}

/* A user or group with these roles. */
static DbRow *
subject_with(Fixture *fixture, const ModelRole *roles, gsize n)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    const char *new_ref = db_txn_insert(txn, CLASS_SUBJECT, NULL);
    for (gsize i = 0; i < n; i++)
        db_txn_set_add(txn, CLASS_SUBJECT, new_ref, SUBJECT_ROLES, value_string(fixture->refs[roles[i]]));
    g_autofree char *ref = g_strdup(new_ref);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    return db_get(fixture->db, CLASS_SUBJECT, ref);
}

static void
test_from_ref(Fixture *fixture, gconstpointer data)
{
    ModelRole found;
    for (int role = 0; role < ROLE_N; role++) {
        g_assert_true(role_from_ref(fixture->db, fixture->refs[role], &found));
        g_assert_cmpint(found, ==, role);
    }
    g_assert_false(role_from_ref(fixture->db, fixture->refs[ROLE_N], &found));
    g_assert_false(role_from_ref(fixture->db, "OpaqueRef:NULL", &found));
}

static void
test_best(Fixture *fixture, gconstpointer data)
{
    ModelRole role;
    g_autoptr(GPtrArray) subjects = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    g_assert_false(role_of_subjects(fixture->db, subjects, &role));
    g_ptr_array_add(subjects, subject_with(fixture, NULL, 0));
    g_assert_false(role_of_subjects(fixture->db, subjects, &role));
    g_ptr_array_add(subjects, subject_with(fixture, (ModelRole[]){ROLE_READ_ONLY, ROLE_VM_ADMIN}, 2));
    g_assert_true(role_of_subjects(fixture->db, subjects, &role));
    g_assert_cmpint(role, ==, ROLE_VM_ADMIN);
    g_ptr_array_add(subjects, subject_with(fixture, (ModelRole[]){ROLE_POOL_OPERATOR}, 1));
    g_assert_true(role_of_subjects(fixture->db, subjects, &role));
    g_assert_cmpint(role, ==, ROLE_POOL_OPERATOR);
}

/* Source: the reference: clients know this one by heart */
static void
test_uuid(Fixture *fixture, gconstpointer data)
{
    g_autofree char *uuid = role_uuid("pool-admin");
    g_assert_cmpstr(uuid, ==, "0165f154-ba3e-034e-6b27-5d271af109ba");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/auth/role/rows-are-known-by-their-name", Fixture, NULL, set_up, test_from_ref, tear_down);
    g_test_add("/auth/role/subjects-have-their-best-role", Fixture, NULL, set_up, test_best, tear_down);
    g_test_add("/auth/role/uuids-are-the-well-known-ones", Fixture, NULL, set_up, test_uuid, tear_down);
    return g_test_run();
}
