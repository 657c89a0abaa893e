/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server as a whole: listeners (one MHD daemon each), and the order in which everything ends. Requests
 * are in request.c, taken-over connections in stream.c. */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "http/tls.h"

#define PEM_MAX_BYTES (256 * 1024)

/* The most connections, and a third more. */
#define DESCRIPTORS_WANTED ((rlim_t)HTTP_CONNECTIONS_MAX / 3 * 4)

/* MHD's own limit is only a second fence: it holds per thread of a listener, so the last few connections may
 * be one thread's alone. */
#define MHD_LIMIT_SLACK 64

/* No old protocol versions; all else as GnuTLS and the system's policy say. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Each client that waits for events is a connection, and the usual soft limit of descriptors is 1,024. That
 * is for the sake of select(), which nothing in this process uses. */
static rlim_t
raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return DESCRIPTORS_WANTED;
    rlim_t old = limit.rlim_cur;
    if (old >= DESCRIPTORS_WANTED) /* also RLIM_INFINITY */
        return old;
    limit.rlim_cur = MIN(limit.rlim_max, DESCRIPTORS_WANTED);
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : old;
}

/* Leaves a quarter of the descriptors to everything else. */
static guint
connections_max(void)
{
    return (guint)CLAMP(raise_descriptor_limit() / 4 * 3, 32, HTTP_CONNECTIONS_MAX);
}

HttpServer *
http_server_new(const HttpRoute *routes, gsize n_routes, guint n_threads)
{
    g_return_val_if_fail(n_threads >= 1 && n_threads <= 16, NULL);
    HttpServer *server = g_new0(HttpServer, 1);
    server->ref_count = 1;
    server->n_threads = n_threads;
    server->silent_timeout_s = HTTP_SILENT_TIMEOUT_S;
    server->keep_alive_timeout_s = HTTP_KEEP_ALIVE_TIMEOUT_S;
    server->request_timeout_s = HTTP_REQUEST_TIMEOUT_S;
    server->output_timeout_s = HTTP_OUTPUT_TIMEOUT_S;
    server->connections_max = connections_max();
    server->routes = http_route_table_new(routes, n_routes);
    server->listeners = g_ptr_array_new();
    g_mutex_init(&server->lock);
    g_cond_init(&server->changed);
    g_queue_init(&server->connections);
    g_queue_init(&server->streams);
    return server;
}

void
http_server_set_timeouts(HttpServer *server, guint request_s, guint output_s)
{
    server->request_timeout_s = request_s;
    server->output_timeout_s = output_s;
}

HttpServer *
http_server_ref(HttpServer *server)
{
    g_atomic_int_inc(&server->ref_count);
    return server;
}

void
http_server_unref(HttpServer *server)
{
    if (!g_atomic_int_dec_and_test(&server->ref_count))
        return;
    g_mutex_clear(&server->lock);
    g_cond_clear(&server->changed);
    g_free(server);
}

void
http_server_notify(HttpServer *server)
{
    g_mutex_lock(&server->lock);
    g_cond_broadcast(&server->changed);
    g_mutex_unlock(&server->lock);
}

HttpWatch *
http_server_watch(HttpServer *server)
{
    g_mutex_lock(&server->lock);
    if (server->watch == NULL)
        server->watch = http_watch_new();
    HttpWatch *watch = server->watch;
    g_mutex_unlock(&server->lock);
    return watch;
}

/* ---- listeners ---- */

static void
log_from_mhd(void *data, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    g_strchomp(text);
    /* MHD has no levels. What we ran out of is of interest; what clients did wrong, or that they went away,
     * is not. */
    gboolean is_ours = strstr(text, "limit") != NULL || strstr(text, "allocat") != NULL ||
                       strstr(text, "epoll") != NULL || strstr(text, "accept") != NULL;
    base_log(is_ours ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "http: %s", text);
}

static G_NORETURN void
panic_from_mhd(void *data, const char *file, unsigned int line, const char *reason)
{
    log_error("http: libmicrohttpd %s:%u: %s", file, line, reason != NULL ? reason : "panic");
    abort();
}

