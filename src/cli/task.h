/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Following a task to its end. */
#pragma once

#include "cli/call.h"

typedef enum CliTaskWait {
    CLI_TASK_END,        /* until it has ended */
    CLI_TASK_PROGRESS,   /* the same, with a bar on the client's standard error */
    CLI_TASK_LAST_WORDS, /* shortly: for what a handler may still say */
} CliTaskWait;

/** cli_task_wait: (transfer full): the task's row as it is then. Errors: HANDLE_INVALID when it is gone. */
DbRow *cli_task_wait(CliCall *call, const char *ref, CliTaskWait wait, GError **error);

/** cli_task_is_pending: or cancelling: it has not ended. */
gboolean cli_task_is_pending(const DbRow *task);

/** cli_task_result: (transfer full): of a task that has ended: nil when there is none. Errors: the task's. */
Value *cli_task_result(CliCall *call, const DbRow *task, GError **error);

/**
 * cli_task_invoke:
 *
 * cli_invoke_array() of @message's asynchronous form, with a bar that shows how far it is.
 */
Value *cli_task_invoke(CliCall *call, const ModelMessage *message, const Value *params, GError **error);
