/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks of a domain: from configured VBDs to attached paths and back, in the order the storage interface
 * prescribes. */
#pragma once

#include "domain/plan.h"

/** domain_disks_from_config: what a new domain is to have, nothing attached yet: writable disks first, so
 * that one shared by a writable and a read-only VBD is opened writable first. Errors: BASE_ERROR_INVALID (a
 * VDI not of the form SR/VDI, an unknown format). */
gboolean domain_disks_from_config(const DomainStoreConfig *config, DomainStoreDiskList *ret_disks,
                                  GError **error);

/** domain_disks_attach: attaches and activates every VDI of the guest; each step is in run/state.json before
 * it is asked for. */
gboolean domain_disks_attach(DomainOperation *operation, GError **error);

/** domain_disk_attach: attaches and activates one VDI that is part of the guest's run. */
gboolean domain_disk_attach(DomainOperation *operation, DomainStoreDisk *disk, GError **error);
/** domain_disk_detach: the reverse, as far as it has got. */
gboolean domain_disk_detach(DomainOperation *operation, DomainStoreDisk *disk, GError **error);

/** domain_disk_split_vdi: "SR/VDI"; the first slash separates. Errors: BASE_ERROR_INVALID. */
gboolean domain_disk_split_vdi(const char *text, char **ret_sr, char **ret_vdi, GError **error);

/** domain_disks_detach: the reverse, of a suspend image too, as far as each has got; goes on after a failure
 * and answers the first.
 */
gboolean domain_disks_detach(DomainOperation *operation, GError **error);

/** domain_disks_give_up: what could not be detached is not tried again. */
void domain_disks_give_up(DomainOperation *operation);

/** domain_device_of: the part of a device id after the VM's: "xvda" of "demo.xvda"; NULL if the id is not of
 * @vm. */
const char *domain_device_of(const char *id, const char *vm);