/* MHD decodes paths and queries in place with this; we want them as sent, and decode what is asked for. */
static size_t
leave_encoded(void *data, struct MHD_Connection *mhd, char *text)
{
    return strlen(text);
}

/* Who comes over the network leaves an eighth to the machine's own users. What is refused is closed at once;
 * a client that waited in the backlog would not know why. */
static enum MHD_Result
admit(void *data, const struct sockaddr *address, socklen_t length)
{
    const HttpListener *listener = data;
    HttpServer *server = listener->server;
    guint max = server->connections_max - (listener->unix_path == NULL ? server->connections_max / 8 : 0);

    if (address->sa_family == AF_UNSPEC) /* a nudge, see stream.c */
        return MHD_YES;
    g_mutex_lock(&server->lock);
    guint n = g_queue_get_length(&server->connections);
    g_mutex_unlock(&server->lock);
    return n < max ? MHD_YES : MHD_NO;
}

static void
listener_free(HttpListener *listener)
{
    if (listener->daemon != NULL)
        MHD_stop_daemon(listener->daemon); /* closes the socket */
    struct stat info;
    if (listener->unix_path != NULL && lstat(listener->unix_path, &info) == 0 &&
        info.st_dev == listener->unix_device && info.st_ino == listener->unix_inode)
        unlink(listener->unix_path);
    g_free(listener->unix_path);
    g_free(listener->certificate);
    g_free(listener->key);
    g_free(listener);
}

/* Takes @fd, in any case: where MHD_start_daemon() fails it may or may not have closed it, so that a
 * descriptor lost in that rare case (no thread or epoll set to be had) is better than one closed twice. */
