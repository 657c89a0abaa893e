/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A task's life: its row, progress, cancellation and end. What it marks on objects is in mark.c.
 *
 *   pending ──► success | failure | cancelled      (cancelled: it failed after somebody had asked it to stop)
 */
#include "task/internal.h"

#include "base/error.h"
#include "base/text.h"
#include "model/classes.h"
#include "model/enums.h"
#include "model/errors.h"
#include "value/xmlrpc.h"
#include <math.h>

/* Smaller steps are not worth an event to every client that watches. */
#define PROGRESS_STEP 0.01

static void
mark_clear(gpointer data)
{
    g_free(((TaskMark *)data)->ref);
}

void
task_unref(Task *task)
{
    if (task == NULL || !g_atomic_ref_count_dec(&task->references))
        return;
    g_free(task->ref);
    g_free(task->session_ref);
    g_free(task->user_name);
    g_object_unref(task->cancellable);
    g_array_unref(task->marks);
    g_free(task);
}

Tasks *
tasks_new(Db *db)
{
    Tasks *tasks = g_new0(Tasks, 1);
    tasks->db = db;
    db_set_allowed_operations(db, task_allowed_operations);
    g_mutex_init(&tasks->lock);
    tasks->by_ref = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)task_unref);
    tasks_init_ended(tasks);
    tasks_init_plans(tasks);
    return tasks;
}

void
tasks_free(Tasks *tasks)
{
    if (tasks == NULL)
        return;
    g_hash_table_unref(tasks->by_ref);
    tasks_clear_ended(tasks);
    g_ptr_array_unref(tasks->left_plans);
    g_mutex_clear(&tasks->lock);
    g_free(tasks);
}

DbActor
task_actor(const Task *task)
{
    return (DbActor){.task = task->ref, .user = task->user_name};
}

const char *
task_ref(const Task *task)
{
    return task->ref;
}

GCancellable *
task_cancellable(Task *task)
{
    return task->cancellable;
}

Task *
task_new(Tasks *tasks, const TaskSpec *spec)
{
    g_autofree char *uuid = base_uuid_new();
    Task *task = g_new0(Task, 1);
    g_atomic_ref_count_init(&task->references);
    task->tasks = tasks;
    task->ref = g_strdup_printf("OpaqueRef:%s", uuid);
    task->session_ref = g_strdup(spec->session_ref);
    task->user_name = g_strdup(spec->user_name);
    task->is_durable = spec->is_durable;
    task->is_hidden = spec->is_hidden;
    task->cancellable = g_cancellable_new();
    task->marks = g_array_new(FALSE, TRUE, sizeof(TaskMark));
    g_array_set_clear_func(task->marks, mark_clear);
    return task;
}

/* Source: protocol notes 3. Headers may be in any encoding. */
static void
write_http_config(DbTxn *txn, const char *ref, const char *const *config)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (; config != NULL && config[0] != NULL; config += 2) {
        g_autofree char *key = g_strconcat("http:", config[0], NULL);
        if (*config[0] == '\0' || !g_utf8_validate(key, -1, NULL) ||
            !g_hash_table_add(seen, (gpointer)config[0]))
            continue;
        g_autofree char *value = g_utf8_make_valid(config[1], -1);
        db_txn_map_put(txn, CLASS_TASK, ref, TASK_OTHER_CONFIG, key, value_string(value));
    }
}

static void
write_row(DbTxn *txn, const Task *task, const TaskSpec *spec)
{
    const char *ref = spec->is_durable ? db_txn_insert(txn, CLASS_TASK, task->ref)
                                       : db_txn_insert_volatile(txn, CLASS_TASK, task->ref);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_NAME_LABEL, spec->label);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_NAME_DESCRIPTION,
                      spec->description ? spec->description : "");
    db_txn_set(txn, CLASS_TASK, ref, TASK_CREATED, value_datetime(base_now_us() / G_USEC_PER_SEC));
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_STATUS, task_status_type_name(TASK_STATUS_TYPE_PENDING));
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_TYPE, "<none/>");
    db_txn_set_int(txn, CLASS_TASK, ref, TASK_EXTERNALPID, -1);
    db_txn_set_int(txn, CLASS_TASK, ref, TASK_STUNNELPID, -1);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_BACKTRACE, "()");
    if (spec->session_ref != NULL)
        db_txn_set_string(txn, CLASS_TASK, ref, TASK_SESSION, spec->session_ref);
    if (spec->host_ref != NULL)
        db_txn_set_string(txn, CLASS_TASK, ref, TASK_RESIDENT_ON, spec->host_ref);
    if (spec->subtask_of != NULL)
        db_txn_set_string(txn, CLASS_TASK, ref, TASK_SUBTASK_OF, spec->subtask_of);
    write_http_config(txn, ref, spec->http_config);
}

