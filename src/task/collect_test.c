/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ended tasks are cleared away by age and by number, the oldest first. */
#include "task/internal.h"

#include "base/text.h"
#include "model/classes.h"

#define MINUTE_US      ((gint64)60 * G_USEC_PER_SEC)
#define KEPT_MAX       200
#define KEPT_YOUNG_MAX 10000

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

/* Runs a stored task to its end; its ref, which the caller frees. */
static char *
run_task(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    TaskSpec spec = {.label = "test", .is_durable = TRUE};
    Task *task = task_begin(fixture->tasks, &spec, &error);
    g_assert_no_error(error);
    char *ref = g_strdup(task_ref(task));
    task_end(task, NULL, NULL);
    return ref;
}

static void
run_tasks(Fixture *fixture, guint n)
{
    for (guint i = 0; i < n; i++)
        g_free(run_task(fixture));
}

static gboolean
is_there(Fixture *fixture, const char *ref)
{
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, ref);
    return row != NULL;
}

/* The rows left once everything is cleared away that is due so much later. */
static gsize
count_after(Fixture *fixture, gint64 age_us)
{
    g_autoptr(GError) error = NULL;
    tasks_collect(fixture->tasks, base_now_us() + age_us);
    /* It deletes without waiting; a commit that waits comes after it. */
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    const char *ref = db_txn_insert(txn, CLASS_TASK, NULL);
    db_txn_delete(txn, CLASS_TASK, ref);
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    return db_count(fixture->db, CLASS_TASK);
}

static void
test_old_ones_go(Fixture *fixture, gconstpointer data)
{
    run_tasks(fixture, 3);
    g_assert_cmpuint(count_after(fixture, 64 * MINUTE_US), ==, 3);
    g_assert_cmpuint(count_after(fixture, 66 * MINUTE_US), ==, 0);
}

static void
test_oldest_of_many_go(Fixture *fixture, gconstpointer data)
{
    g_autofree char *first = run_task(fixture);
    run_tasks(fixture, KEPT_MAX - 1);
    g_assert_cmpuint(count_after(fixture, 2 * MINUTE_US), ==, KEPT_MAX);
    g_autofree char *last = run_task(fixture);
    g_assert_cmpuint(count_after(fixture, 0), ==, KEPT_MAX + 1); /* just ended: not yet */
    g_assert_cmpuint(count_after(fixture, 2 * MINUTE_US), ==, KEPT_MAX);
    g_assert_false(is_there(fixture, first));
    g_assert_true(is_there(fixture, last));
}

/* A client that starts thousands a second. */
static void
test_far_too_many_go_at_once(Fixture *fixture, gconstpointer data)
{
    g_autofree char *first = run_task(fixture);
    run_tasks(fixture, KEPT_YOUNG_MAX - 1);
    g_assert_cmpuint(count_after(fixture, 0), ==, KEPT_YOUNG_MAX);
    run_tasks(fixture, 10);
    g_assert_cmpuint(count_after(fixture, 0), ==, KEPT_YOUNG_MAX);
    g_assert_false(is_there(fixture, first));
}

static void
test_destroyed_ones_do_not_count(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = run_task(fixture);
    for (guint i = 0; i < KEPT_MAX; i++) {
        g_autofree char *ref = run_task(fixture);
        g_assert_true(tasks_destroy(fixture->tasks, NULL, ref, &error));
    }
    g_assert_cmpuint(count_after(fixture, 2 * MINUTE_US), ==, 1);
    g_assert_true(is_there(fixture, first));
}

static void
test_pending_ones_stay(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    TaskSpec spec = {.label = "test", .is_durable = TRUE};
    Task *task = task_begin(fixture->tasks, &spec, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(count_after(fixture, 1000 * MINUTE_US), ==, 1);
    task_end(task, NULL, NULL);
    g_assert_cmpuint(count_after(fixture, 66 * MINUTE_US), ==, 0);
}

static void
test_those_of_before_a_restart_count(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    run_tasks(fixture, 2);
    tasks_free(fixture->tasks);
    fixture->tasks = tasks_new(fixture->db);
    g_assert_true(tasks_recover(fixture->tasks, &error));
    g_assert_cmpuint(count_after(fixture, 2 * MINUTE_US), ==, 2);
    g_assert_cmpuint(count_after(fixture, 66 * MINUTE_US), ==, 0);
}

#define HOUR_US (60 * MINUTE_US)

/* Made by a client; nobody runs it. */
static char *
make_task(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    g_autofree char *ref = g_strdup(db_txn_insert(txn, CLASS_TASK, NULL));
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    return g_steal_pointer(&ref);
}

static void
test_forgotten_ones_go(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *forgotten = make_task(fixture);
    g_autofree char *used = make_task(fixture);
    TaskSpec spec = {.label = "test", .is_durable = TRUE};
    Task *running = task_begin(fixture->tasks, &spec, &error);
    g_assert_no_error(error);

    tasks_expire(fixture->tasks, base_now_us());
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_set(txn, CLASS_TASK, used, TASK_PROGRESS, value_float(0.5));
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    tasks_expire(fixture->tasks, base_now_us() + 23 * HOUR_US);
    g_assert_cmpuint(count_after(fixture, 0), ==, 3);
    tasks_expire(fixture->tasks, base_now_us() + 25 * HOUR_US);
    g_assert_cmpuint(count_after(fixture, 0), ==, 2);
    g_assert_false(is_there(fixture, forgotten));
    task_end(running, NULL, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/task/collect/old-ones-go", Fixture, NULL, set_up, test_old_ones_go, tear_down);
    g_test_add("/task/collect/the-oldest-of-many-go", Fixture, NULL, set_up, test_oldest_of_many_go,
               tear_down);
    g_test_add("/task/collect/far-too-many-go-at-once", Fixture, NULL, set_up, test_far_too_many_go_at_once,
               tear_down);
    g_test_add("/task/collect/destroyed-ones-do-not-count", Fixture, NULL, set_up,
               test_destroyed_ones_do_not_count, tear_down);
    g_test_add("/task/collect/pending-ones-stay", Fixture, NULL, set_up, test_pending_ones_stay, tear_down);
    g_test_add("/task/collect/those-of-before-a-restart-count", Fixture, NULL, set_up,
               test_those_of_before_a_restart_count, tear_down);
    g_test_add("/task/collect/forgotten-ones-go-after-a-day", Fixture, NULL, set_up, test_forgotten_ones_go,
               tear_down);
    return g_test_run();
}
