/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking a connection from MHD and giving it back. Reading and writing is in stream.c.
 *
 * A taken-over connection is suspended in MHD, which then neither reads nor polls its socket, nor times it
 * out; its owner uses the descriptor or TLS session meanwhile. At the end the socket is shut down and the
 * connection resumed: MHD reads the end of it and closes.
 *
 * The difficulty is what MHD has already read after the header. For open routes it takes that for a body
 * (request.c says how), and hands it to http_stream_take_bytes() right after the call for the header, in the
 * same turn of its loop. But if there is nothing it says nothing, and would wait for the socket, while the
 * client may wait for us. So at the header we give MHD's thread a new connection, the "nudge": half of a
 * socket pair whose other half is closed. MHD starts new connections at one place of its loop, before it
 * reads from any: when http_connection_notify() hears of the nudge, or of any other new connection, on this
 * thread, and no bytes have come, then there were none, and the connection can be suspended from there.
 * (Suspending is allowed on the thread of the loop only; at this place MHD walks no list that suspending
 * changes. Verified with MHD 0.9.75: MHD_epoll(), new_connections_list_process_().) */
#include "http/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

#define DRAIN_MAX (64 * 1024)

/* Streams of this thread between the header and the start of the next connection; with a reference. */
static __thread GSList *waiting;

/* ---- life ---- */

HttpStream *
http_stream_ref(HttpStream *stream)
{
    g_atomic_int_inc(&stream->ref_count);
    return stream;
}

void
http_stream_unref(HttpStream *stream)
{
    if (!g_atomic_int_dec_and_test(&stream->ref_count))
        return;
    g_byte_array_unref(stream->head);
    g_clear_object(&stream->cancellable);
    g_mutex_clear(&stream->lock);
    g_cond_clear(&stream->changed);
    g_mutex_clear(&stream->read_lock);
    g_mutex_clear(&stream->write_lock);
    http_server_unref(stream->server);
    g_free(stream);
}

static HttpStream *
stream_new(HttpServer *server)
{
    HttpStream *stream = g_new0(HttpStream, 1);
    stream->ref_count = 1;
    stream->server = http_server_ref(server);
    stream->link.data = stream;
    stream->fd = -1;
    stream->head = g_byte_array_new();
    g_mutex_init(&stream->lock);
    g_cond_init(&stream->changed);
    g_mutex_init(&stream->read_lock);
    g_mutex_init(&stream->write_lock);
    return stream;
}

static void
set_stage(HttpStream *stream, HttpStreamStage stage)
{
    g_mutex_lock(&stream->lock);
    stream->stage = stage;
    g_cond_broadcast(&stream->changed);
    g_mutex_unlock(&stream->lock);
}

static HttpStreamStage
get_stage(HttpStream *stream)
{
    g_mutex_lock(&stream->lock);
    HttpStreamStage stage = stream->stage;
    g_mutex_unlock(&stream->lock);
    return stage;
}

static void
set_registered(HttpStream *stream, gboolean is_registered)
{
    HttpServer *server = stream->server;
    g_mutex_lock(&server->lock);
    if (is_registered)
        g_queue_push_tail_link(&server->streams, &stream->link);
    else
        g_queue_unlink(&server->streams, &stream->link);
    g_mutex_unlock(&server->lock);
}

/* Peers that vanish without a word are found within two minutes; delays fail on Unix sockets, which have
 * neither. */
static void
set_socket_options(int fd)
{
    static const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 15}, {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                         sizeof(options[i].value));
}

HttpStream *
http_take_over(HttpRequest *request)
{
    HttpStream *stream = stream_new(request->connection->server);
    if (!http_request_claim(request)) {
        stream->stage = HTTP_STREAM_ENDED;
        return stream;
    }
    http_request_keep_headers(request);
    stream->mhd = request->mhd;
    stream->fd = MHD_get_connection_info(stream->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(stream->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (tls != NULL)
        stream->session = tls->tls_session;
    set_socket_options(stream->fd);

    set_registered(stream, TRUE);
    request->stream = http_stream_ref(stream);
    http_request_decide(request);
    return stream;
}

/* ---- on MHD's thread ---- */

static void
let_go(HttpStream *stream, struct MHD_Connection *mhd)
{
    MHD_suspend_connection(mhd);
    set_stage(stream, HTTP_STREAM_READY);
}

static gboolean
nudge(struct MHD_Connection *mhd)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        log_warning("http: cannot take a connection over: %s", g_strerror(errno));
        return FALSE;
    }
    close(pair[1]);
    /* Its address tells it from clients. The daemon of a connection is the one of its thread. */
    struct sockaddr address = {.sa_family = AF_UNSPEC};
    struct MHD_Daemon *daemon = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON)->daemon;
    return MHD_add_connection(daemon, pair[0], &address, sizeof(address)) ==
           MHD_YES; /* closes it on failure too */
}

