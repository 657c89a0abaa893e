/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One lock file per SR, between the processes that work on it. The kernel drops it when a process dies. */
#pragma once

#include <glib.h>

/**
 * driver_lock:
 * @path: the file, made if missing; it stays
 * @is_exclusive: FALSE shares the lock with other readers
 * @ret_fd: (out): the lock is held until this is closed
 *
 * Waits as long as it takes: the caller of the driver has the time-out. Fault: DRIVER_ERROR_LOCK_ERR.
 */
gboolean driver_lock(const char *path, gboolean is_exclusive, int *ret_fd, GError **error);
