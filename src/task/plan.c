/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of plans: a row of class plan for each, in the database's own file, so that a step can be
 * written down, and a plan end, in the same commit as what it goes with. */
#include "task/plan.h"

#include "base/log.h"
#include "base/text.h"
#include "model/classes.h"
#include "model/errors.h"
#include "task/internal.h"
#include <string.h>

struct Plan {
    Task *task;
    char *label;
    char *ref;        /* of its row; NULL before the first step */
    GPtrArray *steps; /* "<kind> <object>" by number; NULL for one that is forgotten */
    gboolean is_over;
};

void
tasks_set_plan_kinds(Tasks *tasks, const PlanKind *kinds, gpointer data)
{
    tasks->plan_kinds = kinds;
    tasks->plan_data = data;
}

Plan *
plan_new(Task *task, const char *label)
{
    Plan *plan = g_new0(Plan, 1);
    plan->task = task;
    plan->label = g_strdup(label);
    plan->steps = g_ptr_array_new_with_free_func(g_free);
    return plan;
}

/* ---- Undoing ---- */

static const PlanKind *
find_kind(const Tasks *tasks, const char *name, gsize length)
{
    for (const PlanKind *kind = tasks->plan_kinds; kind != NULL && kind->name != NULL; kind++)
        if (strlen(kind->name) == length && strncmp(kind->name, name, length) == 0)
            return kind;
    return NULL;
}

static gboolean
undo_step(Tasks *tasks, Task *task, const char *label, const char *step)
{
    g_autoptr(GError) error = NULL;
    gsize length = strcspn(step, " ");
    const PlanKind *kind = find_kind(tasks, step, length);
    if (kind == NULL)
        api_error_internal_error(&error, "this version knows no such step");
    else if (kind->undo(tasks->plan_data, task, step[length] == ' ' ? step + length + 1 : "", &error))
        return TRUE;
    log_warning("%s: '%s' cannot be undone now: %s", label, step, error->message);
    return FALSE;
}

static gboolean
delete_step(DbTxn *txn, gpointer data, GError **error)
{
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_PLAN, data);
    if (row != NULL)
        db_txn_delete(txn, CLASS_PLAN, data);
    return TRUE;
}

/* One that stays in the journal by mistake is undone once more, which does no harm. */
static void
delete_row(Tasks *tasks, const char *ref)
{
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, NULL);
    db_txn_step(txn, delete_step, (gpointer)ref, NULL);
    db_txn_commit(txn, NULL, NULL);
}

/* A plan that failed is left to the next start as it is, if a step of it cannot be undone now. */
static void
undo(Plan *plan)
{
    Tasks *tasks = plan->task->tasks;
    gboolean is_undone = TRUE;
    for (guint i = plan->steps->len; i > 0; i--) {
        const char *step = g_ptr_array_index(plan->steps, i - 1);
        if (step != NULL && !undo_step(tasks, NULL, plan->label, step))
            is_undone = FALSE;
    }
    if (is_undone)
        delete_row(tasks, plan->ref);
    else
        tasks_note_left_plan(tasks, plan->ref);
}

void
plan_free(Plan *plan)
{
    if (plan == NULL)
        return;
    if (!plan->is_over && plan->ref != NULL)
        undo(plan);
    g_ptr_array_unref(plan->steps);
    g_free(plan->label);
    g_free(plan->ref);
    g_free(plan);
}

/* ---- Writing down ---- */

/* Numbers of one width, so that they sort. */
static char *
step_key(guint number)
{
    return g_strdup_printf("%06u", number);
}

static void
insert_row(Plan *plan, DbTxn *txn)
{
    plan->ref = g_strdup(db_txn_insert(txn, CLASS_PLAN, NULL));
    db_txn_set_string(txn, CLASS_PLAN, plan->ref, PLAN_LABEL, plan->label);
    db_txn_set(txn, CLASS_PLAN, plan->ref, PLAN_CREATED, value_datetime(base_now_us() / G_USEC_PER_SEC));
}

