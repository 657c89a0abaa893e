/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks: a row that clients watch, progress, cancellation, and the marks that a running message leaves on its
 * objects. */
#pragma once

#include "db/db.h"
#include "model/enums.h"
#include <gio/gio.h>

typedef struct Tasks Tasks;
typedef struct Task Task;

/** tasks_new: also has @db answer allowed_operations by the model's rules. */
Tasks *tasks_new(Db *db);
void tasks_free(Tasks *tasks); /* none is running any more. NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tasks, tasks_free)

/** tasks_recover: at start: ends what a crash left pending, as cancelled what was being cancelled. Marks on
 * other objects are not stored, so they are gone already. */
gboolean tasks_recover(Tasks *tasks, GError **error);

typedef struct TaskSpec {
    const char *label; /* name_label: the called name with prefix */
    const char *description;
    const char *session_ref; /* owner */
    const char *user_name;
    const char *host_ref;           /* (nullable) where it runs */
    const char *subtask_of;         /* (nullable) */
    const char *const *http_config; /* (nullable): key, value, key, value ...: what the request wants noted */
    gboolean is_durable; /* Async: the row is stored and stays after the end; otherwise it lives in memory and
                            goes at the end */
    gboolean is_hidden;  /* no row: messages without an async form */
} TaskSpec;

/** task_begin: a pending task. */
Task *task_begin(Tasks *tasks, const TaskSpec *spec, GError **error);
/**
 * task_adopt:
 * @ref: a pending task that a client made for this (task.create)
 * @spec: who runs it; label, parent and is_durable stay what the row says
 *
 * As task_begin(), for a row that is there. Whether @ref is the caller's to use is checked above. Errors:
 * HANDLE_INVALID, OPERATION_NOT_ALLOWED (it has ended, or is running already).
 */
Task *task_adopt(Tasks *tasks, const char *ref, const TaskSpec *spec, GError **error);
/** task_ref: borrowed. */
const char *task_ref(const Task *task);
/** task_cancellable: borrowed; triggered by tasks_cancel() and tasks_cancel_all(). */
GCancellable *task_cancellable(Task *task);
/** task_set_progress: 0.0 to 1.0; cheap enough to call often (not every call is published). */
void task_set_progress(Task *task, double progress);
/** task_end: writes result (XML text) or error, then status; releases marks first; frees @task. Exactly once.
 * @error is borrowed. */
void task_end(Task *task, Value *result, const GError *error);
/** task_explain_cancel: *@error is a wait that was broken off because somebody cancelled @task: makes it
 * TASK_CANCELLED [task]. Leaves others alone. */
void task_explain_cancel(Task *task, GError **error);
/** tasks_set_status: what a client says of a task of its own. An end sets finished and progress; one that was
 * destroyed while pending goes away. */
gboolean tasks_set_status(Tasks *tasks, const DbActor *actor, const char *ref, TaskStatusType status,
                          GError **error);
/** tasks_destroy: deletes the row of an ended task; a pending one shows that it is to go, and goes at its
 * end. HANDLE_INVALID if unknown. */
gboolean tasks_destroy(Tasks *tasks, const DbActor *actor, const char *ref, GError **error);
/** tasks_cancel: shows in the task's current_operations that it is to be cancelled, and asks who runs it to
 * stop; the outcome is up to that. @actor's task is the call that cancels. HANDLE_INVALID if unknown; an
 * ended one is left alone. */
gboolean tasks_cancel(Tasks *tasks, const DbActor *actor, const char *ref, GError **error);
/** tasks_expire: clears away what ended long ago, and what clients made and forgot, at @now_us (real time).
 * To be called now and then, from one thread. */
void tasks_expire(Tasks *tasks, gint64 now_us);
/** tasks_cancel_all: asks every running one to stop, and those that begin from now on: the server is going
 * down. */
void tasks_cancel_all(Tasks *tasks);

/**
 * task_mark:
 * @params: as the message got them
 *
 * Checks from_states and conflicts of @message's engine and sets current_operations of the marked objects,
 * all in one transaction; sleeps nowhere. Errors: VM_BAD_POWER_STATE, VM_IS_TEMPLATE, OPERATION_NOT_ALLOWED,
 * OTHER_OPERATION_IN_PROGRESS [class, ref], HANDLE_INVALID ...
 */
gboolean task_mark(Task *task, const ModelMessage *message, Value *const *params, GError **error);
/** task_mark_object: one more mark that only the handler knows (the host it chose). */
gboolean task_mark_object(Task *task, int class_id, const char *ref, const char *operation, GError **error);

/** task_allowed_operations: (transfer full): members of the class's operations that may begin on @row as it
 * is: by the model's from_states and conflicts, and state.h. */
Value *task_allowed_operations(Db *db, const DbRow *row);
