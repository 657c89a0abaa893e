/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks that a client made with task.create and hands over, by task_id, to whoever does the work for it.
 * Source: protocol notes 0 */
#include "task/internal.h"

#include "model/classes.h"
#include "model/enums.h"
#include "model/errors.h"

static gboolean
is_pending(const DbRow *row)
{
    return g_str_equal(db_row_string(row, TASK_STATUS), task_status_type_name(TASK_STATUS_TYPE_PENDING));
}

/* Takes @task into the table of running ones; FALSE if somebody runs it already. */
static gboolean
take_in(Tasks *tasks, Task *task)
{
    g_mutex_lock(&tasks->lock);
    gboolean is_free = !g_hash_table_contains(tasks->by_ref, task->ref);
    gboolean is_stopping = tasks->is_stopping;
    if (is_free) {
        g_atomic_ref_count_inc(&task->references);
        g_hash_table_insert(tasks->by_ref, task->ref, task);
    }
    g_mutex_unlock(&tasks->lock);
    if (is_free && is_stopping)
        g_cancellable_cancel(task->cancellable);
    return is_free;
}

Task *
task_adopt(Tasks *tasks, const char *ref, const TaskSpec *spec, GError **error)
{
    g_autoptr(DbRow) row = db_require(tasks->db, CLASS_TASK, ref, error);
    if (row == NULL)
        return NULL;
    if (is_pending(row)) {
        Task *task = task_new(tasks, spec);
        g_free(task->ref);
        task->ref = g_strdup(ref);
        task->is_durable = TRUE; /* it is its maker's to clear away */
        task->is_hidden = FALSE;
        if (take_in(tasks, task))
            return task;
        task_unref(task);
    }
    api_error_operation_not_allowed(error, "the task has ended or does something else already");
    return NULL;
}