void
plan_txn_add(Plan *plan, DbTxn *txn, const char *kind, const char *object)
{
    char *step = g_strdup_printf("%s %s", kind, object);
    g_autofree char *key = step_key(plan->steps->len);
    g_ptr_array_add(plan->steps, step);
    if (plan->ref == NULL)
        insert_row(plan, txn);
    db_txn_map_put(txn, CLASS_PLAN, plan->ref, PLAN_STEPS, key, value_string(step));
}

gboolean
plan_add(Plan *plan, const char *kind, const char *object, GError **error)
{
    DbActor actor = task_actor(plan->task);
    gboolean is_first = plan->ref == NULL;
    g_autoptr(DbTxn) txn = db_txn_new(plan->task->tasks->db, &actor);
    plan_txn_add(plan, txn, kind, object);
    if (db_txn_commit(txn, NULL, error))
        return TRUE;
    g_ptr_array_set_size(plan->steps, (gint)plan->steps->len - 1);
    if (is_first)
        g_clear_pointer(&plan->ref, g_free);
    return FALSE;
}

/* It stays in the journal, where it does no harm: undoing it finds nothing. */
void
plan_forget_last(Plan *plan)
{
    g_assert(plan->steps->len > 0);
    g_free(plan->steps->pdata[plan->steps->len - 1]);
    plan->steps->pdata[plan->steps->len - 1] = NULL;
}

gboolean
plan_commit(Plan *plan, DbTxn *txn, GError **error)
{
    if (plan != NULL && plan->ref != NULL)
        db_txn_delete(txn, CLASS_PLAN, plan->ref);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    if (plan != NULL)
        plan->is_over = TRUE;
    return TRUE;
}

void
plan_give_up(Plan *plan)
{
    plan->is_over = TRUE;
}

/* ---- After a crash ---- */

void
tasks_note_left_plan(Tasks *tasks, const char *ref)
{
    g_mutex_lock(&tasks->lock);
    g_ptr_array_add(tasks->left_plans, g_strdup(ref));
    g_mutex_unlock(&tasks->lock);
}

void
tasks_init_plans(Tasks *tasks)
{
    g_autoptr(GPtrArray) rows = db_get_all(tasks->db, CLASS_PLAN);
    tasks->left_plans = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < rows->len; i++)
        tasks_note_left_plan(tasks, ((const DbRow *)g_ptr_array_index(rows, i))->ref);
}

static gboolean
undo_row(Tasks *tasks, Task *task, const DbRow *row)
{
    const Value *steps = row->fields[PLAN_STEPS];
    const char *label = db_row_string(row, PLAN_LABEL);
    gboolean is_undone = TRUE;
    log_info("%s was cut off: undoing %u steps", label, (guint)value_size(steps));
    for (guint i = 0; i < value_size(steps); i++) {
        g_autofree char *key = step_key((guint)value_size(steps) - 1 - i);
        const char *step = value_map_get_string(steps, key, "");
        if (!undo_step(tasks, task, label, step))
            is_undone = FALSE;
    }
    return is_undone;
}

static void
recover(Tasks *tasks, Task *task, const char *ref)
{
    g_autoptr(DbRow) row = db_get(tasks->db, CLASS_PLAN, ref);
    if (row == NULL)
        return;
    gboolean is_broken_off = task != NULL && g_cancellable_is_cancelled(task_cancellable(task));
    if (!is_broken_off && undo_row(tasks, task, row))
        delete_row(tasks, ref);
    else
        tasks_note_left_plan(tasks, ref);
}

void
tasks_recover_plans(Tasks *tasks, Task *task)
{
    g_mutex_lock(&tasks->lock);
    g_autoptr(GPtrArray) left = tasks->left_plans;
    tasks->left_plans = g_ptr_array_new_with_free_func(g_free);
    g_mutex_unlock(&tasks->lock);
    for (guint i = 0; i < left->len; i++)
        recover(tasks, task, g_ptr_array_index(left, i));
}
