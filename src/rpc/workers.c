/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fair sharing of threads. One lock; nothing is called with it held. */
#include "rpc/workers.h"

/* Besides the threads for work: for jobs that were cancelled while they waited. */
#define URGENT_THREADS 2

/* Those that wait for one owner, and how many are at work. Gone when both are none. */
typedef struct Lane {
    char *owner;
    GQueue waiting; /* of Entry */
    guint n_running;
} Lane;

typedef struct Entry {
    Workers *workers;
    gpointer job;
    Lane *lane;          /* NULL: urgent */
    gboolean is_waiting; /* in its lane's queue */
    GCancellable *cancellable;
    gulong cancel_handler;
} Entry;

struct Workers {
    WorkersLimits limits;
    void (*run)(gpointer job);
    GThreadPool *threads;
    GMutex lock;
    GHashTable *lanes; /* owner -> Lane */
    GQueue turns;      /* of Lane: those with something waiting; the next one first */
    GQueue urgent;     /* of Entry */
    guint n_waiting;   /* without the urgent ones */
    guint n_busy;      /* the same */
    guint n_serving;   /* threads that look for jobs or do one */
};

WorkersLimits
workers_limits(guint n_threads)
{
    return (WorkersLimits){.n_threads = n_threads,
                           .share = MAX(1, n_threads / 2),
                           .n_reserved = n_threads / 4,
                           .owner_queue = 1000,
                           .queue = 4000};
}

/* ---- Whose turn it is ---- */

static gboolean
may_run(const Workers *workers, const Lane *lane)
{
    if (lane->n_running >= workers->limits.share || workers->n_busy >= workers->limits.n_threads)
        return FALSE;
    guint n_free = workers->limits.n_threads - workers->n_busy;
    return lane->n_running == 0 || n_free > workers->limits.n_reserved;
}

static Entry *
take_urgent(Workers *workers)
{
    return g_queue_pop_head(&workers->urgent);
}

/* The lane goes to the end of the row, if more waits in it. */
static Entry *
take_fair(Workers *workers)
{
    for (GList *turn = workers->turns.head; turn != NULL; turn = turn->next) {
        Lane *lane = turn->data;
        if (!may_run(workers, lane))
            continue;
        Entry *entry = g_queue_pop_head(&lane->waiting);
        entry->is_waiting = FALSE;
        workers->n_waiting--;
        workers->n_busy++;
        lane->n_running++;
        g_queue_delete_link(&workers->turns, turn);
        if (!g_queue_is_empty(&lane->waiting))
            g_queue_push_tail(&workers->turns, lane);
        return entry;
    }
    return NULL;
}

static void
drop_idle_lane(Workers *workers, Lane *lane)
{
    if (lane->n_running > 0 || !g_queue_is_empty(&lane->waiting))
        return;
    g_hash_table_remove(workers->lanes, lane->owner);
    g_free(lane->owner);
    g_free(lane);
}

static void
entry_done(Workers *workers, Entry *entry)
{
    Lane *lane = entry->lane;
    if (lane != NULL) {
        workers->n_busy--;
        lane->n_running--;
        drop_idle_lane(workers, lane);
    }
    g_clear_object(&entry->cancellable);
    g_free(entry);
}

/* ---- Threads ---- */

static void
serve(gpointer token, gpointer data)
{
    Workers *workers = data;
    Entry *entry;
    g_mutex_lock(&workers->lock);
    while ((entry = take_urgent(workers)) != NULL || (entry = take_fair(workers)) != NULL) {
        g_mutex_unlock(&workers->lock);
        g_cancellable_disconnect(entry->cancellable, entry->cancel_handler);
        workers->run(entry->job);
        g_mutex_lock(&workers->lock);
        entry_done(workers, entry);
    }
    workers->n_serving--;
    g_mutex_unlock(&workers->lock);
}

/* A thread that ends a job looks for the next one itself, so one more is enough for one more job. */
static void
wake(Workers *workers)
{
    if (workers->n_serving >= workers->limits.n_threads + URGENT_THREADS)
        return;
    workers->n_serving++;
    g_thread_pool_push(workers->threads, workers, NULL);
}

Workers *
workers_new(const WorkersLimits *limits, void (*run)(gpointer job))
{
    Workers *workers = g_new0(Workers, 1);
    workers->limits = *limits;
    workers->run = run;
    workers->threads =
        g_thread_pool_new(serve, workers, (int)(limits->n_threads + URGENT_THREADS), FALSE, NULL);
    workers->lanes = g_hash_table_new(g_str_hash, g_str_equal);
    g_mutex_init(&workers->lock);
    return workers;
}

