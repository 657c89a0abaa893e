/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder share: the server's parts and how they hold each other. Not for other
 * folders.
 *
 * Who owns what: the server owns routes, watch and listeners; libmicrohttpd (MHD below) holds one reference
 * of each connection and of each request it works on; a request holds its connection, a stream its request,
 * both the server. */
#pragma once

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include "http/server.h"

/* Bounds and times of every listener. */
/* clang-format off */
#define HTTP_CONNECTIONS_MAX      16384u          /* of a server's listeners together; see also server.c */
#define HTTP_CONNECTION_MEMORY    (16u * 1024)    /* headers both ways, read buffer; a longer header gets 431 */
#define HTTP_SILENT_TIMEOUT_S     30u             /* between any two bytes, up to the end of the first request */
#define HTTP_KEEP_ALIVE_TIMEOUT_S 300u            /* afterwards */
#define HTTP_REQUEST_TIMEOUT_S    60u             /* for a whole header, and for a whole body */
#define HTTP_OUTPUT_TIMEOUT_S     600u            /* for a block of what a stream is sent */
#define HTTP_BLOCK_BYTES          (64u * 1024)
#define HTTP_SHUTDOWN_GRACE_MS    2000            /* for the last replies to be sent */
#define HTTP_REFUSED_BODY_MAX     (1024u * 1024)  /* of an overlong chunked body, read on so that 413 arrives */
/* clang-format on */

/* ---- routes ---- */

typedef struct HttpRouteTable HttpRouteTable;

HttpRouteTable *http_route_table_new(const HttpRoute *routes, gsize n_routes);
void http_route_table_free(HttpRouteTable *table);
/** http_route_find: NULL and *@ret_is_known_method FALSE if no route has @method. The answer lives as long as
 * @table. */
const HttpRoute *http_route_find(const HttpRouteTable *table, const char *method, const char *path,
                                 gboolean *ret_is_known_method);
/** http_route_is_open: runs at header time (see HttpRoute). */
gboolean http_route_is_open(const HttpRoute *route);
/** http_route_path_is_open: whether @target (with or without query) belongs to an open route, whatever the
 * method. */
gboolean http_route_path_is_open(const HttpRouteTable *table, const char *target);

/* ---- watch ---- */

typedef struct HttpWatch HttpWatch;

HttpWatch *http_watch_new(void);
void http_watch_free(HttpWatch *watch);
/** http_watch_add: takes @data; answers an id, never 0. @function runs once, without locks, when the peer of
 * @fd closes. */
guint64 http_watch_add(HttpWatch *watch, int fd, void (*function)(gpointer data), gpointer data,
                       GDestroyNotify destroy);
/** http_watch_remove: no effect if it has run or is running. The descriptor must still be open. */
void http_watch_remove(HttpWatch *watch, guint64 id, int fd);

/* ---- server ---- */

typedef struct HttpListener {
    HttpServer *server; /* the owner */
    struct MHD_Daemon *daemon;
    char *unix_path;   /* NULL for TCP */
    dev_t unix_device; /* what we made at unix_path, so that another's socket is never removed */
    ino_t unix_inode;
    char *certificate; /* PEM texts, read by MHD at start */
    char *key;
    gboolean is_tls;
} HttpListener;

struct HttpServer {
    gint ref_count;   /* the creator, connections and streams */
    gint is_stopping; /* atomic */
    guint n_threads;
    guint silent_timeout_s; /* tests make these shorter before they listen */
    guint keep_alive_timeout_s;
    guint request_timeout_s;
    guint output_timeout_s;
    guint connections_max; /* of all listeners together */
    HttpRouteTable *routes;
    GPtrArray *listeners; /* of HttpListener */
    GMutex lock;          /* guards what follows; taken when connections come and go, never per request */
    GCond changed;        /* something below went away, or (while stopping) a request was completed */
    GQueue connections;   /* of HttpConnection, by their links; not owned */
    GQueue streams;       /* of HttpStream, by their links; not owned */
    HttpWatch *watch;     /* made when first needed */
    GThread *deadlines;   /* ends connections whose requests come too slowly; made by the first listener */
};

HttpServer *http_server_ref(HttpServer *server);
void http_server_unref(HttpServer *server);
/** http_server_notify: wakes http_server_free(), which waits for something to have ended. */
void http_server_notify(HttpServer *server);
/** http_server_watch: the server's watcher of peers that leave, made at the first call. Borrowed. */
HttpWatch *http_server_watch(HttpServer *server);

/* ---- listening sockets ---- */

