/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real time by GLib's sources; manual time by a list of what is due when. */
#include "domain/clock.h"

#include "base/text.h"

struct DomainClock {
    GMainContext *context; /* NULL: manual */
    GMutex lock;           /* of what follows; manual only */
    gint64 now_us;
    GList *timers; /* DomainTimer, soonest first, borrowed */
};

struct DomainTimer {
    gatomicrefcount refs; /* the caller's and the clock's */
    DomainClock *clock;
    GSource *source; /* real */
    gint64 due_us;   /* manual */
    void (*function)(gpointer data);
    gpointer data;
    GDestroyNotify destroy;
};

static DomainClock *
clock_new(GMainContext *context, gint64 start_us)
{
    DomainClock *clock = g_new0(DomainClock, 1);
    clock->context = context == NULL ? NULL : g_main_context_ref(context);
    clock->now_us = start_us;
    g_mutex_init(&clock->lock);
    return clock;
}

DomainClock *
domain_clock_new(GMainContext *context)
{
    return clock_new(context, 0);
}

DomainClock *
domain_clock_new_manual(gint64 start_us)
{
    return clock_new(NULL, start_us);
}

void
domain_clock_free(DomainClock *clock)
{
    if (clock == NULL)
        return;
    g_assert(clock->timers == NULL);
    g_clear_pointer(&clock->context, g_main_context_unref);
    g_mutex_clear(&clock->lock);
    g_free(clock);
}

static gint64
manual_now(DomainClock *clock)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&clock->lock);
    return clock->now_us;
}

gint64
domain_clock_now_us(DomainClock *clock)
{
    return clock->context != NULL ? g_get_monotonic_time() : manual_now(clock);
}

gint64
domain_clock_wall_us(DomainClock *clock)
{
    return clock->context != NULL ? base_now_us() : manual_now(clock);
}

gboolean
domain_clock_has_timers(DomainClock *clock)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&clock->lock);
    return clock->timers != NULL;
}

static void
timer_unref(gpointer data)
{
    DomainTimer *timer = data;
    if (!g_atomic_ref_count_dec(&timer->refs))
        return;
    if (timer->source != NULL)
        g_source_unref(timer->source);
    g_free(timer);
}

/* The clock lets go of a timer: fired or cancelled. */
static void
timer_drop(gpointer data)
{
    DomainTimer *timer = data;
    if (timer->destroy != NULL)
        timer->destroy(timer->data);
    timer_unref(timer);
}

static gboolean
timer_fire(gpointer data)
{
    DomainTimer *timer = data;
    timer->function(timer->data);
    return G_SOURCE_REMOVE;
}

static int
compare_due(gconstpointer a, gconstpointer b)
{
    gint64 difference = ((const DomainTimer *)a)->due_us - ((const DomainTimer *)b)->due_us;
    return difference < 0 ? -1 : difference > 0;
}

static void
add_real(DomainTimer *timer, gint64 delay_us)
{
    gint64 delay_ms = CLAMP((delay_us + 999) / 1000, 0, G_MAXINT);
    timer->source = g_timeout_source_new((guint)delay_ms);
    g_source_set_callback(timer->source, timer_fire, timer, timer_drop);
    g_source_attach(timer->source, timer->clock->context);
}

static void
add_manual(DomainTimer *timer, gint64 delay_us)
{
    DomainClock *clock = timer->clock;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&clock->lock);
    timer->due_us = clock->now_us + MAX(delay_us, 0);
    GList *after = clock->timers;
    while (after != NULL && compare_due(after->data, timer) <= 0)
        after = after->next;
    clock->timers = g_list_insert_before(clock->timers, after, timer);
}

DomainTimer *
domain_clock_call_after(DomainClock *clock, gint64 delay_us, void (*function)(gpointer data), gpointer data,
                        GDestroyNotify destroy)
{
    DomainTimer *timer = g_new0(DomainTimer, 1);
    g_atomic_ref_count_init(&timer->refs);
    g_atomic_ref_count_inc(&timer->refs);
    timer->clock = clock;
    timer->function = function;
    timer->data = data;
    timer->destroy = destroy;
    if (clock->context != NULL)
        add_real(timer, delay_us);
    else
        add_manual(timer, delay_us);
    return timer;
}

static gboolean
take_manual(DomainTimer *timer)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&timer->clock->lock);
    GList *link = g_list_find(timer->clock->timers, timer);
    timer->clock->timers = g_list_delete_link(timer->clock->timers, link);
    return link != NULL;
}

void
domain_timer_cancel(DomainTimer *timer)
{
    if (timer == NULL)
        return;
    if (timer->source != NULL)
        g_source_destroy(timer->source);
    else if (take_manual(timer))
        timer_drop(timer);
    timer_unref(timer);
}

/* The next timer due by @until_us, with the clock moved to its time; NULL when none is left. */
static DomainTimer *
next_due(DomainClock *clock, gint64 until_us)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&clock->lock);
    GList *first = clock->timers;
    if (first == NULL || ((DomainTimer *)first->data)->due_us > until_us) {
        clock->now_us = until_us;
        return NULL;
    }
    DomainTimer *timer = first->data;
    clock->timers = g_list_delete_link(clock->timers, first);
    clock->now_us = MAX(clock->now_us, timer->due_us);
    return timer;
}

void
domain_clock_advance(DomainClock *clock, gint64 delta_us)
{
    gint64 until_us = manual_now(clock) + delta_us;
    for (DomainTimer *timer; (timer = next_due(clock, until_us)) != NULL;) {
        timer->function(timer->data);
        timer_drop(timer);
    }
}