Task *
task_begin(Tasks *tasks, const TaskSpec *spec, GError **error)
{
    Task *task = task_new(tasks, spec);
    DbActor actor = task_actor(task);
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, &actor);
    write_row(txn, task, spec);
    if (!spec->is_hidden && !db_txn_commit(txn, NULL, error)) {
        task_unref(task);
        return NULL;
    }
    g_atomic_ref_count_inc(&task->references);
    g_mutex_lock(&tasks->lock);
    g_hash_table_insert(tasks->by_ref, task->ref, task);
    gboolean is_stopping = tasks->is_stopping;
    g_mutex_unlock(&tasks->lock);
    if (is_stopping)
        g_cancellable_cancel(task->cancellable);
    return task;
}

static void
progress_done(gpointer data, guint64 generation, const GError *error)
{
}

void
task_set_progress(Task *task, double progress)
{
    if (task->is_hidden || !(fabs(progress - task->published_progress) >= PROGRESS_STEP))
        return;
    task->published_progress = progress;
    DbActor actor = task_actor(task);
    DbTxn *txn = db_txn_new(task->tasks->db, &actor);
    db_txn_set(txn, CLASS_TASK, task->ref, TASK_PROGRESS, value_float(CLAMP(progress, 0.0, 1.0)));
    db_txn_commit_async(txn, progress_done, NULL);
}

static Value *
error_info(const GError *error)
{
    Value *info = value_array_new(4);
    if (error->domain != API_ERROR) {
        value_array_add(info, value_string("INTERNAL_ERROR"));
        value_array_add(info, value_string(error->message));
        return info;
    }
    value_array_add(info, value_string(api_error_code(error)));
    for (const char *const *param = api_error_params(error); *param != NULL; param++)
        value_array_add(info, value_string(*param));
    return info;
}

static void
write_result(DbTxn *txn, const Task *task, Value *result)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (result != NULL)
        xmlrpc_write_value(text, result);
    else
        g_string_append(text, "<value></value>");
    db_txn_set_string(txn, CLASS_TASK, task->ref, TASK_RESULT, text->str);
}

static gboolean
is_end(TaskStatusType status)
{
    return status != TASK_STATUS_TYPE_PENDING && status != TASK_STATUS_TYPE_CANCELLING;
}

static void
write_status(DbTxn *txn, const char *ref, TaskStatusType status)
{
    if (is_end(status)) {
        db_txn_set(txn, CLASS_TASK, ref, TASK_FINISHED, value_datetime(base_now_us() / G_USEC_PER_SEC));
        db_txn_set(txn, CLASS_TASK, ref, TASK_PROGRESS, value_float(1.0));
        db_txn_set(txn, CLASS_TASK, ref, TASK_CURRENT_OPERATIONS, value_map_empty());
    }
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_STATUS, task_status_type_name(status));
}

static gboolean
shows_operation(const DbRow *row, TaskAllowedOperations operation)
{
    const Value *operations = row->fields[TASK_CURRENT_OPERATIONS];
    const char *name = task_allowed_operations_name(operation);
    for (gsize i = 0; i < value_size(operations); i++)
        if (g_str_equal(value_get_string(value_map_value(operations, i)), name))
            return TRUE;
    return FALSE;
}

/* Somebody destroyed it while it was pending. Source: protocol notes 3 */
static gboolean
goes_at_its_end(const DbRow *row)
{
    return shows_operation(row, TASK_ALLOWED_OPERATIONS_DESTROY);
}

/* Status goes last in the transaction, and readers see all of it at once: whoever sees an end sees its
 * result. */
