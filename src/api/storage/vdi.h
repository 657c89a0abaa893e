/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks for other folders of the API: what VDI.clone, snapshot, create and destroy do, row and plugin
 * together. All block. Those that make a disk do so as a step of the caller's plan: the disk goes again, row
 * and all, unless the plan comes to its end. */
#pragma once

#include "rpc/rpc.h"
#include "task/plan.h"

/** api_vdi_clone_disk: a writable copy of @vdi_ref beside it. Returns the new row's ref, which the caller
 * frees. Errors: API_ERROR. */
char *api_vdi_clone_disk(ApiCall *call, Plan *plan, const char *vdi_ref, GError **error);

/** api_vdi_snapshot_disk: a snapshot of @vdi_ref. Returns the new row's ref, which the caller frees. Errors:
 * API_ERROR. */
char *api_vdi_snapshot_disk(ApiCall *call, Plan *plan, const char *vdi_ref, GError **error);

/** api_vdi_create_disk: an empty disk; @type is a member of vdi_type. Returns the new row's ref, which the
 * caller frees. Errors: API_ERROR. */
char *api_vdi_create_disk(ApiCall *call, Plan *plan, const char *sr_ref, const char *name_label,
                          guint64 size_bytes, const char *type, GError **error);

/** api_vdi_destroy_disk: takes disk and row away. Errors: API_ERROR. */
gboolean api_vdi_destroy_disk(ApiCall *call, const char *vdi_ref, GError **error);
