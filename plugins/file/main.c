/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FileSR: disks as qcow2 files in a folder of this host. Its tables; the work is in lib/folder. */
#include "lib/folder/folder.h"
#include "lib/report.h"

static const char *const capabilities[] = {FOLDER_CAPABILITIES, "SR_PROBE", NULL};

static const char *const image_formats[] = {FOLDER_IMAGE_FORMATS, NULL};

static const DriverConfigKey config[] = {
    {"location", "the folder that holds the disks, as an absolute path",
     DRIVER_ERROR_CONFIG_LOCATION_MISSING},
    {NULL},
};

static const char *
absolute_location(const DriverRequest *request, GError **error)
{
    const char *location = driver_config(request, "location", "");
    if (g_path_is_absolute(location))
        return location;
    driver_fault(error, DRIVER_ERROR_INVALID_ARG, "location '%s' is no absolute path", location);
    return NULL;
}

static char *
locate(const DriverRequest *request, GError **error)
{
    return g_strdup(absolute_location(request, error));
}

static Value *
sr_probe(const DriverRequest *request, GError **error)
{
    const char *location = absolute_location(request, error);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(driver_found_sr_free);
    if (location == NULL || !folder_find_srs(location, found, error))
        return NULL;
    return driver_sr_list(found);
}

/* clang-format off */
static const DriverCall calls[] = {
    FOLDER_CALLS,
    {"sr_create", folder_sr_create},
    {"sr_delete", folder_sr_delete},
    {"sr_attach", folder_sr_attach},
    {"sr_detach", folder_sr_detach},
    {"sr_probe",  sr_probe        },
    {NULL},
};
/* clang-format on */

static const DriverInfo info = {
    .program = "FileSR",
    .name = "Files in a folder",
    .description =
        "Disks are qcow2 files in a folder of the host; snapshots and clones share what they have in common.",
    .capabilities = capabilities,
    .image_formats = image_formats,
    .config = config,
    .calls = calls,
    .locate = locate,
};

int
main(int argc, char **argv)
{
    return driver_main(&info, argc, argv);
}
