/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Load, HttpGet, HttpPut and HttpConnect. Source: protocol notes 7.1. */
#include "cli/client/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/raw_mode.h"
#include "cli/client/http.h"

#define COPY_BYTES     (128 * 1024)
#define CONSOLE_END    0x1d               /* Ctrl-] */
#define LOAD_MAX_BYTES (32 * 1024 * 1024) /* servers take no more */

/* Tells the server now and then that a long transfer is alive. */
typedef struct Heartbeat {
    XeClient *client;
    GThread *thread;
    GMutex mutex;
    GCond ended;
    gboolean is_ending;
} Heartbeat;

static gpointer
beat(gpointer data)
{
    Heartbeat *heartbeat = data;
    gint64 step = heartbeat->client->heartbeat_seconds * G_TIME_SPAN_SECOND;

    g_mutex_lock(&heartbeat->mutex);
    while (!heartbeat->is_ending) {
        gint64 until = g_get_monotonic_time() + step;
        if (g_cond_wait_until(&heartbeat->ended, &heartbeat->mutex, until))
            continue;
        /* A lost connection shows when the answer is sent. */
        if (!heartbeat->is_ending)
            cli_transport_send(xe_connection_transport(heartbeat->client->connection),
                               &(CliFrame){.tag = CLI_TAG_WAIT}, NULL);
    }
    g_mutex_unlock(&heartbeat->mutex);
    return NULL;
}

static Heartbeat *
heartbeat_start(XeClient *client)
{
    Heartbeat *heartbeat = g_new0(Heartbeat, 1);
    heartbeat->client = client;
    g_mutex_init(&heartbeat->mutex);
    g_cond_init(&heartbeat->ended);
    heartbeat->thread = g_thread_new("heartbeat", beat, heartbeat);
    return heartbeat;
}

static void
heartbeat_stop(Heartbeat *heartbeat)
{
    if (heartbeat == NULL)
        return;
    g_mutex_lock(&heartbeat->mutex);
    heartbeat->is_ending = TRUE;
    g_cond_signal(&heartbeat->ended);
    g_mutex_unlock(&heartbeat->mutex);
    g_thread_join(heartbeat->thread);
    g_cond_clear(&heartbeat->ended);
    g_mutex_clear(&heartbeat->mutex);
    g_free(heartbeat);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Heartbeat, heartbeat_stop)

gboolean
xe_file_is_allowed(const XeOptions *options, const char *path, gboolean may_be_new)
{
    g_autofree char *wanted = g_canonicalize_filename(path, NULL);
    for (guint i = 0; i < options->arguments->len; i++) {
        const char *equals = strchr(g_ptr_array_index(options->arguments, i), '=');
        g_autofree char *given = equals == NULL ? NULL : g_canonicalize_filename(equals + 1, NULL);
        if (g_strcmp0(given, wanted) == 0 && equals[1] != '\0')
            return TRUE;
    }
    if (!may_be_new)
        return FALSE;
    g_autofree char *folder = g_path_get_dirname(wanted);
    g_autofree char *name = g_path_get_basename(wanted);
    g_autofree char *here = g_get_current_dir();
    return strcmp(folder, here) == 0 && name[0] != '.'; /* in a home directory those steer programs */
}

static gboolean
require_allowed(XeClient *client, const char *path, gboolean may_be_new, GError **error)
{
    if (xe_file_is_allowed(client->options, path, may_be_new))
        return TRUE;
    return base_error_set(error, BASE_ERROR_INVALID,
                          "the server asked for '%s', which is not on the command line", path);
}

/* All of @fd, or what is left of it. Copies through a buffer of its own. */
static gboolean
copy_from_fd(int fd, const CliTransport *transport, GError **error)
{
    g_autofree char *buffer = g_malloc(COPY_BYTES);
    for (;;) {
        ssize_t count = read(fd, buffer, COPY_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return base_error_errno(error, errno, "read");
        if (count == 0)
            return TRUE;
        if (!transport->write(transport->data, buffer, (gsize)count, error))
            return FALSE;
    }
}

static gboolean
copy_to_fd(const CliTransport *transport, int fd, GError **error)
{
    g_autofree char *buffer = g_malloc(COPY_BYTES);
    for (;;) {
        gssize count = transport->read(transport->data, buffer, COPY_BYTES, error);
        if (count < 0)
            return FALSE;
        if (count == 0)
            return TRUE;
        if (!base_fd_write_all(fd, buffer, (gsize)count, error))
            return FALSE;
    }
}

static gboolean
read_whole_file(XeClient *client, const char *path, char **ret_text, gsize *ret_length, GError **error)
{
    if (!require_allowed(client, path, FALSE, error))
        return FALSE;
    return base_file_read(path, LOAD_MAX_BYTES, ret_text, ret_length, error);
}

gboolean
xe_transfer_load(XeClient *client, const char *path, GError **error)
{
    const CliTransport *transport = xe_connection_transport(client->connection);
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) problem = NULL;
    if (!read_whole_file(client, path, &text, &length, &problem)) {
        xe_client_debug(client, "%s", problem->message);
        return cli_transport_send(transport, &(CliFrame){.tag = CLI_TAG_FAILED}, error);
    }
    return cli_transport_send(transport, &(CliFrame){.tag = CLI_TAG_OK}, error) &&
           cli_transport_send(transport, &(CliFrame){.tag = CLI_TAG_CHUNK, .number = (gint32)length},
                              error) &&
           transport->write(transport->data, text, length, error) &&
           cli_transport_send(transport, &(CliFrame){.tag = CLI_TAG_END}, error);
}

