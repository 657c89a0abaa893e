/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder share. */
#pragma once

#include "task/plan.h"

/* An object that shows a task in its current_operations. */
typedef struct TaskMark {
    int class_id;
    char *ref;
    const char *operation;
} TaskMark;

struct Task {
    Tasks *tasks;
    gatomicrefcount references; /* one of the runner, one of the table */
    char *ref;
    char *session_ref;
    char *user_name;
    gboolean is_durable;
    gboolean is_hidden;
    GCancellable *cancellable;
    GArray *marks;             /* TaskMark */
    double published_progress; /* runner's thread only */
};

struct Tasks {
    Db *db;
    GMutex lock;
    GHashTable *by_ref;   /* ref -> Task: the running ones */
    gboolean is_stopping; /* new ones are cancelled from the start */
    GQueue ended;         /* stored tasks that have ended and are still there, oldest first; see collect.c */
    GHashTable *ended_by_ref; /* ref -> its link in @ended */
    GHashTable *idle; /* ref -> IdleTask: pending ones that nobody runs; tasks_expire() alone uses it */
    const PlanKind *plan_kinds;
    gpointer plan_data;    /* for their undo */
    GPtrArray *left_plans; /* refs of plans in the journal that nobody works on */
};

/** task_actor: for transactions made on behalf of @task. Borrowed from it. */
DbActor task_actor(const Task *task);

/** task_new: not in the table and without a row yet; its ref is made up. */
Task *task_new(Tasks *tasks, const TaskSpec *spec);
void task_unref(Task *task); /* NULL is fine */

/* The journal: see plan.c. */
void tasks_init_plans(Tasks *tasks);
void tasks_note_left_plan(Tasks *tasks, const char *ref);

/* Clearing away what has ended. */
void tasks_init_ended(Tasks *tasks);
void tasks_clear_ended(Tasks *tasks);
/** tasks_note_end: @ref has ended at @ended_us, and its row stays for now. */
void tasks_note_end(Tasks *tasks, const char *ref, gint64 ended_us);
/** tasks_note_gone: somebody destroyed it. */
void tasks_note_gone(Tasks *tasks, const char *ref);
/** tasks_collect: clears away what is due at @now_us (real time). */
void tasks_collect(Tasks *tasks, gint64 now_us);

/** task_unmark: records the steps that take @task's marks off. */
void task_unmark(Task *task, DbTxn *txn);
