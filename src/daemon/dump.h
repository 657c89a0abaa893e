/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon is doing just now, as text for whoever looks for what is wrong. */
#pragma once

#include <glib.h>

/** dump_process: appends what the kernel knows of this process: memory, descriptors, threads with their
 * state. */
void dump_process(GString *out);

/**
 * dump_write:
 * @directory: the daemon's state directory
 *
 * Replaces "debug-dump.txt" in @directory (mode 0600) by @text, bounded. Returns its path, or NULL.
 */
char *dump_write(const char *directory, const GString *text, GError **error);
