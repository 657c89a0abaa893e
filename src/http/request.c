/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request's way through MHD: header, body, handler, decision. The states are drawn in internal.h; how a
 * decision is made is in reply.c and stream.c, what a request says in param.c.
 *
 * MHD calls, on the thread that has the connection: http_request_start() once the request line is read,
 * http_request_handle() once for the header, for each piece of body, and at the end of the body; again after
 * each resume; and http_request_completed().
 *
 * Open routes: whoever takes a connection over wants every byte after the header, and MHD, which reads ahead,
 * hands them out only as pieces of a body. A CONNECT, or a PUT of HTTP/1.0 without a length, has no body in
 * MHD's eyes. So for the paths of open routes http_request_start(), which runs before the headers are read,
 * puts a Transfer-Encoding header of its own in front of all that the client sends. MHD looks at the first
 * one only, and so takes all that follows, without an end, for a body; the client's own Content-Length means
 * nothing to it. An Expect header likewise: MHD would send its "100 Continue" in between, and that is the
 * owner's affair. */
#include "http/internal.h"

#include <string.h>

#include "base/log.h"

#define CHUNKED_BODY_FIRST 4096 /* allocated for a body of unknown length, then doubled */

static const char endless_body[] = "identity";
static const char no_expectation[] = "none";

gboolean
http_header_is_ours(const char *value)
{
    return value == endless_body || value == no_expectation;
}

/* ---- life ---- */

HttpRequest *
http_request_ref(HttpRequest *request)
{
    g_atomic_int_inc(&request->ref_count);
    return request;
}

static void
request_free(HttpRequest *request)
{
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    g_clear_pointer(&request->stream, http_stream_unref);
    g_clear_pointer(&request->query, g_hash_table_unref);
    g_clear_pointer(&request->cookies, g_hash_table_unref);
    g_clear_pointer(&request->headers, g_ptr_array_unref);
    http_connection_unref(request->connection);
    g_free(request->body);
    g_free(request);
}

void
http_request_unref(HttpRequest *request)
{
    /* Two references, MHD's and this one: afterwards nobody could answer. */
    if (g_atomic_int_get(&request->ref_count) == 2 &&
        g_atomic_int_get(&request->state) == HTTP_REQUEST_PARKED && !g_atomic_int_get(&request->is_claimed)) {
        log_error("http: %s %s was dropped without an answer", request->method, request->target);
        http_request_reply_error(request, 500, "The request was dropped.");
    }
    if (g_atomic_int_dec_and_test(&request->ref_count))
        request_free(request);
}

static HttpRequest *
request_new(HttpConnection *connection, struct MHD_Connection *mhd, const char *target)
{
    gsize size = strlen(target) + 1;
    HttpRequest *request = g_malloc(sizeof(HttpRequest) + size);
    memset(request, 0, sizeof(HttpRequest));
    memcpy(request->target, target, size);
    char *mark = strchr(request->target, '?');
    if (mark != NULL) {
        *mark = '\0';
        request->query_text = mark + 1;
    }
    request->ref_count = 1;
    request->connection = http_connection_ref(connection);
    request->mhd = mhd;
    return request;
}

void *
http_request_start(void *data, const char *target, struct MHD_Connection *mhd)
{
    HttpConnection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (target == NULL)
        target = "";
    HttpRequest *request = request_new(connection, mhd, target);
    http_connection_set_phase(connection, HTTP_PHASE_BUSY);
    http_connection_allow(connection, connection->server->request_timeout_s);
    if (http_route_path_is_open(connection->server->routes, target))
        request->is_open_path =
            MHD_set_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING, endless_body) ==
                MHD_YES &&
            MHD_set_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT, no_expectation) == MHD_YES;
    return request;
}

void
http_request_completed(void *data, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode code)
{
    HttpRequest *request = g_steal_pointer(context);
    if (request == NULL)
        return;
    HttpConnection *connection = http_connection_ref(request->connection);
    if (request->was_parked) {
        /* Whoever resumed it may still be inside MHD_resume_connection(). */
        g_mutex_lock(&connection->lock);
        g_mutex_unlock(&connection->lock);
    }
    if (request->stream != NULL)
        http_stream_connection_ended(request->stream);
    /* A handler never ran, or never will be asked for: nobody shall start now. */
    g_atomic_int_set(&request->is_claimed, TRUE);
    http_request_unref(request);
    http_connection_set_phase(connection, HTTP_PHASE_IDLE);
    /* Silence until the next one is MHD's affair. */
    http_connection_allow(connection,
                          connection->server->keep_alive_timeout_s + connection->server->request_timeout_s);
    http_connection_unref(connection);
}

/* ---- decisions ---- */

