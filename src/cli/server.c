/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes commands over HTTP connections and does them on a bounded pool of threads. Source: protocol notes 7.1
 * and 7.3. */
#include "cli/server.h"

#include <string.h>

#include "auth/login_source.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/call.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/report.h"
#include "model/errors.h"

#define MAX_COMMANDS 64  /* at a time */
#define MAX_LOGINS   64  /* at a time, beside them: a wrong password takes its time */
#define MAX_WAITING  256 /* for their turn */
#define OPENING_PATIENCE_US                                                                                  \
    (30 * G_TIME_SPAN_SECOND) /* for the command and the greeting: nobody has logged in yet */
#define CLIENT_PATIENCE_MS                                                                                   \
    (3600 * 1000) /* a client that says nothing for so long is gone; heartbeats come every 300 s */

struct CliServer {
    Rpc *rpc;
    Db *db;
    Sessions *sessions;
    GThreadPool *pool;
    guint n_logins;            /* threads that wait for a password check; with the mutex held */
    GCancellable *cancellable; /* triggered at the end, with the mutex held */
    GMutex mutex;
    GPtrArray *streams; /* (element-type HttpStream): in use; owned by their visits */
};

/* A command waiting for its thread, or being done. */
typedef struct Visit {
    HttpStream *stream;
    char *peer;
    gboolean is_trusted;
    gsize length;       /* of the body, still to be read */
    gsize n_read;       /* bytes of the body and what follows */
    gint64 deadline_us; /* monotonic: for the body and the greeting */
} Visit;

static void
visit_free(Visit *visit)
{
    http_stream_close(visit->stream);
    g_free(visit->peer);
    g_free(visit);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Visit, visit_free)

/* -- The command
 * ------------------------------------------------------------------------------------------------------ */

static void
send_exit(CliCall *call, int status)
{
    cli_send(call, &(CliFrame){.tag = CLI_TAG_EXIT, .number = status});
    cli_flush(call, NULL);
}

/* A thread that waits for a password check is none that does commands: the pool may have one more. With the
 * mutex held, which a server that is ending takes before it ends the pool. */
static void
fit_pool(CliServer *server)
{
    if (!g_cancellable_is_cancelled(server->cancellable))
        g_thread_pool_set_max_threads(server->pool, MAX_COMMANDS + (int)server->n_logins, NULL);
}

static gboolean
begin_login(CliServer *server, const char *peer, GError **error)
{
    LoginSources *sources = sessions_login_sources(server->sessions);
    if (!login_sources_enter(sources, peer, error))
        return FALSE;
    g_mutex_lock(&server->mutex);
    gboolean has_room = server->n_logins < MAX_LOGINS;
    server->n_logins += has_room;
    fit_pool(server);
    g_mutex_unlock(&server->mutex);
    if (has_room)
        return TRUE;
    login_sources_leave(sources, peer);
    return api_error_too_busy(error);
}

static void
end_login(CliServer *server, const char *peer)
{
    login_sources_leave(sessions_login_sources(server->sessions), peer);
    g_mutex_lock(&server->mutex);
    server->n_logins--;
    fit_pool(server);
    g_mutex_unlock(&server->mutex);
}

static Session *
login(CliServer *server, CliCall *call, GError **error)
{
    const char *user = cli_get(call, "username");
    const char *password = cli_get(call, "password");
    gboolean is_trusted = call->origin->is_trusted; /* no password is looked at */
    const char *peer = call->origin->peer;
    if (!is_trusted && !begin_login(server, peer, error))
        return NULL;
    Session *session = sessions_login(server->sessions, user == NULL ? "" : user,
                                      password == NULL ? "" : password, "cli", is_trusted, error);
    if (!is_trusted)
        end_login(server, peer);
    return session;
}

/* A session of the client's own, or the one it names. */
static Session *
open_session(CliServer *server, CliCall *call, gboolean *ret_is_ours, GError **error)
{
    const CliArguments *arguments = call->arguments;
    *ret_is_ours = arguments->session_ref == NULL;
    if (arguments->session_ref != NULL)
        return sessions_find(server->sessions, arguments->session_ref, error);
    return login(server, call, error);
}

