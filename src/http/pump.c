/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies both ways between a taken-over connection and a descriptor: consoles. One thread, two bounded
 * buffers. */
#include "http/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define PUMP_BUFFER_BYTES (32 * 1024)

/* One direction. Filled only when empty, so that what is retried is what was tried: GnuTLS wants that. */
typedef struct Flow {
    gsize start;
    gsize end;
    gboolean is_ended; /* nothing more comes */
    short read_events; /* what to wait for; 0 if not waiting */
    short write_events;
    char data[PUMP_BUFFER_BYTES];
} Flow;

static gssize
try_read_fd(int fd, void *buffer, gsize length, short *ret_events)
{
    gssize n;
    do
        n = read(fd, buffer, length);
    while (n < 0 && errno == EINTR);
    *ret_events = n < 0 && errno == EAGAIN ? POLLIN : 0;
    return n;
}

static gssize
try_write_fd(int fd, const void *data, gsize length, short *ret_events)
{
    gssize n;
    do {
        n = send(fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK)
            n = write(fd, data, length);
    } while (n < 0 && errno == EINTR);
    *ret_events = n < 0 && errno == EAGAIN ? POLLOUT : 0;
    return n;
}

/* Takes the result of a read into @flow. Answers whether anything moved. */
static gboolean
flow_filled(Flow *flow, gssize n)
{
    if (n < 0 && flow->read_events != 0)
        return FALSE;
    flow->is_ended = n <= 0;
    flow->start = 0;
    flow->end = MAX(n, 0);
    return TRUE;
}

/* Takes the result of a write from @flow. */
static gboolean
flow_drained(Flow *flow, gssize n)
{
    if (n >= 0) {
        flow->start += n;
        return n > 0;
    }
    if (flow->write_events == 0) { /* nobody there to take it */
        flow->is_ended = TRUE;
        flow->start = flow->end;
    }
    return FALSE;
}

static gboolean
flow_is_empty(const Flow *flow)
{
    return flow->start == flow->end;
}

/* One try in each direction. Answers whether anything moved. */
static gboolean
move(HttpStream *stream, int fd, Flow *in, Flow *out)
{
    gboolean has_moved = FALSE;
    in->read_events = in->write_events = out->read_events = out->write_events = 0;
    if (flow_is_empty(in))
        has_moved |= flow_filled(
            in, http_stream_try_read(stream, in->data, PUMP_BUFFER_BYTES, &in->read_events, NULL));
    if (!flow_is_empty(in))
        has_moved |=
            flow_drained(in, try_write_fd(fd, in->data + in->start, in->end - in->start, &in->write_events));
    if (flow_is_empty(out))
        has_moved |= flow_filled(out, try_read_fd(fd, out->data, PUMP_BUFFER_BYTES, &out->read_events));
    if (!flow_is_empty(out))
        has_moved |=
            flow_drained(out, http_stream_try_write(stream, out->data + out->start, out->end - out->start,
                                                    &out->write_events, NULL));
    return has_moved;
}

static void
copy(HttpStream *stream, int fd, GCancellable *cancellable)
{
    g_autofree Flow *in = g_new0(Flow, 1);
    g_autofree Flow *out = g_new0(Flow, 1);
    GPollFD cancel = {.fd = -1};
    gboolean is_cancellable = g_cancellable_make_pollfd(cancellable, &cancel);

    while (!g_cancellable_is_cancelled(cancellable)) {
        gboolean has_moved = move(stream, fd, in, out);
        if ((in->is_ended && flow_is_empty(in)) || (out->is_ended && flow_is_empty(out)))
            break;
        if (has_moved)
            continue;
        /* A hang-up is reported whatever the events; that of the connection ends everything. */
        short fd_events = out->read_events | in->write_events;
        struct pollfd items[] = {
            {.fd = stream->fd, .events = in->read_events | out->write_events},
            {.fd = fd_events != 0 ? fd : -1, .events = fd_events},
            {.fd = is_cancellable ? cancel.fd : -1, .events = POLLIN},
        };
        if (poll(items, G_N_ELEMENTS(items), -1) < 0 && errno != EINTR) {
            log_warning("http: pump: %s", g_strerror(errno));
            break;
        }
        if (items[0].events == 0 && (items[0].revents & (POLLHUP | POLLERR)) != 0)
            break;
    }
    if (is_cancellable)
        g_cancellable_release_fd(cancellable);
}

void
http_stream_pump(HttpStream *stream, int fd, GCancellable *cancellable)
{
    if (!http_stream_wait_ready(stream, NULL))
        return;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        log_warning("http: pump: %s", g_strerror(errno));
        return;
    }
    g_mutex_lock(&stream->write_lock);
    g_mutex_lock(&stream->read_lock);
    if (stream->fd >= 0)
        copy(stream, fd, cancellable);
    g_mutex_unlock(&stream->read_lock);
    g_mutex_unlock(&stream->write_lock);
    fcntl(fd, F_SETFL, flags);
}
