/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every HTTP handler has in common: login, role, task, errors. Source: protocol notes 0 */
#include "api/http/entry.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "model/errors.h"

/* What clients are told of a failure before the reply has begun; the rest is 500. */
static const struct {
    const char *code;
    guint status;
} statuses[] = {
    {"HANDLE_INVALID", 404},        {"UUID_INVALID", 404},           {"INVALID_VALUE", 400},
    {"OPERATION_NOT_ALLOWED", 400}, {"RBAC_PERMISSION_DENIED", 403}, {"SESSION_AUTHENTICATION_FAILED", 401},
    {"SESSION_INVALID", 401},
};

/* ---- Answers ---- */

void
http_call_reply(HttpCall *call, const char *content_type, GString *body)
{
    call->reply_type = g_strdup(content_type);
    call->reply_body = body;
}

gboolean
http_call_reply_file(HttpCall *call, const char *path, const char *content_type, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return http_call_refuse(call, 404, error, "there is nothing at this path");
    call->reply_type = g_strdup(content_type);
    call->reply_path = g_strdup(path);
    return TRUE;
}

static void
send_file(HttpCall *call, const char *const *headers)
{
    g_autoptr(GError) error = NULL;
    if (http_request_reply_file(call->request, call->reply_path, call->reply_type, headers, &error))
        return;
    log_warning("%s: %s", call->action->name, error->message);
    http_request_reply_error(call->request, 404, "there is nothing at this path");
}

/* After a success. Sends nothing where the reply was a stream. */
static void
send_reply(HttpCall *call, const char *task)
{
    g_autofree char *task_header = task != NULL ? g_strconcat("task-id:", task, NULL) : NULL;
    const char *const headers[] = {"X-Content-Type-Options: nosniff", task_header, NULL};
    if (call->reply_path != NULL)
        send_file(call, headers);
    else
        http_request_reply(call->request, 200, call->reply_type, g_steal_pointer(&call->reply_body), headers);
}

/* Source: protocol notes 4, the block of headers; no blank after "task-id:" there */
HttpStream *
http_call_stream(HttpCall *call, const char *content_type, const char *file_name, GError **error)
{
    GString *head =
        g_string_new("HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-cache, no-store\r\n");
    g_string_append(head, "Access-Control-Allow-Origin: *\r\n");
    if (call->task != NULL)
        g_string_append_printf(head, "task-id:%s\r\n", task_ref(call->task));
    if (file_name != NULL)
        g_string_append_printf(head, "Content-Disposition: attachment; filename=\"%s\"\r\n", file_name);
    g_string_append_printf(head, "content-type: %s\r\n\r\n", content_type);
    g_autofree char *text = g_string_free(head, FALSE);
    call->stream = http_take_over(call->request);
    http_stream_set_cancellable(call->stream, call->cancellable);
    http_stream_limit_output(call->stream);
    return http_stream_write_all(call->stream, text, strlen(text), error) ? call->stream : NULL;
}

gboolean
http_call_refuse(HttpCall *call, guint status, GError **error, const char *text)
{
    call->status = status;
    return api_error_internal_error(error, text);
}

gint64
http_call_content_length(const HttpCall *call)
{
    const char *text = http_request_header(call->request, "content-length");
    gint64 length = -1;
    return text != NULL && base_int_parse(text, &length) && length >= 0 ? length : -1;
}

/* Nothing is sent if the reply has begun. */
static void
answer_failure(HttpCall *call, const GError *error)
{
    for (gsize i = 0; call->status == 0 && i < G_N_ELEMENTS(statuses); i++)
        if (api_error_is(error, statuses[i].code))
            call->status = statuses[i].status;
    guint status = call->status != 0 ? call->status : 500;
    if (status == 500)
        log_warning("%s: %s", call->action->name, error->message);
    if (status == 401)
        http_login_refuse(call->request, call->action->name);
    else
        http_request_reply_error(call->request, status, error->message);
}

/* ---- The task ---- */

static TaskSpec
task_spec(const HttpCall *call)
{
    return (TaskSpec){
        .label = call->action->name,
        .session_ref = call->session != NULL ? call->session->ref : NULL,
        .user_name = call->session != NULL ? call->session->user_name : NULL,
        .host_ref = call->services->host_ref,
    };
}

static gboolean
find_task(HttpCall *call, GError **error)
{
    const char *ref = http_request_param(call->request, "task_id");
    g_auto(GStrv) http_config = http_request_headers_with(call->request, RPC_OTHER_CONFIG_HEADER);
    TaskSpec spec = task_spec(call);
    spec.http_config = (const char *const *)http_config;
    spec.subtask_of = http_request_param(call->request, "subtask_of");
    call->task = ref != NULL ? rpc_adopt_task(call->services->tasks, call->services->db, call->session, ref,
                                              &spec, error)
                             : rpc_begin_task(call->services->tasks, call->services->db, &spec, error);
    if (call->task == NULL)
        return FALSE;
    call->cancellable = task_cancellable(call->task);
    call->actor = (DbActor){.task = task_ref(call->task), .user = call->session->user_name};
    return TRUE;
}

/* Whoever waits for the task must learn that nobody will do its work. */
static void
fail_task(HttpCall *call, const GError *error)
{
    const char *ref = http_request_param(call->request, "task_id");
    if (ref == NULL)
        return;
    TaskSpec spec = task_spec(call);
    Task *task = task_adopt(call->services->tasks, ref, &spec, NULL);
    if (task != NULL)
        task_end(task, NULL, error);
}

/* ---- The way in ---- */

static void
finish(HttpCall *call, const char *task, const GError *error)
{
    if (error != NULL)
        answer_failure(call, error);
    else
        send_reply(call, task);
    http_stream_close(g_steal_pointer(&call->stream));
    g_clear_pointer(&call->reply_type, g_free);
    g_clear_pointer(&call->reply_path, g_free);
    if (call->reply_body != NULL)
        g_string_free(g_steal_pointer(&call->reply_body), TRUE);
}

static void
run_as_task(HttpCall *call, char **ret_task, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(Value) result = NULL;
    if (!find_task(call, error))
        return;
    *ret_task = g_strdup(task_ref(call->task));
    g_autofree char *context = g_strdup_printf("task=%s %s", *ret_task, call->action->name);
    base_log_set_context(context);
    if (!call->action->handler(call, &result, &failure)) {
        task_explain_cancel(call->task, &failure);
        log_info("failed: %s", failure->message);
    }
    task_end(g_steal_pointer(&call->task), result, failure);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
}

/* A session that was opened for the request alone ends before the answer goes out, as its task does. */
static void
run_logged_in(HttpCall *call, char **ret_task, GError **error)
{
    g_auto(HttpLogin) login = {0};
    if (!http_login(call->services, call->request, "http", &login, error) ||
        !http_login_require(&login, call->action->name, call->action->role, error)) {
        fail_task(call, *error);
        return;
    }
    call->session = login.session;
    run_as_task(call, ret_task, error);
    call->session = NULL;
}

gboolean
http_is_always_public(const HttpCall *call)
{
    return TRUE;
}

void
http_call_enter(HttpCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) result = NULL;
    g_autofree char *task = NULL;
    if (call->action->is_public != NULL && call->action->is_public(call))
        call->action->handler(call, &result, &error);
    else
        run_logged_in(call, &task, &error);
    finish(call, task, error);
    base_log_set_context(NULL);
}