static void
write_end(DbTxn *txn, const Task *task, Value *result, const GError *error)
{
    TaskStatusType status = error == NULL                           ? TASK_STATUS_TYPE_SUCCESS
                            : api_error_is(error, "TASK_CANCELLED") ? TASK_STATUS_TYPE_CANCELLED
                                                                    : TASK_STATUS_TYPE_FAILURE;
    if (error == NULL)
        write_result(txn, task, result);
    else
        db_txn_set(txn, CLASS_TASK, task->ref, TASK_ERROR_INFO, error_info(error));
    write_status(txn, task->ref, status);
}

typedef struct EndStep {
    Task *task;
    Value *result;
    const GError *error;
    gboolean is_kept; /* (out) */
} EndStep;

/* A step, because a client may have destroyed the row meanwhile: then only the marks are left to take off. */
static gboolean
end_step(DbTxn *txn, gpointer data, GError **error)
{
    EndStep *step = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_TASK, step->task->ref);
    if (row == NULL)
        return TRUE;
    step->is_kept = step->task->is_durable && !goes_at_its_end(row);
    if (step->is_kept)
        write_end(txn, step->task, step->result, step->error);
    else
        db_txn_delete(txn, CLASS_TASK, step->task->ref);
    return TRUE;
}

void
task_end(Task *task, Value *result, const GError *error)
{
    Tasks *tasks = task->tasks;
    DbActor actor = task_actor(task);
    EndStep step = {task, result, error, FALSE};
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, &actor);
    task_unmark(task, txn);
    if (!task->is_hidden)
        db_txn_step(txn, end_step, &step, NULL);
    /* A commit fails only when the disk is full: the row stays pending, and the server's next start ends it.
     */
    gboolean has_changes = !task->is_hidden || task->marks->len > 0;
    if (has_changes && db_txn_commit(txn, NULL, NULL) && step.is_kept) {
        tasks_note_end(tasks, task->ref, base_now_us());
        tasks_collect(tasks, base_now_us());
    }
    g_mutex_lock(&tasks->lock);
    g_hash_table_remove(tasks->by_ref, task->ref);
    g_mutex_unlock(&tasks->lock);
    task_unref(task);
}

typedef struct StatusStep {
    const char *ref;
    TaskStatusType status;
    gboolean is_kept; /* (out) */
} StatusStep;

static gboolean
status_step(DbTxn *txn, gpointer data, GError **error)
{
    StatusStep *step = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_TASK, step->ref);
    if (row == NULL)
        return api_error_handle_invalid(error, "task", step->ref);
    step->is_kept = !(is_end(step->status) && goes_at_its_end(row));
    if (step->is_kept)
        write_status(txn, step->ref, step->status);
    else
        db_txn_delete(txn, CLASS_TASK, step->ref);
    return TRUE;
}

gboolean
tasks_set_status(Tasks *tasks, const DbActor *actor, const char *ref, TaskStatusType status, GError **error)
{
    StatusStep step = {ref, status, FALSE};
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, actor);
    db_txn_step(txn, status_step, &step, NULL);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    if (step.is_kept && is_end(status))
        tasks_note_end(tasks, ref, base_now_us());
    return TRUE;
}

static gboolean
destroy_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_TASK, ref);
    if (row == NULL)
        return api_error_handle_invalid(error, "task", ref);
    /* Source: protocol notes 3: a pending one shows that it is to go, and goes at its end */
    if (is_end((TaskStatusType)type_enum_index(&enum_task_status_type, db_row_string(row, TASK_STATUS))))
        db_txn_delete(txn, CLASS_TASK, ref);
    else
        db_txn_map_put(txn, CLASS_TASK, ref, TASK_CURRENT_OPERATIONS, ref,
                       value_string(task_allowed_operations_name(TASK_ALLOWED_OPERATIONS_DESTROY)));
    return TRUE;
}

gboolean
tasks_destroy(Tasks *tasks, const DbActor *actor, const char *ref, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, actor);
    db_txn_step(txn, destroy_step, (gpointer)ref, NULL);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    tasks_note_gone(tasks, ref);
    return TRUE;
}

typedef struct CancelStep {
    const char *ref;
    const char *by;
} CancelStep;

/* Source: protocol notes 3: it shows that it is to be cancelled, and by which call. One that has ended does
 * not change any more. */
