/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans: what a call begins outside the database is written down before it is done, so that neither a failure
 * nor a crash leaves half of it.
 *
 *   add ──► step ──► add ──► step ──► ... ──► the transaction that shows the result ends the plan
 *    │        │ failed                          │ committed: nothing to undo any more
 *    │        └──► undo, last first             │
 *    └── crash ──► the next start undoes, last first
 *
 * A step is a kind and an object: there is something that must not be there unless the plan comes to its end.
 * Undoing is therefore safe to repeat, and fine for a step that was never taken. What is to be destroyed is
 * written down in the same way: then undoing it is finishing it. */
#pragma once

#include "task/task.h"

typedef struct Plan Plan;

/* One kind of step. */
typedef struct PlanKind {
    const char *name; /* stands in the journal: keeps its meaning for ever. NULL ends a list */
    /* Makes sure that @object is not there. @task (nullable): cancelling it breaks this off, to be done
     * later. */
    gboolean (*undo)(gpointer data, Task *task, const char *object, GError **error);
} PlanKind;

/** tasks_set_plan_kinds: before the first plan; @kinds and @data outlive @tasks. */
void tasks_set_plan_kinds(Tasks *tasks, const PlanKind *kinds, gpointer data);

/** tasks_recover_plans: undoes what earlier runs of the server left; what cannot be undone now (its SR is
 * away) is told in the log and stays for the next time this is called, as does the rest once @task (nullable)
 * is cancelled. */
void tasks_recover_plans(Tasks *tasks, Task *task);

/** plan_new: nothing is written yet. @task outlives it. */
Plan *plan_new(Task *task, const char *label);
/** plan_free: undoes all that has been added, unless the plan has ended or was given up. NULL is fine. */
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/** plan_add: writes a step down; durable on return, so that it may be taken now. */
gboolean plan_add(Plan *plan, const char *kind, const char *object, GError **error);
/** plan_txn_add: the same as a part of @txn, for what is known only with the result of another step. */
void plan_txn_add(Plan *plan, DbTxn *txn, const char *kind, const char *object);
/** plan_forget_last: the step added last has turned out not to have been taken. */
void plan_forget_last(Plan *plan);

/**
 * plan_commit: the last act of a plan: commits @txn, with which there is nothing to undo any more.
 * @plan: (nullable): then it is db_txn_commit()
 *
 * Errors: as db_txn_commit(); the plan goes on.
 */
gboolean plan_commit(Plan *plan, DbTxn *txn, GError **error);
/** plan_give_up: undoes nothing; the journal keeps it for the next start. */
void plan_give_up(Plan *plan);
