/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing a taken-over connection, plain or TLS. How one is had and ended is in takeover.c. */
#include "http/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

/* ---- without waiting ---- */

static gboolean
fail_closed(short *ret_events, GError **error)
{
    *ret_events = 0;
    return base_error_set(error, BASE_ERROR_IO, "the connection is closed");
}

/* What a negative result of GnuTLS means, to somebody who waits for @events: sets *@ret_events, or @error, or
 * neither for "try again at once". The session's own record of what it waits for is shared by reader and
 * writer, so useless here. */
static void
explain_tls(int code, short events, short *ret_events, GError **error)
{
    *ret_events = code == GNUTLS_E_AGAIN ? events : 0;
    if (gnutls_error_is_fatal(code))
        base_error_set(error, BASE_ERROR_IO, "TLS: %s", gnutls_strerror(code));
}

static gssize
read_tls(HttpStream *stream, void *buffer, gsize length, short *ret_events, GError **error)
{
    gssize n;
    do {
        n = gnutls_record_recv(stream->session, buffer, length);
        if (n >= 0)
            return n;
        if (n == GNUTLS_E_PREMATURE_TERMINATION) /* many clients close without TLS's farewell */
            return 0;
        explain_tls(n, POLLIN, ret_events, error);
    } while (*ret_events == 0 && !gnutls_error_is_fatal(n));
    return -1;
}

static gssize
write_tls(HttpStream *stream, const void *data, gsize length, short *ret_events, GError **error)
{
    gssize n;
    do {
        n = gnutls_record_send(stream->session, data, length);
        if (n >= 0)
            return n;
        explain_tls(n, POLLOUT, ret_events, error);
    } while (*ret_events == 0 && !gnutls_error_is_fatal(n));
    return -1;
}

static gsize
read_head(HttpStream *stream, void *buffer, gsize length)
{
    gsize n = MIN(length, stream->head->len - stream->head_used);
    if (n > 0)
        memcpy(buffer, stream->head->data + stream->head_used, n);
    stream->head_used += n;
    return n;
}

gssize
http_stream_try_read(HttpStream *stream, void *buffer, gsize length, short *ret_events, GError **error)
{
    if (stream->fd < 0) {
        fail_closed(ret_events, error);
        return -1;
    }
    gsize from_head = read_head(stream, buffer, length);
    if (from_head > 0)
        return from_head;
    if (stream->session != NULL)
        return read_tls(stream, buffer, length, ret_events, error);

    gssize n;
    do
        n = recv(stream->fd, buffer, length, 0);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    *ret_events = errno == EAGAIN ? POLLIN : 0;
    if (*ret_events == 0)
        base_error_errno(error, errno, "read from the peer");
    return -1;
}