gboolean
http_request_claim(HttpRequest *request)
{
    if (!g_atomic_int_compare_and_exchange(&request->is_claimed, FALSE, TRUE))
        return FALSE;
    if (g_atomic_int_get(&request->is_watched)) {
        HttpConnection *connection = request->connection;
        int fd = MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        g_mutex_lock(&connection->lock);
        guint64 id = request->watch_id;
        request->watch_id = 0;
        g_mutex_unlock(&connection->lock);
        if (id != 0)
            http_watch_remove(http_server_watch(connection->server), id, fd);
    }
    return TRUE;
}

void
http_request_on_gone(HttpRequest *request, void (*function)(gpointer data), gpointer data,
                     GDestroyNotify destroy)
{
    HttpConnection *connection = request->connection;
    HttpWatch *watch = http_server_watch(connection->server);
    /* Set before is_claimed is read, as http_request_claim() does it the other way round: one sees the other.
     */
    g_atomic_int_set(&request->is_watched, TRUE);
    g_mutex_lock(&connection->lock);
    gboolean is_too_late = g_atomic_int_get(&request->is_claimed);
    if (!is_too_late) {
        int fd = MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        request->watch_id = http_watch_add(watch, fd, function, data, destroy);
    }
    g_mutex_unlock(&connection->lock);
    if (is_too_late && destroy != NULL)
        destroy(data);
}

static gint
exchange_state(HttpRequest *request, HttpRequestState state)
{
    gint old;
    do
        old = g_atomic_int_get(&request->state);
    while (!g_atomic_int_compare_and_exchange(&request->state, old, state));
    return old;
}

void
http_request_decide(HttpRequest *request)
{
    if (exchange_state(request, HTTP_REQUEST_DECIDED) != HTTP_REQUEST_PARKED)
        return; /* MHD's thread is in the handler, and finds the decision when that returns */
    HttpConnection *connection = request->connection;
    g_mutex_lock(&connection->lock);
    connection->parked = NULL;
    MHD_resume_connection(request->mhd);
    g_mutex_unlock(&connection->lock);
}

/* On MHD's thread, with the decision made. */
static enum MHD_Result
carry_out(HttpRequest *request, struct MHD_Connection *mhd)
{
    enum MHD_Result result;
    http_connection_allow(request->connection, 0);
    if (request->stream != NULL)
        result = http_stream_hand_over(request->stream, mhd, request->is_open_path);
    else if (request->response != NULL) {
        struct MHD_Response *response = g_steal_pointer(&request->response);
        result = MHD_queue_response(mhd, request->status, response);
        MHD_destroy_response(response); /* MHD holds its own reference */
    } else
        return MHD_YES; /* was carried out */
    http_connection_set_phase(request->connection, HTTP_PHASE_BUSY);
    return result;
}

static void
park(HttpRequest *request, struct MHD_Connection *mhd)
{
    HttpConnection *connection = request->connection;
    request->was_parked = TRUE;
    MHD_suspend_connection(mhd);
    g_mutex_lock(&connection->lock);
    connection->parked = request;
    gboolean is_parked =
        g_atomic_int_compare_and_exchange(&request->state, HTTP_REQUEST_HANDLING, HTTP_REQUEST_PARKED);
    if (!is_parked) {
        connection->parked = NULL;
        MHD_resume_connection(mhd); /* decided meanwhile; MHD calls again */
    }
    g_mutex_unlock(&connection->lock);
}

static enum MHD_Result
call_handler(HttpRequest *request, struct MHD_Connection *mhd)
{
    HttpConnection *connection = request->connection;
    g_atomic_int_set(&request->state, HTTP_REQUEST_HANDLING);
    http_connection_set_phase(connection, HTTP_PHASE_UNSETTLED);
    /* Read after the phase was set, as http_server_free() does it the other way round: one sees the other. */
    if (g_atomic_int_get(&connection->server->is_stopping))
        http_request_reply_error(request, 503, "The server is stopping.");
    else
        request->route->handler(request, request->route->data);

    if (g_atomic_int_get(&request->state) == HTTP_REQUEST_DECIDED)
        return carry_out(request, mhd);
    park(request, mhd);
    if (g_atomic_int_get(&connection->server->is_stopping))
        http_request_reply_error(request, 503, "The server is stopping.");
    return MHD_YES;
}

static enum MHD_Result
run_handler(HttpRequest *request, struct MHD_Connection *mhd)
{
    http_connection_prove(request->connection, mhd);
    http_connection_allow(request->connection, 0);
    /* A reference over the handler and over parking: a request that the handler neither answered nor kept is
     * found when this one goes. */
    http_request_ref(request);
    enum MHD_Result result = call_handler(request, mhd);
    http_request_unref(request);
    return result;
}

/* Answers on MHD's thread instead of the handler. */
static enum MHD_Result
refuse(HttpRequest *request, struct MHD_Connection *mhd, guint status, const char *text)
{
    g_atomic_int_set(&request->state, HTTP_REQUEST_HANDLING);
    http_request_reply_error(request, status, text);
    return carry_out(request, mhd);
}

