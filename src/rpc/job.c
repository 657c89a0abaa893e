/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ends of a call: its one answer, over the wire or to a waiter in this process. */
#include "rpc/internal.h"

#include "base/log.h"
#include "model/api_error.h"

/* Source: protocol notes 0 */
static const char *const reply_headers[] = {"Access-Control-Allow-Origin: *",
                                            "Access-Control-Allow-Headers: X-Requested-With", NULL};

/* Most replies fit without growing. */
#define REPLY_SIZE_HINT 512

void
job_free(RpcJob *job)
{
    for (gsize i = 0; job->params != NULL && i < job->message->n_params; i++)
        value_unref(job->params[i]);
    g_free(job->params);
    audit_call_unanswered(job->audit);
    session_unref(job->session);
    value_unref(job->json_id);
    if (job->request != NULL)
        http_request_unref(job->request);
    g_free(job->called_name);
    g_free(job);
}

DbActor
job_actor(const RpcJob *job)
{
    return (DbActor){.task = NULL, .user = job->session != NULL ? job->session->user_name : NULL};
}

static void
wake(RpcWaiter *waiter, Value *result, const GError *error)
{
    g_mutex_lock(&waiter->lock);
    waiter->result = result;
    waiter->error = error != NULL ? g_error_copy(error) : NULL;
    waiter->is_done = TRUE;
    g_cond_signal(&waiter->done);
    g_mutex_unlock(&waiter->lock);
}

void
job_answer_text(RpcJob *job, GString *body)
{
    http_request_reply(job->request, 200, job->codec->content_type, body, reply_headers);
    job_free(job);
}

void
job_answer_body(RpcJob *job, HttpBody *body)
{
    http_request_reply_body(job->request, 200, job->codec->content_type, body, reply_headers);
    job_free(job);
}

void
job_answer(RpcJob *job, Value *result)
{
    audit_call_end(g_steal_pointer(&job->audit), NULL);
    if (job->waiter != NULL) {
        wake(job->waiter, result, NULL);
        job_free(job);
        return;
    }
    g_autoptr(Value) owned = result != NULL ? result : value_string("");
    GString *body = g_string_sized_new(REPLY_SIZE_HINT);
    job->codec->success_begin(job, body);
    job->codec->value(body, owned);
    job->codec->success_end(job, body);
    job_answer_text(job, body);
}

void
job_fail(RpcJob *job, const GError *error)
{
    g_autoptr(GError) api_error = g_error_copy(error);
    api_error_from(&api_error);
    audit_call_end(g_steal_pointer(&job->audit), api_error);
    if (g_str_equal(api_error_code(api_error), "INTERNAL_ERROR"))
        log_warning("%s: %s", job->called_name != NULL ? job->called_name : "call", api_error->message);
    if (job->waiter != NULL) {
        wake(job->waiter, NULL, api_error);
        job_free(job);
        return;
    }
    GString *body = g_string_sized_new(REPLY_SIZE_HINT);
    job->codec->failure(job, body, api_error_code(api_error), api_error_params(api_error));
    job_answer_text(job, body);
}
