/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of tasks.
 *
 *   Pending ──► Completed | Failed      (Task.cancel only asks; the runner ends the task once it has undone
 * its work) */
#include "domain/task.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "value/json.h"

/* Ended tasks nobody has destroyed; over this the oldest are. */
#define MAX_ENDED 2000

struct DomainTasks {
    DomainClock *clock;
    DomainUpdates *updates;
    void (*cancelled)(gpointer data, const char *owner, DomainTask *task);
    gpointer data;
    GMutex lock;       /* of what follows, and of every task's changing members */
    GHashTable *by_id; /* DomainTask */
    GQueue ended;      /* DomainTask, oldest first, borrowed from by_id */
};

struct DomainTask {
    gatomicrefcount refs;
    DomainTasks *tasks;
    char *id;
    char *owner;
    GCancellable *cancellable;
    gint64 begin_us;
    /* Under the tasks' lock */
    DomainTaskResultTag tag;
    double number; /* fraction or seconds */
    char *failure; /* Failed */
    Value *steps;  /* array of names so far */
    gint64 step_begin_us;
    gboolean is_forgotten; /* destroyed while at work */
    GPtrArray *waiters;
};

static GPtrArray *
new_waiters(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)domain_waiter_unref);
}

DomainTasks *
domain_tasks_new(DomainClock *clock, DomainUpdates *updates,
                 void (*cancelled)(gpointer data, const char *owner, DomainTask *task), gpointer data)
{
    DomainTasks *tasks = g_new0(DomainTasks, 1);
    tasks->clock = clock;
    tasks->updates = updates;
    tasks->cancelled = cancelled;
    tasks->data = data;
    g_mutex_init(&tasks->lock);
    tasks->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)domain_task_unref);
    g_queue_init(&tasks->ended);
    return tasks;
}

DomainTask *
domain_task_ref(DomainTask *task)
{
    g_atomic_ref_count_inc(&task->refs);
    return task;
}

void
domain_task_unref(DomainTask *task)
{
    if (task == NULL || !g_atomic_ref_count_dec(&task->refs))
        return;
    g_free(task->id);
    g_free(task->owner);
    g_object_unref(task->cancellable);
    g_free(task->failure);
    value_unref(task->steps);
    g_ptr_array_unref(task->waiters);
    g_free(task);
}

DomainTask *
domain_tasks_begin(DomainTasks *tasks, const char *owner)
{
    DomainTask *task = g_new0(DomainTask, 1);
    g_atomic_ref_count_init(&task->refs);
    task->tasks = tasks;
    task->id = base_uuid_new();
    task->owner = g_strdup(owner);
    task->cancellable = g_cancellable_new();
    task->begin_us = domain_clock_now_us(tasks->clock);
    task->tag = DOMAIN_TASK_RESULT_PENDING;
    task->steps = value_array_new(8);
    task->waiters = new_waiters();

    g_mutex_lock(&tasks->lock);
    g_hash_table_insert(tasks->by_id, task->id, domain_task_ref(task));
    g_mutex_unlock(&tasks->lock);
    domain_updates_touch(tasks->updates, DOMAIN_DYNAMIC_ID_TASK, task->id);
    return task;
}

const char *
domain_task_id(DomainTask *task)
{
    return task->id;
}

GCancellable *
domain_task_cancellable(DomainTask *task)
{
    return task->cancellable;
}

/* ---- Under the lock */

static void
fill(const DomainTask *task, DomainTaskT *ret)
{
    *ret = (DomainTaskT){.id = g_strdup(task->id), .result = {.tag = task->tag}};
    if (task->tag == DOMAIN_TASK_RESULT_FAILED)
        ret->result.failed = g_strdup(task->failure);
    else
        ret->result.pending = task->number; /* Completed's number is in the same place */

    ret->subtasks = value_map_new(value_size(task->steps));
    gsize n = value_size(task->steps);
    for (gsize i = 0; i < n; i++) {
        gboolean is_current = i + 1 == n && task->tag == DOMAIN_TASK_RESULT_PENDING;
        value_map_set(ret->subtasks, value_get_string(value_array_get(task->steps, i)),
                      value_string(is_current ? "at work" : "done"));
    }
}

static DomainTask *
find(DomainTasks *tasks, const char *id, GError **error)
{
    DomainTask *task = g_hash_table_lookup(tasks->by_id, id);
    if (task == NULL || task->is_forgotten) {
        domain_error_does_not_exist(error, "Task", id);
        return NULL;
    }
    return task;
}

