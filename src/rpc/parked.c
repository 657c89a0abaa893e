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

/* The last answer of a thread, as it was sent: who waits for the same is answered with the same value. */
typedef struct Encoded {
    Value *value;
    const RpcCodec *codec;
    GBytes *text;
} Encoded;

/* Longer ones are not kept: they are of those who ask for everything, one by one. */
#define ENCODED_KEPT_MAX (256 * 1024)

/* What stands around a value. */
#define ENVELOPE_SIZE_HINT 512

static void
encoded_free(gpointer data)
{
    Encoded *encoded = data;
    value_unref(encoded->value);
    g_clear_pointer(&encoded->text, g_bytes_unref);
    g_free(encoded);
}

static GPrivate last_encoded = G_PRIVATE_INIT(encoded_free);

static void
keep_encoded(Value *value, const RpcCodec *codec, GBytes *text)
{
    Encoded *encoded = g_new(Encoded, 1);
    *encoded = (Encoded){value_ref(value), codec, g_bytes_ref(text)};
    g_private_replace(&last_encoded, encoded);
}

static GBytes *
encode(const RpcCodec *codec, Value *value)
{
    const Encoded *last = g_private_get(&last_encoded);
    if (last != NULL && last->value == value && last->codec == codec)
        return g_bytes_ref(last->text);
    GString *text = g_string_new(NULL);
    codec->value(text, value);
    GBytes *bytes = g_string_free_to_bytes(text);
    if (g_bytes_get_size(bytes) <= ENCODED_KEPT_MAX)
        keep_encoded(value, codec, bytes);
    return bytes;
}

/* As job_answer() does, around a value that is encoded once. */
static void
answer_over_the_wire(RpcJob *job, Value *result)
{
    gsize length;
    g_autoptr(Value) owned = result;
    g_autoptr(GBytes) text = encode(job->codec, owned);
    const char *start = g_bytes_get_data(text, &length);
    GString *body = g_string_sized_new(length + ENVELOPE_SIZE_HINT);
    job->codec->success_begin(job, body);
    g_string_append_len(body, start, (gssize)length);
    job->codec->success_end(job, body);
    job_answer_text(job, body);
}

static void
answered(gpointer data, Value *result, const GError *error)
{
    Parked *parked = data;
    if (error != NULL)
        job_fail(parked->job, error);
    else if (parked->job->waiter != NULL)
        job_answer(parked->job, result);
    else
        answer_over_the_wire(parked->job, result);
    parked_unref(parked);
}

static void
client_gone(gpointer data)
{
    Parked *parked = data;
    if (!event_wait_cancel(parked->wait))
        return;
    http_request_reply_error(parked->job->request, 503, "Nobody is there."); /* lets the connection go */
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
