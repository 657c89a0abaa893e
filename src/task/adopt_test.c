/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks that a client made are run by the server. */
#include "task/task.h"

#include "model/api_error.h"
#include "model/classes.h"

/* The call that cancels. */
static const DbActor canceller = {.task = "OpaqueRef:canceller", .user = "root"};

typedef struct Fixture {
    Db *db;
    Tasks *tasks;
    char *ref; /* of a pending task that nobody runs */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->tasks = tasks_new(fixture->db);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    fixture->ref = g_strdup(db_txn_insert(txn, CLASS_TASK, NULL));
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    tasks_free(fixture->tasks);
    db_close(fixture->db);
    g_free(fixture->ref);
}

static Task *
adopt(Fixture *fixture, const char *ref, GError **error)
{
    TaskSpec spec = {.label = "not used", .is_hidden = TRUE};
    return task_adopt(fixture->tasks, ref, &spec, error);
}

static void
assert_status(Fixture *fixture, const char *status)
{
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, fixture->ref);
    g_assert_nonnull(row);
    g_assert_cmpstr(db_row_string(row, TASK_STATUS), ==, status);
}

static void
test_end(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Task *task = adopt(fixture, fixture->ref, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(task_ref(task), ==, fixture->ref);
    assert_status(fixture, "pending");
    g_autoptr(Value) result = value_string("done");
    task_end(task, result, NULL);
    assert_status(fixture, "success");
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, fixture->ref);
    g_assert_cmpstr(db_row_string(row, TASK_RESULT), ==, "<value>done</value>");
}

static void
test_cancel(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Task *task = adopt(fixture, fixture->ref, &error);
    g_assert_no_error(error);
    g_assert_true(tasks_cancel(fixture->tasks, &canceller, fixture->ref, &error));
    g_assert_true(g_cancellable_is_cancelled(task_cancellable(task)));
    task_end(task, NULL, NULL);
}

static void
test_refusals(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) unknown = NULL, busy = NULL, ended = NULL;
    g_assert_null(adopt(fixture, "OpaqueRef:none", &unknown));
    g_assert_true(api_error_is(unknown, "HANDLE_INVALID"));

    Task *task = adopt(fixture, fixture->ref, NULL);
    g_assert_null(adopt(fixture, fixture->ref, &busy));
    g_assert_true(api_error_is(busy, "OPERATION_NOT_ALLOWED"));
    task_end(task, NULL, NULL);
    g_assert_null(adopt(fixture, fixture->ref, &ended));
    g_assert_true(api_error_is(ended, "OPERATION_NOT_ALLOWED"));
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    ADD("/task/adopt/end-is-written-to-the-clients-row", test_end);
    ADD("/task/adopt/cancel-reaches-who-runs-it", test_cancel);
    ADD("/task/adopt/only-a-pending-task-that-nobody-runs", test_refusals);
    return g_test_run();
}