static void
remove_task(DomainTasks *tasks, DomainTask *task)
{
    g_queue_remove(&tasks->ended, task);
    g_hash_table_remove(tasks->by_id, task->id);
}

static gboolean
is_news(const DomainTask *task, double seen)
{
    return task->tag != DOMAIN_TASK_RESULT_PENDING || task->number > seen;
}

/* ---- Waiting */

/* Fractions travel through a waiter as millionths. */
static double
waiter_seen(DomainWaiter *waiter)
{
    return (double)domain_waiter_seen(waiter) / 1e6;
}

static void
answer(DomainTask *task, DomainWaiter *waiter)
{
    DomainReply *reply = domain_waiter_claim(waiter);
    if (reply == NULL)
        return;
    g_auto(DomainTaskT) state = {0};
    g_mutex_lock(&task->tasks->lock);
    fill(task, &state);
    g_mutex_unlock(&task->tasks->lock);
    domain_reply_result(reply, &state);
}

/* Takes out the waiters for whom @task has news. */
static GPtrArray *
take_ready(DomainTask *task)
{
    GPtrArray *ready = new_waiters();
    for (guint i = task->waiters->len; i-- > 0;) {
        if (is_news(task, waiter_seen(task->waiters->pdata[i])))
            g_ptr_array_add(ready, g_ptr_array_steal_index_fast(task->waiters, i));
    }
    return ready;
}

static void
expired(DomainWaiter *waiter, gpointer owner)
{
    DomainTask *task = owner;
    answer(task, waiter);
    g_mutex_lock(&task->tasks->lock);
    g_ptr_array_remove_fast(task->waiters, waiter);
    g_mutex_unlock(&task->tasks->lock);
}

static void
announce(DomainTask *task, GPtrArray *ready)
{
    for (guint i = 0; i < ready->len; i++)
        answer(task, ready->pdata[i]);
    domain_updates_touch(task->tasks->updates, DOMAIN_DYNAMIC_ID_TASK, task->id);
}

void
domain_tasks_wait(DomainTasks *tasks, const char *id, double seen, gint64 timeout_us, DomainReply *reply)
{
    g_autoptr(GError) error = NULL;
    g_mutex_lock(&tasks->lock);
    g_autoptr(DomainTask) task = find(tasks, id, &error);
    if (task == NULL) {
        g_mutex_unlock(&tasks->lock);
        domain_reply_error(reply, g_steal_pointer(&error));
        return;
    }
    domain_task_ref(task);
    DomainWaiter *waiter = domain_waiter_new(reply, (gint64)(CLAMP(seen, -1, 2) * 1e6), expired,
                                             domain_task_ref(task), (GDestroyNotify)domain_task_unref);
    gboolean is_ready = timeout_us <= 0 || is_news(task, waiter_seen(waiter));
    if (!is_ready)
        g_ptr_array_add(task->waiters, domain_waiter_ref(waiter));
    g_mutex_unlock(&tasks->lock);

    if (is_ready)
        answer(task, waiter);
    else
        domain_waiter_arm(waiter, tasks->clock, timeout_us);
    domain_waiter_unref(waiter);
}

/* ---- The runner's side */

/* @step: NULL for the same as before */
static void
move_on(DomainTask *task, double fraction, const char *step)
{
    g_mutex_lock(&task->tasks->lock);
    task->number = CLAMP(fraction, 0.0, 1.0);
    if (step != NULL)
        value_array_add(task->steps, value_string(step));
    g_autoptr(GPtrArray) ready = take_ready(task);
    g_mutex_unlock(&task->tasks->lock);
    announce(task, ready);
}

void
domain_task_progress(DomainTask *task, double fraction, const char *step)
{
    move_on(task, fraction, step);
}

void
domain_task_advance(DomainTask *task, double fraction)
{
    move_on(task, fraction, NULL);
}

/* Drops the oldest ended task when there are too many. */
static void
bound_ended(DomainTasks *tasks)
{
    while (tasks->ended.length > MAX_ENDED) {
        DomainTask *oldest = tasks->ended.head->data;
        domain_updates_forget(tasks->updates, DOMAIN_DYNAMIC_ID_TASK, oldest->id);
        remove_task(tasks, oldest);
    }
}

