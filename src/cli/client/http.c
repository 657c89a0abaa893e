/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of the client beside the command's connection. */
#include "cli/client/http.h"

#include <string.h>

#include "base/error.h"

#define HEAD_MAX_BYTES (16 * 1024)
#define MAX_REDIRECTS  5

void
xe_reply_clear(XeReply *reply)
{
    g_clear_pointer(&reply->location, g_free);
}

gboolean
xe_url_split(const char *url, const XeEndpoint *home, XeEndpoint **ret_endpoint, char **ret_path,
             GError **error)
{
    if (strpbrk(url, " \t\r\n") != NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "address with white space in it");
    if (url[0] == '/') {
        *ret_endpoint = home->socket_path != NULL ? xe_endpoint_new_unix(home->socket_path)
                                                  : xe_endpoint_new_tcp(home->host, home->port, home->is_tls);
        *ret_path = g_strdup(url);
        return TRUE;
    }

    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
    gboolean is_tls = uri != NULL && g_strcmp0(g_uri_get_scheme(uri), "https") == 0;
    if (uri == NULL || (!is_tls && g_strcmp0(g_uri_get_scheme(uri), "http") != 0) ||
        g_uri_get_host(uri) == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is no address to fetch from", url);

    int port = g_uri_get_port(uri);
    const char *path = *g_uri_get_path(uri) == '\0' ? "/" : g_uri_get_path(uri);
    const char *query = g_uri_get_query(uri);
    *ret_endpoint = xe_endpoint_new_tcp(g_uri_get_host(uri),
                                        port > 0 ? (guint16)port
                                        : is_tls ? 443
                                                 : 80,
                                        is_tls);
    *ret_path = query == NULL ? g_strdup(path) : g_strdup_printf("%s?%s", path, query);
    return TRUE;
}

/* Byte by byte: what follows the head is the body, or a console. */
static gboolean
read_head_text(const CliTransport *transport, GString *head, GError **error)
{
    while (!g_str_has_suffix(head->str, "\r\n\r\n") && !g_str_has_suffix(head->str, "\n\n")) {
        char byte;
        if (head->len >= HEAD_MAX_BYTES)
            return base_error_set(error, BASE_ERROR_INVALID, "the reply's head is too long");
        if (!cli_transport_read_all(transport, &byte, 1, error))
            return FALSE;
        if (byte != '\0')
            g_string_append_c(head, byte);
    }
    return TRUE;
}

gboolean
xe_http_read_head(const CliTransport *transport, XeReply *ret_reply, GError **error)
{
    g_autoptr(GString) head = g_string_new(NULL);
    if (!read_head_text(transport, head, error))
        return FALSE;

    g_auto(GStrv) lines = g_strsplit(head->str, "\n", -1);
    const char *blank = strchr(lines[0], ' ');
    if (!g_str_has_prefix(lines[0], "HTTP/") || blank == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "the server did not answer in HTTP");

    XeReply reply = {.status = (guint)g_ascii_strtoull(blank + 1, NULL, 10)};
    for (char **line = lines + 1; *line != NULL; line++) {
        if (g_ascii_strncasecmp(*line, "location:", 9) == 0 && reply.location == NULL)
            reply.location = g_strdup(g_strstrip(*line + 9));
    }
    *ret_reply = reply;
    return TRUE;
}

static gboolean
send_request(XeConnection *connection, const char *method, const char *path, gint64 length, GError **error)
{
    const CliTransport *transport = xe_connection_transport(connection);
    g_autoptr(GString) request = g_string_new(NULL);
    g_string_append_printf(request, "%s %s HTTP/1.0\r\n", method, path);
    g_string_append_printf(request, "User-agent: xe-cli/Unix/%d.%d\r\n", CLI_PROTOCOL_MAJOR,
                           CLI_PROTOCOL_MINOR);
    if (length >= 0)
        g_string_append_printf(request, "content-length: %" G_GINT64_FORMAT "\r\n", length);
    g_string_append(request, "\r\n");
    return transport->write(transport->data, request->str, request->len, error);
}

/* The text of an error reply goes no further than its status: bodies are pages for browsers. */
static gboolean
refuse(const XeReply *reply, GError **error)
{
    return base_error_set(error, BASE_ERROR_FAILED, "the server answered with status %u", reply->status);
}

XeConnection *
xe_http_open(const char *method, const char *url, gint64 length, const XeEndpoint *home, GError **error)
{
    g_autofree char *target = g_strdup(url);
    for (guint i = 0; i <= MAX_REDIRECTS; i++) {
        g_autoptr(XeEndpoint) endpoint = NULL;
        g_autofree char *path = NULL;
        if (!xe_url_split(target, home, &endpoint, &path, error))
            return NULL;

        g_autoptr(XeConnection) connection = xe_connection_open(endpoint, error);
        g_auto(XeReply) reply = {0};
        if (connection == NULL || !send_request(connection, method, path, length, error) ||
            !xe_http_read_head(xe_connection_transport(connection), &reply, error))
            return NULL;
        if (reply.status == 200)
            return g_steal_pointer(&connection);
        if (reply.status != 302 || reply.location == NULL) {
            refuse(&reply, error);
            return NULL;
        }
        g_free(target);
        target = g_strdup(reply.location);
    }
    base_error_set(error, BASE_ERROR_FAILED, "too many redirects");
    return NULL;
}
