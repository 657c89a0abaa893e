/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets under paths of any length. An address holds 107 bytes of path; a longer one is reached through
 * its folder, opened first: "/proc/self/fd/<number>/<name>". */
#pragma once

#include <glib.h>

/**
 * base_unix_bind:
 *
 * bind(2) to @path. Returns 0, or -1 with errno set.
 */
int base_unix_bind(int fd, const char *path);

/** base_unix_connect: connect(2) to @path. Returns 0, or -1 with errno set. */
int base_unix_connect(int fd, const char *path);

/**
 * base_unix_short_path:
 * @ret_dir_fd: (out): -1, or a descriptor that must stay open as long as the returned path is used
 *
 * Returns a path to the same socket that fits into an address, for libraries that make the address
 * themselves. It means something in this process only. NULL with errno set when the folder cannot be opened
 * or the last part of @path alone is too long.
 */
char *base_unix_short_path(const char *path, int *ret_dir_fd);