void
domain_task_end(DomainTask *task, const GError *error)
{
    DomainTasks *tasks = task->tasks;
    g_mutex_lock(&tasks->lock);
    g_assert(task->tag == DOMAIN_TASK_RESULT_PENDING);
    task->tag = error == NULL ? DOMAIN_TASK_RESULT_COMPLETED : DOMAIN_TASK_RESULT_FAILED;
    task->number = (double)(domain_clock_now_us(tasks->clock) - task->begin_us) / G_USEC_PER_SEC;
    task->failure = error == NULL ? NULL : domain_task_error_text(error);
    g_autoptr(GPtrArray) ready = take_ready(task);
    gboolean is_forgotten = task->is_forgotten;
    g_queue_push_tail(&tasks->ended, task);
    g_mutex_unlock(&tasks->lock);

    announce(task, ready);

    g_mutex_lock(&tasks->lock);
    if (is_forgotten) {
        domain_updates_forget(tasks->updates, DOMAIN_DYNAMIC_ID_TASK, task->id);
        remove_task(tasks, task);
    }
    bound_ended(tasks);
    g_mutex_unlock(&tasks->lock);
}

/* ---- By id */

gboolean
domain_tasks_stat(DomainTasks *tasks, const char *id, DomainTaskT *ret_task, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tasks->lock);
    const DomainTask *task = find(tasks, id, error);
    if (task == NULL)
        return FALSE;
    fill(task, ret_task);
    return TRUE;
}

gboolean
domain_tasks_cancel(DomainTasks *tasks, const char *id, GError **error)
{
    g_mutex_lock(&tasks->lock);
    g_autoptr(DomainTask) task = find(tasks, id, error);
    if (task != NULL)
        domain_task_ref(task);
    g_mutex_unlock(&tasks->lock);
    if (task == NULL)
        return FALSE;
    g_cancellable_cancel(task->cancellable);
    tasks->cancelled(tasks->data, task->owner, task);
    return TRUE;
}

gboolean
domain_tasks_destroy(DomainTasks *tasks, const char *id, GError **error)
{
    g_mutex_lock(&tasks->lock);
    DomainTask *found = find(tasks, id, error);
    if (found == NULL) {
        g_mutex_unlock(&tasks->lock);
        return FALSE;
    }
    g_autoptr(DomainTask) task = domain_task_ref(found);
    gboolean is_at_work = task->tag == DOMAIN_TASK_RESULT_PENDING;
    if (is_at_work) {
        task->is_forgotten = TRUE;
    } else {
        domain_updates_forget(tasks->updates, DOMAIN_DYNAMIC_ID_TASK, id);
        remove_task(tasks, task);
    }
    g_mutex_unlock(&tasks->lock);
    if (is_at_work) {
        g_cancellable_cancel(task->cancellable);
        tasks->cancelled(tasks->data, task->owner, task);
    }
    return TRUE;
}

void
domain_tasks_list(DomainTasks *tasks, DomainTaskTList *ret_list)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tasks->lock);
    GHashTableIter iter;
    gpointer task;
    *ret_list = (DomainTaskTList){.items = g_new0(DomainTaskT, g_hash_table_size(tasks->by_id) + 1)};
    g_hash_table_iter_init(&iter, tasks->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &task)) {
        if (!((DomainTask *)task)->is_forgotten)
            fill(task, &ret_list->items[ret_list->n++]);
    }
}

void
domain_tasks_free(DomainTasks *tasks)
{
    if (tasks == NULL)
        return;
    GHashTableIter iter;
    gpointer task;
    g_hash_table_iter_init(&iter, tasks->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &task)) {
        GPtrArray *waiters = ((DomainTask *)task)->waiters;
        for (guint i = 0; i < waiters->len; i++)
            answer(task, waiters->pdata[i]);
    }
    g_queue_clear(&tasks->ended);
    g_hash_table_unref(tasks->by_id);
    g_mutex_clear(&tasks->lock);
    g_free(tasks);
}

/* ---- Failures as text */

char *
domain_task_error_text(const GError *error)
{
    g_autoptr(GError) copy = g_error_copy(error);
    domain_error_from(&copy);
    g_autoptr(Value) array = value_array_new(4);
    value_array_add(array, value_string(domain_error_name(copy)));
    for (const char *const *arg = domain_error_args(copy); *arg != NULL; arg++)
        value_array_add(array, value_string(*arg));
    GString *text = g_string_new(NULL);
    json_write_value(text, array);
    return g_string_free(text, FALSE);
}

gboolean
domain_task_error_parse(const char *text, GError **error)
{
    g_autoptr(Value) array = json_read(text, strlen(text), NULL);
    g_auto(GStrv) parts = NULL;
    if (array == NULL || !domain_type_read(&domain_type_string_list, array, &parts, NULL) || parts[0] == NULL)
        return domain_error_internal_error(error, text);
    return domain_error_set(error, parts[0], (const char *const *)parts + 1);
}
