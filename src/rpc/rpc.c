/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dispatcher: requests in, jobs to whoever answers them. */
#include "rpc/internal.h"

#include "auth/login_source.h"
#include "base/error.h"
#include "model/classes.h"
#include "model/errors.h"
#include "model/messages.h"
#include "value/json.h"
#include "value/xmlrpc.h"
#include <string.h>

/* Refused logins take seconds on purpose: those from one address hold up each other, and nobody else. */
static const WorkersLimits login_limits = {
    .n_threads = 16, .share = 4, .n_reserved = 8, .owner_queue = 64, .queue = 1024};
/* Commits, long lists, and what storage plugins call back for while a worker waits for them. */
static const WorkersLimits quick_limits = {
    .n_threads = 8, .share = 8, .n_reserved = 0, .owner_queue = 1000, .queue = 8000};

static void
run_custom(gpointer job)
{
    custom_run(job);
}

static void
run_quick(gpointer data)
{
    RpcJob *job = data;
    if (regular_can_answer(job))
        regular_answer(job);
    else if (job->is_async)
        custom_begin(job);
    else
        custom_run(job);
}

Rpc *
rpc_new(Db *db, EventHub *events, Sessions *sessions, Tasks *tasks, const RpcHandler *handlers,
        struct ApiServices *services, guint n_workers)
{
    Rpc *rpc = g_new0(Rpc, 1);
    *rpc = (Rpc){.db = db,
                 .events = events,
                 .sessions = sessions,
                 .tasks = tasks,
                 .handlers = handlers,
                 .services = services};
    WorkersLimits limits = workers_limits(n_workers);
    rpc->workers = workers_new(&limits, run_custom);
    rpc->quick = workers_new(&quick_limits, run_quick);
    rpc->logins = workers_new(&login_limits, run_custom);
    return rpc;
}

void
rpc_set_workers(Rpc *rpc, guint n_workers)
{
    WorkersLimits limits = workers_limits(n_workers);
    workers_set_limits(rpc->workers, &limits);
}

void
rpc_limit_quick(Rpc *rpc, const WorkersLimits *limits)
{
    workers_free(rpc->quick);
    rpc->quick = workers_new(limits, run_quick);
}

void
rpc_set_host(Rpc *rpc, const char *host_ref)
{
    g_free(rpc->host_ref);
    rpc->host_ref = g_strdup(host_ref);
}

void
rpc_free(Rpc *rpc)
{
    if (rpc == NULL)
        return;
    tasks_cancel_all(rpc->tasks);
    workers_free(rpc->logins);
    workers_free(rpc->quick); /* it pushes to the workers */
    workers_free(rpc->workers);
    g_free(rpc->host_ref);
    g_free(rpc);
}

/* ---- Over the wire
 * ---------------------------------------------------------------------------------------------- */

static gboolean
read_call(RpcJob *job, XmlrpcCall *ret_call, GError **error)
{
    gsize length = 0;
    const char *body = http_request_body(job->request, &length);
    g_autoptr(GError) malformed = NULL;
    if (xmlrpc_read_call(body, length, ret_call, &malformed))
        return TRUE;
    if (g_utf8_validate(body, (gssize)length, NULL))
        return api_error_internal_error(error, malformed->message);
    g_autofree char *printable = g_utf8_make_valid(body, (gssize)MIN(length, 200));
    return api_error_invalid_value(error, "Invalid UTF-8 string in parameter", printable);
}

static gboolean
checks_password(const RpcJob *job)
{
    int id = model_message_id(job->message);
    gboolean is_login =
        id == MSG_SESSION_LOGIN_WITH_PASSWORD || id == MSG_SESSION_SLAVE_LOCAL_LOGIN_WITH_PASSWORD;
    return is_login && !job->origin.is_trusted;
}

/* What storage plugins call back for holds up a worker, so it must not wait for one. And who has filled all
 * his threads must be able to cancel what he started, and to log out. */
static gboolean
is_quick(const RpcJob *job)
{
    int class_id = job->message->class_id;
    return regular_can_answer(job) || job->is_async || job->message->is_internal || class_id == CLASS_TASK ||
           class_id == CLASS_SESSION;
}

static void
push_login(RpcJob *job)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *source = login_source(job->origin.peer);
    if (workers_push(job->rpc->logins, source, NULL, job))
        return;
    api_error_too_busy(&error);
    job_fail(job, error);
}

/* To whoever answers it; takes over @job. */
static void
dispatch(RpcJob *job)
{
    if (parked_can_answer(job))
        parked_start(job);
    else if (regular_can_answer(job) && !regular_is_long(job))
        regular_answer(job);
    else if (checks_password(job))
        push_login(job);
    else if (is_quick(job))
        custom_push(job, job->rpc->quick);
    else
        custom_push(job, job->rpc->workers);
}