gssize
http_stream_try_write(HttpStream *stream, const void *data, gsize length, short *ret_events, GError **error)
{
    if (stream->fd < 0) {
        fail_closed(ret_events, error);
        return -1;
    }
    if (stream->session != NULL)
        return write_tls(stream, data, length, ret_events, error);

    gssize n;
    do
        n = send(stream->fd, data, length, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    *ret_events = errno == EAGAIN ? POLLOUT : 0;
    if (*ret_events == 0)
        base_error_errno(error, errno, "write to the peer");
    return -1;
}

/* ---- waiting ---- */

static gboolean
check_not_cancelled(const HttpStream *stream, GError **error)
{
    return !g_cancellable_is_cancelled(stream->cancellable) ||
           base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
}

/* @deadline: monotonic; 0 for none. */
static int
milliseconds_left(gint64 deadline)
{
    if (deadline == 0)
        return -1;
    gint64 left = deadline - g_get_monotonic_time();
    return left > 0 ? (int)MIN((left + 999) / 1000, G_MAXINT) : 0;
}

static gboolean
poll_both(struct pollfd items[2], gint64 deadline, GError **error)
{
    int n;
    do
        n = poll(items, 2, milliseconds_left(deadline));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return base_error_errno(error, errno, "wait for the peer");
    return n > 0 || base_error_set(error, BASE_ERROR_TIMED_OUT, "the peer was silent for too long");
}

static gboolean
wait_for(HttpStream *stream, short events, gint64 deadline, GError **error)
{
    GPollFD cancel = {.fd = -1};
    gboolean is_cancellable = g_cancellable_make_pollfd(stream->cancellable, &cancel);
    struct pollfd items[] = {{.fd = stream->fd, .events = events},
                             {.fd = is_cancellable ? cancel.fd : -1, .events = POLLIN}};
    gboolean is_ready = poll_both(items, deadline, error);
    if (is_cancellable)
        g_cancellable_release_fd(stream->cancellable);
    return is_ready && check_not_cancelled(stream, error);
}

void
http_stream_set_cancellable(HttpStream *stream, GCancellable *cancellable)
{
    g_set_object(&stream->cancellable, cancellable);
}

static gssize
read_until(HttpStream *stream, void *buffer, gsize length, gint64 deadline, GError **error)
{
    if (!http_stream_wait_ready(stream, error) || !check_not_cancelled(stream, error))
        return -1;
    short events = 0;
    gssize n;
    g_mutex_lock(&stream->read_lock);
    do
        n = http_stream_try_read(stream, buffer, length, &events, error);
    while (n < 0 && events != 0 && wait_for(stream, events, deadline, error));
    g_mutex_unlock(&stream->read_lock);
    return n;
}

gssize
http_stream_read(HttpStream *stream, void *buffer, gsize length, guint timeout_ms, GError **error)
{
    gint64 deadline = timeout_ms != 0 ? g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND : 0;
    return read_until(stream, buffer, length, deadline, error);
}

gssize
http_stream_read_block(HttpStream *stream, void *buffer, gsize length, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + stream->server->request_timeout_s * G_TIME_SPAN_SECOND;
    gsize done = 0;
    while (done < length) {
        gssize n = read_until(stream, (char *)buffer + done, length - done, deadline, error);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (gsize)n;
    }
    return (gssize)done;
}

gboolean
http_stream_read_all(HttpStream *stream, void *buffer, gsize length, guint timeout_ms, GError **error)
{
    for (gsize done = 0; done < length;) {
        gssize n = http_stream_read(stream, (char *)buffer + done, length - done, timeout_ms, error);
        if (n < 0)
            return FALSE;
        if (n == 0)
            return base_error_set(error, BASE_ERROR_IO, "the connection ended after %zu of %zu bytes", done,
                                  length);
        done += n;
    }
    return TRUE;
}

void
http_stream_limit_output(HttpStream *stream)
{
    stream->has_output_limit = TRUE;
}

static gboolean
write_block(HttpStream *stream, const char *data, gsize length, GError **error)
{
    gint64 deadline = stream->has_output_limit
                          ? g_get_monotonic_time() + stream->server->output_timeout_s * G_TIME_SPAN_SECOND
                          : 0;
    while (length > 0) {
        short events = 0;
        gssize n = http_stream_try_write(stream, data, length, &events, error);
        if (n < 0 && (events == 0 || !wait_for(stream, events, deadline, error)))
            return FALSE;
        if (n > 0) {
            data += n;
            length -= n;
        }
    }
    return TRUE;
}

/* Who has given up once must not wait as long again for what comes next. */
static gboolean
write_blocks(HttpStream *stream, const char *data, gsize length, GError **error)
{
    for (gsize done = 0; done < length;) {
        gsize n = MIN(length - done, HTTP_BLOCK_BYTES);
        if (!write_block(stream, data + done, n, error)) {
            if (stream->fd >= 0)
                shutdown(stream->fd, SHUT_RDWR);
            return FALSE;
        }
        done += n;
    }
    return TRUE;
}

gboolean
http_stream_write_all(HttpStream *stream, const void *data, gsize length, GError **error)
{
    if (!http_stream_wait_ready(stream, error) || !check_not_cancelled(stream, error))
        return FALSE;
    g_mutex_lock(&stream->write_lock);
    gboolean is_written = write_blocks(stream, data, length, error);
    g_mutex_unlock(&stream->write_lock);
    return is_written;
}
