/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's rows, put into the words of the domain service. */
#pragma once

#include "db/db.h"
#include "domain/types.h"

struct ApiServices;

/**
 * vm_domain_config:
 * @vm_ref: any VM
 * @ret_config: (out): the VM, its block devices and its network interfaces
 * @error: (out): HANDLE_INVALID; INVALID_VALUE [field, value] for a kernel outside the directories that
 * kernels may come from; BOOTLOADER_FAILED [vm, text] for one that is not there, or if nothing says how to
 * boot
 *
 * Ids are the uuid of the VM's row, "<uuid>.<device name>" and "<uuid>.<number>". Disks are "<SR uuid>/<VDI
 * uuid>". Nothing is checked that can change until the start: see api/vm/check.h.
 *
 * Source: API reference, class VM, boot parameters; protocol notes 10.
 */
gboolean vm_domain_config(const struct ApiServices *services, const char *vm_ref, DomainMetadataT *ret_config,
                          GError **error);

/** vm_domain_vbd_id: "<uuid>.xvda" of a VBD's row. The caller frees it. NULL if its userdevice is no place.
 */
char *vm_domain_vbd_id(const char *vm_uuid, const DbRow *vbd);

/** vm_domain_vif_id: "<uuid>.0" of a VIF's row. The caller frees it. */
char *vm_domain_vif_id(const char *vm_uuid, const DbRow *vif);
