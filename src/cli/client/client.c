/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conversation with the server: request, greeting, then its messages one by one. Source: protocol
 * notes 7.1. */
#include "cli/client/client.h"

#include <string.h>

#include "base/error.h"
#include "cli/client/terminal.h"
#include "cli/client/transfer.h"

#define TLS_PORT   443
#define PLAIN_PORT 80

void
xe_client_clear(XeClient *client)
{
    g_clear_pointer(&client->connection, xe_connection_free);
    g_clear_pointer(&client->endpoint, xe_endpoint_free);
    g_clear_pointer(&client->last_text, g_free);
    if (client->debug != NULL)
        g_string_free(g_steal_pointer(&client->debug), TRUE);
}

void
xe_client_debug(XeClient *client, const char *format, ...)
{
    if (!client->options->shows_debug && !client->options->shows_debug_on_failure)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    if (client->options->shows_debug) {
        fprintf(client->errors, "debug: %s\n", line);
        return;
    }
    if (client->debug == NULL)
        client->debug = g_string_new(NULL);
    g_string_append_printf(client->debug, "debug: %s\n", line);
}

GPtrArray *
xe_client_endpoints(const XeOptions *options, const char *const *default_sockets)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)xe_endpoint_free);
    gboolean is_local =
        strcmp(options->server, XE_DEFAULT_SERVER) == 0 || strcmp(options->server, "localhost") == 0;

    if (is_local && options->socket_path != NULL) {
        g_ptr_array_add(list, xe_endpoint_new_unix(options->socket_path));
        return list;
    }
    if (options->port != 0) {
        g_ptr_array_add(list, xe_endpoint_new_tcp(options->server, options->port, !options->is_plain));
        return list;
    }
    for (const char *const *path = default_sockets; is_local && *path != NULL; path++)
        g_ptr_array_add(list, xe_endpoint_new_unix(*path));
    if (!options->is_plain)
        g_ptr_array_add(list, xe_endpoint_new_tcp(options->server, TLS_PORT, TRUE));
    /* Passwords may pass in the clear on this machine only, unless the user says otherwise. */
    if (options->is_plain || is_local)
        g_ptr_array_add(list, xe_endpoint_new_tcp(options->server, PLAIN_PORT, FALSE));
    return list;
}

static gboolean
open_connection(XeClient *client, GError **error)
{
    client->stage = XE_STAGE_CONNECTING;
    g_autoptr(GPtrArray) endpoints = xe_client_endpoints(client->options, client->default_sockets);
    g_autoptr(GError) problem = NULL;

    for (guint i = 0; i < endpoints->len && client->connection == NULL; i++) {
        XeEndpoint *endpoint = endpoints->pdata[i];
        g_autofree char *name = xe_endpoint_describe(endpoint);
        g_clear_error(&problem);
        client->connection = xe_connection_open(endpoint, &problem);
        xe_client_debug(client, "%s: %s", name, problem == NULL ? "connected" : problem->message);
        if (client->connection != NULL) {
            client->endpoint = endpoint;
            endpoints->pdata[i] = NULL; /* taken over */
        }
    }
    if (client->connection == NULL)
        g_propagate_error(error, g_steal_pointer(&problem));
    return client->connection != NULL;
}

static gboolean
send_command(XeClient *client, GError **error)
{
    const XeOptions *options = client->options;
    const CliTransport *transport = xe_connection_transport(client->connection);
    g_autoptr(GString) body = g_string_new(NULL);
    for (guint i = 0; i < options->arguments->len; i++)
        g_string_append_printf(body, "%s\n", (const char *)g_ptr_array_index(options->arguments, i));
    g_string_append_printf(body, "username=%s\npassword=%s", options->user, options->password);

    g_autoptr(GString) request = g_string_new("POST /cli HTTP/1.0\r\n");
    g_string_append_printf(request, "User-agent: xe-cli/Unix/%d.%d\r\n", CLI_PROTOCOL_MAJOR,
                           CLI_PROTOCOL_MINOR);
    g_string_append(request, "originator: cli\r\n");
    if (options->traceparent != NULL)
        g_string_append_printf(request, "traceparent: %s\r\n", options->traceparent);
    g_string_append_printf(request, "content-length: %" G_GSIZE_FORMAT "\r\n\r\n", body->len);
    g_string_append_len(request, body->str, (gssize)body->len);
    return transport->write(transport->data, request->str, request->len, error);
}

static gboolean
answer(XeClient *client, CliTag tag, GError **error)
{
    return cli_transport_send(xe_connection_transport(client->connection), &(CliFrame){.tag = tag}, error);
}

static gboolean
transfer(XeClient *client, const CliFrame *frame, GError **error)
{
    switch (frame->tag) {
    case CLI_TAG_HTTP_GET:
        return xe_transfer_get(client, frame->text, frame->url, error);
    case CLI_TAG_HTTP_PUT:
        return xe_transfer_put(client, frame->text, frame->url, error);
    default:
        return xe_transfer_connect(client, frame->url, error);
    }
}

/* Does a transfer: what goes wrong is told to the user, that it went wrong to the server. */
static gboolean
transfer_and_answer(XeClient *client, const CliFrame *frame, GError **error)
{
    g_autoptr(GError) problem = NULL;
    gboolean is_done = transfer(client, frame, &problem);
    if (!is_done)
        fprintf(client->errors, "Operation failed. Error: %s\n", problem->message);
    return answer(client, is_done ? CLI_TAG_OK : CLI_TAG_FAILED, error);
}

