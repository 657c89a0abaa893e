/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call to a plugin, in no protocol's words yet, and what every protocol needs to make it. Internal to
 * this folder. */
#pragma once

#include "storage/storage.h"
#include "storage/tables.h"

/* All borrowed. */
typedef struct StorageRequest {
    StorageOperation operation;
    const StorageCall *call;
    const char *const *args;    /* NULL-terminated, as model/storage.toml lists them; NULL for none */
    const char *new_uuid;       /* introduce */
    const char *vdi_type;       /* create */
    const Value *driver_params; /* snapshot, clone: map of strings */
    const Value
        *additions; /* (nullable) map of strings: keys only our own drivers know; others ignore them */
} StorageRequest;

/* Bounds on a plugin. */
typedef struct StorageLimits {
    guint timeout_ms;
    gsize output_max_bytes;
} StorageLimits;

/** storage_request_info: the row of its operation. */
static inline const StorageOperationInfo *
storage_request_info(const StorageRequest *request)
{
    return &storage_operation_infos[request->operation];
}
