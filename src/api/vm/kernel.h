/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of this host a VM may boot as its kernel. */
#pragma once

#include "db/db.h"

struct ApiServices;

/* Where Debian's installer packages put their kernels. */
#define VM_INSTALLER_DIRECTORY "/usr/lib/debian-installer"

/**
 * vm_kernel_check:
 * @field: "PV_kernel" or "PV_ramdisk": for the error
 * @error: (out): INVALID_VALUE [field, path] unless @path, links followed, lies below one of the directories
 * for kernels: the demo guest's, the ISO library's, <state>/kernels and VM_INSTALLER_DIRECTORY.
 * BOOTLOADER_FAILED [vm, text] if there is no such file; the text says what to install where that is known.
 *
 * Clients write these fields, and the domain service reads the file with its own rights: without this check
 * any file of the host could be shown to a guest.
 */
gboolean vm_kernel_check(const struct ApiServices *services, const DbRow *vm, const char *field,
                         const char *path, GError **error);
