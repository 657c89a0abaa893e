/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For builds with ThreadSanitizer only: tells it what GLib's locks, queues and threads order. GLib waits on
 * futexes of its own and is not instrumented, so without this every variable that a GMutex guards would be
 * reported. Each function here stands before GLib's of the same name, calls it, and says "what happened
 * before this is seen after that". Races in our own code stay as visible as they were. */
#include <dlfcn.h>
#include <gio/gio.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>

#define BEFORE(key) __tsan_release((void *)(key))
#define AFTER(key)  __tsan_acquire((void *)(key))

/* GLib's own function of the name. */
#define REAL(name)                                                                                           \
    ({                                                                                                       \
        static __typeof__(&name) real = NULL;                                                                \
        __typeof__(&name) found = __atomic_load_n(&real, __ATOMIC_RELAXED);                                  \
        if (found == NULL) {                                                                                 \
            found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                              \
            __atomic_store_n(&real, found, __ATOMIC_RELAXED);                                                \
        }                                                                                                    \
        found;                                                                                               \
    })

/* ---- Locks ---- */

#define LOCK(name, Type)                                                                                     \
    void name(Type *lock)                                                                                    \
    {                                                                                                        \
        REAL(name)(lock);                                                                                    \
        AFTER(lock);                                                                                         \
    }
#define TRYLOCK(name, Type)                                                                                  \
    gboolean name(Type *lock)                                                                                \
    {                                                                                                        \
        gboolean is_locked = REAL(name)(lock);                                                               \
        if (is_locked)                                                                                       \
            AFTER(lock);                                                                                     \
        return is_locked;                                                                                    \
    }
#define UNLOCK(name, Type)                                                                                   \
    void name(Type *lock)                                                                                    \
    {                                                                                                        \
        BEFORE(lock);                                                                                        \
        REAL(name)(lock);                                                                                    \
    }

LOCK(g_mutex_lock, GMutex)
TRYLOCK(g_mutex_trylock, GMutex)
UNLOCK(g_mutex_unlock, GMutex)
LOCK(g_rec_mutex_lock, GRecMutex)
TRYLOCK(g_rec_mutex_trylock, GRecMutex)
UNLOCK(g_rec_mutex_unlock, GRecMutex)
LOCK(g_rw_lock_writer_lock, GRWLock)
UNLOCK(g_rw_lock_writer_unlock, GRWLock)
LOCK(g_rw_lock_reader_lock, GRWLock)
UNLOCK(g_rw_lock_reader_unlock, GRWLock)

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
    BEFORE(mutex);
    REAL(g_cond_wait)(cond, mutex);
    AFTER(mutex);
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    BEFORE(mutex);
    gboolean is_signalled = REAL(g_cond_wait_until)(cond, mutex, end_time);
    AFTER(mutex);
    return is_signalled;
}

/* Ours alone: the check before it is inlined into the caller, and sees only stores that are instrumented. */
static pthread_mutex_t once_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t once_done = PTHREAD_COND_INITIALIZER;
static GSList *once_running;

gboolean(g_once_init_enter)(volatile void *location)
{
    gsize *value = (gsize *)location;
    pthread_mutex_lock(&once_lock);
    while (g_slist_find(once_running, value) != NULL)
        pthread_cond_wait(&once_done, &once_lock);
    gboolean is_ours = __atomic_load_n(value, __ATOMIC_ACQUIRE) == 0;
    if (is_ours)
        once_running = g_slist_prepend(once_running, value);
    pthread_mutex_unlock(&once_lock);
    return is_ours;
}

void(g_once_init_leave)(volatile void *location, gsize result)
{
    gsize *value = (gsize *)location;
    pthread_mutex_lock(&once_lock);
    __atomic_store_n(value, result, __ATOMIC_RELEASE);
    once_running = g_slist_remove(once_running, value);
    pthread_cond_broadcast(&once_done);
    pthread_mutex_unlock(&once_lock);
}

/* ---- References: who drops the last one has seen what all others did ---- */

gboolean(g_atomic_ref_count_dec)(gatomicrefcount *count)
{
    BEFORE(count);
    gboolean is_last = REAL(g_atomic_ref_count_dec)(count);
    AFTER(count);
    return is_last;
}

#define UNREF(name, Type)                                                                                    \
    void(name)(Type * object)                                                                                \
    {                                                                                                        \
        BEFORE(object);                                                                                      \
        AFTER(object);                                                                                       \
        REAL(name)(object);                                                                                  \
    }

UNREF(g_object_unref, void)
UNREF(g_ptr_array_unref, GPtrArray)
UNREF(g_hash_table_unref, GHashTable)
UNREF(g_bytes_unref, GBytes)
UNREF(g_variant_unref, GVariant)
UNREF(g_main_context_unref, GMainContext)
UNREF(g_source_unref, GSource)

/* ---- Queues and pools ---- */

void
g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
    BEFORE(queue);
    REAL(g_async_queue_push)(queue, data);
}

gpointer
g_async_queue_pop(GAsyncQueue *queue)
{
    gpointer data = REAL(g_async_queue_pop)(queue);
    AFTER(queue);
    return data;
}

gpointer
g_async_queue_try_pop(GAsyncQueue *queue)
{
    gpointer data = REAL(g_async_queue_try_pop)(queue);
    AFTER(queue);
    return data;
}

typedef struct PoolClosure {
    GFunc function;
    gpointer data;
} PoolClosure;

