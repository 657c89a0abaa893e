/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting on storage, but not for ever: for what has to be put right after a call has failed or was
 * cancelled. Whatever waits with the deadline's cancellable is broken off at its end. */
#pragma once

#include <gio/gio.h>

typedef struct StorageDeadline {
    GCancellable *cancellable;
    GSource *timer;
    GCancellable *sooner; /* (nullable) */
    gulong sooner_handler;
} StorageDeadline;

/** storage_deadline_start: @sooner (nullable): ends it before its time. The main loop has to run. */
StorageDeadline storage_deadline_start(GCancellable *sooner);
void storage_deadline_clear(StorageDeadline *deadline);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StorageDeadline, storage_deadline_clear)
