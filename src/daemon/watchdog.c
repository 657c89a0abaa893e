/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sends WATCHDOG=1 while the main loop turns and the probed part answers. Source: sd_watchdog_enabled(3): at
 * least twice in the time given. */
#include "daemon/watchdog.h"

#include <systemd/sd-daemon.h>

#include "base/log.h"

#define SIGNS_PER_PERIOD 3

struct Watchdog {
    gatomicrefcount references; /* ours, and one of a probe under way */
    const char *part;
    WatchdogProbe probe;
    gpointer data;
    guint timer;
    int is_waiting; /* atomic: the last probe has not been answered */
    gboolean is_overdue;
};

static void
unref(Watchdog *watchdog)
{
    if (g_atomic_ref_count_dec(&watchdog->references))
        g_free(watchdog);
}

static void
alive(gpointer data)
{
    Watchdog *watchdog = data;
    g_atomic_int_set(&watchdog->is_waiting, FALSE);
    unref(watchdog);
}

static gboolean
tick(gpointer data)
{
    Watchdog *watchdog = data;
    if (g_atomic_int_get(&watchdog->is_waiting)) {
        if (!watchdog->is_overdue)
            log_warning("watchdog: %s does not answer", watchdog->part);
        watchdog->is_overdue = TRUE;
        return G_SOURCE_CONTINUE;
    }
    if (watchdog->is_overdue)
        log_info("watchdog: %s answers again", watchdog->part);
    watchdog->is_overdue = FALSE;
    sd_notify(0, "WATCHDOG=1");
    g_atomic_int_set(&watchdog->is_waiting, TRUE);
    g_atomic_ref_count_inc(&watchdog->references);
    watchdog->probe(watchdog->data, alive, watchdog);
    return G_SOURCE_CONTINUE;
}

Watchdog *
watchdog_start(const char *part, WatchdogProbe probe, gpointer data)
{
    uint64_t period_us = 0;
    if (sd_watchdog_enabled(0, &period_us) <= 0)
        return NULL;
    Watchdog *watchdog = g_new0(Watchdog, 1);
    g_atomic_ref_count_init(&watchdog->references);
    watchdog->part = part;
    watchdog->probe = probe;
    watchdog->data = data;
    guint period_ms = (guint)MIN(period_us / 1000 / SIGNS_PER_PERIOD, G_MAXINT);
    watchdog->timer = g_timeout_add(MAX(period_ms, 1), tick, watchdog);
    return watchdog;
}

void
watchdog_stop(Watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    g_source_remove(watchdog->timer);
    unref(watchdog);
}
