/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine-readable log of plugin calls: one JSON object per line. Internal to this folder. */
#pragma once

#include "storage/request.h"

typedef struct StorageCallLog StorageCallLog;

/** storage_call_log_open: appends to @path (mode 0600). Errors: BASE_ERROR_IO. */
StorageCallLog *storage_call_log_open(const char *path, GError **error);
void storage_call_log_free(StorageCallLog *log); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageCallLog, storage_call_log_free)

/**
 * storage_call_log_write:
 * @failure: (nullable): how the call ended; NULL is success
 * @duration_us: how long the plugin ran
 *
 * Members: time, type, sr, vdi, call, args, device_config, result ("success" or the wire code), detail (of a
 * failure), duration_ms. Values of secret keys, and the session, stand as "***" wherever they occur. A line
 * that cannot be written is dropped.
 */
void storage_call_log_write(StorageCallLog *log, const StorageRequest *request, const GError *failure,
                            gint64 duration_us);

/** storage_key_is_secret: whether device_config @key (in any case) must not be shown: it holds "password",
 * "secret" or the like. */
gboolean storage_key_is_secret(const char *key);
