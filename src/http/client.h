/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP requests to other services, over libcurl; TCP, TLS and Unix sockets. Blocking: worker threads only. */
#pragma once

#include <gio/gio.h>

typedef struct HttpClient HttpClient;

/**
 * http_client_new:
 * @base_url: e.g. "http://localhost"; https is checked against @ca_path, or not at all when that is NULL
 * @unix_path: (nullable): connect here instead of the URL's host
 *
 * Keeps connections alive and may be used by many threads at once.
 */
HttpClient *http_client_new(const char *base_url, const char *unix_path, const char *ca_path);
/** http_client_free: when no request is under way any more. NULL is fine. */
void http_client_free(HttpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)

/**
 * http_client_post:
 * @timeout_ms: for the whole exchange; 0 for none
 * @max_bytes: bound on the reply's body
 * @cancellable: (nullable): ends the exchange at once
 * @ret_status: (out) (optional)
 * @ret_body: (out) (optional)
 *
 * Redirects are not followed. A kept connection that the server has closed meanwhile is replaced and the
 * request sent again, as nothing of a reply had come. Errors: BASE_ERROR_IO (not reachable, broken off),
 * _TIMED_OUT, _TOO_LARGE, _CANCELLED; a status other than 200 is BASE_ERROR_FAILED unless @ret_status is
 * given.
 */
gboolean http_client_post(HttpClient *client, const char *path, const char *content_type, const char *body,
                          gsize length, guint timeout_ms, gsize max_bytes, GCancellable *cancellable,
                          guint *ret_status, GString **ret_body, GError **error);
