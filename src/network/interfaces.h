/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine's network interfaces as they are now, read from the kernel. */
#pragma once

#include <glib.h>

typedef struct NetworkInterface {
    char *name;
    char *mac; /* lower case with colons */
    guint mtu;
    gboolean is_up;
    gboolean has_carrier;
    gint64 speed_mbps; /* 0: not known */
    gboolean is_full_duplex;
    char *vendor_id; /* of the PCI device, "0x8086"; "" if there is none */
    char *device_id;
    char *bus_path; /* "0000:00:03.0", "" if there is none */
    char *address;  /* first IPv4 address, "" if none */
    char *netmask;
    char **addresses_ipv6; /* "fd00::2/64", NULL-terminated */
    char *gateway;         /* of the default route through it, "" if none */
} NetworkInterface;

void network_interface_free(NetworkInterface *interface);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkInterface, network_interface_free)

/** network_interfaces_read: every interface with a device behind it, so no loopback, bridges, taps or veths;
 * by name. (element-type NetworkInterface) (transfer full) */
GPtrArray *network_interfaces_read(void);

/** network_name_servers: addresses from /etc/resolv.conf joined by commas. The caller frees it. */
char *network_name_servers(void);