/* ---- header ---- */

static gboolean
is_chunked(HttpRequest *request)
{
    const char *encoding = http_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    return encoding != NULL && g_ascii_strcasecmp(encoding, "chunked") == 0;
}

static enum MHD_Result
begin_open(HttpRequest *request, struct MHD_Connection *mhd)
{
    if (request->route->body_max_bytes > 0)
        return refuse(request, mhd, 403, "Nothing can be sent to this path.");
    if (http_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL)
        return refuse(request, mhd, 411,
                      "Send a Content-Length; transfer encodings are not understood here.");
    return run_handler(request, mhd);
}

/* Makes room for the body, or refuses it. */
static enum MHD_Result
begin_body(HttpRequest *request, struct MHD_Connection *mhd, const char *version)
{
    gint64 length = http_request_length(request);
    gsize max = request->route->body_max_bytes;
    if (length >= 0 && (guint64)length > max)
        return refuse(request, mhd, 413, "The request's body is too long.");
    if (length >= 0) {
        request->body_size = length;
        request->body = length > 0 ? g_malloc(length + 1) : NULL;
        return MHD_YES;
    }
    if (http_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL)
        return is_chunked(request) && max > 0 ? MHD_YES : refuse(request, mhd, 411, "Send a Content-Length.");
    if (max > 0 && strcmp(version, MHD_HTTP_VERSION_1_0) == 0)
        return refuse(request, mhd, 411, "Send a Content-Length.");
    return MHD_YES;
}

static enum MHD_Result
begin(HttpRequest *request, struct MHD_Connection *mhd, const char *method, const char *version)
{
    request->is_begun = TRUE;
    http_connection_allow(request->connection, request->connection->server->request_timeout_s);
    if (g_strlcpy(request->method, method, sizeof(request->method)) >= sizeof(request->method))
        return refuse(request, mhd, 501, "This method is not known.");
    gboolean is_known_method;
    request->route =
        http_route_find(request->connection->server->routes, method, request->target, &is_known_method);
    if (!is_known_method)
        return refuse(request, mhd, 501, "This method is not known.");
    if (request->route == NULL)
        return refuse(request, mhd, 403, "There is nothing at this path.");
    return request->is_open_path ? begin_open(request, mhd) : begin_body(request, mhd, version);
}

/* ---- body ---- */

static enum MHD_Result
take_body(HttpRequest *request, const char *data, gsize length)
{
    gsize max = request->route->body_max_bytes;
    if (request->body_refused > 0 || length > max - request->body_length) {
        /* Only without Content-Length. MHD can answer only once the whole request is there. */
        request->body_refused += length;
        return request->body_refused <= HTTP_REFUSED_BODY_MAX ? MHD_YES : MHD_NO;
    }
    gsize needed = request->body_length + length;
    if (needed > request->body_size || request->body == NULL) {
        request->body_size = MIN(MAX(MAX(needed, 2 * request->body_size), CHUNKED_BODY_FIRST), max);
        request->body = g_realloc(request->body, request->body_size + 1);
    }
    memcpy(request->body + request->body_length, data, length);
    request->body_length = needed;
    return MHD_YES;
}

static enum MHD_Result
take_piece(HttpRequest *request, struct MHD_Connection *mhd, const char *data, gsize length)
{
    if (request->stream != NULL)
        return http_stream_take_bytes(request->stream, mhd, data, length);
    if (request->is_open_path || request->route == NULL)
        return MHD_NO; /* not reached: such requests are decided at their header */
    return take_body(request, data, length);
}

static enum MHD_Result
finish(HttpRequest *request, struct MHD_Connection *mhd)
{
    if (request->body_refused > 0) {
        static const char *const headers[] = {"Connection: close", NULL};
        g_atomic_int_set(&request->state, HTTP_REQUEST_HANDLING);
        http_request_reply(request, 413, "text/html", g_string_new("<html><body>Too long.</body></html>"),
                           headers);
        return carry_out(request, mhd);
    }
    if (request->body != NULL)
        request->body[request->body_length] = '\0';
    return run_handler(request, mhd);
}

enum MHD_Result
http_request_handle(void *data, struct MHD_Connection *mhd, const char *url, const char *method,
                    const char *version, const char *upload, size_t *upload_length, void **context)
{
    HttpRequest *request = *context;
    if (request == NULL)
        return MHD_NO;
    if (*upload_length > 0) {
        gsize length = *upload_length;
        *upload_length = 0;
        return take_piece(request, mhd, upload, length);
    }
    if (!request->is_begun)
        return begin(request, mhd, method, version);
    if (g_atomic_int_get(&request->state) == HTTP_REQUEST_READING)
        return finish(request, mhd);
    return carry_out(request, mhd);
}