static gboolean
run_in_session(CliServer *server, CliCall *call, const CliCommand *command, GError **error)
{
    gboolean is_ours = FALSE;
    g_autoptr(Session) session = open_session(server, call, &is_ours, error);
    if (session == NULL)
        return FALSE;
    call->session = session;
    gboolean is_done = cli_command_run(call, command, error);
    call->session = NULL;
    if (is_ours)
        sessions_logout(server->sessions, session->ref, NULL);
    return is_done;
}

static gboolean
run_command(CliServer *server, CliCall *call, GError **error)
{
    const CliCommand *command = cli_command_find(call->arguments->command);
    if (command == NULL)
        return cli_error_usage(error, "Unknown command: %s", call->arguments->command);
    if (!cli_get_truth(call, "minimal", FALSE, &call->is_minimal, error))
        return FALSE;
    for (char **key = command->required; *key != NULL; key++) {
        if (cli_require(call, *key, error) == NULL)
            return FALSE;
    }
    log_info("xe %s from %s", command->name, call->origin->peer);
    gboolean is_help = strcmp(command->name, "help") == 0; /* needs nobody to be logged in */
    return is_help ? cli_command_run(call, command, error) : run_in_session(server, call, command, error);
}

static int
serve_body(CliServer *server, CliCall *call, const char *body, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(CliArguments) arguments = cli_arguments_parse(body, length, &error);
    call->arguments = arguments;
    gboolean is_done = arguments != NULL && run_command(server, call, &error);
    if (is_done || g_error_matches(error, CLI_ERROR, CLI_ERROR_DECLINED)) {
        cli_print_end(call);
        send_exit(call, 0);
        return 0;
    }
    gboolean is_traced = FALSE;
    const char *trace = arguments == NULL ? NULL : cli_get(call, "trace");
    cli_report(call, error);
    if (trace != NULL && cli_truth_parse(trace, &is_traced) && is_traced)
        cli_print_error(call, "Raised %s\n", error->message);
    send_exit(call, 1);
    return 1;
}

int
cli_serve(CliServer *server, const CliTransport *transport, const RpcOrigin *origin, const char *body,
          gsize length)
{
    g_autoptr(GError) error = NULL;
    if (!cli_transport_greet(transport, &error) || !cli_transport_read_greeting(transport, &error)) {
        log_debug("xe from %s: %s", origin->peer, error->message);
        return 1;
    }
    CliCall call = {
        .rpc = server->rpc,
        .db = server->db,
        .transport = transport,
        .origin = origin,
        .output = g_string_new(NULL),
        .minimal = g_string_new(NULL),
        .cancellable = server->cancellable,
    };
    int status = serve_body(server, &call, body, length);
    g_string_free(call.output, TRUE);
    g_string_free(call.minimal, TRUE);
    return status;
}

/* -- Connections
 * ------------------------------------------------------------------------------------------------------- */

/* How long the next bytes may take. A client that drips them must not hold a thread for longer than one that
 * is silent. */
static guint
patience_ms(const Visit *visit)
{
    if (visit->n_read >= visit->length + CLI_GREETING_BYTES)
        return CLIENT_PATIENCE_MS;
    gint64 left_us = visit->deadline_us - g_get_monotonic_time();
    return left_us > G_TIME_SPAN_MILLISECOND ? (guint)(left_us / G_TIME_SPAN_MILLISECOND) : 1;
}

static gssize
stream_read(gpointer data, void *buffer, gsize length, GError **error)
{
    Visit *visit = data;
    gssize n = http_stream_read(visit->stream, buffer, length, patience_ms(visit), error);
    if (n > 0)
        visit->n_read += (gsize)n;
    return n;
}

static gboolean
stream_write(gpointer data, const void *buffer, gsize length, GError **error)
{
    return http_stream_write_all(((Visit *)data)->stream, buffer, length, error);
}

