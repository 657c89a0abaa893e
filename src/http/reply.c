/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers: made on the caller's thread, queued by MHD's (see request.c). */
#include "http/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

/* Each costs a turn of the event loop and a read. */
#define FILE_BLOCK_BYTES (128 * 1024)

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
    /* MHD refuses line breaks: a value from outside cannot add headers. */
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        log_warning("http: header '%s' of a reply cannot be sent", name);
}

/* "Name: value"; answers whether it is Cache-Control. */
static gboolean
add_header_line(struct MHD_Response *response, const char *line)
{
    const char *colon = strchr(line, ':');
    g_return_val_if_fail(colon != NULL, FALSE);
    g_autofree char *name = g_strndup(line, colon - line);
    add_header(response, name, colon + 1 + strspn(colon + 1, " "));
    return g_ascii_strcasecmp(name, MHD_HTTP_HEADER_CACHE_CONTROL) == 0;
}

static void
add_headers(struct MHD_Response *response, const char *content_type, const char *const *headers)
{
    if (content_type != NULL)
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    gboolean has_cache_control = FALSE;
    for (; headers != NULL && *headers != NULL; headers++)
        has_cache_control |= add_header_line(response, *headers);
    if (!has_cache_control)
        add_header(response, "cache-control", "no-cache, no-store");
}

static struct MHD_Response *
response_from_text(GString *body)
{
    if (body == NULL)
        return MHD_create_response_from_buffer(0, (char *)"", MHD_RESPMEM_PERSISTENT);
    gsize length = body->len;
    return MHD_create_response_from_buffer_with_free_callback(length, g_string_free(body, FALSE), g_free);
}

static void
answer(HttpRequest *request, guint status, struct MHD_Response *response)
{
    if (response == NULL) /* no memory, which GLib would not have survived either */
        g_error("http: libmicrohttpd makes no response");
    request->status = status;
    request->response = response;
    http_request_decide(request);
}

void
http_request_reply(HttpRequest *request, guint status, const char *content_type, GString *body,
                   const char *const *headers)
{
    if (!http_request_claim(request)) {
        if (body != NULL)
            g_string_free(body, TRUE);
        return;
    }
    struct MHD_Response *response = response_from_text(body);
    if (response != NULL)
        add_headers(response, content_type, headers);
    answer(request, status, response);
}

void
http_request_reply_body(HttpRequest *request, guint status, const char *content_type, HttpBody *body,
                        const char *const *headers)
{
    if (!http_request_claim(request)) {
        http_body_free(body);
        return;
    }
    struct MHD_Response *response = http_body_response(body);
    if (response != NULL)
        add_headers(response, content_type, headers);
    answer(request, status, response);
}

void
http_request_reply_error(HttpRequest *request, guint status, const char *text)
{
    const char *reason = MHD_get_reason_phrase_for(status);
    g_autofree char *escaped = g_markup_escape_text(text, -1);
    GString *body = g_string_new(NULL);
    g_string_printf(body,
                    "<html><head><title>HTTP %u</title></head><body><h1>HTTP %u %s</h1>%s</body></html>\n",
                    status, status, reason != NULL ? reason : "", escaped);
    http_request_reply(request, status, "text/html", body, NULL);
}

/* MHD's ContentReaderCallback. */
static ssize_t
read_file(void *data, uint64_t position, char *buffer, size_t size)
{
    ssize_t n;
    do
        n = pread(GPOINTER_TO_INT(data), buffer, size, (off_t)position);
    while (n < 0 && errno == EINTR);
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR; /* 0: the file has become shorter */
}

static void
close_file(void *data)
{
    close(GPOINTER_TO_INT(data));
}

/* Plain connections send by sendfile(); for others MHD would read 4 KiB at a time. */
static struct MHD_Response *
response_from_file(int fd, guint64 size, gboolean is_tls)
{
    if (!is_tls)
        return MHD_create_response_from_fd64(size, fd);
    return MHD_create_response_from_callback(size, FILE_BLOCK_BYTES, read_file, GINT_TO_POINTER(fd),
                                             close_file);
}

gboolean
http_request_reply_file(HttpRequest *request, const char *path, const char *content_type,
                        const char *const *headers, GError **error)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return base_error_errno(error, errno, "open '%s'", path);
    struct stat info;
    if (fstat(fd, &info) < 0)
        return base_error_errno(error, errno, "look at '%s'", path);
    if (!S_ISREG(info.st_mode))
        return base_error_set(error, BASE_ERROR_NOT_FOUND, "'%s' is not a regular file", path);
    if (!http_request_claim(request))
        return TRUE;

    struct MHD_Response *response =
        response_from_file(base_fd_steal(&fd), (guint64)info.st_size, request->connection->is_tls);
    if (response != NULL)
        add_headers(response, content_type, headers);
    answer(request, 200, response);
    return TRUE;
}
