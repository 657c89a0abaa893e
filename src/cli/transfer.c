/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transfers by the client, with a task to know how they end. */
#include "cli/transfer.h"

#include <string.h>

#include "model/api_error.h"
#include "model/classes.h"
#include "value/xmlrpc.h"

#define WAIT_SECONDS       5.0 /* how often a wait looks whether the server ends */
#define LAST_WORDS_SECONDS 1.0 /* for the handler to say what was wrong, after the client gave up */

static gboolean
is_pending(const DbRow *task)
{
    const char *status = db_row_string(task, TASK_STATUS);
    return strcmp(status, "pending") == 0 || strcmp(status, "cancelling") == 0;
}

/* Waits for a change of the task since *@token, which moves on. */
static gboolean
wait_for_change(CliCall *call, const char *task, char **token, double seconds, GError **error)
{
    g_autofree char *class_name = g_strdup_printf("task/%s", task);
    const char *classes[] = {class_name, NULL};
    g_autoptr(Value) answer = cli_invoke(call, "event.from", error, value_array_of_strings(classes),
                                         value_string(*token), value_float(seconds), NULL);
    if (answer == NULL)
        return FALSE;
    if (value_kind(answer) == VALUE_MAP) {
        g_free(*token);
        *token = g_strdup(value_map_get_string(answer, "token", ""));
    }
    return TRUE;
}

/* (transfer full): the task when it has ended, or as it is once after @last_words_only. */
static DbRow *
wait_for_task(CliCall *call, const char *ref, gboolean last_words_only, GError **error)
{
    g_autofree char *token = g_strdup("");
    gboolean is_last = FALSE;
    for (;;) {
        g_autoptr(DbRow) task = db_require(call->db, CLASS_TASK, ref, error);
        if (task == NULL)
            return NULL;
        if (!is_pending(task) || is_last)
            return g_steal_pointer(&task);
        if (g_cancellable_is_cancelled(call->cancellable)) {
            cli_error_failed(error, "The server is ending");
            return NULL;
        }
        /* The first answer only says what there is; from then on each is a change, or the time. */
        is_last = last_words_only && *token != '\0';
        if (!wait_for_change(call, ref, &token, last_words_only ? LAST_WORDS_SECONDS : WAIT_SECONDS, error))
            return NULL;
    }
}

static gboolean
report_task(CliCall *call, const DbRow *task, GError **error)
{
    g_autoptr(Value) info = db_row_get(call->db, task, TASK_ERROR_INFO);
    if (value_size(info) == 0) {
        const char *params[] = {task->ref, NULL};
        return api_error_set(error, "TASK_CANCELLED", params);
    }
    g_autoptr(GPtrArray) params = g_ptr_array_new();
    for (gsize i = 1; i < value_size(info); i++)
        g_ptr_array_add(params, (gpointer)value_get_string(value_array_get(info, i)));
    g_ptr_array_add(params, NULL);
    return api_error_set(error, value_get_string(value_array_get(info, 0)),
                         (const char *const *)params->pdata);
}

static Value *
task_result(CliCall *call, const DbRow *task, GError **error)
{
    if (strcmp(db_row_string(task, TASK_STATUS), "success") != 0) {
        report_task(call, task, error);
        return NULL;
    }
    const char *text = db_row_string(task, TASK_RESULT);
    return *text == '\0' ? value_nil() : xmlrpc_read_value(text, strlen(text), error);
}

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

    g_autoptr(DbRow) task = wait_for_task(call, task_ref, !is_done, error);
    if (task == NULL)
        return NULL;
    if (is_pending(task)) {
        cli_error_failed(error, "The client could not transfer the file");
        return NULL;
    }
    Value *result = task_result(call, task, error);
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
