/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets, made here rather than by MHD: any address, Unix paths, port 0, and errors in clear
 * words. */
#include "http/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/unix_socket.h"

static void
set_option(int fd, int level, int option, int value)
{
    /* Only ever an improvement; what fails shows in bind() or not at all. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

static gboolean
parse_address(const char *address, guint16 port, struct addrinfo **ret_info, GError **error)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    char service[8];
    g_snprintf(service, sizeof(service), "%u", port);
    int code = getaddrinfo(address, service, &hints, ret_info);
    if (code != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "address '%s': %s", address, gai_strerror(code));
    return TRUE;
}

static gboolean
read_port(int fd, guint16 *ret_port, GError **error)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &length) < 0)
        return base_error_errno(error, errno, "read the port");
    *ret_port = g_ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                    : ((struct sockaddr_in *)&bound)->sin_port);
    return TRUE;
}

static gboolean
bind_tcp(int fd, const struct addrinfo *info, const char *address, guint16 port, GError **error)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit it */
    if (info->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);

    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return TRUE;
    if (errno == EADDRINUSE)
        return base_error_set(error, BASE_ERROR_IO, "port %u is in use (address %s)", port, address);
    if (errno == EACCES)
        return base_error_set(error, BASE_ERROR_IO, "port %u may only be used by root (address %s)", port,
                              address);
    return base_error_errno(error, errno, "listen on %s port %u", address, port);
}

int
http_socket_listen_tcp(const char *address, guint16 port, guint16 *ret_port, GError **error)
{
    struct addrinfo *info;
    if (!parse_address(address, port, &info, error))
        return -1;

    auto_fd fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    gboolean is_bound =
        fd < 0 ? base_error_errno(error, errno, "make a socket") : bind_tcp(fd, info, address, port, error);
    freeaddrinfo(info);
    if (!is_bound || !read_port(fd, ret_port, error))
        return -1;
    return base_fd_steal(&fd);
}

/* Leaves nothing at @path, unless it is no socket or somebody listens there. */
static gboolean
clear_unix_path(const char *path, GError **error)
{
    struct stat info;
    if (lstat(path, &info) < 0)
        return errno == ENOENT ? TRUE : base_error_errno(error, errno, "look at '%s'", path);
    if (!S_ISSOCK(info.st_mode))
        return base_error_set(error, BASE_ERROR_IO, "'%s' is in the way: it is not a socket", path);

    auto_fd probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return base_error_errno(error, errno, "make a socket");
    /* EAGAIN: its queue is full, so there is somebody. */
    if (base_unix_connect(probe, path) == 0 || errno == EAGAIN)
        return base_error_set(error, BASE_ERROR_IO, "'%s' is in use: another process listens there", path);
    if (errno != ECONNREFUSED)
        return base_error_errno(error, errno, "see who listens on '%s'", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return base_error_errno(error, errno, "remove the stale socket '%s'", path);
    return TRUE;
}

int
http_socket_listen_unix(const char *path, mode_t mode, GError **error)
{
    if (!clear_unix_path(path, error))
        return -1;

    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode given before bind() can only be narrowed by the umask, the one given after holds whatever the
     * umask. */
    if (fd < 0 || fchmod(fd, mode) < 0 || base_unix_bind(fd, path) < 0 || chmod(path, mode) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        base_error_errno(error, errno, "listen on '%s'", path);
        return -1;
    }
    return base_fd_steal(&fd);
}
