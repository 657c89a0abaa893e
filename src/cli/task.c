/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waits for tasks through their events, and takes what they leave. */
#include "cli/task.h"

#include <math.h>
#include <string.h>

#include "cli/print.h"
#include "model/api_error.h"
#include "model/classes.h"
#include "value/xmlrpc.h"

#define WAIT_SECONDS       5.0 /* how often a wait looks whether the server ends */
#define LAST_WORDS_SECONDS 1.0 /* for a handler to say what was wrong, after the client gave up */
#define BAR_WIDTH          60

gboolean
cli_task_is_pending(const DbRow *task)
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

/* The bar, written over the one before. */
static void
show_progress(CliCall *call, const DbRow *task)
{
    double progress = CLAMP(db_row_float(task, TASK_PROGRESS), 0.0, 1.0);
    g_autofree char *bar = g_strnfill((gsize)lround(progress * BAR_WIDTH), '#');
    cli_print_error(call, "\r%3d%% %s", (int)lround(progress * 100), bar);
}

DbRow *
cli_task_wait(CliCall *call, const char *ref, CliTaskWait wait, GError **error)
{
    g_autofree char *token = g_strdup("");
    gboolean is_last = FALSE;
    for (;;) {
        g_autoptr(DbRow) task = db_require(call->db, CLASS_TASK, ref, error);
        if (task == NULL)
            return NULL;
        if (wait == CLI_TASK_PROGRESS)
            show_progress(call, task);
        if (!cli_task_is_pending(task) || is_last)
            return g_steal_pointer(&task);
        if (g_cancellable_is_cancelled(call->cancellable)) {
            cli_error_failed(error, "The server is ending");
            return NULL;
        }
        /* The first answer only says what there is; from then on each is a change, or the time. */
        is_last = wait == CLI_TASK_LAST_WORDS && *token != '\0';
        double seconds = wait == CLI_TASK_LAST_WORDS ? LAST_WORDS_SECONDS : WAIT_SECONDS;
        if (!wait_for_change(call, ref, &token, seconds, error))
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

Value *
cli_task_result(CliCall *call, const DbRow *task, GError **error)
{
    if (strcmp(db_row_string(task, TASK_STATUS), "success") != 0) {
        report_task(call, task, error);
        return NULL;
    }
    const char *text = db_row_string(task, TASK_RESULT);
    return *text == '\0' ? value_nil() : xmlrpc_read_value(text, strlen(text), error);
}

/* A result is XML without types; @type says what it is. */
static Value *
typed_result(CliCall *call, const DbRow *task, const Type *type, GError **error)
{
    g_autoptr(Value) result = cli_task_result(call, task, error);
    if (result == NULL || type->kind == TYPE_VOID)
        return g_steal_pointer(&result);
    return type_coerce(type, result, error);
}

Value *
cli_task_invoke(CliCall *call, const ModelMessage *message, const Value *params, GError **error)
{
    g_autofree char *method = g_strdup_printf("Async.%s", message->name);
    g_autoptr(Value) ref = cli_invoke_array(call, method, params, error);
    if (ref == NULL)
        return NULL;
    g_autoptr(DbRow) task = cli_task_wait(call, value_get_string(ref), CLI_TASK_PROGRESS, error);
    cli_print_error(call, "\n");
    Value *result = task == NULL ? NULL : typed_result(call, task, message->result, error);
    cli_do(call, "task.destroy", NULL, value_string(value_get_string(ref)), NULL);
    return result;
}
