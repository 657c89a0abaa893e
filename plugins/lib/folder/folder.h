/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls of drivers whose disks are image files in a folder (store.h): that of the request, as the
 * driver's locate() says. Whoever mounts something there first calls these afterwards. */
#pragma once

#include "lib/driver.h"

/* Calls on SRs; each is one of storage.toml's. */
Value *folder_sr_create(const DriverRequest *request, GError **error);
Value *folder_sr_delete(const DriverRequest *request, GError **error);
Value *folder_sr_attach(const DriverRequest *request, GError **error);
Value *folder_sr_detach(const DriverRequest *request, GError **error);
Value *folder_sr_scan(const DriverRequest *request, GError **error);
Value *folder_sr_update(const DriverRequest *request, GError **error);
Value *folder_sr_content_type(const DriverRequest *request, GError **error);

/**
 * folder_find_srs:
 * @found: of DriverFoundSr: gets the SR in @location, or else those in its subfolders
 * @error: (out): DRIVER_ERROR_SR_UNAVAILABLE when @location cannot be read
 */
gboolean folder_find_srs(const char *location, GPtrArray *found, GError **error);

/** folder_check_empty: that no disk is left in the request's SR. Fault: DRIVER_ERROR_SR_NOT_EMPTY. */
gboolean folder_check_empty(const DriverRequest *request, GError **error);

/* Calls on disks. */
Value *folder_vdi_create(const DriverRequest *request, GError **error);
Value *folder_vdi_introduce(const DriverRequest *request, GError **error);
Value *folder_vdi_delete(const DriverRequest *request, GError **error);
Value *folder_vdi_attach(const DriverRequest *request, GError **error);
Value *folder_vdi_detach(const DriverRequest *request, GError **error);
Value *folder_vdi_activate(const DriverRequest *request, GError **error);
Value *folder_vdi_deactivate(const DriverRequest *request, GError **error);
Value *folder_vdi_snapshot(const DriverRequest *request, GError **error);
Value *folder_vdi_clone(const DriverRequest *request, GError **error);
Value *folder_vdi_resize(const DriverRequest *request, GError **error);
Value *folder_vdi_update(const DriverRequest *request, GError **error);

/* Rows for a driver's tables: what does not depend on how the folder got there. */
/* clang-format off */
#define FOLDER_CALLS                            \
    {"sr_scan",         folder_sr_scan        }, \
    {"sr_update",       folder_sr_update      }, \
    {"sr_content_type", folder_sr_content_type}, \
    {"vdi_create",      folder_vdi_create     }, \
    {"vdi_introduce",   folder_vdi_introduce  }, \
    {"vdi_delete",      folder_vdi_delete     }, \
    {"vdi_attach",      folder_vdi_attach     }, \
    {"vdi_detach",      folder_vdi_detach     }, \
    {"vdi_activate",    folder_vdi_activate   }, \
    {"vdi_deactivate",  folder_vdi_deactivate }, \
    {"vdi_snapshot",    folder_vdi_snapshot   }, \
    {"vdi_clone",       folder_vdi_clone      }, \
    {"vdi_resize",      folder_vdi_resize     }, \
    {"vdi_update",      folder_vdi_update     }
#define FOLDER_CAPABILITIES                                                                 \
    "SR_CREATE", "SR_DELETE", "SR_ATTACH", "SR_DETACH", "SR_SCAN", "SR_UPDATE",              \
    "VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH", "VDI_CLONE", "VDI_SNAPSHOT",     \
    "VDI_RESIZE", "VDI_ACTIVATE", "VDI_DEACTIVATE", "VDI_UPDATE", "VDI_INTRODUCE",           \
    "LARGE_VDI", "THIN_PROVISIONING"
#define FOLDER_IMAGE_FORMATS "qcow2", "raw"
/* clang-format on */