static gboolean
cancel_step(DbTxn *txn, gpointer data, GError **error)
{
    const CancelStep *step = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_TASK, step->ref);
    if (row == NULL)
        return api_error_handle_invalid(error, "task", step->ref);
    if (!is_end((TaskStatusType)type_enum_index(&enum_task_status_type, db_row_string(row, TASK_STATUS))))
        db_txn_map_put(txn, CLASS_TASK, step->ref, TASK_CURRENT_OPERATIONS, step->by,
                       value_string(task_allowed_operations_name(TASK_ALLOWED_OPERATIONS_CANCEL)));
    return TRUE;
}

gboolean
tasks_cancel(Tasks *tasks, const DbActor *actor, const char *ref, GError **error)
{
    CancelStep step = {ref, actor->task};
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, actor);
    db_txn_step(txn, cancel_step, &step, NULL);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    g_autoptr(GCancellable) cancellable = NULL;
    g_mutex_lock(&tasks->lock);
    Task *task = g_hash_table_lookup(tasks->by_ref, ref);
    if (task != NULL)
        cancellable = g_object_ref(task->cancellable);
    g_mutex_unlock(&tasks->lock);
    if (cancellable != NULL)
        g_cancellable_cancel(cancellable);
    return TRUE;
}

void
tasks_cancel_all(Tasks *tasks)
{
    g_autoptr(GPtrArray) running = g_ptr_array_new_with_free_func(g_object_unref);
    g_mutex_lock(&tasks->lock);
    GHashTableIter iter;
    gpointer task;
    tasks->is_stopping = TRUE;
    g_hash_table_iter_init(&iter, tasks->by_ref);
    while (g_hash_table_iter_next(&iter, NULL, &task))
        g_ptr_array_add(running, g_object_ref(((Task *)task)->cancellable));
    g_mutex_unlock(&tasks->lock);
    for (guint i = 0; i < running->len; i++)
        g_cancellable_cancel(g_ptr_array_index(running, i));
}

void
task_explain_cancel(Task *task, GError **error)
{
    if (error == NULL || *error == NULL || !g_cancellable_is_cancelled(task->cancellable))
        return;
    if (!g_error_matches(*error, BASE_ERROR, BASE_ERROR_CANCELLED) &&
        !g_error_matches(*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    g_clear_error(error);
    api_error_task_cancelled(error, task->ref);
}

/* In microseconds; now, if it has none. */
static gint64
end_of(const DbRow *row)
{
    gint64 seconds = 0;
    base_time_from_wire(db_row_string(row, TASK_FINISHED), &seconds, NULL);
    return seconds > 0 ? seconds * G_USEC_PER_SEC : base_now_us();
}

/* A crash has ended it. What it had begun is undone by the journal, so one that was to be cancelled is.
 * Source: protocol notes 3 */
static void
write_cut_off(DbTxn *txn, const DbRow *row)
{
    g_autoptr(GError) reason = NULL;
    gboolean is_cancelling =
        g_str_equal(db_row_string(row, TASK_STATUS), task_status_type_name(TASK_STATUS_TYPE_CANCELLING));
    if (is_cancelling || shows_operation(row, TASK_ALLOWED_OPERATIONS_CANCEL))
        api_error_task_cancelled(&reason, row->ref);
    else
        api_error_internal_error(&reason, "the server was restarted before the task ended");
    Task task = {.ref = (char *)row->ref};
    write_end(txn, &task, NULL, reason);
}

static void
recover(Tasks *tasks, DbTxn *txn, const DbRow *row)
{
    gboolean has_ended =
        is_end((TaskStatusType)type_enum_index(&enum_task_status_type, db_row_string(row, TASK_STATUS)));
    if (!has_ended && goes_at_its_end(row)) {
        db_txn_delete(txn, CLASS_TASK, row->ref);
        return;
    }
    if (has_ended)
        db_txn_set(txn, CLASS_TASK, row->ref, TASK_PROGRESS, value_float(1.0)); /* not stored */
    else
        write_cut_off(txn, row);
    tasks_note_end(tasks, row->ref, end_of(row));
}

gboolean
tasks_recover(Tasks *tasks, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_all(tasks->db, CLASS_TASK);
    g_autoptr(DbTxn) txn = db_txn_new(tasks->db, NULL);
    for (guint i = 0; i < rows->len; i++)
        recover(tasks, txn, g_ptr_array_index(rows, i));
    return db_txn_commit(txn, NULL, error);
}
