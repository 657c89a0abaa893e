/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FileSR: disks as qcow2 files in a folder of this host. Its tables; the work is in sr.c and vdi.c. */
#include "file/file.h"

static const char *const capabilities[] = {
    "SR_CREATE",    "SR_DELETE",         "SR_ATTACH",    "SR_DETACH",      "SR_SCAN",    "SR_PROBE",
    "SR_UPDATE",    "VDI_CREATE",        "VDI_DELETE",   "VDI_ATTACH",     "VDI_DETACH", "VDI_CLONE",
    "VDI_SNAPSHOT", "VDI_RESIZE",        "VDI_ACTIVATE", "VDI_DEACTIVATE", "VDI_UPDATE", "VDI_INTRODUCE",
    "LARGE_VDI",    "THIN_PROVISIONING", NULL,
};

static const char *const image_formats[] = {"qcow2", "raw", NULL};

static const DriverConfigKey config[] = {
    {"location", "the folder that holds the disks, as an absolute path",
     DRIVER_ERROR_CONFIG_LOCATION_MISSING},
    {NULL},
};

/* clang-format off */
static const DriverCall calls[] = {
    {"sr_create",       file_sr_create      },
    {"sr_delete",       file_sr_delete      },
    {"sr_attach",       file_sr_attach      },
    {"sr_detach",       file_sr_detach      },
    {"sr_scan",         file_sr_scan        },
    {"sr_probe",        file_sr_probe       },
    {"sr_update",       file_sr_update      },
    {"sr_content_type", file_sr_content_type},
    {"vdi_create",      file_vdi_create     },
    {"vdi_introduce",   file_vdi_introduce  },
    {"vdi_delete",      file_vdi_delete     },
    {"vdi_attach",      file_vdi_attach     },
    {"vdi_detach",      file_vdi_detach     },
    {"vdi_activate",    file_vdi_activate   },
    {"vdi_deactivate",  file_vdi_deactivate },
    {"vdi_snapshot",    file_vdi_snapshot   },
    {"vdi_clone",       file_vdi_clone      },
    {"vdi_resize",      file_vdi_resize     },
    {"vdi_update",      file_vdi_update     },
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
};

int
main(int argc, char **argv)
{
    return driver_main(&info, argc, argv);
}