/** http_socket_listen_tcp, http_socket_listen_unix: a listening, non-blocking descriptor of the caller, or
 * -1. */
int http_socket_listen_tcp(const char *address, guint16 port, guint16 *ret_port, GError **error);
int http_socket_listen_unix(const char *path, mode_t mode, GError **error);

/* ---- connections ---- */

/* How far a connection is with its request, for http_server_free(). */
typedef enum HttpPhase {
    HTTP_PHASE_IDLE,      /* no request */
    HTTP_PHASE_BUSY,      /* a request comes in or its reply goes out: MHD alone has to do with it */
    HTTP_PHASE_UNSETTLED, /* the handler has been called, and its decision not been carried out */
} HttpPhase;

typedef struct HttpConnection {
    gint ref_count;     /* MHD and requests */
    HttpServer *server; /* a reference */
    GList link;         /* in server->connections */
    gboolean is_tls;
    gboolean is_unix;
    gboolean is_trusted; /* Unix, and root or our own user */
    gboolean is_proven;  /* has sent a whole request: the long timeout holds. MHD's thread only */
    gint phase;          /* atomic, HttpPhase */
    int fd;              /* MHD's, open for as long as we are in server->connections */
    gint deadline_s;     /* atomic; monotonic: what is awaited must be there by then. 0: nothing is */
    GMutex lock; /* guards parked, and is held over resuming: what has it need not fear the daemon's end */
    HttpRequest *parked; /* suspended in MHD and waiting for an answer; not owned */
    char peer[INET6_ADDRSTRLEN];
} HttpConnection;

/** http_connection_notify: MHD's callback for connections that start and end. */
void http_connection_notify(void *listener, struct MHD_Connection *mhd, void **context,
                            enum MHD_ConnectionNotificationCode code);
HttpConnection *http_connection_ref(HttpConnection *connection);
void http_connection_unref(HttpConnection *connection);
/** http_connection_set_phase: on MHD's thread; tells http_server_free(). */
void http_connection_set_phase(HttpConnection *connection, HttpPhase phase);
/** http_connection_prove: the first whole request is there. */
void http_connection_prove(HttpConnection *connection, struct MHD_Connection *mhd);

/* ---- deadlines ---- */

/** http_connection_allow: on MHD's thread: the peer has so long for its next step; 0: it has had its say. */
void http_connection_allow(HttpConnection *connection, guint seconds);
/** http_deadlines_start: once. */
void http_deadlines_start(HttpServer *server);
/** http_deadlines_stop: the server is stopping. */
void http_deadlines_stop(HttpServer *server);

/* ---- requests ---- */

/*             handler returns            answer or take over, by any thread
 *  handling ───────────────────► parked ──────────────────┬──────► decided ──► (MHD's thread carries it out)
 *      │                                     (resumes it) │
 *      └──────── answer or take over meanwhile ───────────┘
 *
 * is_claimed says who may decide: the first who sets it. The decision (response or stream) is written before
 * the state becomes "decided", by an atomic exchange. MHD's thread leaves "handling" by a compare-and-swap to
 * "parked" after it has suspended the connection: if that fails the decision came first, and it resumes the
 * connection itself. So each suspension is followed by exactly one resume, and a reply inside the handler
 * needs neither. */
typedef enum HttpRequestState {
    HTTP_REQUEST_READING,  /* header or body; the handler has not run */
    HTTP_REQUEST_HANDLING, /* the handler runs, or has not been found to have left it open */
    HTTP_REQUEST_PARKED,   /* suspended in MHD */
    HTTP_REQUEST_DECIDED,  /* response or stream is set */
} HttpRequestState;

struct HttpRequest {
    gint ref_count;
    gint state;                 /* atomic, HttpRequestState */
    gint is_claimed;            /* atomic */
    gint was_parked;            /* MHD's thread only */
    HttpConnection *connection; /* a reference */
    struct MHD_Connection *mhd; /* headers are there until the decision is carried out */
    const HttpRoute *route;     /* of the server's table; only while MHD works on the request */

    /* The decision. */
    guint status;
    struct MHD_Response *response; /* owned until queued */
    HttpStream *stream;            /* a reference */

