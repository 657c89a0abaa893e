/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a VM, as its rows stand now, could run on a host. */
#pragma once

#include "db/db.h"

/**
 * vm_check_host:
 * @vm: a VM's row
 * @error: (out): HOST_DISABLED [host], HOST_NOT_LIVE, HOST_NOT_ENOUGH_FREE_MEMORY [needed, available],
 * SR_HAS_NO_PBDS [sr] (plugged nowhere), VM_REQUIRES_SR [vm, sr] (plugged, but not there),
 * VM_REQUIRES_NETWORK [vm, network], VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION
 *
 * What depends on the host. Nothing is reserved: the memory may be gone when the VM starts.
 */
gboolean vm_check_host(Db *db, const DbRow *vm, const char *host_ref, GError **error);

/**
 * vm_check_settings:
 * @error: (out): VM_NO_VCPUS [vm], VM_MEMORY_SIZE_TOO_LOW [vm], VM_DUPLICATE_VBD_DEVICE [vm, vbd, device]
 *
 * What depends on the VM's own fields.
 */
gboolean vm_check_settings(Db *db, const DbRow *vm, GError **error);

/** vm_check_disks: none of @vm's disks is in another's way: VDI_IN_USE [vdi, operation], VDI_NOT_AVAILABLE
 * [vdi], VDI_READONLY [vdi]. */
gboolean vm_check_disks(Db *db, const DbRow *vm, GError **error);

/** vm_check_disk: vm_check_disks() of one VBD; an empty one is fine. */
gboolean vm_check_disk(Db *db, const DbRow *vbd, GError **error);

/** vm_check_disk_host: that the SR of one VBD's disk is plugged on @host_ref: SR_HAS_NO_PBDS, VM_REQUIRES_SR.
 */
gboolean vm_check_disk_host(Db *db, const DbRow *vbd, const char *host_ref, GError **error);
