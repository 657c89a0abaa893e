/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File systems that a driver mounts, and where: one folder per SR, named by its uuid. */
#pragma once

#include <glib.h>

#include "lib/driver.h"

/**
 * driver_mount_point:
 *
 * The folder of the SR @sr_uuid below /run/sr-mount, which is where administrators and other programs look
 * for it; an ordinary user's are in their own run-time folder. The environment variable SR_MOUNT_DIR names
 * another place than these. The caller frees it.
 *
 * Source: SM API, "the test script": /var/run/sr-mount/<SR>.
 */
char *driver_mount_point(const char *sr_uuid);

/** driver_locate_mount_point: a driver's locate() for that. */
char *driver_locate_mount_point(const DriverRequest *request, GError **error);

/** driver_mount_source: what is mounted on @folder, as the kernel tells it; NULL for nothing. The caller
 * frees it. */
char *driver_mount_source(const char *folder);

typedef struct DriverMount {
    const char *type;               /* "ext4", "nfs", "cifs" */
    const char *source;             /* device or server's path */
    const char *options;            /* comma separated; NULL for none */
    const char *folder;             /* made if missing */
    const char *const *environment; /* (nullable) for the helper: secrets do not go on a command line */
} DriverMount;

/**
 * driver_mount:
 * @code: the fault when it cannot be mounted; without being root, that is the reason that is told
 *
 * Mounts it by mount(8), which knows helpers such as mount.nfs. Fine if @spec's source is mounted there
 * already.
 */
gboolean driver_mount(const DriverMount *spec, DriverErrorCode code, GError **error);

/** driver_unmount: fine if nothing is mounted there. Removes the folder. Fault: @code. */
gboolean driver_unmount(const char *folder, DriverErrorCode code, GError **error);

/**
 * driver_visit:
 * @spec: its folder is not read
 * @ret_folder: (out): where it is mounted; freed by the caller
 *
 * driver_mount() for this process and its children only, until they end: whatever kills them leaves no mount
 * behind. Nothing that they mount or unmount afterwards is seen by others.
 */
gboolean driver_visit(const DriverMount *spec, DriverErrorCode code, char **ret_folder, GError **error);
