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