/* From here on the stream can be ended under a blocked reader. FALSE: the server is ending. */
static gboolean
start_visit(CliServer *server, Visit *visit)
{
    g_mutex_lock(&server->mutex);
    gboolean is_welcome = !g_cancellable_is_cancelled(server->cancellable);
    if (is_welcome)
        g_ptr_array_add(server->streams, visit->stream);
    g_mutex_unlock(&server->mutex);
    return is_welcome;
}

static void
end_visit(CliServer *server, Visit *visit)
{
    g_mutex_lock(&server->mutex);
    g_ptr_array_remove_fast(server->streams, visit->stream);
    g_mutex_unlock(&server->mutex);
}

static void
serve_stream(CliServer *server, Visit *visit)
{
    CliTransport transport = {stream_read, stream_write, visit};
    visit->deadline_us = g_get_monotonic_time() + OPENING_PATIENCE_US;
    g_autoptr(GError) error = NULL;
    g_autofree char *body = g_malloc(visit->length + 1);
    if (!cli_transport_read_all(&transport, body, visit->length, &error)) {
        log_debug("xe from %s: %s", visit->peer, error->message);
        return;
    }
    RpcOrigin origin = {.is_trusted = visit->is_trusted, .peer = visit->peer};
    cli_serve(server, &transport, &origin, body, visit->length);
}

static void
serve_visit(gpointer item, gpointer data)
{
    CliServer *server = data;
    g_autoptr(Visit) visit = item;
    if (!start_visit(server, visit))
        return;
    serve_stream(server, visit);
    end_visit(server, visit);
}

/* The body's length, which the protocol requires. */
static gboolean
read_length(HttpRequest *request, gsize *ret_length)
{
    const char *text = http_request_header(request, "content-length");
    gint64 length = 0;
    if (text == NULL || !base_int_parse(text, &length) || length < 0) {
        http_request_reply_error(request, 411, "the length of the command is missing");
        return FALSE;
    }
    if (length > CLI_BODY_MAX_BYTES) {
        http_request_reply_error(request, 413, "the command is too long");
        return FALSE;
    }
    *ret_length = (gsize)length;
    return TRUE;
}

void
cli_http_handler(HttpRequest *request, gpointer data)
{
    CliServer *server = data;
    gsize length = 0;
    if (g_cancellable_is_cancelled(server->cancellable)) {
        http_request_reply_error(request, 503, "the server is stopping");
        return;
    }
    if (g_thread_pool_unprocessed(server->pool) >= MAX_WAITING) {
        http_request_reply_error(request, 503, "too many commands are waiting");
        return;
    }
    if (!read_length(request, &length))
        return;
    Visit *visit = g_new0(Visit, 1);
    visit->length = length;
    visit->peer = g_strdup(http_request_peer(request));
    visit->is_trusted = http_request_is_trusted(request);
    visit->stream = http_take_over(request);
    http_stream_limit_output(visit->stream);
    g_thread_pool_push(server->pool, visit, NULL);
}

CliServer *
cli_server_new(Rpc *rpc, Db *db, Sessions *sessions)
{
    CliServer *server = g_new0(CliServer, 1);
    server->rpc = rpc;
    server->db = db;
    server->sessions = sessions;
    server->cancellable = g_cancellable_new();
    server->streams = g_ptr_array_new();
    g_mutex_init(&server->mutex);
    server->pool =
        g_thread_pool_new_full(serve_visit, server, (GDestroyNotify)visit_free, MAX_COMMANDS, FALSE, NULL);
    return server;
}

void
cli_server_stop(CliServer *server)
{
    g_mutex_lock(&server->mutex);
    g_cancellable_cancel(server->cancellable);
    for (guint i = 0; i < server->streams->len; i++)
        http_stream_shutdown(server->streams->pdata[i]);
    g_mutex_unlock(&server->mutex);
}

void
cli_server_free(CliServer *server)
{
    if (server == NULL)
        return;
    cli_server_stop(server);
    g_thread_pool_free(server->pool, FALSE, TRUE);
    g_ptr_array_unref(server->streams);
    g_mutex_clear(&server->mutex);
    g_object_unref(server->cancellable);
    g_free(server);
}
