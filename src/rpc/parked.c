/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.from and event.next: calls that wait for events without a thread. */
#include "rpc/internal.h"

#include "model/messages.h"

/* One reference of the answer that will come, one of whoever watches the connection. */
typedef struct Parked {
    gatomicrefcount references;
    RpcJob *job;
    EventWait *wait;
} Parked;

static void
parked_unref(gpointer data)
{
    Parked *parked = data;
    if (!g_atomic_ref_count_dec(&parked->references))
        return;
    event_wait_unref(parked->wait);
    g_free(parked);
}

static void
answered(gpointer data, Value *result, const GError *error)
{
    Parked *parked = data;
    if (error == NULL)
        job_answer(parked->job, result);
    else
        job_fail(parked->job, error);
    parked_unref(parked);
}

static void
client_gone(gpointer data)
{
    Parked *parked = data;
    if (!event_wait_cancel(parked->wait))
        return;
    job_free(parked->job);
    parked_unref(parked); /* the answer that will never come */
}

gboolean
parked_can_answer(const RpcJob *job)
{
    int id = model_message_id(job->message);
    return id == MSG_EVENT_FROM || id == MSG_EVENT_NEXT;
}

void
parked_start(RpcJob *job)
{
    Parked *parked = g_new0(Parked, 1);
    g_atomic_ref_count_init(&parked->references);
    g_atomic_ref_count_inc(&parked->references);
    parked->job = job;
    EventHub *events = job->rpc->events;
    g_autoptr(HttpRequest) request = job->request != NULL ? http_request_ref(job->request) : NULL;
    if (model_message_id(job->message) == MSG_EVENT_FROM)
        parked->wait =
            event_from_start(events, job->session->ref, job->params[0], value_get_string(job->params[1]),
                             value_get_float(job->params[2]), answered, parked);
    else
        parked->wait = event_next_start(events, job->session->ref, answered, parked);
    if (request != NULL)
        http_request_on_gone(request, client_gone, parked, parked_unref);
    else
        parked_unref(parked);
}
