/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks begin, are asked to stop, and end. */
#include "task/task.h"

#include "base/error.h"
#include "model/api_error.h"
#include "model/classes.h"

/* The call that cancels. */
static const DbActor canceller = {.task = "OpaqueRef:canceller", .user = "root"};

typedef struct Fixture {
    Db *db;
    Tasks *tasks;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->tasks = tasks_new(fixture->db);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    tasks_free(fixture->tasks);
    db_close(fixture->db);
}

static Task *
begin(Fixture *fixture, gboolean is_hidden)
{
    g_autoptr(GError) error = NULL;
    TaskSpec spec = {.label = "test", .is_durable = TRUE, .is_hidden = is_hidden};
    Task *task = task_begin(fixture->tasks, &spec, &error);
    g_assert_no_error(error);
    return task;
}

static gboolean
is_cancelled(Task *task)
{
    return g_cancellable_is_cancelled(task_cancellable(task));
}

static void
test_cancel(Fixture *fixture, gconstpointer data)
{
    Task *task = begin(fixture, FALSE);
    Task *other = begin(fixture, FALSE);
    g_assert_true(tasks_cancel(fixture->tasks, &canceller, task_ref(task), NULL));
    g_assert_true(is_cancelled(task));
    g_assert_false(is_cancelled(other));
    g_autoptr(GError) error = NULL;
    base_error_set(&error, BASE_ERROR_CANCELLED, "a wait was broken off");
    task_explain_cancel(task, &error);
    g_assert_true(api_error_is(error, "TASK_CANCELLED"));
    g_autofree char *ref = g_strdup(task_ref(task));
    task_end(task, NULL, error);
    task_end(other, NULL, NULL);
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, ref);
    g_assert_cmpstr(db_row_string(row, TASK_STATUS), ==, "cancelled");
}

static void
test_cancel_unknown(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(tasks_cancel(fixture->tasks, &canceller, "OpaqueRef:nothing", &error));
    g_assert_true(api_error_is(error, "HANDLE_INVALID"));
}

static void
test_stopping_cancels_later_ones(Fixture *fixture, gconstpointer data)
{
    Task *running = begin(fixture, FALSE);
    tasks_cancel_all(fixture->tasks);
    Task *later = begin(fixture, TRUE);
    g_assert_true(is_cancelled(running));
    g_assert_true(is_cancelled(later));
    task_end(running, NULL, NULL);
    task_end(later, NULL, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/task/cancel-stops-that-one", Fixture, NULL, set_up, test_cancel, tear_down);
    g_test_add("/task/cancel-of-unknown-is-refused", Fixture, NULL, set_up, test_cancel_unknown, tear_down);
    g_test_add("/task/stopping-cancels-later-ones-too", Fixture, NULL, set_up,
               test_stopping_cancels_later_ones, tear_down);
    return g_test_run();
}
