/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bodies in pieces: what is already somewhere in memory is sent from there, without one buffer for the
 * whole. */
#include "http/internal.h"

#include <string.h>

/* What MHD asks for and sends at a time: large enough that the calls do not count, small enough to stay in
 * the processor's cache between our copy and the kernel's. */
#define BLOCK_BYTES (128u * 1024)

typedef struct Piece {
    const char *text; /* NULL: the body's own, where the piece before it in own text ended */
    gsize length;
} Piece;

struct HttpBody {
    GString *own;
    gsize own_pieces_bytes; /* of own, what is in a piece already */
    GArray *pieces;         /* of Piece, in order */
    guint64 length;         /* of pieces */
    gpointer keeper;
    GDestroyNotify release;
    /* Reading: MHD's thread only. */
    guint at;         /* piece */
    gsize at_byte;    /* inside it */
    gsize at_own;     /* where own text goes on */
    guint64 position; /* from the start */
};

HttpBody *
http_body_new(gpointer keeper, GDestroyNotify release)
{
    HttpBody *body = g_new0(HttpBody, 1);
    body->own = g_string_sized_new(512);
    body->pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    body->keeper = keeper;
    body->release = release;
    return body;
}

void
http_body_free(HttpBody *body)
{
    g_string_free(body->own, TRUE);
    g_array_unref(body->pieces);
    if (body->release != NULL)
        body->release(body->keeper);
    g_free(body);
}

GString *
http_body_text(HttpBody *body)
{
    return body->own;
}

static void
add_piece(HttpBody *body, const char *text, gsize length)
{
    Piece piece = {text, length};
    if (length == 0)
        return;
    g_array_append_val(body->pieces, piece);
    body->length += length;
}

static void
close_own_piece(HttpBody *body)
{
    add_piece(body, NULL, body->own->len - body->own_pieces_bytes);
    body->own_pieces_bytes = body->own->len;
}

void
http_body_borrow(HttpBody *body, const char *text, gsize length)
{
    close_own_piece(body);
    add_piece(body, text, length);
}

/* MHD's ContentReaderCallback. A response belongs to one reply, so it is read once from start to end. */
static ssize_t
read_on(void *data, uint64_t position, char *buffer, size_t size)
{
    HttpBody *body = data;
    gsize done = 0;
    if (position != body->position)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    while (done < size && body->at < body->pieces->len) {
        const Piece *piece = &g_array_index(body->pieces, Piece, body->at);
        gsize part = MIN(piece->length - body->at_byte, size - done);
        const char *text = piece->text != NULL ? piece->text + body->at_byte : body->own->str + body->at_own;
        memcpy(buffer + done, text, part);
        if (piece->text == NULL)
            body->at_own += part;
        body->at_byte += part;
        done += part;
        if (body->at_byte == piece->length) {
            body->at++;
            body->at_byte = 0;
        }
    }
    body->position += done;
    return done > 0 ? (ssize_t)done : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
release(void *data)
{
    http_body_free(data);
}

struct MHD_Response *
http_body_response(HttpBody *body)
{
    close_own_piece(body);
    return MHD_create_response_from_callback(body->length, BLOCK_BYTES, read_on, body, release);
}
