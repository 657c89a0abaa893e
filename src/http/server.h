/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP and TLS server over libmicrohttpd: listeners, routes as data, replies from any thread, and connections
 * taken over whole.
 *
 * A handler runs on a server thread once the body is there; it answers at once, or keeps a reference and
 * answers later from any thread: the connection is parked meanwhile and costs no thread. A handler must not
 * block: the other connections of its thread wait. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;
typedef struct HttpStream HttpStream;

typedef void (*HttpHandler)(HttpRequest *request, gpointer data);

/* Among the routes of the request's method, the longest prefix of the path wins (plain string prefix).
 *
 * A route with body_max_bytes 0 and the method PUT, POST or CONNECT is an open one: its handler runs as soon
 * as the header is there, to take the connection over or to answer (then the connection closes). Whether
 * bytes after the header are a body is decided by the path alone, so an open route and a route with a body
 * must not have the same prefix, and a POST that meets an open route's path without having an open route is
 * refused. */
typedef struct HttpRoute {
    const char *method;   /* "POST" */
    const char *prefix;   /* "/import" */
    gsize body_max_bytes; /* over it: 413 and close. 0: no body wanted (GET), or an open route */
    HttpHandler handler;
    gpointer data;
} HttpRoute;

/**
 * http_server_new:
 * @routes: copied; unknown methods answer 501, no route 403 (HTML bodies)
 * @n_threads: event threads per listener, 1 to 16
 *
 * Raises the process's soft limit of descriptors, as far as the hard one lets it, to what 16,384 connections
 * need. Where that is less, fewer are served: three quarters of the descriptors, one eighth of these by Unix
 * sockets only. Connections beyond are closed at once.
 */
HttpServer *http_server_new(const HttpRoute *routes, gsize n_routes, guint n_threads);

/**
 * http_server_free: answers 503 to what is parked, ends taken-over streams (their owners see errors, and
 * still have to close them), stops listening, waits for handlers and threads to end. NULL is fine. Not from a
 * handler.
 */
void http_server_free(HttpServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpServer, http_server_free)

/**
 * http_server_set_timeouts: before it listens.
 * @request_s: for a request's header to arrive, and again for its body; for each 64 KiB of an upload
 * @output_s: for a peer to take each 64 KiB of what a stream with http_stream_limit_output() is sent
 */
void http_server_set_timeouts(HttpServer *server, guint request_s, guint output_s);

/**
 * http_server_listen_tcp:
 * @address: a number: "127.0.0.1", "::" (both families), ...
 * @port: 0 for any free one
 * @certificate_path, @key_path: PEM; NULL both for plain HTTP
 *
 * Errors: BASE_ERROR_IO ("port 8443 is in use ..."), BASE_ERROR_NOT_FOUND, BASE_ERROR_INVALID (address,
 * certificate).
 */
gboolean http_server_listen_tcp(HttpServer *server, const char *address, guint16 port,
                                const char *certificate_path, const char *key_path, guint16 *ret_port,
                                GError **error);

/**
 * http_server_listen_unix:
 * @path: replaced if nobody listens there (else BASE_ERROR_IO says so); removed again by http_server_free()
 * @mode: of the socket, whatever the umask
 */
gboolean http_server_listen_unix(HttpServer *server, const char *path, mode_t mode, GError **error);

HttpRequest *http_request_ref(HttpRequest *request);
/** http_request_unref: a parked request that nobody holds any more, so that nobody can answer it, gets 500.
 */
void http_request_unref(HttpRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpRequest, http_request_unref)

/* What was asked; borrowed from the request. One thread at a time. Headers and cookies are there until the
 * request is answered (NULL afterwards), and stay after http_take_over(); all else stays as long as the
 * request. */
const char *http_request_method(HttpRequest *request);
const char *http_request_path(HttpRequest *request); /* without query, not decoded */
const char *
http_request_query_text(HttpRequest *request); /* what follows '?', not decoded; NULL if there is no '?' */
const char *http_request_query(HttpRequest *request,
                               const char *key); /* decoded; first of that key; NULL if absent */
const char *http_request_header(HttpRequest *request,
                                const char *name); /* any case; the first of that name */
/** http_request_headers_with: (transfer full) (nullable): name, value, name, value ... of the headers whose
 * names begin with @prefix, in any case; names without it and in lower case. */
char **http_request_headers_with(HttpRequest *request, const char *prefix);
const char *http_request_cookie(HttpRequest *request,
                                const char *name); /* decoded; split at ';', or at '&' without one */
/** http_request_param: cookie first, then query. Source: protocol notes 0. */
const char *http_request_param(HttpRequest *request, const char *name);
const char *http_request_body(HttpRequest *request,
                              gsize *ret_length); /* NUL-terminated; "" if there is none */
/** http_request_is_trusted: came over a Unix socket from root or the user this process runs as. */
gboolean http_request_is_trusted(HttpRequest *request);
gboolean http_request_is_tls(HttpRequest *request);
/** http_request_peer: "127.0.0.1" or "unix". */
const char *http_request_peer(HttpRequest *request);

