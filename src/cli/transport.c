/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole messages over a blocking connection. */
#include "cli/transport.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

static gssize
fd_read(gpointer data, void *buffer, gsize length, GError **error)
{
    gssize count;
    do
        count = read(GPOINTER_TO_INT(data), buffer, length);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        base_error_errno(error, errno, "read");
    return count;
}

static gboolean
fd_write(gpointer data, const void *buffer, gsize length, GError **error)
{
    return base_fd_write_all(GPOINTER_TO_INT(data), buffer, length, error);
}

CliTransport
cli_transport_fd(int fd)
{
    return (CliTransport){fd_read, fd_write, GINT_TO_POINTER(fd)};
}

gboolean
cli_transport_read_all(const CliTransport *transport, void *buffer, gsize length, GError **error)
{
    gsize done = 0;
    while (done < length) {
        gssize count = transport->read(transport->data, (char *)buffer + done, length - done, error);
        if (count < 0)
            return FALSE;
        if (count == 0)
            return base_error_set(error, BASE_ERROR_IO, "connection closed by the other side");
        done += (gsize)count;
    }
    return TRUE;
}

gboolean
cli_transport_send(const CliTransport *transport, const CliFrame *frame, GError **error)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    cli_frame_write(bytes, frame);
    return transport->write(transport->data, bytes->str, bytes->len, error);
}

gboolean
cli_transport_receive(const CliTransport *transport, gsize max_bytes, CliFrame *ret_frame, GError **error)
{
    guint8 head[4];
    if (!cli_transport_read_all(transport, head, sizeof head, error))
        return FALSE;

    gint32 length = cli_int_read(head);
    if (length < 0 || (gsize)length > max_bytes)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "message of %u bytes is over the bound",
                              (guint32)length);

    g_autofree guint8 *payload = g_try_malloc((gsize)length + 1);
    if (payload == NULL)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "no memory for a message of %d bytes", length);
    if (!cli_transport_read_all(transport, payload, (gsize)length, error))
        return FALSE;
    return cli_frame_parse(payload, (gsize)length, ret_frame, error);
}

gboolean
cli_transport_greet(const CliTransport *transport, GError **error)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    cli_greeting_write(bytes);
    return transport->write(transport->data, bytes->str, bytes->len, error);
}

gboolean
cli_transport_read_greeting(const CliTransport *transport, GError **error)
{
    char text[CLI_GREETING_LENGTH + 1] = "";
    if (!cli_transport_read_all(transport, text, CLI_GREETING_LENGTH, error))
        return FALSE;
    if (g_str_has_prefix(text, "HTTP"))
        return base_error_set(error, BASE_ERROR_FAILED, "Server internal error");
    if (memcmp(text, CLI_GREETING, CLI_GREETING_LENGTH) != 0) {
        g_autofree char *shown = g_strescape(text, NULL);
        return base_error_set(error, BASE_ERROR_INVALID, "not a thin-client greeting: %s", shown);
    }

    guint8 version[8];
    if (!cli_transport_read_all(transport, version, sizeof version, error))
        return FALSE;
    if (cli_int_read(version) != CLI_PROTOCOL_MAJOR)
        return base_error_set(error, BASE_ERROR_INVALID, "protocol version %d.%d, this side speaks %d.%d",
                              cli_int_read(version), cli_int_read(version + 4), CLI_PROTOCOL_MAJOR,
                              CLI_PROTOCOL_MINOR);
    return TRUE;
}
