/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The little HTTP the client needs: one request a connection, the head of the reply, redirects. Bodies are
 * the caller's. */
#pragma once

#include "cli/client/connection.h"

/* A reply's head. */
typedef struct XeReply {
    guint status;
    char *location; /* NULL: none */
} XeReply;

void xe_reply_clear(XeReply *reply);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XeReply, xe_reply_clear)

/**
 * xe_url_split:
 * @home: the endpoint of a @url without a host
 * @ret_endpoint: (out): where to connect
 * @ret_path: (out): path and query
 *
 * @url is a path, or "https://host[:port]/path", or "http://...". Errors: BASE_ERROR_INVALID.
 */
gboolean xe_url_split(const char *url, const XeEndpoint *home, XeEndpoint **ret_endpoint, char **ret_path,
                      GError **error);

/** xe_http_read_head: reads up to the blank line and no further (16 KiB at most). Errors: BASE_ERROR_INVALID,
 * _IO. */
gboolean xe_http_read_head(const CliTransport *transport, XeReply *ret_reply, GError **error);

/**
 * xe_http_open:
 * @length: sent as content-length; negative: not sent
 *
 * Sends a request without its body and waits for status 200, following redirects. Errors: BASE_ERROR_FAILED
 * with the status.
 */
XeConnection *xe_http_open(const char *method, const char *url, gint64 length, const XeEndpoint *home,
                           GError **error);