static gboolean
download(XeClient *client, const char *url, int fd, GError **error)
{
    g_autoptr(Heartbeat) heartbeat G_GNUC_UNUSED = heartbeat_start(client);
    g_autoptr(XeConnection) connection = xe_http_open("GET", url, -1, client->endpoint, error);
    return connection != NULL && copy_to_fd(xe_connection_transport(connection), fd, error);
}

gboolean
xe_transfer_get(XeClient *client, const char *path, const char *url, GError **error)
{
    if (*path == '\0')
        return download(client, url, client->output_fd, error);
    if (!require_allowed(client, path, TRUE, error))
        return FALSE;

    auto_fd file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return base_error_errno(error, errno, "make '%s'", path);
    gboolean is_done = download(client, url, file, error);
    if (is_done && fsync(file) < 0)
        is_done = base_error_errno(error, errno, "write '%s'", path);
    if (!is_done)
        unlink(path); /* ours, made above: half an export is worse than none */
    return is_done;
}

gboolean
xe_transfer_put(XeClient *client, const char *path, const char *url, GError **error)
{
    auto_fd file = -1;
    gint64 length = -1;
    if (*path != '\0') {
        struct stat status;
        if (!require_allowed(client, path, FALSE, error))
            return FALSE;
        file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || fstat(file, &status) < 0)
            return base_error_errno(error, errno, "read '%s'", path);
        length = S_ISREG(status.st_mode) ? status.st_size : -1;
    }
    g_autoptr(Heartbeat) heartbeat G_GNUC_UNUSED = heartbeat_start(client);
    g_autoptr(XeConnection) connection = xe_http_open("PUT", url, length, client->endpoint, error);
    return connection != NULL &&
           copy_from_fd(*path != '\0' ? file : client->input, xe_connection_transport(connection), error);
}

/* One turn of the console: *@ret_is_over is set when the user or the console ends it. */
static gboolean
pass_console(XeClient *client, XeConnection *connection, gboolean *ret_is_over, GError **error)
{
    const CliTransport *transport = xe_connection_transport(connection);
    struct pollfd waits[] = {{.fd = client->input, .events = POLLIN},
                             {.fd = xe_connection_fd(connection), .events = POLLIN}};
    char buffer[4096];

    if (!xe_connection_has_pending(connection) && poll(waits, 2, -1) < 0)
        return errno == EINTR ? TRUE : base_error_errno(error, errno, "wait for the console");
    if (waits[0].revents != 0) {
        ssize_t count = read(client->input, buffer, sizeof buffer);
        const char *end = count <= 0 ? buffer : memchr(buffer, CONSOLE_END, (gsize)count);
        *ret_is_over = end != NULL;
        gsize length = end != NULL ? (gsize)(end - buffer) : (gsize)count;
        return length == 0 || transport->write(transport->data, buffer, length, error);
    }
    gssize count = transport->read(transport->data, buffer, sizeof buffer, error);
    if (count < 0)
        return FALSE;
    *ret_is_over = count == 0;
    return base_fd_write_all(client->output_fd, buffer, (gsize)count, error);
}

gboolean
xe_transfer_connect(XeClient *client, const char *url, GError **error)
{
    g_autoptr(XeConnection) connection = xe_http_open("CONNECT", url, 0, client->endpoint, error);
    if (connection == NULL)
        return FALSE;

    g_autoptr(Heartbeat) heartbeat G_GNUC_UNUSED = heartbeat_start(client);
    g_autoptr(RawMode) raw G_GNUC_UNUSED = base_raw_mode_enter(client->input);
    gboolean is_over = FALSE;
    while (!is_over) {
        if (!pass_console(client, connection, &is_over, error))
            return FALSE;
    }
    return TRUE;
}
