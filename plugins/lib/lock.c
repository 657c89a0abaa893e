/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flock(2) on a file: works on local file systems and, through the server, on NFS. */
#include "lib/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fd.h"
#include "lib/driver.h"

gboolean
driver_lock(const char *path, gboolean is_exclusive, int *ret_fd, GError **error)
{
    auto_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return driver_fault(error, DRIVER_ERROR_LOCK_ERR, "open '%s': %s", path, g_strerror(errno));

    while (flock(fd, is_exclusive ? LOCK_EX : LOCK_SH) < 0) {
        if (errno != EINTR)
            return driver_fault(error, DRIVER_ERROR_LOCK_ERR, "lock '%s': %s", path, g_strerror(errno));
    }
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}
