/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of a console in the frames of a websocket (RFC 6455), server's side.
 *
 * Two threads, one per direction; each ends the other by shutting its end of the line down. */
#include "api/vm/websocket.h"

#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES 16384

enum {
    OPCODE_CONTINUATION = 0x0,
    OPCODE_TEXT = 0x1,
    OPCODE_BINARY = 0x2,
    OPCODE_CLOSE = 0x8,
    OPCODE_PING = 0x9,
    OPCODE_PONG = 0xa,
};
#define CONTROL_BIT       0x8
#define CONTROL_MAX_BYTES 125

/* ---- Frames ---- */

/* Source: RFC 6455, 4.2.2 */
char *
websocket_accept_key(const char *key)
{
    guint8 digest[20];
    gsize length = sizeof digest;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);

    g_checksum_update(checksum, (const guchar *)key, -1);
    g_checksum_update(checksum, (const guchar *)"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", -1);
    g_checksum_get_digest(checksum, digest, &length);
    return g_base64_encode(digest, length);
}

gsize
websocket_head_size(const guint8 start[2])
{
    gboolean has_reserved = (start[0] & 0x70) != 0;
    gboolean is_masked = (start[1] & 0x80) != 0;
    guint8 length = start[1] & 0x7f;

    if (has_reserved || !is_masked)
        return 0;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

gboolean
websocket_head_parse(const guint8 *bytes, WebsocketHead *ret_head)
{
    gsize n_length_bytes = websocket_head_size(bytes) - 6;
    WebsocketHead head = {.is_final = (bytes[0] & 0x80) != 0, .opcode = bytes[0] & 0x0f};

    if (n_length_bytes == 0)
        head.length = bytes[1] & 0x7f;
    for (gsize i = 0; i < n_length_bytes; i++)
        head.length = head.length << 8 | bytes[2 + i];
    memcpy(head.mask, bytes + 2 + n_length_bytes, sizeof head.mask);
    gboolean is_control = (head.opcode & CONTROL_BIT) != 0;
    if (head.length > G_MAXINT64 || (is_control && (head.length > CONTROL_MAX_BYTES || !head.is_final)))
        return FALSE;
    *ret_head = head;
    return TRUE;
}

gsize
websocket_head_write(guint8 opcode, gsize length, guint8 bytes[WEBSOCKET_HEAD_MAX])
{
    gsize n_length_bytes = length < 126 ? 0 : length <= 0xffff ? 2 : 8;

    bytes[0] = 0x80 | opcode;
    bytes[1] = n_length_bytes == 0 ? (guint8)length : n_length_bytes == 2 ? 126 : 127;
    for (gsize i = 0; i < n_length_bytes; i++)
        bytes[2 + i] = (guint8)((guint64)length >> (8 * (n_length_bytes - 1 - i)));
    return 2 + n_length_bytes;
}

static gboolean
send_frame(HttpStream *stream, guint8 opcode, const guint8 *data, gsize length)
{
    guint8 frame[WEBSOCKET_HEAD_MAX + CHUNK_BYTES]; /* one write, as both threads send */
    gsize head_size = websocket_head_write(opcode, length, frame);

    memcpy(frame + head_size, data, length);
    return http_stream_write_all(stream, frame, head_size + length, NULL);
}

/* ---- From the console to the client ---- */

typedef struct Outgoing {
    HttpStream *stream;
    int fd;
} Outgoing;

static gpointer
send_thread(gpointer data)
{
    const Outgoing *outgoing = data;
    guint8 buffer[CHUNK_BYTES];

    for (;;) {
        gssize n = read(outgoing->fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !send_frame(outgoing->stream, OPCODE_BINARY, buffer, (gsize)n))
            break;
    }
    send_frame(outgoing->stream, OPCODE_CLOSE, buffer, 0);
    http_stream_shutdown(outgoing->stream);
    return NULL;
}

/* ---- From the client to the console ---- */

static gboolean
receive_head(HttpStream *stream, WebsocketHead *ret_head)
{
    guint8 bytes[WEBSOCKET_HEAD_MAX];

    if (!http_stream_read_all(stream, bytes, 2, 0, NULL))
        return FALSE;
    gsize size = websocket_head_size(bytes);
    return size > 0 && http_stream_read_all(stream, bytes + 2, size - 2, 0, NULL) &&
           websocket_head_parse(bytes, ret_head);
}

static void
unmask(guint8 *data, gsize length, const guint8 mask[4], guint64 offset)
{
    for (gsize i = 0; i < length; i++)
        data[i] ^= mask[(offset + i) % 4];
}

static gboolean
receive_data(HttpStream *stream, const WebsocketHead *head, int fd)
{
    guint8 buffer[CHUNK_BYTES];

    for (guint64 offset = 0; offset < head->length;) {
        gsize n = (gsize)MIN(head->length - offset, sizeof buffer);
        if (!http_stream_read_all(stream, buffer, n, 0, NULL))
            return FALSE;
        unmask(buffer, n, head->mask, offset);
        if (!base_fd_write_all(fd, buffer, n, NULL))
            return FALSE;
        offset += n;
    }
    return TRUE;
}

static gboolean
receive_control(HttpStream *stream, const WebsocketHead *head)
{
    guint8 data[CONTROL_MAX_BYTES];

    if (!http_stream_read_all(stream, data, (gsize)head->length, 0, NULL))
        return FALSE;
    unmask(data, (gsize)head->length, head->mask, 0);
    if (head->opcode == OPCODE_PING)
        return send_frame(stream, OPCODE_PONG, data, (gsize)head->length);
    return head->opcode == OPCODE_PONG;
}

static gboolean
receive_frame(HttpStream *stream, int fd)
{
    WebsocketHead head;

    if (!receive_head(stream, &head))
        return FALSE;
    if ((head.opcode & CONTROL_BIT) != 0)
        return receive_control(stream, &head);
    return head.opcode <= OPCODE_BINARY && receive_data(stream, &head, fd);
}

void
websocket_pump(HttpStream *stream, int fd)
{
    Outgoing outgoing = {stream, fd};
    GThread *sender = g_thread_new("websocket", send_thread, &outgoing);

    while (receive_frame(stream, fd))
        ;
    shutdown(fd, SHUT_RDWR);
    g_thread_join(sender);
}
