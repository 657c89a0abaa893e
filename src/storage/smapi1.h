/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SMAPIv1: a plugin is a program that takes an XML-RPC call as its argument and prints the reply. Internal to
 * this folder. */
#pragma once

#include "storage/request.h"

/** storage_smapi1_encode: the methodCall, byte for byte as it is passed. The caller frees it. */
char *storage_smapi1_encode(const StorageRequest *request);

/**
 * storage_smapi1_call:
 * @program: path of the plugin
 * @error: (out): STORAGE_ERROR_BACKEND_*, _CANCELLED, and those a fault means (model/storage.toml)
 *
 * Runs the plugin to its end and returns the value it replied. (transfer full)
 *
 * Source: protocol notes 8.
 */
Value *storage_smapi1_call(const char *program, const StorageRequest *request, const StorageLimits *limits,
                           GError **error);
