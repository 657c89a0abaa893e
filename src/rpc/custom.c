/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Custom messages: the handler runs as a task, with its objects marked, on a thread that may wait. */
#include "rpc/internal.h"

#include "base/log.h"
#include "model/errors.h"

/* Takes what the job needs to answer before the work is done. */
static void
answer_async(RpcJob *job, const Task *task)
{
    RpcJob *early = g_new0(RpcJob, 1);
    *early = *job;
    early->params = NULL;
    early->session = NULL;
    early->audit = NULL;
    early->called_name = NULL;
    early->json_id = job->json_id;
    job->json_id = NULL;
    job->request = NULL;
    job->waiter = NULL;
    job->origin.peer = NULL; /* the texts go with the request */
    job->origin.subtask_of = NULL;
    job->origin.task_id = NULL;
    job_answer(early, value_string(task_ref(task)));
}

static Task *
begin_task(RpcJob *job, GError **error)
{
    g_auto(GStrv) http_config =
        job->request != NULL ? http_request_headers_with(job->request, RPC_OTHER_CONFIG_HEADER) : NULL;
    TaskSpec spec = {
        .label = job->called_name,
        .session_ref = job->session != NULL ? job->session->ref : NULL,
        .user_name = job->session != NULL ? job->session->user_name : NULL,
        .host_ref = job->rpc->host_ref,
        .subtask_of = job->origin.subtask_of,
        .http_config = (const char *const *)http_config,
        .is_durable = job->is_async,
        .is_hidden = !job->message->has_async,
    };
    if (job->origin.task_id != NULL && job->session != NULL)
        return rpc_adopt_task(job->rpc->tasks, job->rpc->db, job->session, job->origin.task_id, &spec, error);
    return rpc_begin_task(job->rpc->tasks, job->rpc->db, &spec, error);
}

static gboolean
run_handler(RpcJob *job, Task *task, Value **ret_value, GError **error)
{
    ApiCall call = {
        .rpc = job->rpc,
        .db = job->rpc->db,
        .services = job->rpc->services,
        .message = job->message,
        .origin = &job->origin,
        .session = job->session,
        .task = task,
        .cancellable = task_cancellable(task),
        .actor = {.task = task_ref(task), .user = job->session != NULL ? job->session->user_name : NULL},
    };
    RpcHandler handler = job->rpc->handlers[model_message_id(job->message)];
    if (!task_mark(task, job->message, job->params, error))
        return FALSE;
    return handler != NULL ? handler(&call, job->params, ret_value, error)
                           : regular_run(job, &call.actor, ret_value, error);
}

/* (transfer full): what it came to, and the answer, if it has not been given yet. */
static void
finish(RpcJob *job, Value *result, const GError *error)
{
    if (job->is_async) {
        value_unref(result);
        job_free(job);
    } else if (error != NULL) {
        value_unref(result);
        job_fail(job, error);
    } else {
        job_answer(job, result);
    }
}

static const char *
owner_of(const RpcJob *job)
{
    return job->session != NULL ? job->session->ref : NULL;
}

static gboolean
begin(RpcJob *job, GError **error)
{
    if (job->rpc->handlers[model_message_id(job->message)] == NULL && !regular_can_run(job))
        return api_error_not_implemented(error, job->message->name);
    job->task = begin_task(job, error);
    return job->task != NULL;
}

void
custom_begin(RpcJob *job)
{
    g_autoptr(GError) error = NULL;
    Workers *workers = job->rpc->workers;
    if (!workers_has_room(workers, owner_of(job)))
        api_error_too_many_pending_tasks(&error);
    if (error != NULL || !begin(job, &error)) {
        job_fail(job, error);
        return;
    }
    answer_async(job, job->task);
    if (workers_push(workers, owner_of(job), task_cancellable(job->task), job))
        return;
    api_error_too_many_pending_tasks(&error);
    task_end(job->task, NULL, error);
    finish(job, NULL, error);
}

void
custom_push(RpcJob *job, Workers *workers)
{
    g_autoptr(GError) error = NULL;
    if (workers_push(workers, owner_of(job), NULL, job))
        return;
    api_error_too_busy(&error);
    job_fail(job, error);
}

/* Queueing is a wait, too. */
static gboolean
check_not_cancelled(Task *task, GError **error)
{
    return !g_cancellable_is_cancelled(task_cancellable(task)) ||
           api_error_task_cancelled(error, task_ref(task));
}

void
custom_run(RpcJob *job)
{
    g_autoptr(GError) error = NULL;
    if (job->task == NULL && !begin(job, &error)) {
        job_fail(job, error);
        return;
    }
    Task *task = job->task;
    g_autofree char *outer_context = base_log_context(); /* of a call that makes this one */
    g_autofree char *context = g_strdup_printf("task=%s %s", task_ref(task), job->called_name);
    base_log_set_context(context);

    Value *result = NULL;
    gboolean is_done = check_not_cancelled(task, &error) && run_handler(job, task, &result, &error);
    task_explain_cancel(task, &error);
    if (!is_done)
        log_info("failed: %s", error->message);
    audit_call_end(g_steal_pointer(&job->audit), error);
    task_end(task, result, error);
    base_log_set_context(outer_context);
    finish(job, result, error);
}
