/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DummySR: real disks in memory, for trying things out. Every call works and all of it is gone at the next
 * boot, because the folder is where this host keeps what means nothing after that. */
#include "lib/folder/folder.h"
#include "lib/folder/store.h"
#include "lib/mount.h"

static const char *const capabilities[] = {FOLDER_CAPABILITIES, NULL};

static const char *const image_formats[] = {FOLDER_IMAGE_FORMATS, NULL};

static const DriverConfigKey config[] = {{NULL}};

/* After a boot there is nothing: it begins anew, empty. */
static Value *
sr_attach(const DriverRequest *request, GError **error)
{
    g_autofree char *uuid = folder_store_read_marker(request->folder, NULL, NULL);
    g_autoptr(Value) made = uuid == NULL ? folder_sr_create(request, error) : value_nil();
    return made == NULL ? NULL : folder_sr_attach(request, error);
}

/* clang-format off */
static const DriverCall calls[] = {
    FOLDER_CALLS,
    {"sr_create", folder_sr_create},
    {"sr_delete", folder_sr_delete},
    {"sr_attach", sr_attach       },
    {"sr_detach", folder_sr_detach},
    {NULL},
};
/* clang-format on */

static const DriverInfo info = {
    .program = "DummySR",
    .name = "Disks in memory",
    .description = "For trying things out: disks that work like all others and are gone at the next boot.",
    .capabilities = capabilities,
    .image_formats = image_formats,
    .config = config,
    .calls = calls,
    .locate = driver_locate_mount_point,
};

int
main(int argc, char **argv)
{
    return driver_main(&info, argc, argv);
}
