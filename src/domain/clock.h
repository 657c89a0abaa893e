/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time as the domain service sees it: the real one, or one that a test moves by hand. Safe from any thread.
 */
#pragma once

#include <glib.h>

typedef struct DomainClock DomainClock;
typedef struct DomainTimer DomainTimer;

/** domain_clock_new: real time; timers fire on the thread that runs @context, which must outlive the clock.
 */
DomainClock *domain_clock_new(GMainContext *context);
/** domain_clock_new_manual: stands still at @start_us; timers fire inside domain_clock_advance(). */
DomainClock *domain_clock_new_manual(gint64 start_us);
void domain_clock_free(DomainClock *clock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainClock, domain_clock_free)

/** domain_clock_now_us: for measuring; never goes back. */
gint64 domain_clock_now_us(DomainClock *clock);

/** domain_clock_wall_us: microseconds since 1970. */
gint64 domain_clock_wall_us(DomainClock *clock);

/** domain_clock_advance: moves a manual clock and fires what has become due, in order. */
void domain_clock_advance(DomainClock *clock, gint64 delta_us);

/** domain_clock_has_timers: whether anything waits for a manual clock to move. */
gboolean domain_clock_has_timers(DomainClock *clock);

/**
 * domain_clock_call_after:
 * @destroy: (nullable): called on @data once, after @function or when cancelled
 *
 * Calls @function once after @delay_us. The answer must be given to domain_timer_cancel() at some time, also
 * after it fired.
 */
DomainTimer *domain_clock_call_after(DomainClock *clock, gint64 delay_us, void (*function)(gpointer data),
                                     gpointer data, GDestroyNotify destroy);

/** domain_timer_cancel: @function does not start after this, but may still be at work on another thread. NULL
 * is fine. */
void domain_timer_cancel(DomainTimer *timer);
