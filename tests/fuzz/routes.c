/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handlers that do with a request all that handlers can: look at every part of it, answer, send a file, take
 * it over. */
#include "fuzz.h"

#include <string.h>

#define TAKEN_MAX_BYTES 65536
#define TAKEN_WAIT_MS   1000

static void
append(GString *out, const char *text)
{
    g_string_append(out, text != NULL ? text : "-");
    g_string_append_c(out, '\n');
}

void
fuzz_echo_handler(HttpRequest *request, gpointer data)
{
    gsize length = 0;
    const char *body = http_request_body(request, &length);
    GString *out = g_string_new_len(body, (gssize)length);
    append(out, http_request_method(request));
    append(out, http_request_path(request));
    append(out, http_request_query_text(request));
    append(out, http_request_query(request, "key"));
    append(out, http_request_cookie(request, "session_id"));
    append(out, http_request_param(request, "session_id"));
    append(out, http_request_header(request, "authorization"));
    append(out, http_request_header(request, "transfer-encoding"));
    append(out, http_request_peer(request));
    if (http_request_query(request, "fail") != NULL) {
        http_request_reply_error(request, 404, out->str);
        g_string_free(out, TRUE);
        return;
    }
    http_request_reply(request, 200, "text/plain", out, NULL);
}

void
fuzz_file_handler(HttpRequest *request, gpointer path)
{
    g_autoptr(GError) error = NULL;
    if (!http_request_reply_file(request, path, "text/plain", NULL, &error))
        http_request_reply_error(request, 404, error->message);
}

static gpointer
serve_taken(gpointer data)
{
    g_autoptr(HttpStream) stream = data;
    char buffer[4096];
    gsize total = 0;
    gssize n;
    while (total < TAKEN_MAX_BYTES &&
           (n = http_stream_read(stream, buffer, sizeof(buffer), TAKEN_WAIT_MS, NULL)) > 0)
        total += (gsize)n;
    g_autofree char *answer = g_strdup_printf("HTTP/1.1 200 OK\r\n\r\n%" G_GSIZE_FORMAT " bytes\n", total);
    http_stream_write_all(stream, answer, strlen(answer), NULL);
    return NULL;
}

void
fuzz_take_handler(HttpRequest *request, gpointer data)
{
    g_thread_unref(g_thread_new("taken", serve_taken, http_take_over(request)));
}
