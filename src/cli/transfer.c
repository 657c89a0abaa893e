/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transfers by the client, with a task to know how they end. */
#include "cli/transfer.h"

#include <string.h>

#include "cli/task.h"

/* The client's word on its part. */
static gboolean
await_client(CliCall *call, gboolean *ret_is_done, GError **error)
{
    for (;;) {
        g_auto(CliFrame) frame = {0};
        if (!cli_receive(call, &frame, error))
            return FALSE;
        if (frame.tag == CLI_TAG_WAIT)
            continue;
        *ret_is_done = frame.tag == CLI_TAG_OK;
        return TRUE;
    }
}

static Value *
transfer_as_task(CliCall *call, CliTag tag, const char *file, const char *path, const char *task_ref,
                 GError **error)
{
    g_autofree char *url =
        g_strdup_printf("%s%csession_id=%s&task_id=%s", path, strchr(path, '?') == NULL ? '?' : '&',
                        call->session->ref, task_ref);
    gboolean is_done = FALSE;
    cli_send(call, &(CliFrame){.tag = tag, .text = (char *)file, .url = url});
    if (!await_client(call, &is_done, error))
        return NULL;

    g_autoptr(DbRow) task =
        cli_task_wait(call, task_ref, is_done ? CLI_TASK_END : CLI_TASK_LAST_WORDS, error);
    if (task == NULL)
        return NULL;
    if (cli_task_is_pending(task)) {
        /* No handler has taken it over, and none will: it would stay. */
        cli_do(call, "task.set_status", NULL, value_string(task_ref), value_string("failure"), NULL);
        cli_error_failed(error, "The client could not transfer the file");
        return NULL;
    }
    Value *result = cli_task_result(call, task, error);
    if (result != NULL && !is_done) {
        g_clear_pointer(&result, value_unref);
        cli_error_failed(error, "The client could not transfer the whole file");
    }
    return result;
}

Value *
cli_transfer(CliCall *call, CliTag tag, const char *file, const char *path, const char *label, GError **error)
{
    g_autoptr(Value) task =
        cli_invoke(call, "task.create", error, value_string(label), value_string(""), NULL);
    if (task == NULL)
        return NULL;
    const char *ref = value_get_string(task);
    Value *result = transfer_as_task(call, tag, file, path, ref, error);
    cli_do(call, "task.destroy", NULL, value_string(ref), NULL);
    return result;
}

/* What the client does without a task to say how it went. */
static gboolean
transfer_alone(CliCall *call, CliTag tag, const char *file, const char *path, const char *refusal,
               GError **error)
{
    g_autofree char *url =
        g_strdup_printf("%s%csession_id=%s", path, strchr(path, '?') == NULL ? '?' : '&', call->session->ref);
    gboolean is_done = FALSE;
    cli_send(call, &(CliFrame){.tag = tag, .text = (char *)file, .url = url});
    return await_client(call, &is_done, error) && (is_done || cli_error_failed(error, "%s", refusal));
}

gboolean
cli_transfer_untracked(CliCall *call, CliTag tag, const char *file, const char *path, GError **error)
{
    return transfer_alone(call, tag, file, path, "The client could not transfer the file", error);
}

gboolean
cli_transfer_connect(CliCall *call, const char *path, GError **error)
{
    return transfer_alone(call, CLI_TAG_HTTP_CONNECT, NULL, path, "The client could not connect", error);
}
