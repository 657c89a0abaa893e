/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of a console in the frames of a websocket (RFC 6455), server's side. */
#pragma once

#include "http/server.h"

/** websocket_accept_key: the answer to a client's Sec-WebSocket-Key. The caller frees it. */
char *websocket_accept_key(const char *key);

/**
 * websocket_pump:
 * @stream: after the handshake
 * @fd: a socket; shut down at the end
 *
 * What @fd says goes out in binary frames; what comes in binary or text frames goes to @fd. Answers pings.
 * Returns when either ends, or when the client breaks the rules or sends a control frame that is too long.
 */
void websocket_pump(HttpStream *stream, int fd);

/* Head of a frame as it stands in the stream. */
typedef struct WebsocketHead {
    gboolean is_final;
    guint8 opcode;
    guint64 length;
    guint8 mask[4];
} WebsocketHead;

#define WEBSOCKET_HEAD_MAX 14

/** websocket_head_size: bytes of a client's frame head whose first two are @start; 0 if they break a rule:
 * unmasked, reserved bits. */
gsize websocket_head_size(const guint8 start[2]);

/** websocket_head_parse: @bytes: websocket_head_size() of them. FALSE for a length of more than 63 bits or a
 * control frame over 125 bytes. */
gboolean websocket_head_parse(const guint8 *bytes, WebsocketHead *ret_head);

/** websocket_head_write: head of a final, unmasked frame. Returns its size. */
gsize websocket_head_write(guint8 opcode, gsize length, guint8 bytes[WEBSOCKET_HEAD_MAX]);
