/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder share. */
#pragma once

#include "task/task.h"

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
    GHashTable *by_ref; /* ref -> Task: the running ones */
};

/** task_actor: for transactions made on behalf of @task. Borrowed from it. */
DbActor task_actor(const Task *task);

/** task_unmark: records the steps that take @task's marks off. */
void task_unmark(Task *task, DbTxn *txn);