static RpcJob *
job_from_request(Rpc *rpc, HttpRequest *request, const RpcCodec *codec)
{
    RpcJob *job = g_new0(RpcJob, 1);
    job->rpc = rpc;
    job->request = http_request_ref(request);
    job->codec = codec;
    job->origin = (RpcOrigin){.is_trusted = http_request_is_trusted(request),
                              .peer = http_request_peer(request),
                              .subtask_of = http_request_header(request, "subtask-of"),
                              .task_id = http_request_header(request, "task-id")};
    return job;
}

static void
answer_call(RpcJob *job, const char *method, const Value *params)
{
    g_autoptr(GError) error = NULL;
    if (system_answer(job, method, params))
        return;
    if (job_prepare(job, method, params, &error))
        dispatch(job);
    else
        job_fail(job, error);
}

void
rpc_http_handler(HttpRequest *request, gpointer data)
{
    RpcJob *job = job_from_request(data, request, &rpc_codec_xml);
    g_auto(XmlrpcCall) call = {NULL, NULL};
    g_autoptr(GError) error = NULL;
    if (read_call(job, &call, &error))
        answer_call(job, call.method, call.params);
    else
        job_fail(job, error);
}

/* The request's members, borrowed from @request; FALSE if it is no JSON-RPC call at all. */
static gboolean
read_json_call(RpcJob *job, const Value *request, const char **ret_method, Value **ret_params)
{
    if (request == NULL || value_kind(request) != VALUE_MAP)
        return FALSE;
    Value *id = value_map_get(request, "id");
    *ret_method = value_map_get_string(request, "method", NULL);
    *ret_params = value_map_get(request, "params");
    job->is_json_2 = value_map_get(request, "jsonrpc") != NULL;
    if (id == NULL || (value_kind(id) != VALUE_INT && value_kind(id) != VALUE_STRING))
        return FALSE;
    job->json_id = value_ref(id);
    return *ret_method != NULL && *ret_params != NULL && value_kind(*ret_params) == VALUE_ARRAY;
}

/* JSON-RPC 2.0 has codes for what is no call; 1.0, and whatever lacks both, gets an error as calls have it.
 */
static void
answer_malformed(RpcJob *job, const Value *request, const char *reason)
{
    gboolean is_1 = request != NULL && value_kind(request) == VALUE_MAP && !job->is_json_2;
    GString *body = g_string_new(is_1 ? "{\"result\":null,\"error\":[\"INTERNAL_ERROR\","
                                      : "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":");
    if (!is_1)
        g_string_append(body, request == NULL ? "-32700,\"message\":\"Parse error\",\"data\":["
                                              : "-32600,\"message\":\"Invalid Request\",\"data\":[");
    json_write_string(body, reason, strlen(reason));
    g_string_append(body, is_1 ? "],\"id\":" : "]},\"id\":");
    if (job->json_id != NULL)
        json_write_value(body, job->json_id);
    else
        g_string_append(body, "null");
    g_string_append_c(body, '}');
    job_answer_text(job, body);
}

void
rpc_json_handler(HttpRequest *request, gpointer data)
{
    RpcJob *job = job_from_request(data, request, &rpc_codec_json);
    gsize length = 0;
    const char *body = http_request_body(request, &length);
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) json = json_read(body, length, &error);
    const char *method = NULL;
    Value *params = NULL;
    if (read_json_call(job, json, &method, &params))
        answer_call(job, method, params);
    else
        answer_malformed(job, json,
                         error != NULL ? error->message : "a call has method, params (an array) and id");
}

/* ---- From inside
 * ------------------------------------------------------------------------------------------------ */

static void
waiter_wait(RpcWaiter *waiter)
{
    g_mutex_lock(&waiter->lock);
    while (!waiter->is_done)
        g_cond_wait(&waiter->done, &waiter->lock);
    g_mutex_unlock(&waiter->lock);
    g_mutex_clear(&waiter->lock);
    g_cond_clear(&waiter->done);
}

/* The caller's thread may wait, so it does the work itself; what goes on after the answer is a worker's. */
static void
dispatch_inside(RpcJob *job)
{
    if (parked_can_answer(job))
        parked_start(job);
    else if (regular_can_answer(job))
        regular_answer(job);
    else if (job->is_async)
        custom_begin(job);
    else
        custom_run(job);
}

gboolean
rpc_invoke(Rpc *rpc, const RpcOrigin *origin, const char *method, Value *params, Value **ret_value,
           GError **error)
{
    RpcWaiter waiter = {.is_done = FALSE};
    g_mutex_init(&waiter.lock);
    g_cond_init(&waiter.done);
    RpcJob *job = g_new0(RpcJob, 1);
    *job = (RpcJob){.rpc = rpc, .waiter = &waiter, .origin = *origin};
    g_autoptr(GError) refused = NULL;
    if (!system_answer(job, method, params)) {
        if (job_prepare(job, method, params, &refused))
            dispatch_inside(job);
        else
            job_fail(job, refused);
    }
    waiter_wait(&waiter);
    if (waiter.error != NULL) {
        g_propagate_error(error, waiter.error);
        return FALSE;
    }
    if (ret_value != NULL)
        *ret_value = waiter.result != NULL ? waiter.result : value_string("");
    else
        value_unref(waiter.result);
    return TRUE;
}
