/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GMainContext with a thread of its own. */
#include "base/loop.h"

struct Loop {
    GMainContext *context;
    GMainLoop *main_loop;
    GThread *thread;
};

typedef struct QueuedCall {
    void (*function)(gpointer data);
    gpointer data;
} QueuedCall;

typedef struct TimerCall {
    GSourceFunc function;
    gpointer data;
} TimerCall;

static gpointer
run_thread(gpointer data)
{
    Loop *loop = data;

    g_main_context_push_thread_default(loop->context);
    g_main_loop_run(loop->main_loop);
    g_main_context_pop_thread_default(loop->context);
    return NULL;
}

Loop *
loop_new(const char *name)
{
    Loop *loop = g_new0(Loop, 1);

    loop->context = g_main_context_new();
    loop->main_loop = g_main_loop_new(loop->context, FALSE);
    loop->thread = g_thread_new(name, run_thread, loop);
    return loop;
}

static void
quit(gpointer data)
{
    g_main_loop_quit(data);
}

void
loop_free(Loop *loop)
{
    if (loop == NULL)
        return;
    g_assert(loop->thread != g_thread_self());
    loop_call(loop, quit,
              loop->main_loop); /* behind all that is queued; also right when the thread has not begun yet */
    g_thread_join(loop->thread);
    g_main_loop_unref(loop->main_loop);
    g_main_context_unref(loop->context);
    g_free(loop);
}

GMainContext *
loop_context(Loop *loop)
{
    return loop->context;
}

static gboolean
run_call(gpointer data)
{
    QueuedCall *call = data;

    call->function(call->data);
    return G_SOURCE_REMOVE;
}

void
loop_call(Loop *loop, void (*function)(gpointer data), gpointer data)
{
    QueuedCall *call = g_new(QueuedCall, 1);
    g_autoptr(GSource) source = g_idle_source_new();

    *call = (QueuedCall){function, data};
    g_source_set_priority(source, G_PRIORITY_DEFAULT); /* sources of one priority run in the order attached */
    g_source_set_callback(source, run_call, call, g_free);
    g_source_attach(source, loop->context);
}

static gboolean
run_timer(gpointer data)
{
    TimerCall *call = data;

    call->function(call->data);
    return G_SOURCE_REMOVE; /* once, whatever @function answers */
}

GSource *
loop_timer(Loop *loop, guint delay_ms, GSourceFunc function, gpointer data)
{
    TimerCall *call = g_new(TimerCall, 1);
    GSource *source = g_timeout_source_new(delay_ms);

    *call = (TimerCall){function, data};
    g_source_set_callback(source, run_timer, call, g_free);
    g_source_attach(source, loop->context);
    return source;
}

/* ---- Ending a source from another thread */

typedef struct Barrier {
    GMutex lock;
    GCond reached;
    gboolean is_reached;
    GSource *source;
} Barrier;

static gboolean
reach_barrier(gpointer data)
{
    Barrier *barrier = data;
    g_source_destroy(barrier->source);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&barrier->lock);
    barrier->is_reached = TRUE;
    g_cond_signal(&barrier->reached);
    return G_SOURCE_REMOVE;
}

void
loop_end_source(GMainContext *context, GSource *source)
{
    Barrier barrier = {.source = source};
    g_mutex_init(&barrier.lock);
    g_cond_init(&barrier.reached);
    g_main_context_invoke_full(context, G_PRIORITY_HIGH, reach_barrier, &barrier, NULL);
    g_mutex_lock(&barrier.lock);
    while (!barrier.is_reached)
        g_cond_wait(&barrier.reached, &barrier.lock);
    g_mutex_unlock(&barrier.lock);
    g_mutex_clear(&barrier.lock);
    g_cond_clear(&barrier.reached);
    g_source_unref(source);
}
