/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a request to the folder of its SR. */
#pragma once

#include "file/store.h"
#include "lib/driver.h"

/** file_location: device_config "location". Fault: DRIVER_ERROR_INVALID_ARG unless it is an absolute path.
 * Borrowed. */
const char *file_location(const DriverRequest *request, GError **error);

/** file_open: file_store_open() on the request's SR. */
gboolean file_open(const DriverRequest *request, gboolean is_exclusive, FileStore *ret_store, GError **error);
