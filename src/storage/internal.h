/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service object and the two steps of every call: begin (plugin, lock) and invoke. Internal to this
 * folder. */
#pragma once

#include "storage/call_log.h"
#include "storage/datapath.h"
#include "storage/discovery.h"
#include "storage/request.h"

struct Storage {
    GStrv plugin_directories; /* under the mutex */
    char *host_ref;           /* (nullable) */
    StorageLimits call_limits;
    StorageLimits info_limits;
    StorageLocks *locks;
    StorageDatapaths *datapaths;
    StorageCallLog *log;
    GMutex mutex;               /* guards discovery and plugin_directories */
    StorageDiscovery discovery; /* of the last scan */
};

/* A call under way: its plugin and its lock. */
typedef struct StorageTurn {
    Storage *storage;
    StoragePlugin *plugin;
    StorageLock *lock;
} StorageTurn;

void storage_turn_clear(StorageTurn *turn);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StorageTurn, storage_turn_clear)

/**
 * storage_turn_begin:
 * @ret_turn: (out): clear it to give up the lock
 *
 * Finds the plugin, checks what @call must bring for @operation, and waits for the lock of @operation.
 */
gboolean storage_turn_begin(Storage *storage, StorageOperation operation, const StorageCall *call,
                            StorageTurn *ret_turn, GError **error);

/**
 * storage_turn_invoke:
 *
 * Calls the plugin if it has the capability, and writes the call log. Returns what it answered, or nil where
 * a missing capability means success. (transfer full)
 */
Value *storage_turn_invoke(const StorageTurn *turn, const StorageRequest *request, GError **error);

/** storage_turn_bad_reply: replaces *@error, a reader's complaint, by STORAGE_ERROR_BACKEND_REPLY. */
void storage_turn_bad_reply(GError **error);

/** storage_run: begin, invoke and end in one. (transfer full) */
Value *storage_run(Storage *storage, const StorageRequest *request, GError **error);
