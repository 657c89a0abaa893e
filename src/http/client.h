/* HTTP requests to other services, over libcurl; TCP, TLS and Unix sockets. Blocking: worker threads only. */
#pragma once

#include <gio/gio.h>

typedef struct HttpClient HttpClient;

/**
 * http_client_new:
 * @unix_path: (nullable): connect here instead of the URL's host
 * @base_url: e.g. "http://localhost"; https is checked against @ca_path, or not at all when that is NULL
 *
 * Keeps connections alive and may be used by many threads at once.
 */
HttpClient *http_client_new(const char *base_url, const char *unix_path, const char *ca_path);
void http_client_free(HttpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)

/**
 * http_client_post:
 * @timeout_ms: for the whole exchange; 0 for none
 * @max_bytes: bound on the reply's body
 * @ret_status: (out) (optional)
 *
 * Errors: BASE_ERROR_IO (not reachable, broken off), _TIMED_OUT, _TOO_LARGE, _CANCELLED; a status other than 200 is BASE_ERROR_FAILED unless @ret_status is given.
 */
gboolean http_client_post(HttpClient *client, const char *path, const char *content_type, const char *body, gsize length, guint timeout_ms,
                          gsize max_bytes, GCancellable *cancellable, guint *ret_status, GString **ret_body, GError **error);
