/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of disks and network interfaces: numbers as clients give them, names as guests know them, and which
 * are free. */
#pragma once

#include "db/db.h"

#define VM_VBD_POSITION_MAX    255 /* places a VBD may be given */
#define VM_VBD_OFFERED_DEVICES 16  /* places get_allowed_VBD_devices tells of */
#define VM_VIF_POSITION_MAX    255
#define VM_VIF_OFFERED_DEVICES 7

/**
 * vm_vbd_position:
 * @userdevice: "0", or a disk's name: "xvda", "hdb", "sdc"; a partition number after the name is read over
 *
 * FALSE if it is none of these. Thread: any.
 *
 * Source: API reference, VBD.userdevice and VBD.device.
 */
gboolean vm_vbd_position(const char *userdevice, guint *ret_position);

/** vm_vbd_device_name: position 0 is "xvda", 25 "xvdz", 26 "xvdaa". The caller frees it. */
char *vm_vbd_device_name(guint position);

/** vm_vif_position: "0" to "255"; FALSE on any other. */
gboolean vm_vif_position(const char *device, guint *ret_position);

/**
 * vm_taken_positions:
 * @devices: (element-type DbRow): VBDs or VIFs of one VM
 * @except: (nullable): ref of a row that does not count
 *
 * A bit set of the positions in use: 256 entries, TRUE where something is. (transfer full): free with
 * g_free().
 */
gboolean *vm_taken_positions(GPtrArray *devices, const char *except);

/** vm_first_free_position: of the first @n places; -1 if all are taken. */
int vm_first_free_position(const gboolean *taken, guint n);
