/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans with steps that make marks in a set, cut off wherever they may be. */
#include "task/plan.h"

#include "db/db.h"
#include "model/classes.h"
#include "model/errors.h"
#include <string.h>

#define N_STEPS 3

/* What exists outside the database. */
typedef struct World {
    GHashTable *things; /* names */
    GString *undone;    /* in order */
    gboolean is_away;   /* undoing fails */
} World;

typedef struct Fixture {
    Db *db;
    Tasks *tasks;
    World world;
} Fixture;

static gboolean
undo_thing(gpointer data, Task *task, const char *object, GError **error)
{
    World *world = data;
    if (world->is_away)
        return api_error_set(error, "INTERNAL_ERROR", (const char *const[]){"away", NULL});
    g_hash_table_remove(world->things, object);
    g_string_append(world->undone, object);
    return TRUE;
}

static const PlanKind kinds[] = {{"thing", undo_thing}, {NULL, NULL}};

static void
start_tasks(Fixture *fixture)
{
    fixture->tasks = tasks_new(fixture->db);
    tasks_set_plan_kinds(fixture->tasks, kinds, &fixture->world);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->world =
        (World){g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL), g_string_new(NULL), FALSE};
    start_tasks(fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    tasks_free(fixture->tasks);
    db_close(fixture->db);
    g_hash_table_unref(fixture->world.things);
    g_string_free(fixture->world.undone, TRUE);
}

static void
make(Fixture *fixture, const char *name)
{
    g_hash_table_add(fixture->world.things, g_strdup(name));
}

static guint
n_things(Fixture *fixture)
{
    return g_hash_table_size(fixture->world.things);
}

static Task *
begin_task(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    TaskSpec spec = {.label = "VM.clone", .is_hidden = TRUE};
    Task *task = task_begin(fixture->tasks, &spec, &error);
    g_assert_no_error(error);
    return task;
}

/* The things "0", "1", ... each written down before it is made. */
static void
take_steps(Fixture *fixture, Plan *plan, guint n_written, guint n_made)
{
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < n_written; i++) {
        g_autofree char *name = g_strdup_printf("%u", i);
        plan_add(plan, "thing", name, &error);
        g_assert_no_error(error);
        if (i < n_made)
            make(fixture, name);
    }
}

static void
end(Fixture *fixture, Plan *plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    g_assert_true(plan_commit(plan, txn, &error));
    g_assert_no_error(error);
}

static void
test_end(Fixture *fixture, gconstpointer data)
{
    Task *task = begin_task(fixture);
    Plan *plan = plan_new(task, "VM.clone");
    take_steps(fixture, plan, N_STEPS, N_STEPS);
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 1);
    end(fixture, plan);
    plan_free(plan);
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 0);
    g_assert_cmpuint(n_things(fixture), ==, N_STEPS);
    task_end(task, NULL, NULL);
}

static void
test_failure(Fixture *fixture, gconstpointer data)
{
    Task *task = begin_task(fixture);
    Plan *plan = plan_new(task, "VM.clone");
    take_steps(fixture, plan, N_STEPS, N_STEPS);
    plan_free(plan);
    g_assert_cmpstr(fixture->world.undone->str, ==, "210");
    g_assert_cmpuint(n_things(fixture), ==, 0);
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 0);
    task_end(task, NULL, NULL);
}

/* A step that was refused is not undone; neither is what came to no step at all. */
static void
test_forgotten(Fixture *fixture, gconstpointer data)
{
    Task *task = begin_task(fixture);
    Plan *plan = plan_new(task, "VDI.destroy");
    take_steps(fixture, plan, 2, 2);
    plan_forget_last(plan);
    plan_free(plan);
    g_assert_cmpstr(fixture->world.undone->str, ==, "0");
    plan_free(plan_new(task, "VDI.destroy"));
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 0);
    task_end(task, NULL, NULL);
}

/* The server dies and another one starts on its database. What the dead one held in memory is lost; here it
 * is kept until the end, as a leak would be reported. */
static void
crash(Fixture *fixture, Plan *plan, Task *task)
{
    Tasks *dead = fixture->tasks;
    start_tasks(fixture);
    plan_give_up(plan);
    plan_free(plan);
    task_end(task, NULL, NULL);
    tasks_free(dead);
}

/* Cut off before the step with this number is taken, and after. */
static void
test_crash(Fixture *fixture, gconstpointer data)
{
    for (guint n_made = 0; n_made <= N_STEPS; n_made++)
        for (guint n_written = n_made; n_written <= MIN(n_made + 1, N_STEPS); n_written++) {
            g_string_truncate(fixture->world.undone, 0);
            Task *task = begin_task(fixture);
            Plan *plan = plan_new(task, "VM.clone");
            take_steps(fixture, plan, n_written, n_made);
            crash(fixture, plan, task);
            tasks_recover_plans(fixture->tasks, NULL);
            g_autofree char *undone = g_strreverse(g_strndup("012", n_written));
            g_assert_cmpstr(fixture->world.undone->str, ==, undone);
            g_assert_cmpuint(n_things(fixture), ==, 0);
            g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 0);
        }
}

static void
test_away(Fixture *fixture, gconstpointer data)
{
    Task *task = begin_task(fixture);
    Plan *plan = plan_new(task, "VM.clone");
    take_steps(fixture, plan, N_STEPS, N_STEPS);
    fixture->world.is_away = TRUE;
    plan_free(plan); /* fails, and cannot be undone */
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 1);
    tasks_recover_plans(fixture->tasks, NULL);
    g_assert_cmpuint(n_things(fixture), ==, N_STEPS);
    fixture->world.is_away = FALSE;
    tasks_recover_plans(fixture->tasks, NULL);
    g_assert_cmpuint(n_things(fixture), ==, 0);
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 0);
    task_end(task, NULL, NULL);
}

static void
test_at_work(Fixture *fixture, gconstpointer data)
{
    Task *task = begin_task(fixture);
    Plan *plan = plan_new(task, "VM.clone");
    take_steps(fixture, plan, 1, 1);
    tasks_recover_plans(fixture->tasks, NULL);
    g_assert_cmpuint(n_things(fixture), ==, 1);
    end(fixture, plan);
    plan_free(plan);
    task_end(task, NULL, NULL);
}

static void
test_unknown(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Task *task = begin_task(fixture);
    Plan *plan = plan_new(task, "VM.clone");
    plan_add(plan, "thin", "x", &error);
    g_assert_no_error(error);
    crash(fixture, plan, task);
    tasks_recover_plans(fixture->tasks, NULL);
    g_assert_cmpuint(db_count(fixture->db, CLASS_PLAN), ==, 1);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    ADD("/task/plan/nothing-is-undone-after-the-end", test_end);
    ADD("/task/plan/failure-undoes-last-first", test_failure);
    ADD("/task/plan/step-that-was-not-taken-is-forgotten", test_forgotten);
    ADD("/task/plan/crash-at-any-point-is-undone-at-the-next-start", test_crash);
    ADD("/task/plan/what-cannot-be-undone-stays-for-later", test_away);
    ADD("/task/plan/plans-at-work-are-left-alone", test_at_work);
    ADD("/task/plan/unknown-steps-stay-in-the-journal", test_unknown);
    return g_test_run();
}
