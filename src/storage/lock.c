/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One queue of requests per SR. A request is granted when none before it in the queue conflicts with it. */
#include "storage/lock.h"

/* Requests of one SR in order of arrival. Lives while it has requests. */
typedef struct Queue {
    char *sr_uuid;
    GQueue requests; /* StorageLock, borrowed from their holders */
} Queue;

struct StorageLocks {
    GMutex mutex;       /* guards all below, and every request */
    GCond changed;      /* a request was removed or a wait was cancelled */
    GHashTable *queues; /* sr_uuid -> Queue */
};

struct StorageLock {
    StorageLocks *locks; /* NULL: mode none, in no queue */
    StorageLockMode mode;
    Queue *queue;
    char *vdi_uuid; /* (nullable) */
};

static const gboolean modes_conflict[STORAGE_LOCK_N][STORAGE_LOCK_N] = {
    [STORAGE_LOCK_VDI][STORAGE_LOCK_SR] = TRUE,    [STORAGE_LOCK_CHANGE][STORAGE_LOCK_CHANGE] = TRUE,
    [STORAGE_LOCK_CHANGE][STORAGE_LOCK_SR] = TRUE, [STORAGE_LOCK_SR][STORAGE_LOCK_VDI] = TRUE,
    [STORAGE_LOCK_SR][STORAGE_LOCK_CHANGE] = TRUE, [STORAGE_LOCK_SR][STORAGE_LOCK_SR] = TRUE,
};

static void
queue_free(gpointer data)
{
    Queue *queue = data;
    g_free(queue->sr_uuid);
    g_queue_clear(&queue->requests);
    g_free(queue);
}

StorageLocks *
storage_locks_new(void)
{
    StorageLocks *locks = g_new0(StorageLocks, 1);
    g_mutex_init(&locks->mutex);
    g_cond_init(&locks->changed);
    locks->queues = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, queue_free);
    return locks;
}

void
storage_locks_free(StorageLocks *locks)
{
    if (locks == NULL)
        return;
    g_hash_table_unref(locks->queues);
    g_cond_clear(&locks->changed);
    g_mutex_clear(&locks->mutex);
    g_free(locks);
}

static Queue *
find_or_add_queue(StorageLocks *locks, const char *sr_uuid)
{
    Queue *queue = g_hash_table_lookup(locks->queues, sr_uuid);
    if (queue != NULL)
        return queue;

    queue = g_new0(Queue, 1);
    queue->sr_uuid = g_strdup(sr_uuid);
    g_queue_init(&queue->requests);
    g_hash_table_insert(locks->queues, queue->sr_uuid, queue);
    return queue;
}

static gboolean
conflicts(const StorageLock *a, const StorageLock *b)
{
    if (modes_conflict[a->mode][b->mode])
        return TRUE;
    return a->vdi_uuid != NULL && b->vdi_uuid != NULL && g_str_equal(a->vdi_uuid, b->vdi_uuid);
}

/* Whether nothing that came earlier is in the way; the mutex is held. */
static gboolean
is_granted(const StorageLock *lock)
{
    for (GList *item = lock->queue->requests.head; item->data != lock; item = item->next) {
        if (conflicts(item->data, lock))
            return FALSE;
    }
    return TRUE;
}

/* Takes @lock out of its queue; the mutex is held. */
static void
leave_queue(StorageLock *lock)
{
    g_queue_remove(&lock->queue->requests, lock);
    if (g_queue_is_empty(&lock->queue->requests))
        g_hash_table_remove(lock->locks->queues, lock->queue->sr_uuid);
    g_cond_broadcast(&lock->locks->changed);
}

static void
lock_free(StorageLock *lock)
{
    g_free(lock->vdi_uuid);
    g_free(lock);
}

static void
wake_waiters(GCancellable *cancellable, gpointer data)
{
    StorageLocks *locks = data;
    g_mutex_lock(&locks->mutex);
    g_cond_broadcast(&locks->changed);
    g_mutex_unlock(&locks->mutex);
}

/* Waits until @lock is granted. FALSE when cancelled; it has left the queue then. */
static gboolean
wait_for_grant(StorageLock *lock, GCancellable *cancellable, GError **error)
{
    StorageLocks *locks = lock->locks;
    gboolean is_cancelled = FALSE;

    /* Connected before the mutex is taken: a cancellable that has triggered already calls back at once. */
    gulong handler = 0;
    if (cancellable != NULL)
        handler = g_cancellable_connect(cancellable, G_CALLBACK(wake_waiters), locks, NULL);

    g_mutex_lock(&locks->mutex);
    while (!is_granted(lock) && !(is_cancelled = g_cancellable_is_cancelled(cancellable)))
        g_cond_wait(&locks->changed, &locks->mutex);
    if (is_cancelled)
        leave_queue(lock);
    g_mutex_unlock(&locks->mutex);

    if (handler != 0)
        g_cancellable_disconnect(cancellable, handler);
    if (!is_cancelled)
        return TRUE;
    g_cancellable_set_error_if_cancelled(cancellable, error);
    return FALSE;
}

StorageLock *
storage_lock_acquire(StorageLocks *locks, StorageLockMode mode, const char *sr_uuid, const char *vdi_uuid,
                     GCancellable *cancellable, GError **error)
{
    StorageLock *lock = g_new0(StorageLock, 1);
    lock->mode = mode;
    if (mode == STORAGE_LOCK_NONE)
        return lock;

    lock->locks = locks;
    lock->vdi_uuid = g_strdup(vdi_uuid);

    g_mutex_lock(&locks->mutex);
    lock->queue = find_or_add_queue(locks, sr_uuid);
    g_queue_push_tail(&lock->queue->requests, lock);
    g_mutex_unlock(&locks->mutex);

    if (wait_for_grant(lock, cancellable, error))
        return lock;
    lock_free(lock);
    return NULL;
}

void
storage_lock_release(StorageLock *lock)
{
    if (lock == NULL)
        return;
    if (lock->locks != NULL) {
        g_mutex_lock(&lock->locks->mutex);
        leave_queue(lock);
        g_mutex_unlock(&lock->locks->mutex);
    }
    lock_free(lock);
}

guint
storage_locks_count(StorageLocks *locks, const char *sr_uuid)
{
    g_mutex_lock(&locks->mutex);
    Queue *queue = g_hash_table_lookup(locks->queues, sr_uuid);
    guint count = queue == NULL ? 0 : queue->requests.length;
    g_mutex_unlock(&locks->mutex);
    return count;
}
