/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds plugins by looking into directories and asking what is there. Internal to this folder. */
#pragma once

#include "storage/request.h"

typedef struct StorageDiscovery {
    GPtrArray *plugins; /* StoragePlugin, sorted by type, each type once */
    GPtrArray *broken;  /* StorageBrokenPlugin */
} StorageDiscovery;

void storage_discovery_clear(StorageDiscovery *discovery);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StorageDiscovery, storage_discovery_clear)

/**
 * storage_discover:
 * @directories: NULL-terminated; earlier ones win; missing ones are no error
 * @host_ref: (nullable)
 *
 * Asks every executable regular file whose name ends in "SR" with sr_get_driver_info.
 *
 * Source: protocol notes 8, "Discovery".
 */
void storage_discover(const char *const *directories, const char *host_ref, const StorageLimits *limits,
                      StorageDiscovery *ret_discovery);

/** storage_plugin_from_info: reads the answer to sr_get_driver_info. Errors: BASE_ERROR_INVALID. (transfer
 * full) */
StoragePlugin *storage_plugin_from_info(const char *driver_filename, const Value *info, GError **error);

void storage_broken_plugin_free(StorageBrokenPlugin *broken);
