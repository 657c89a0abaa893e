/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices that become SRs: whose they are, what is on them, and wiping them. */
#pragma once

#include <glib.h>

/** driver_device_check: that @path is absolute and names a block device. Fault:
 * DRIVER_ERROR_CONFIG_DEVICE_INVALID. */
gboolean driver_device_check(const char *path, GError **error);

/** driver_device_check_free: that nobody has it mounted or holds it otherwise. Faults: DRIVER_ERROR_ROOTDEV
 * when the system runs from it, DRIVER_ERROR_SR_IN_USE, DRIVER_ERROR_CONFIG_DEVICE_INVALID when it cannot be
 * opened. */
gboolean driver_device_check_free(const char *path, GError **error);

/* What blkid(8) recognises on a device. All NULL where it finds nothing. */
typedef struct DeviceContent {
    char *type; /* of file system, volume manager or partition table: "ext4", "LVM2_member", "gpt" */
    char *uuid;
    char *label;
} DeviceContent;

void device_content_clear(DeviceContent *content);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DeviceContent, device_content_clear)

/** driver_device_read: looks at the device itself, not at what somebody remembers of it. Fault:
 * DRIVER_ERROR_CONFIG_DEVICE_INVALID. */
gboolean driver_device_read(const char *path, DeviceContent *ret_content, GError **error);

/** driver_device_check_blank: DRIVER_ERROR_SR_EXISTS if anything is recognised on it. */
gboolean driver_device_check_blank(const char *path, GError **error);

/** driver_device_wipe: zeros over the first 100 MiB, first of all where a file system says that it is there.
 * Fault: DRIVER_ERROR_SR_IN_USE, DRIVER_ERROR_EIO. */
gboolean driver_device_wipe(const char *path, GError **error);
