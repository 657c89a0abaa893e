/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an ISO SR's images come from: a folder of this host, or one that is mounted over NFS or CIFS. */
#pragma once

#include "lib/driver.h"

/** iso_locate: the folder itself, or where it is mounted. Fault: DRIVER_ERROR_INVALID_ARG for a location that
 * is none of the three kinds. The driver's locate(). */
char *iso_locate(const DriverRequest *request, GError **error);

/** iso_try: whether it can be had, leaving nothing mounted. Fault: DRIVER_ERROR_ISO_MOUNT_FAILURE. */
gboolean iso_try(const DriverRequest *request, GError **error);

/** iso_mount: fine if it is mounted. Fault: DRIVER_ERROR_ISO_MOUNT_FAILURE. */
gboolean iso_mount(const DriverRequest *request, GError **error);

/** iso_unmount: fine if it is not mounted. Fault: DRIVER_ERROR_ISO_UNMOUNT_FAILURE. */
gboolean iso_unmount(const DriverRequest *request, GError **error);
