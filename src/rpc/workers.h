/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads for work that waits, shared fairly between those it is done for.
 *
 * Each owner (a session) has a queue of its own; the queues take turns. Nobody has more than a share of the
 * threads at work, and the last few threads serve only owners who have nothing at work: whatever one client
 * starts, another's call is begun at once. */
#pragma once

#include <gio/gio.h>

typedef struct Workers Workers;

typedef struct WorkersLimits {
    guint n_threads;
    guint share;       /* threads at work for one owner */
    guint n_reserved;  /* of n_threads: for owners who have nothing at work */
    guint owner_queue; /* that may wait for one owner */
    guint queue;       /* for all owners together */
} WorkersLimits;

/** workers_limits: what suits @n_threads. */
WorkersLimits workers_limits(guint n_threads);

/** workers_new: @run does one job, on one of the threads, and may block. */
Workers *workers_new(const WorkersLimits *limits, void (*run)(gpointer job));
/** workers_free: does all that waits, then ends. Nothing may be pushed any more. NULL is fine. */
void workers_free(Workers *workers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Workers, workers_free)

/** workers_set_limits: from now on; what has begun goes on. */
void workers_set_limits(Workers *workers, const WorkersLimits *limits);

/** workers_has_room: whether workers_push() for @owner would succeed now. */
gboolean workers_has_room(Workers *workers, const char *owner);

/** workers_count_waiting: jobs whose turn has not come; workers_count_busy: threads at work. For reports. */
guint workers_count_waiting(Workers *workers);
guint workers_count_busy(Workers *workers);

/**
 * workers_push:
 * @owner: (nullable): any text that names whom it is done for
 * @cancellable: (nullable): once triggered, a job that still waits is run before all others, whatever the
 * limits, as all that is left to do is to end it
 *
 * FALSE: too much waits already, and @job is not taken.
 */
gboolean workers_push(Workers *workers, const char *owner, GCancellable *cancellable, gpointer job);
