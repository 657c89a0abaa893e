/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the thin-client protocol as bytes: what xe and its server say to each other. No input or output
 * here.
 *
 *   frame   = int payload length, payload
 *   payload = int outer tag, int inner tag, fields
 *   int     = 4 bytes, little-endian;  string = int length, bytes;  list = int count, strings
 *
 * Source: protocol notes 7.1. */
#pragma once

#include <glib.h>

/* Both sides open with these bytes and two ints: major and minor version. */
#define CLI_GREETING        "XenSource thin CLI protocol"
#define CLI_GREETING_BYTES  35 /* with the version */
#define CLI_GREETING_LENGTH 27
#define CLI_PROTOCOL_MAJOR  0
#define CLI_PROTOCOL_MINOR  2

/* Bounds on a frame's payload. A list of ten thousand uuids in one Print takes 370 kB. */
#define CLI_FRAME_MAX_BYTES  (64 * 1024 * 1024) /* what a client takes */
#define CLI_ANSWER_MAX_BYTES 1024               /* what a server takes: answers carry next to nothing */

/* Inner tags; each belongs to one outer tag. */
typedef enum CliTag {
    CLI_TAG_PRINT = 0,
    CLI_TAG_LOAD = 1,
    CLI_TAG_PROMPT = 3,
    CLI_TAG_EXIT = 4,
    CLI_TAG_OK = 5,
    CLI_TAG_FAILED = 6,
    CLI_TAG_CHUNK = 7, /* that many raw bytes follow outside the frame */
    CLI_TAG_END = 8,
    CLI_TAG_HTTP_GET = 12,
    CLI_TAG_HTTP_PUT = 13,
    CLI_TAG_ERROR = 14,
    CLI_TAG_DEBUG = 15,
    CLI_TAG_PRINT_STDERR = 16,
    CLI_TAG_HTTP_CONNECT = 17,
    CLI_TAG_WAIT = 18, /* a heartbeat during long transfers */
    CLI_TAG_N = 19,
} CliTag;

/* One message. Which members count depends on the tag; the others are zero. */
typedef struct CliFrame {
    CliTag tag;
    gint32 number; /* EXIT: status; CHUNK: length */
    char *text;    /* PRINT, PRINT_STDERR, DEBUG: text; LOAD, HTTP_GET, HTTP_PUT: file name; ERROR: code */
    char *url;     /* HTTP_GET, HTTP_PUT, HTTP_CONNECT */
    GStrv list;    /* ERROR: parameters */
} CliFrame;

void cli_frame_clear(CliFrame *frame);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CliFrame, cli_frame_clear)

/** cli_frame_write: appends @frame with its length. NULL texts and lists count as empty. */
void cli_frame_write(GString *out, const CliFrame *frame);

/**
 * cli_frame_parse:
 * @payload: what follows the length
 * @ret_frame: (out): the caller clears it
 *
 * Errors: BASE_ERROR_INVALID: unknown tags, fields that run over the end, bytes left over, texts with a NUL
 * in them.
 */
gboolean cli_frame_parse(const guint8 *payload, gsize length, CliFrame *ret_frame, GError **error);

/** cli_int_write / cli_int_read: the protocol's integer. */
void cli_int_write(GString *out, gint32 number);
gint32 cli_int_read(const guint8 *bytes);

/** cli_greeting_write: the opening bytes of either side. */
void cli_greeting_write(GString *out);
