/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets under paths of any length. */
#include "base/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

#define ADDRESS_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

char *
base_unix_short_path(const char *path, int *ret_dir_fd)
{
    if (strlen(path) <= ADDRESS_MAX) {
        *ret_dir_fd = -1;
        return g_strdup(path);
    }
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    auto_fd dir_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return NULL;

    g_autofree char *near = g_strdup_printf("/proc/self/fd/%d/%s", dir_fd, name);
    if (strlen(near) > ADDRESS_MAX) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    *ret_dir_fd = base_fd_steal(&dir_fd);
    return g_steal_pointer(&near);
}

typedef int (*AddressCall)(int fd, const struct sockaddr *address, socklen_t length);

static int
call_with_address(AddressCall function, int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_fd dir_fd = -1;
    g_autofree char *short_path = base_unix_short_path(path, &dir_fd);
    if (short_path == NULL)
        return -1;
    g_strlcpy(address.sun_path, short_path, sizeof address.sun_path);
    return function(fd, (const struct sockaddr *)&address, sizeof address);
}

int
base_unix_bind(int fd, const char *path)
{
    return call_with_address(bind, fd, path);
}

int
base_unix_connect(int fd, const char *path)
{
    return call_with_address(connect, fd, path);
}
