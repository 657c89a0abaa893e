/* HTTP and TLS server over libmicrohttpd: listeners, routes as data, replies from any thread, and connections taken over whole.
 *
 * A handler runs on a server thread once the body is there; it answers at once, or keeps a reference and answers later from any thread: the
 * connection is parked meanwhile and costs no thread. */
#pragma once

#include <gio/gio.h>

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;
typedef struct HttpStream HttpStream;

typedef void (*HttpHandler)(HttpRequest *request, gpointer data);

typedef struct HttpRoute {
    const char *method; /* "POST"; the longest prefix of the path wins (plain string prefix) */
    const char *prefix;
    gsize body_max_bytes; /* over it: 413 and close. 0: the handler runs before the body is read, and takes the connection over or answers */
    HttpHandler handler;
    gpointer data;
} HttpRoute;

/**
 * http_server_new:
 * @routes: copied; unknown methods answer 501, no route 403 (HTML bodies)
 * @n_threads: event threads per listener, 1 to 16
 */
HttpServer *http_server_new(const HttpRoute *routes, gsize n_routes, guint n_threads);
/** http_server_free: stops listening, answers 503 to what is parked, waits for handlers and threads to end. NULL is fine. */
void http_server_free(HttpServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpServer, http_server_free)

/**
 * http_server_listen_tcp:
 * @address: "127.0.0.1", "::" (both families), ...
 * @port: 0 for any free one
 * @certificate_path, @key_path: PEM; NULL both for plain HTTP
 *
 * Errors: BASE_ERROR_IO ("port 8443 is in use ..."), BASE_ERROR_NOT_FOUND, BASE_ERROR_INVALID (certificate).
 */
gboolean http_server_listen_tcp(HttpServer *server, const char *address, guint16 port, const char *certificate_path, const char *key_path,
                                guint16 *ret_port, GError **error);
/** http_server_listen_unix: @path is replaced if nobody listens there (else BASE_ERROR_IO says so), made with @mode. */
gboolean http_server_listen_unix(HttpServer *server, const char *path, mode_t mode, GError **error);

HttpRequest *http_request_ref(HttpRequest *request);
void http_request_unref(HttpRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpRequest, http_request_unref)

/* What was asked; borrowed from the request. */
const char *http_request_method(HttpRequest *request);
const char *http_request_path(HttpRequest *request); /* without query, not decoded */
const char *http_request_query(HttpRequest *request, const char *key);  /* decoded; first of that key; NULL if absent */
const char *http_request_header(HttpRequest *request, const char *name); /* any case */
const char *http_request_cookie(HttpRequest *request, const char *name); /* decoded; split at ';', or at '&' if there is no ';' */
/** http_request_param: cookie first, then query. Source: protocol notes 0. */
const char *http_request_param(HttpRequest *request, const char *name);
const char *http_request_body(HttpRequest *request, gsize *ret_length);
/** http_request_is_trusted: came over a Unix socket from root or the user this process runs as. */
gboolean http_request_is_trusted(HttpRequest *request);
/** http_request_peer: "127.0.0.1" or "unix". */
const char *http_request_peer(HttpRequest *request);

/**
 * http_request_reply:
 * @body: (transfer full) (nullable): the buffer is handed over without a copy
 * @headers: (nullable): "Name: value" lines, NULL-terminated, added to Content-Length, Connection and, on every reply, "cache-control: no-cache, no-store"
 *
 * Answers, once. @content_type is sent exactly as given. From any thread. A peer that is gone is no error.
 */
void http_request_reply(HttpRequest *request, guint status, const char *content_type, GString *body, const char *const *headers);
/** http_request_reply_file: a file's content, streamed. */
void http_request_reply_error(HttpRequest *request, guint status, const char *text); /* a small HTML page */

/** http_request_on_gone: @function runs once (any thread) if the peer closes while parked; not after a reply. For waits that nobody awaits any more. */
void http_request_on_gone(HttpRequest *request, void (*function)(gpointer data), gpointer data);

/**
 * http_take_over:
 *
 * Makes the connection the caller's: no reply is sent, nothing more is read by the server. For consoles, /cli and uploads. Bytes of the body that the server has
 * already read come first from the stream. Works for HTTP/1.0 and 1.1, plain, TLS and Unix. Use the stream on a thread of your own (it blocks).
 */
HttpStream *http_take_over(HttpRequest *request);

/* A taken-over connection: blocking reads and writes, TLS included. One reader and one writer thread at a time. */
/** http_stream_read: up to @length bytes; 0 at the end, -1 and @error on failure or after @timeout_ms (0: none). */
gssize http_stream_read(HttpStream *stream, void *buffer, gsize length, guint timeout_ms, GError **error);
gboolean http_stream_read_all(HttpStream *stream, void *buffer, gsize length, guint timeout_ms, GError **error);
gboolean http_stream_write_all(HttpStream *stream, const void *data, gsize length, GError **error);
/** http_stream_pump: copies both ways between @stream and @fd until either ends or @cancellable is triggered. */
void http_stream_pump(HttpStream *stream, int fd, GCancellable *cancellable);
/** http_stream_close: ends the connection. NULL is fine. */
void http_stream_close(HttpStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpStream, http_stream_close)
