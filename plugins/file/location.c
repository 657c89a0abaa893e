/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads device_config "location". */
#include "file/location.h"

const char *
file_location(const DriverRequest *request, GError **error)
{
    const char *location = driver_config(request, "location", "");
    if (g_path_is_absolute(location))
        return location;
    driver_fault(error, DRIVER_ERROR_INVALID_ARG, "location '%s' is no absolute path", location);
    return NULL;
}

gboolean
file_open(const DriverRequest *request, gboolean is_exclusive, FileStore *ret_store, GError **error)
{
    const char *location = file_location(request, error);
    return location != NULL && file_store_open(location, request->sr_uuid, is_exclusive, ret_store, error);
}