static void
print_line(XeClient *client, const CliFrame *frame)
{
    fputs(frame->text, client->output);
    fputc('\n', client->output);
    fflush(client->output);
    g_free(client->last_text);
    client->last_text = g_strdup(frame->text);
}

static void
print_error(XeClient *client, const CliFrame *frame)
{
    g_autofree char *parameters = g_strjoinv(", ", frame->list);
    fprintf(client->errors, "Error code: %s\n", frame->text);
    fprintf(client->errors, "Error parameters: %s\n", parameters);
}

static gboolean
ask_user(XeClient *client, GError **error)
{
    const CliTransport *transport = xe_connection_transport(client->connection);
    gboolean is_secret = client->last_text != NULL && xe_terminal_asks_secret(client->last_text);
    g_autofree char *line = xe_terminal_read_line(client->input, is_secret);
    if (line == NULL)
        return base_error_set(error, BASE_ERROR_FAILED, "no answer to the question above");

    CliFrame chunk = {.tag = CLI_TAG_CHUNK, .number = (gint32)strlen(line)};
    return cli_transport_send(transport, &chunk, error) &&
           transport->write(transport->data, line, strlen(line), error) && answer(client, CLI_TAG_END, error);
}

/* A server that names a file which is none of the user's words is not to be trusted any further. */
static gboolean
check_file(XeClient *client, const CliFrame *frame, GError **error)
{
    gboolean is_download = frame->tag == CLI_TAG_HTTP_GET;
    if (frame->tag == CLI_TAG_HTTP_CONNECT || (*frame->text == '\0' && frame->tag != CLI_TAG_LOAD) ||
        xe_file_is_allowed(client->options, frame->text, is_download))
        return TRUE;
    client->stage = XE_STAGE_FILE_REFUSED;
    return base_error_set(error, BASE_ERROR_INVALID,
                          "'%s' was asked for by the server and is not on the command line", frame->text);
}

/* Does what one message says. */
static gboolean
obey(XeClient *client, const CliFrame *frame, GError **error)
{
    switch (frame->tag) {
    case CLI_TAG_PRINT:
        print_line(client, frame);
        return TRUE;
    case CLI_TAG_PRINT_STDERR:
        fputs(frame->text, client->errors);
        fflush(client->errors);
        return TRUE;
    case CLI_TAG_ERROR:
        print_error(client, frame);
        return TRUE;
    case CLI_TAG_DEBUG:
        xe_client_debug(client, "server: %s", frame->text);
        return TRUE;
    case CLI_TAG_PROMPT:
        return ask_user(client, error);
    case CLI_TAG_LOAD:
        return check_file(client, frame, error) && xe_transfer_load(client, frame->text, error);
    case CLI_TAG_HTTP_GET:
    case CLI_TAG_HTTP_PUT:
    case CLI_TAG_HTTP_CONNECT:
        return check_file(client, frame, error) && transfer_and_answer(client, frame, error);
    default:
        return base_error_set(error, BASE_ERROR_INVALID, "the server sent a message only a client may send");
    }
}

static gboolean
converse(XeClient *client, int *ret_status, GError **error)
{
    if (!open_connection(client, error) || !send_command(client, error))
        return FALSE;

    const CliTransport *transport = xe_connection_transport(client->connection);
    client->stage = XE_STAGE_GREETING;
    if (!cli_transport_read_greeting(transport, error) || !cli_transport_greet(transport, error))
        return FALSE;
    client->stage = XE_STAGE_TALKING;
    for (;;) {
        g_auto(CliFrame) frame = {0};
        if (!cli_transport_receive(transport, CLI_FRAME_MAX_BYTES, &frame, error))
            return FALSE;
        xe_client_debug(client, "message %d", frame.tag);
        if (frame.tag == CLI_TAG_EXIT) {
            *ret_status = frame.number;
            return TRUE;
        }
        if (!obey(client, &frame, error))
            return FALSE;
    }
}

/* What made the conversation fail, in the words that scripts over the peer's xe look for. */
static void
report(XeClient *client, const GError *error)
{
    gboolean is_lost = g_error_matches(error, BASE_ERROR, BASE_ERROR_IO);
    if (client->stage == XE_STAGE_CONNECTING)
        fprintf(client->errors, "Error: %s\n", error->message);
    else if (client->stage == XE_STAGE_FILE_REFUSED)
        fprintf(client->errors, "File not permitted: %s.\n", error->message);
    else if (client->stage == XE_STAGE_TALKING && is_lost)
        fputs("Lost connection to the server.\n", client->errors);
    else if (client->stage == XE_STAGE_TALKING)
        fprintf(client->errors, "Unexpected message from server: %s\n", error->message);
    else if (is_lost)
        fputs("Unable to contact server. Please check server and port settings.\n", client->errors);
    else if (g_error_matches(error, BASE_ERROR, BASE_ERROR_FAILED))
        fprintf(client->errors, "%s.\n", error->message); /* it answered in HTTP */
    else
        fprintf(
            client->errors,
            "Protocol version mismatch: %s.\nTry specifying a server name and port on the command-line.\n",
            error->message);
}

/* Only the low byte reaches whoever started us: it must not turn a failure into success. */
static int
exit_status(gint32 sent)
{
    return sent != 0 && (sent & 0xff) == 0 ? 1 : sent & 0xff;
}

int
xe_client_run(XeClient *client)
{
    g_autoptr(GError) error = NULL;
    int status = 1;
    if (!converse(client, &status, &error))
        report(client, error);
    status = exit_status(status);
    if (status != 0 && client->debug != NULL)
        fprintf(client->errors, "\nDebug info:\n\n%s", client->debug->str);
    return status;
}
