/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs of life for systemd's watchdog (WatchdogSec= of the unit), sent only while the daemon really does its
 * work: from the main loop, and only if the part that is probed has answered since the last one. */
#pragma once

#include <glib.h>

/**
 * WatchdogProbe:
 * @alive: to be called once with @alive_data, from any thread, as soon as the part has done a round of work
 *
 * Asks a part of the daemon whether it still works. Must not block.
 */
typedef void (*WatchdogProbe)(gpointer data, void (*alive)(gpointer alive_data), gpointer alive_data);

typedef struct Watchdog Watchdog;

/** watchdog_start: NULL where nobody watches (no WATCHDOG_USEC), which is fine. @part is its name for the
 * log. */
Watchdog *watchdog_start(const char *part, WatchdogProbe probe, gpointer data);
/** watchdog_stop: no probe begins any more; one under way may still answer. NULL is fine. */
void watchdog_stop(Watchdog *watchdog);
