/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks: how far each long operation is, who waits for it, and its cancellation. Safe from any thread. */
#pragma once

#include <gio/gio.h>

#include "domain/reply.h"
#include "domain/types.h"
#include "domain/updates.h"

typedef struct DomainTasks DomainTasks;
typedef struct DomainTask DomainTask;

/**
 * domain_tasks_new:
 * @cancelled: called without locks after the cancellable of a task was triggered; @owner is what
 * domain_tasks_begin() was given
 */
DomainTasks *domain_tasks_new(DomainClock *clock, DomainUpdates *updates,
                              void (*cancelled)(gpointer data, const char *owner, DomainTask *task),
                              gpointer data);
/** domain_tasks_free: answers whoever still waits. No task may be at work any more. */
void domain_tasks_free(DomainTasks *tasks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainTasks, domain_tasks_free)

/** domain_tasks_begin: a new pending task; @owner is the VM it belongs to. */
DomainTask *domain_tasks_begin(DomainTasks *tasks, const char *owner);
DomainTask *domain_task_ref(DomainTask *task);
void domain_task_unref(DomainTask *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainTask, domain_task_unref)

/** domain_task_id: borrowed. */
const char *domain_task_id(DomainTask *task);
/** domain_task_cancellable: borrowed; triggered by Task.cancel. */
GCancellable *domain_task_cancellable(DomainTask *task);

/** domain_task_progress: @step is what is done now, for people. */
void domain_task_progress(DomainTask *task, double fraction, const char *step);

/** domain_task_advance: more of the step that domain_task_progress() named is done. */
void domain_task_advance(DomainTask *task, double fraction);

/** domain_task_end: once; @error is NULL for success and any error otherwise. */
void domain_task_end(DomainTask *task, const GError *error);

/* By id. Errors: Does_not_exist("Task", id). */
gboolean domain_tasks_stat(DomainTasks *tasks, const char *id, DomainTaskT *ret_task, GError **error);
gboolean domain_tasks_cancel(DomainTasks *tasks, const char *id, GError **error);
gboolean domain_tasks_destroy(DomainTasks *tasks, const char *id, GError **error);
void domain_tasks_list(DomainTasks *tasks, DomainTaskTList *ret_list);

/** domain_tasks_wait: answers @reply (Task.wait) once the task has ended or is further than @seen (2 or more:
 * only its end counts). */
void domain_tasks_wait(DomainTasks *tasks, const char *id, double seen, gint64 timeout_us,
                       DomainReply *reply);

/** domain_task_error_text: what Failed carries: a JSON array of the exception's name and its arguments. */
char *domain_task_error_text(const GError *error);

/** domain_task_error_parse: sets the error that such a text describes; FALSE always. */
gboolean domain_task_error_parse(const char *text, GError **error);
