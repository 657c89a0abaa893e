/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which QEMU this is. */
#pragma once

#include <glib.h>

/** qemu_version: "7.2.9" of "QEMU emulator version 7.2.9 (Debian ...)"; "" when @binary does not say. Blocks.
 */
char *qemu_version(const char *binary);