enum MHD_Result
http_stream_hand_over(HttpStream *stream, struct MHD_Connection *mhd, gboolean is_open_path)
{
    if (get_stage(stream) != HTTP_STREAM_PENDING)
        return MHD_NO; /* given back: close */
    if (!is_open_path) {
        let_go(stream, mhd); /* bytes after such a request are no part of it */
        return MHD_YES;
    }
    if (!nudge(mhd))
        return MHD_NO;
    waiting = g_slist_prepend(waiting, http_stream_ref(stream));
    return MHD_YES;
}

/* Answers whether it was waiting. */
static gboolean
stop_waiting(HttpStream *stream)
{
    GSList *link = g_slist_find(waiting, stream);
    if (link == NULL)
        return FALSE;
    waiting = g_slist_delete_link(waiting, link);
    http_stream_unref(stream);
    return TRUE;
}

enum MHD_Result
http_stream_take_bytes(HttpStream *stream, struct MHD_Connection *mhd, const char *data, gsize length)
{
    if (!stop_waiting(stream))
        return MHD_NO; /* given back: close */
    g_byte_array_append(stream->head, (const guint8 *)data, length);
    let_go(stream, mhd);
    return MHD_YES;
}

void
http_stream_hand_over_waiting(void)
{
    GSList *streams = g_steal_pointer(&waiting);
    for (GSList *link = streams; link != NULL; link = link->next) {
        HttpStream *stream = link->data;
        let_go(stream, stream->mhd);
        http_stream_unref(stream);
    }
    g_slist_free(streams);
}

void
http_stream_connection_ended(HttpStream *stream)
{
    stop_waiting(stream);
    if (get_stage(stream) != HTTP_STREAM_PENDING)
        return;
    g_mutex_lock(&stream->write_lock);
    g_mutex_lock(&stream->read_lock);
    stream->fd = -1;
    stream->session = NULL;
    g_mutex_unlock(&stream->read_lock);
    g_mutex_unlock(&stream->write_lock);
    set_registered(stream, FALSE);
    set_stage(stream, HTTP_STREAM_ENDED);
}

/* ---- the end ---- */

gboolean
http_stream_wait_ready(HttpStream *stream, GError **error)
{
    g_mutex_lock(&stream->lock);
    while (stream->stage == HTTP_STREAM_PENDING)
        g_cond_wait(&stream->changed, &stream->lock);
    gboolean is_ready = stream->stage == HTTP_STREAM_READY;
    g_mutex_unlock(&stream->lock);
    return is_ready ? TRUE : base_error_set(error, BASE_ERROR_IO, "the connection is closed");
}

/* Sends what is left to send, and throws away what came unasked: unread bytes would make the close a reset,
 * which can overtake the reply. */
static void
say_goodbye(HttpStream *stream)
{
    if (stream->session != NULL)
        gnutls_bye(stream->session, GNUTLS_SHUT_WR);
    shutdown(stream->fd, SHUT_WR);
    char drain[4096];
    for (gsize total = 0; total < DRAIN_MAX;) {
        gssize n = recv(stream->fd, drain, sizeof(drain), MSG_DONTWAIT);
        if (n <= 0)
            return;
        total += n;
    }
}

static void
give_back(HttpStream *stream, gboolean is_gentle)
{
    if (!is_gentle)
        shutdown(stream->fd, SHUT_RDWR); /* wakes whoever has the locks */
    g_mutex_lock(&stream->write_lock);
    if (is_gentle)
        say_goodbye(stream);
    shutdown(stream->fd, SHUT_RDWR);
    g_mutex_lock(&stream->read_lock);
    stream->fd = -1;
    stream->session = NULL;
    MHD_resume_connection(stream->mhd);
    g_mutex_unlock(&stream->read_lock);
    g_mutex_unlock(&stream->write_lock);
    set_registered(stream, FALSE);
}

static void
end(HttpStream *stream, gboolean is_gentle)
{
    g_mutex_lock(&stream->lock);
    while (stream->stage == HTTP_STREAM_PENDING || stream->stage == HTTP_STREAM_ENDING)
        g_cond_wait(&stream->changed, &stream->lock);
    gboolean is_mine = stream->stage == HTTP_STREAM_READY;
    if (is_mine)
        stream->stage = HTTP_STREAM_ENDING;
    g_mutex_unlock(&stream->lock);
    if (!is_mine)
        return;
    give_back(stream, is_gentle);
    set_stage(stream, HTTP_STREAM_ENDED);
}

void
http_stream_end(HttpStream *stream)
{
    end(stream, FALSE);
}

void
http_stream_shutdown(HttpStream *stream)
{
    g_mutex_lock(&stream->lock);
    while (stream->stage == HTTP_STREAM_PENDING)
        g_cond_wait(&stream->changed, &stream->lock);
    if (stream->stage == HTTP_STREAM_READY)
        shutdown(stream->fd, SHUT_RDWR);
    g_mutex_unlock(&stream->lock);
}

void
http_stream_close(HttpStream *stream)
{
    if (stream == NULL)
        return;
    end(stream, TRUE);
    http_stream_unref(stream);
}
