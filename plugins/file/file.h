/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls of the file driver. A driver that mounts something first (ext, nfs) calls the same functions with
 * the mount point as device_config "location". */
#pragma once

#include "lib/driver.h"

/* Calls on SRs; each is one of storage.toml's. */
Value *file_sr_create(const DriverRequest *request, GError **error);
Value *file_sr_delete(const DriverRequest *request, GError **error);
Value *file_sr_attach(const DriverRequest *request, GError **error);
Value *file_sr_detach(const DriverRequest *request, GError **error);
Value *file_sr_scan(const DriverRequest *request, GError **error);
Value *file_sr_probe(const DriverRequest *request, GError **error);
Value *file_sr_update(const DriverRequest *request, GError **error);
Value *file_sr_content_type(const DriverRequest *request, GError **error);

/* Calls on disks. */
Value *file_vdi_create(const DriverRequest *request, GError **error);
Value *file_vdi_introduce(const DriverRequest *request, GError **error);
Value *file_vdi_delete(const DriverRequest *request, GError **error);
Value *file_vdi_attach(const DriverRequest *request, GError **error);
Value *file_vdi_detach(const DriverRequest *request, GError **error);
Value *file_vdi_activate(const DriverRequest *request, GError **error);
Value *file_vdi_deactivate(const DriverRequest *request, GError **error);
Value *file_vdi_snapshot(const DriverRequest *request, GError **error);
Value *file_vdi_clone(const DriverRequest *request, GError **error);
Value *file_vdi_resize(const DriverRequest *request, GError **error);
Value *file_vdi_update(const DriverRequest *request, GError **error);
