/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a second disk with the content of the first: what snapshot and clone have in common. */
#pragma once

#include "lib/folder/store.h"
#include "lib/tables.h"

/**
 * folder_fork:
 * @uuid: the disk; not activated for writing
 * @new_uuid: of the disk to make
 * @new_meta: its sidecar
 * @error: (out): @code, or DRIVER_ERROR_SR_NO_SPACE, DRIVER_ERROR_VDI_LOAD, DRIVER_ERROR_VDI_MISSING
 *
 * The store is locked exclusively. When it fails, and after a crash once repaired, @uuid has the content it
 * had.
 */
gboolean folder_fork(const FolderStore *store, const char *uuid, const char *new_uuid,
                     const DiskMeta *new_meta, DriverErrorCode code, GError **error);
