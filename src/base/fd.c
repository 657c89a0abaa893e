/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owning file descriptors and complete writes. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"

void
base_fd_clear(int *fd)
{
    int saved_errno = errno; /* runs at scope ends, often after errno was set and before it is read */

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved_errno;
}

int
base_fd_steal(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

gboolean
base_fd_write_all(int fd, const void *data, gsize length, GError **error)
{
    const char *next = data;

    while (length > 0) {
        ssize_t written = write(fd, next, length);
        if (written >= 0) {
            next += written;
            length -= (gsize)written;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return base_error_set(error, BASE_ERROR_IO, "write: %s", g_strerror(errno));
        }
    }
    return TRUE;
}

gboolean
base_fd_move_above_stdio(int *fd, GError **error)
{
    if (*fd > STDERR_FILENO)
        return TRUE;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        return base_error_errno(error, errno, "duplicate a descriptor");
    base_fd_clear(fd);
    *fd = higher;
    return TRUE;
}
