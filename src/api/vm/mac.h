/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MAC addresses of virtual network interfaces. */
#pragma once

#include <glib.h>

/** vm_mac_is_valid: six pairs of hexadecimal digits with colons, of one station and not all zero. */
gboolean vm_mac_is_valid(const char *mac);

/**
 * vm_mac_generate:
 * @seed: VM.other_config "mac_seed"; "" for a random address
 * @device: the interface's place
 *
 * A locally administered address; the same for the same arguments, so that a VM installed again keeps its
 * leases. The caller frees it.
 */
char *vm_mac_generate(const char *seed, const char *device);
