/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From rows to what the storage service must be told of them. */
#pragma once

#include "api/services.h"

/* A StorageCall with the rows its texts are borrowed from. */
typedef struct StorageContext {
    StorageCall call;
    DbRow *sr;
    DbRow *pbd;
    DbRow *vdi;     /* NULL for calls on an SR */
    char *new_uuid; /* (nullable): owns that of the call */
} StorageContext;

void storage_context_clear(StorageContext *context);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StorageContext, storage_context_clear)

/**
 * storage_context_sr:
 * @task: (nullable): whose cancellable and ref go along
 *
 * For calls on an SR that this host has a PBD for, plugged or not. Errors: HANDLE_INVALID, SR_HAS_NO_PBDS
 * [sr].
 */
gboolean storage_context_sr(StorageContext *context, ApiServices *services, Task *task, const char *sr_ref,
                            GError **error);

/** storage_context_attached_sr: the same, where the PBD must be plugged: SR_NOT_ATTACHED [sr]. */
gboolean storage_context_attached_sr(StorageContext *context, ApiServices *services, Task *task,
                                     const char *sr_ref, GError **error);

/** storage_context_vdi: for calls on a VDI in an SR that is plugged here. */
gboolean storage_context_vdi(StorageContext *context, ApiServices *services, Task *task, const char *vdi_ref,
                             GError **error);
