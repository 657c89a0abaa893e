/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ended tasks that nobody clears away: they go after a while, and earlier when there are many of them. Each
 * end looks at the oldest ones only, so the cost of a task does not depend on how many there are. And tasks
 * that clients made and forgot: they go when they have not changed for a day. Source: protocol notes 3 */
#include "task/internal.h"

#include "model/classes.h"
#include "model/enums.h"

#define ENDED_MAX_AGE_US ((gint64)65 * 60 * G_USEC_PER_SEC)
#define ENDED_MAX        200
/* Who started it must have the time to read how it went ... */
#define ENDED_MIN_AGE_US ((gint64)60 * G_USEC_PER_SEC)
/* ... unless there are so many that nobody can mean to. */
#define ENDED_MAX_YOUNG 10000
#define IDLE_MAX_AGE_US ((gint64)24 * 60 * 60 * G_USEC_PER_SEC)

typedef struct EndedTask {
    char *ref;
    gint64 ended_us; /* real time, as it has to hold over a restart */
} EndedTask;

static void
ended_task_free(gpointer data)
{
    EndedTask *ended = data;
    g_free(ended->ref);
    g_free(ended);
}

/* A pending task that nobody here runs, as it was seen first in its present version. */
typedef struct IdleTask {
    guint64 changed;
    gint64 since_us;
} IdleTask;

void
tasks_init_ended(Tasks *tasks)
{
    tasks->idle = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_queue_init(&tasks->ended);
    tasks->ended_by_ref = g_hash_table_new(g_str_hash, g_str_equal);
}

void
tasks_clear_ended(Tasks *tasks)
{
    g_clear_pointer(&tasks->idle, g_hash_table_unref);
    g_clear_pointer(&tasks->ended_by_ref, g_hash_table_unref);
    g_queue_clear_full(&tasks->ended, ended_task_free);
}

static gboolean
is_due(const Tasks *tasks, const EndedTask *ended, gint64 now_us)
{
    gint64 age_us = now_us - ended->ended_us;
    return age_us >= ENDED_MAX_AGE_US || (tasks->ended.length > ENDED_MAX && age_us >= ENDED_MIN_AGE_US) ||
           tasks->ended.length > ENDED_MAX_YOUNG;
}

static GPtrArray *
take_due(Tasks *tasks, gint64 now_us)
{
    GPtrArray *due = g_ptr_array_new_with_free_func(ended_task_free);
    g_mutex_lock(&tasks->lock);
    for (EndedTask *ended;
         (ended = g_queue_peek_head(&tasks->ended)) != NULL && is_due(tasks, ended, now_us);) {
        g_queue_pop_head(&tasks->ended);
        g_hash_table_remove(tasks->ended_by_ref, ended->ref);
        g_ptr_array_add(due, ended);
    }
    g_mutex_unlock(&tasks->lock);
    return due;
}

/* A client may have been quicker. */
static gboolean
delete_step(DbTxn *txn, gpointer ref, GError **error)
{
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_TASK, ref);
    if (row != NULL)
        db_txn_delete(txn, CLASS_TASK, ref);
    return TRUE;
}

/* Those that could not be deleted, on a full disk, are found again at the next start. */
static void
deleted(gpointer data, guint64 generation, const GError *error)
{
}

void
tasks_collect(Tasks *tasks, gint64 now_us)
{
    g_autoptr(GPtrArray) due = take_due(tasks, now_us);
    if (due->len == 0)
        return;
    DbTxn *txn = db_txn_new(tasks->db, NULL);
    for (guint i = 0; i < due->len; i++)
        db_txn_step(txn, delete_step, g_strdup(((EndedTask *)g_ptr_array_index(due, i))->ref), g_free);
    db_txn_commit_async(txn, deleted, NULL);
}

void
tasks_note_end(Tasks *tasks, const char *ref, gint64 ended_us)
{
    g_mutex_lock(&tasks->lock);
    if (!g_hash_table_contains(tasks->ended_by_ref, ref)) {
        EndedTask *ended = g_new(EndedTask, 1);
        *ended = (EndedTask){g_strdup(ref), ended_us};
        g_queue_push_tail(&tasks->ended, ended);
        g_hash_table_insert(tasks->ended_by_ref, ended->ref, tasks->ended.tail);
    }
    g_mutex_unlock(&tasks->lock);
}

void
tasks_note_gone(Tasks *tasks, const char *ref)
{
    g_mutex_lock(&tasks->lock);
    GList *link = g_hash_table_lookup(tasks->ended_by_ref, ref);
    if (link != NULL) {
        g_hash_table_remove(tasks->ended_by_ref, ref);
        ended_task_free(link->data);
        g_queue_delete_link(&tasks->ended, link);
    }
    g_mutex_unlock(&tasks->lock);
}

/* ---- Forgotten ones ---- */

static gboolean
is_run(Tasks *tasks, const char *ref)
{
    g_mutex_lock(&tasks->lock);
    gboolean result = g_hash_table_contains(tasks->by_ref, ref);
    g_mutex_unlock(&tasks->lock);
    return result;
}

static gboolean
is_pending(const DbRow *row)
{
    return g_str_equal(db_row_string(row, TASK_STATUS), task_status_type_name(TASK_STATUS_TYPE_PENDING));
}

/* Notes what @row is in @seen; whether it has been so for too long. */
static gboolean
is_forgotten(Tasks *tasks, GHashTable *seen, const DbRow *row, gint64 now_us)
{
    const IdleTask *before = g_hash_table_lookup(tasks->idle, row->ref);
    IdleTask *idle = g_new(IdleTask, 1);
    *idle = (IdleTask){row->changed, now_us};
    if (before != NULL && before->changed == row->changed)
        idle->since_us = before->since_us;
    g_hash_table_insert(seen, g_strdup(row->ref), idle);
    return now_us - idle->since_us >= IDLE_MAX_AGE_US;
}

void
tasks_expire(Tasks *tasks, gint64 now_us)
{
    g_autoptr(GPtrArray) rows = db_get_all(tasks->db, CLASS_TASK);
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    DbTxn *txn = db_txn_new(tasks->db, NULL);
    for (guint i = 0; i < rows->len; i++) {
        const DbRow *row = g_ptr_array_index(rows, i);
        if (is_pending(row) && !is_run(tasks, row->ref) && is_forgotten(tasks, seen, row, now_us))
            db_txn_step(txn, delete_step, g_strdup(row->ref), g_free);
    }
    db_txn_commit_async(txn, deleted, NULL);
    g_hash_table_unref(tasks->idle);
    tasks->idle = seen;
    tasks_collect(tasks, now_us);
}
