/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taps by ioctl: three calls each, nothing to keep. */
#include "domain/qemu/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

gboolean
tap_is_possible(const char *bridge)
{
    if (geteuid() != 0 || !base_path_is_safe_name(bridge) || strlen(bridge) >= IFNAMSIZ)
        return FALSE;
    g_autofree char *path = g_build_filename("/sys/class/net", bridge, "bridge", NULL);
    return g_file_test(path, G_FILE_TEST_IS_DIR);
}

static void
set_name(struct ifreq *request, const char *name)
{
    memset(request, 0, sizeof *request);
    g_strlcpy(request->ifr_name, name, IFNAMSIZ);
}

static gboolean
make_tap(int fd, const char *name, GError **error)
{
    struct ifreq request;
    set_name(&request, name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return base_error_errno(error, errno, "make tap '%s'", name);
    return TRUE;
}

static gboolean
join_bridge(int control, const char *name, const char *bridge, GError **error)
{
    struct ifreq request;
    set_name(&request, bridge);
    request.ifr_ifindex = (int)if_nametoindex(name);
    if (ioctl(control, SIOCBRADDIF, &request) < 0)
        return base_error_errno(error, errno, "put tap '%s' into bridge '%s'", name, bridge);
    return TRUE;
}

static gboolean
take_up(int control, const char *name, gint64 mtu, GError **error)
{
    struct ifreq request;
    set_name(&request, name);
    request.ifr_mtu = (int)mtu;
    if (mtu >= 68 && mtu <= 65535 && ioctl(control, SIOCSIFMTU, &request) < 0)
        return base_error_errno(error, errno, "set the MTU of tap '%s'", name);
    set_name(&request, name);
    if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
        return base_error_errno(error, errno, "read the flags of tap '%s'", name);
    request.ifr_flags |= IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        return base_error_errno(error, errno, "take tap '%s' up", name);
    return TRUE;
}

gboolean
tap_open(const char *name, const char *bridge, gint64 mtu, int *ret_fd, GError **error)
{
    auto_fd fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return base_error_errno(error, errno, "open /dev/net/tun");
    auto_fd control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        return base_error_errno(error, errno, "make a socket");
    if (!make_tap(fd, name, error) || !join_bridge(control, name, bridge, error) ||
        !take_up(control, name, mtu, error))
        return FALSE;
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}