/**
 * http_request_reply:
 * @content_type: (nullable): sent exactly as given
 * @body: (transfer full) (nullable): the buffer is handed over without a copy
 * @headers: (nullable): "Name: value" lines, NULL-terminated, added to Content-Length, Connection, Date and
 *     "cache-control: no-cache, no-store" (which a Cache-Control among @headers replaces)
 *
 * Answers, once; a second answer is dropped. From any thread. A peer that is gone is no error.
 */
void http_request_reply(HttpRequest *request, guint status, const char *content_type, GString *body,
                        const char *const *headers);

/* A body in pieces: text of its own between texts that others keep. For large replies put together from what
 * is in memory anyway. One thread at a time. */
typedef struct HttpBody HttpBody;

/**
 * http_body_new:
 * @keeper: (nullable): keeps the borrowed texts
 * @release: (nullable): runs on @keeper, on any thread, when the body has been sent or thrown away
 */
HttpBody *http_body_new(gpointer keeper, GDestroyNotify release);
void http_body_free(HttpBody *body);
/** http_body_text: where the next text of its own is appended. Borrowed. */
GString *http_body_text(HttpBody *body);
/** http_body_borrow: appends @text without a copy; @keeper keeps it. */
void http_body_borrow(HttpBody *body, const char *text, gsize length);

/**
 * http_request_reply_body: as http_request_reply().
 * @body: (transfer full)
 */
void http_request_reply_body(HttpRequest *request, guint status, const char *content_type, HttpBody *body,
                             const char *const *headers);

/**
 * http_request_reply_file: status 200 and the content of the regular file @path, streamed, with @headers as
 * above. On failure nothing was answered. Errors: BASE_ERROR_NOT_FOUND (also for what is no regular file),
 * BASE_ERROR_IO.
 */
gboolean http_request_reply_file(HttpRequest *request, const char *path, const char *content_type,
                                 const char *const *headers, GError **error);

/** http_request_reply_error: a small HTML page with @text, which is escaped. */
void http_request_reply_error(HttpRequest *request, guint status, const char *text);

/**
 * http_request_on_gone:
 * @function: runs once, on the server's watcher thread, if the peer closes while nothing is answered
 * @destroy: (nullable): runs on @data exactly once: after @function, or when @function will not run any more
 *
 * For waits that nobody awaits any more; the request still has to be answered (or dropped). One per request.
 * An answer given from another thread at the same moment may run beside @function.
 */
void http_request_on_gone(HttpRequest *request, void (*function)(gpointer data), gpointer data,
                          GDestroyNotify destroy);

/**
 * http_take_over:
 *
 * Makes the connection the caller's: no reply is sent, nothing more is read by the server. For consoles, /cli
 * and uploads: routes with body_max_bytes 0. The owner writes everything itself, the status line included.
 * Bytes of the body that the server has already read come first from the stream; a chunked body was refused
 * before (411). Works for HTTP/1.0 and 1.1, plain, TLS and Unix. Use the stream on a thread of your own: it
 * blocks, at first until the server thread has let go, so using it inside the handler would never end. Never
 * NULL; if the request was already answered, or the peer is gone, the stream's functions fail.
 */
HttpStream *http_take_over(HttpRequest *request);

/* A taken-over connection: blocking reads and writes, TLS included. One reader and one writer thread at a
 * time. */

/** http_stream_set_cancellable: before the first read or write. Once triggered, they fail with
 * BASE_ERROR_CANCELLED, also those that wait. */
void http_stream_set_cancellable(HttpStream *stream, GCancellable *cancellable);

/** http_stream_read: up to @length bytes; 0 at the end, -1 and @error on failure or after @timeout_ms (0:
 * none). */
gssize http_stream_read(HttpStream *stream, void *buffer, gsize length, guint timeout_ms, GError **error);

/** http_stream_read_all: exactly @length bytes; @timeout_ms is for each wait. An early end is BASE_ERROR_IO.
 */
gboolean http_stream_read_all(HttpStream *stream, void *buffer, gsize length, guint timeout_ms,
                              GError **error);

/** http_stream_read_block: @length bytes, fewer only at the end, -1 and @error on failure;
 * BASE_ERROR_TIMED_OUT unless they come within the server's time for requests. For uploads, 64 KiB at a time.
 */
gssize http_stream_read_block(HttpStream *stream, void *buffer, gsize length, GError **error);

/** http_stream_limit_output: before the first write. A peer that takes too long over 64 KiB is ended, and
 * whoever writes to it fails with BASE_ERROR_TIMED_OUT. Not for consoles: who looks at one may look away. */
void http_stream_limit_output(HttpStream *stream);
gboolean http_stream_write_all(HttpStream *stream, const void *data, gsize length, GError **error);

/**
 * http_stream_pump: copies both ways between @stream and the socket, pipe or terminal @fd until either ends
 * or
 * @cancellable (nullable) is triggered. @fd is made non-blocking meanwhile and stays the caller's.
 */
void http_stream_pump(HttpStream *stream, int fd, GCancellable *cancellable);

/** http_stream_shutdown: ends the connection under a blocked reader or writer on another thread, which then
 * fails. */
void http_stream_shutdown(HttpStream *stream);

/** http_stream_close: ends the connection, after what was written has been sent, and frees @stream. NULL is
 * fine. */
void http_stream_close(HttpStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpStream, http_stream_close)