    char *body; /* NUL-terminated; NULL if there is none */
    gsize body_length;
    gsize body_size;       /* allocated, without the NUL */
    gsize body_refused;    /* bytes thrown away because the body is too long; 0 if it is not */
    gboolean is_begun;     /* the header has been seen */
    gboolean is_open_path; /* MHD takes all that follows the header for a body, see request.c */
    gint is_watched;       /* atomic: watch_id may be set */
    guint64 watch_id;      /* 0: none. Guarded by connection->lock */
    GHashTable *query;     /* decoded, made when first asked */
    GHashTable *cookies;
    GPtrArray *headers;     /* name, value, name, ...: kept when the connection was taken over; else NULL */
    const char *query_text; /* inside target; NULL if there was no '?' */
    char method[16];
    char target[]; /* path, NUL, query, NUL */
};

/** http_request_claim: TRUE for the first caller, who must then call http_request_decide(). */
gboolean http_request_claim(HttpRequest *request);
/** http_request_decide: response or stream is set: makes MHD carry it out. */
void http_request_decide(HttpRequest *request);

/* MHD's callbacks. */
void *http_request_start(void *listener, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http_request_handle(void *listener, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_length, void **context);
void http_request_completed(void *listener, struct MHD_Connection *mhd, void **context,
                            enum MHD_RequestTerminationCode code);

/** http_body_response: takes over @body; NULL without memory. */
struct MHD_Response *http_body_response(HttpBody *body);

/** http_request_keep_headers: copies them, so that they outlive the connection. */
void http_request_keep_headers(HttpRequest *request);
/** http_request_length: Content-Length as sent by the client, or -1. */
gint64 http_request_length(HttpRequest *request);
/** http_header_is_ours: whether a header's value is one that http_request_start() put in. */
gboolean http_header_is_ours(const char *value);

/* ---- streams ---- */

/*  pending ──► ready ──► ending ──► ended
 *     └─────────────────────────────►         (MHD closed the connection before it could be handed over) */
typedef enum HttpStreamStage {
    HTTP_STREAM_PENDING, /* MHD still has the connection */
    HTTP_STREAM_READY,   /* suspended in MHD: descriptor and session are the owner's */
    HTTP_STREAM_ENDING,  /* one thread is giving it back */
    HTTP_STREAM_ENDED,   /* MHD has it again, and closes it */
} HttpStreamStage;

struct HttpStream {
    gint ref_count;     /* its owner, the request, and who works on it */
    HttpServer *server; /* a reference */
    GList link;         /* in server->streams while it is not ended */
    struct MHD_Connection *mhd;
    GMutex lock;   /* guards stage */
    GCond changed; /* stage */
    HttpStreamStage stage;
    GMutex read_lock;         /* held while reading; guards head, fd and session */
    GMutex write_lock;        /* held while writing; guards fd and session. Both are held to change these */
    int fd;                   /* MHD's, non-blocking; -1 once ended */
    gnutls_session_t session; /* MHD's; NULL if plain or ended */
    GByteArray *head;         /* what MHD had read after the header */
    guint head_used;
    GCancellable *cancellable; /* (nullable) ends waits; set before the first */
    gboolean has_output_limit; /* set before the first write */
};

HttpStream *http_stream_ref(HttpStream *stream);
void http_stream_unref(HttpStream *stream);

/* What MHD's thread calls. */

/** http_stream_hand_over: decided: lets go of the connection, now or as soon as MHD's buffer is known. */
enum MHD_Result http_stream_hand_over(HttpStream *stream, struct MHD_Connection *mhd, gboolean is_open_path);
/** http_stream_take_bytes: bytes that MHD had read beyond the header. */
enum MHD_Result http_stream_take_bytes(HttpStream *stream, struct MHD_Connection *mhd, const char *data,
                                       gsize length);
/** http_stream_hand_over_waiting: see takeover.c; when a connection starts on the same thread. */
void http_stream_hand_over_waiting(void);
/** http_stream_connection_ended: MHD has closed it. */
void http_stream_connection_ended(HttpStream *stream);

/* What others call. */

/** http_stream_end: ends it under its owner's hands, and waits until MHD has it back. */
void http_stream_end(HttpStream *stream);
/** http_stream_wait_ready: until MHD has let go of it; FALSE (BASE_ERROR_IO) if it is ended. */
gboolean http_stream_wait_ready(HttpStream *stream, GError **error);
/**
 * http_stream_try_read, http_stream_try_write: without waiting, with the stream's lock for it.
 * Bytes done; 0 on reading at the end; -1 and, in *@ret_events, what to poll for, or 0 there with @error set.
 */
gssize http_stream_try_read(HttpStream *stream, void *buffer, gsize length, short *ret_events,
                            GError **error);
gssize http_stream_try_write(HttpStream *stream, const void *data, gsize length, short *ret_events,
                             GError **error);
