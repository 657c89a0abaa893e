/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owning file descriptors: auto_fd closes at the end of its scope, base_fd_steal() moves one out. */
#pragma once

#include <glib.h>

#define auto_fd __attribute__((cleanup(base_fd_clear))) int

/** base_fd_clear: closes *@fd unless it is negative, and makes it -1. */
void base_fd_clear(int *fd);

/** base_fd_steal: returns *@fd and leaves -1 behind. */
int base_fd_steal(int *fd);

/** base_fd_write_all: writes all of @data, going on after EINTR and short writes. Errors: BASE_ERROR_IO. */
gboolean base_fd_write_all(int fd, const void *data, gsize length, GError **error);

/**
 * base_fd_move_above_stdio:
 *
 * Makes *@fd one above 2, close-on-exec, when it is not. For descriptors that a child gets as its 0, 1 and 2:
 * these are set one after another, and a source among them could be overwritten before its turn.
 */
gboolean base_fd_move_above_stdio(int *fd, GError **error);