void
workers_free(Workers *workers)
{
    if (workers == NULL)
        return;
    g_thread_pool_free(workers->threads, FALSE, TRUE);
    g_hash_table_unref(workers->lanes);
    g_mutex_clear(&workers->lock);
    g_free(workers);
}

void
workers_set_limits(Workers *workers, const WorkersLimits *limits)
{
    g_mutex_lock(&workers->lock);
    workers->limits = *limits;
    g_thread_pool_set_max_threads(workers->threads, (int)(limits->n_threads + URGENT_THREADS), NULL);
    for (guint i = 0; i < MIN(workers->n_waiting, limits->n_threads); i++)
        wake(workers);
    g_mutex_unlock(&workers->lock);
}

/* ---- Coming in ---- */

static gboolean
has_room(const Workers *workers, const Lane *lane)
{
    return workers->n_waiting < workers->limits.queue &&
           (lane == NULL || lane->waiting.length < workers->limits.owner_queue);
}

static const char *
key_of(const char *owner)
{
    return owner != NULL ? owner : "";
}

gboolean
workers_has_room(Workers *workers, const char *owner)
{
    g_mutex_lock(&workers->lock);
    gboolean result = has_room(workers, g_hash_table_lookup(workers->lanes, key_of(owner)));
    g_mutex_unlock(&workers->lock);
    return result;
}

guint
workers_count_waiting(Workers *workers)
{
    g_mutex_lock(&workers->lock);
    guint result = workers->n_waiting + workers->urgent.length;
    g_mutex_unlock(&workers->lock);
    return result;
}

guint
workers_count_busy(Workers *workers)
{
    g_mutex_lock(&workers->lock);
    guint result = workers->n_busy;
    g_mutex_unlock(&workers->lock);
    return result;
}

static Lane *
ensure_lane(Workers *workers, const char *owner)
{
    Lane *lane = g_hash_table_lookup(workers->lanes, key_of(owner));
    if (lane != NULL)
        return lane;
    lane = g_new0(Lane, 1);
    lane->owner = g_strdup(key_of(owner));
    g_queue_init(&lane->waiting);
    g_hash_table_insert(workers->lanes, lane->owner, lane);
    return lane;
}

/* Past all limits: it only has to be ended. */
static void
make_urgent(Workers *workers, Entry *entry)
{
    entry->lane = NULL;
    g_queue_push_tail(&workers->urgent, entry);
    wake(workers);
}

static void
cancelled(GCancellable *cancellable, gpointer data)
{
    Entry *entry = data;
    Workers *workers = entry->workers;
    g_mutex_lock(&workers->lock);
    if (entry->is_waiting) {
        Lane *lane = entry->lane;
        entry->is_waiting = FALSE;
        workers->n_waiting--;
        g_queue_remove(&lane->waiting, entry);
        if (g_queue_is_empty(&lane->waiting))
            g_queue_remove(&workers->turns, lane);
        drop_idle_lane(workers, lane);
        make_urgent(workers, entry);
    }
    g_mutex_unlock(&workers->lock);
}

static gboolean
push_fair(Workers *workers, const char *owner, Entry *entry)
{
    Lane *lane = ensure_lane(workers, owner);
    if (!has_room(workers, lane)) {
        drop_idle_lane(workers, lane);
        return FALSE;
    }
    if (g_queue_is_empty(&lane->waiting))
        g_queue_push_tail(&workers->turns, lane);
    g_queue_push_tail(&lane->waiting, entry);
    entry->lane = lane;
    entry->is_waiting = TRUE;
    workers->n_waiting++;
    wake(workers);
    return TRUE;
}

/* One that is cancelled before it waits is not found by cancelled(), hence the look under the lock. */
gboolean
workers_push(Workers *workers, const char *owner, GCancellable *cancellable, gpointer job)
{
    Entry *entry = g_new0(Entry, 1);
    *entry = (Entry){.workers = workers, .job = job};
    if (cancellable != NULL) {
        entry->cancellable = g_object_ref(cancellable);
        entry->cancel_handler = g_cancellable_connect(cancellable, G_CALLBACK(cancelled), entry, NULL);
    }
    gboolean is_taken = TRUE;
    g_mutex_lock(&workers->lock);
    if (g_cancellable_is_cancelled(cancellable))
        make_urgent(workers, entry);
    else
        is_taken = push_fair(workers, owner, entry);
    g_mutex_unlock(&workers->lock);
    if (is_taken)
        return TRUE;
    g_cancellable_disconnect(entry->cancellable, entry->cancel_handler);
    g_clear_object(&entry->cancellable);
    g_free(entry);
    return FALSE;
}
