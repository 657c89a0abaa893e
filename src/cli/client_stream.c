/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's side of a call: messages queued and sent, answers, files and questions. */
#include "cli/call.h"

#include <string.h>

#include "base/error.h"
#include "cli/print.h"

#define OUTPUT_QUEUE_BYTES    (64 * 1024)
#define LOAD_MAX_BYTES        (32 * 1024 * 1024)
#define ANSWER_TEXT_MAX_BYTES (64 * 1024)

void
cli_send(CliCall *call, const CliFrame *frame)
{
    cli_frame_write(call->output, frame);
    if (call->output->len >= OUTPUT_QUEUE_BYTES)
        cli_flush(call, NULL);
}

gboolean
cli_flush(CliCall *call, GError **error)
{
    if (call->output->len == 0)
        return TRUE;
    gboolean is_sent =
        call->transport->write(call->transport->data, call->output->str, call->output->len, error);
    /* What could not be sent is not kept: with the client gone nothing can be. */
    g_string_truncate(call->output, 0);
    return is_sent || cli_error_gone(error);
}

gboolean
cli_receive(CliCall *call, CliFrame *ret_frame, GError **error)
{
    if (!cli_flush(call, error))
        return FALSE;
    return cli_transport_receive(call->transport, CLI_ANSWER_MAX_BYTES, ret_frame, error) ||
           cli_error_gone(error);
}

static gboolean
unexpected(GError **error)
{
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_GONE, "the client's answer does not fit the question");
    return FALSE;
}

/* Chunks up to the End. */
static gboolean
read_blob(CliCall *call, gsize max_bytes, GString *out, GError **error)
{
    for (;;) {
        g_auto(CliFrame) frame = {0};
        if (!cli_receive(call, &frame, error))
            return FALSE;
        if (frame.tag == CLI_TAG_END)
            return TRUE;
        if (frame.tag != CLI_TAG_CHUNK || frame.number < 0)
            return unexpected(error);
        if ((gsize)frame.number > max_bytes - out->len)
            return cli_error_failed(
                error, "The client sent more than the %" G_GSIZE_FORMAT " bytes that are allowed", max_bytes);
        gsize start = out->len;
        g_string_set_size(out, start + (gsize)frame.number);
        if (!cli_transport_read_all(call->transport, out->str + start, (gsize)frame.number, error))
            return cli_error_gone(error);
    }
}

GString *
cli_load_bytes(CliCall *call, const char *name, GError **error)
{
    g_auto(CliFrame) frame = {0};
    cli_send(call, &(CliFrame){.tag = CLI_TAG_LOAD, .text = (char *)name});
    if (!cli_receive(call, &frame, error))
        return NULL;
    if (frame.tag == CLI_TAG_FAILED) {
        cli_error_failed(error, "Failed to read file %s", name);
        return NULL;
    }
    if (frame.tag != CLI_TAG_OK) {
        unexpected(error);
        return NULL;
    }
    g_autoptr(GString) bytes = g_string_new(NULL);
    return read_blob(call, LOAD_MAX_BYTES, bytes, error) ? g_steal_pointer(&bytes) : NULL;
}

char *
cli_load_file(CliCall *call, const char *name, GError **error)
{
    g_autoptr(GString) text = cli_load_bytes(call, name, error);
    if (text == NULL)
        return NULL;
    if (strlen(text->str) != text->len || !g_utf8_validate(text->str, -1, NULL)) {
        cli_error_failed(error, "File %s is not text", name);
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

gboolean
cli_confirm(CliCall *call, GError **error)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    cli_print_always(call, "Type 'yes' to continue");
    cli_send(call, &(CliFrame){.tag = CLI_TAG_PROMPT});
    if (!read_blob(call, ANSWER_TEXT_MAX_BYTES, answer, error))
        return FALSE;
    if (g_ascii_strcasecmp(g_strstrip(answer->str), "yes") == 0)
        return TRUE;
    cli_print_always(call, "Aborted (you typed: '%s')", answer->str);
    return cli_error_declined(error);
}