static void
run_in_pool(gpointer item, gpointer data)
{
    PoolClosure *closure = data;
    AFTER(closure);
    closure->function(item, closure->data);
    BEFORE(closure);
}

/* Closures are never freed: there are as many as pools. */
static PoolClosure *
pool_closure(GFunc function, gpointer data)
{
    PoolClosure *closure = g_new(PoolClosure, 1);
    *closure = (PoolClosure){function, data};
    return closure;
}

GThreadPool *
g_thread_pool_new(GFunc function, gpointer data, gint n_threads, gboolean exclusive, GError **error)
{
    return REAL(g_thread_pool_new)(run_in_pool, pool_closure(function, data), n_threads, exclusive, error);
}

GThreadPool *
g_thread_pool_new_full(GFunc function, gpointer data, GDestroyNotify free_item, gint n_threads,
                       gboolean exclusive, GError **error)
{
    return REAL(g_thread_pool_new_full)(run_in_pool, pool_closure(function, data), free_item, n_threads,
                                        exclusive, error);
}

/* GLib frees a pool on one of its own threads, so our look at it must not count as a use. */
__attribute__((no_sanitize_thread)) gboolean
g_thread_pool_push(GThreadPool *pool, gpointer item, GError **error)
{
    BEFORE(pool->user_data);
    return REAL(g_thread_pool_push)(pool, item, error);
}

__attribute__((no_sanitize_thread)) void
g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    gpointer closure = pool->user_data;
    REAL(g_thread_pool_free)(pool, immediate, wait);
    AFTER(closure);
}

/* ---- Main loops ---- */

typedef struct SourceClosure {
    GSourceFunc function;
    gpointer data;
    GDestroyNotify notify;
} SourceClosure;

/* Held while a source is attached. A context's lists are changed under its own lock, so who changes them
 * after that has seen what was done before. */
static pthread_mutex_t sources_lock = PTHREAD_MUTEX_INITIALIZER;

static void
see_sources(void)
{
    pthread_mutex_lock(&sources_lock);
    pthread_mutex_unlock(&sources_lock);
}

static gboolean
run_in_loop(gpointer data)
{
    SourceClosure *closure = data;
    AFTER(closure);
    see_sources();
    return closure->function(closure->data);
}

static void
notify_in_loop(gpointer data)
{
    SourceClosure *closure = data;
    AFTER(closure);
    if (closure->notify != NULL)
        closure->notify(closure->data);
    g_free(closure);
}

static SourceClosure *
source_closure(GSourceFunc function, gpointer data, GDestroyNotify notify)
{
    SourceClosure *closure = g_new(SourceClosure, 1);
    *closure = (SourceClosure){function, data, notify};
    BEFORE(closure);
    return closure;
}

void
g_main_context_invoke_full(GMainContext *context, gint priority, GSourceFunc function, gpointer data,
                           GDestroyNotify notify)
{
    REAL(g_main_context_invoke_full)
    (context, priority, run_in_loop, source_closure(function, data, notify), notify_in_loop);
}

/* Callbacks of other kinds of sources have other parameters. */
void
g_source_set_callback(GSource *source, GSourceFunc function, gpointer data, GDestroyNotify notify)
{
    gboolean is_plain = source->source_funcs == &g_timeout_funcs || source->source_funcs == &g_idle_funcs;
    if (is_plain)
        REAL(g_source_set_callback)
    (source, run_in_loop, source_closure(function, data, notify), notify_in_loop);
    else REAL(g_source_set_callback)(source, function, data, notify);
}

guint
g_timeout_add_seconds(guint interval, GSourceFunc function, gpointer data)
{
    return g_timeout_add_seconds_full(G_PRIORITY_DEFAULT, interval, run_in_loop,
                                      source_closure(function, data, NULL), notify_in_loop);
}

/* A loop that waits has seen what those did who woke it. */
static gint
poll_and_see(GPollFD *fds, guint n_fds, gint timeout)
{
    gint n = g_poll(fds, n_fds, timeout);
    see_sources();
    return n;
}

guint
g_source_attach(GSource *source, GMainContext *context)
{
    pthread_mutex_lock(&sources_lock);
    g_main_context_set_poll_func(context, poll_and_see);
    guint id = REAL(g_source_attach)(source, context);
    pthread_mutex_unlock(&sources_lock);
    return id;
}

void
g_source_destroy(GSource *source)
{
    see_sources();
    REAL(g_source_destroy)(source);
}

/* ---- Cancelling: callbacks run in the thread that cancels ---- */

void
g_cancellable_cancel(GCancellable *cancellable)
{
    BEFORE(cancellable);
    AFTER(cancellable);
    REAL(g_cancellable_cancel)(cancellable);
}

gboolean
g_cancellable_is_cancelled(GCancellable *cancellable)
{
    gboolean is_cancelled = REAL(g_cancellable_is_cancelled)(cancellable);
    if (is_cancelled)
        AFTER(cancellable);
    return is_cancelled;
}

gulong
g_cancellable_connect(GCancellable *cancellable, GCallback callback, gpointer data, GDestroyNotify notify)
{
    BEFORE(cancellable);
    gulong id = REAL(g_cancellable_connect)(cancellable, callback, data, notify);
    AFTER(cancellable);
    return id;
}

void
g_cancellable_disconnect(GCancellable *cancellable, gulong id)
{
    REAL(g_cancellable_disconnect)(cancellable, id);
    AFTER(cancellable);
}