static gboolean
listener_start(HttpListener *listener, int fd, GError **error)
{
    guint n_threads = listener->server->n_threads;
    guint limit = (listener->server->connections_max + MHD_LIMIT_SLACK) * n_threads;
    const struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, listener->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, listener->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem pool_options[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)n_threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem no_options[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
                         MHD_USE_ERROR_LOG | (listener->is_tls ? MHD_USE_TLS : 0);

    MHD_set_panic_func(panic_from_mhd, NULL);
    /* clang-format off */
    listener->daemon = MHD_start_daemon(flags, 0, admit, listener, http_request_handle, listener,
        MHD_OPTION_EXTERNAL_LOGGER, log_from_mhd, NULL, /* first, so that it hears of the others */
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, limit,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, listener->server->keep_alive_timeout_s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, http_connection_notify, listener,
        MHD_OPTION_URI_LOG_CALLBACK, http_request_start, listener,
        MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, listener,
        MHD_OPTION_ARRAY, n_threads > 1 ? pool_options : no_options,
        MHD_OPTION_ARRAY, listener->is_tls ? tls_options : no_options,
        MHD_OPTION_END);
    /* clang-format on */
    if (listener->daemon == NULL)
        return base_error_set(error, BASE_ERROR_FAILED, "libmicrohttpd did not start");
    return TRUE;
}

static gboolean
add_listener(HttpServer *server, HttpListener *listener, int fd, GError **error)
{
    listener->server = server;
    if (!listener_start(listener, fd, error)) {
        listener_free(listener);
        return FALSE;
    }
    g_ptr_array_add(server->listeners, listener);
    http_deadlines_start(server);
    return TRUE;
}

gboolean
http_server_listen_tcp(HttpServer *server, const char *address, guint16 port, const char *certificate_path,
                       const char *key_path, guint16 *ret_port, GError **error)
{
    g_return_val_if_fail((certificate_path == NULL) == (key_path == NULL), FALSE);
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;
    if (certificate_path != NULL) {
        if (!tls_certificate_check(certificate_path, key_path, error) ||
            !base_file_read(certificate_path, PEM_MAX_BYTES, &certificate, NULL, error) ||
            !base_file_read(key_path, PEM_MAX_BYTES, &key, NULL, error))
            return FALSE;
    }
    guint16 bound_port;
    auto_fd fd = http_socket_listen_tcp(address, port, &bound_port, error);
    if (fd < 0)
        return FALSE;

    HttpListener *listener = g_new0(HttpListener, 1);
    listener->is_tls = certificate_path != NULL;
    listener->certificate = g_steal_pointer(&certificate);
    listener->key = g_steal_pointer(&key);
    if (!add_listener(server, listener, base_fd_steal(&fd), error)) {
        g_prefix_error(error, "listen on %s port %u: ", address, bound_port);
        return FALSE;
    }
    if (ret_port != NULL)
        *ret_port = bound_port;
    return TRUE;
}

gboolean
http_server_listen_unix(HttpServer *server, const char *path, mode_t mode, GError **error)
{
    auto_fd fd = http_socket_listen_unix(path, mode, error);
    if (fd < 0)
        return FALSE;

    HttpListener *listener = g_new0(HttpListener, 1);
    listener->unix_path = g_strdup(path);
    struct stat info;
    if (lstat(path, &info) == 0) {
        listener->unix_device = info.st_dev;
        listener->unix_inode = info.st_ino;
    }
    if (!add_listener(server, listener, base_fd_steal(&fd), error)) {
        g_prefix_error(error, "listen on '%s': ", path);
        return FALSE;
    }
    return TRUE;
}

/* ---- the end ---- */

static void
end_streams(HttpServer *server)
{
    for (;;) {
        g_mutex_lock(&server->lock);
        GList *link = g_queue_peek_head_link(&server->streams);
        HttpStream *stream = link != NULL ? http_stream_ref(link->data) : NULL;
        g_mutex_unlock(&server->lock);
        if (stream == NULL)
            return;
        http_stream_end(stream); /* takes it off the list */
        http_stream_unref(stream);
    }
}

/* Answers what is parked at this moment. What parks later sees is_stopping, and answers itself. */
static void
refuse_parked(HttpServer *server)
{
    g_autoptr(GPtrArray) parked = g_ptr_array_new_with_free_func((GDestroyNotify)http_request_unref);
    g_mutex_lock(&server->lock);
    for (GList *link = server->connections.head; link != NULL; link = link->next) {
        HttpConnection *connection = link->data;
        g_mutex_lock(&connection->lock);
        if (connection->parked != NULL)
            g_ptr_array_add(parked, http_request_ref(connection->parked));
        g_mutex_unlock(&connection->lock);
    }
    g_mutex_unlock(&server->lock);
    for (guint i = 0; i < parked->len; i++)
        http_request_reply_error(parked->pdata[i], 503, "The server is stopping.");
}

/* Waits, with the lock, until no connection is further than @phase; at most until @deadline unless that is 0.
 */
static void
wait_for_phase(HttpServer *server, HttpPhase phase, gint64 deadline)
{
    GList *link = server->connections.head;
    while (link != NULL) {
        HttpConnection *connection = link->data;
        link = link->next;
        if (g_atomic_int_get(&connection->phase) <= (gint)phase)
            continue;
        if (deadline == 0)
            g_cond_wait(&server->changed, &server->lock);
        else if (!g_cond_wait_until(&server->changed, &server->lock, deadline))
            return;
        link = server->connections.head; /* others may have come and gone meanwhile */
    }
}

static void
wait_for_connections(HttpServer *server, HttpPhase phase, gint64 deadline)
{
    g_mutex_lock(&server->lock);
    wait_for_phase(server, phase, deadline);
    g_mutex_unlock(&server->lock);
}

void
http_server_free(HttpServer *server)
{
    if (server == NULL)
        return;
    g_atomic_int_set(&server->is_stopping, TRUE);
    http_deadlines_stop(server);
    refuse_parked(server);
    /* From here on nobody but MHD has a connection, and nothing is suspended: the condition for stopping MHD.
     */
    wait_for_connections(server, HTTP_PHASE_BUSY, 0);
    end_streams(server);
    wait_for_connections(server, HTTP_PHASE_IDLE,
                         g_get_monotonic_time() + HTTP_SHUTDOWN_GRACE_MS * G_TIME_SPAN_MILLISECOND);
    for (guint i = 0; i < server->listeners->len; i++)
        listener_free(server->listeners->pdata[i]);
    g_ptr_array_unref(server->listeners);
    http_watch_free(server->watch);
    http_route_table_free(server->routes);
    http_server_unref(server);
}
