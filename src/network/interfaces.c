/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces from /sys/class/net, addresses from getifaddrs, the default route from /proc/net/route. */
#include "network/interfaces.h"

#include "base/file.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define SYSFS         "/sys/class/net"
#define ATTRIBUTE_MAX 4096
#define TABLE_MAX     (256 * 1024)

void
network_interface_free(NetworkInterface *interface)
{
    if (interface == NULL)
        return;
    g_free(interface->name);
    g_free(interface->mac);
    g_free(interface->vendor_id);
    g_free(interface->device_id);
    g_free(interface->bus_path);
    g_free(interface->address);
    g_free(interface->netmask);
    g_strfreev(interface->addresses_ipv6);
    g_free(interface->gateway);
    g_free(interface);
}

/* An attribute's text, "" if the kernel has none to give (a link that is down has no speed). */
static char *
read_attribute(const char *name, const char *attribute)
{
    g_autofree char *path = g_build_filename(SYSFS, name, attribute, NULL);
    char *text = NULL;
    if (!base_file_read(path, ATTRIBUTE_MAX, &text, NULL, NULL))
        return g_strdup("");
    return g_strstrip(text);
}

static gint64
read_number(const char *name, const char *attribute)
{
    g_autofree char *text = read_attribute(name, attribute);
    gint64 number = 0;
    return base_int_parse(text, &number) && number > 0 ? number : 0;
}

static gboolean
has_entry(const char *name, const char *entry)
{
    g_autofree char *path = g_build_filename(SYSFS, name, entry, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static char *
read_bus_path(const char *name)
{
    g_autofree char *link = g_build_filename(SYSFS, name, "device", NULL);
    g_autofree char *target = g_file_read_link(link, NULL);
    return target != NULL ? g_path_get_basename(target) : g_strdup("");
}

/* The default route's line reads: interface, destination 00000000, gateway as hexadecimal in host order. */
static char *
read_gateway(const char *name)
{
    g_autofree char *table = NULL;
    if (!base_file_read("/proc/net/route", TABLE_MAX, &table, NULL, NULL))
        return g_strdup("");
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        char interface[IFNAMSIZ] = "";
        unsigned destination = 1, gateway = 0;
        if (sscanf(*line, "%15s %x %x", interface, &destination, &gateway) != 3)
            continue;
        if (destination != 0 || gateway == 0 || strcmp(interface, name) != 0)
            continue;
        char text[INET_ADDRSTRLEN];
        return g_strdup(inet_ntop(AF_INET, &(struct in_addr){gateway}, text, sizeof text));
    }
    return g_strdup("");
}

static guint
prefix_length(const struct sockaddr_in6 *mask)
{
    guint length = 0;
    for (gsize i = 0; i < sizeof mask->sin6_addr.s6_addr; i++)
        length += (guint)__builtin_popcount(mask->sin6_addr.s6_addr[i]);
    return length;
}

static void
add_ipv4(NetworkInterface *interface, const struct ifaddrs *entry)
{
    char text[INET_ADDRSTRLEN];
    if (*interface->address != '\0' || entry->ifa_netmask == NULL)
        return;
    g_free(interface->address);
    g_free(interface->netmask);
    interface->address =
        g_strdup(inet_ntop(AF_INET, &((struct sockaddr_in *)entry->ifa_addr)->sin_addr, text, sizeof text));
    interface->netmask = g_strdup(
        inet_ntop(AF_INET, &((struct sockaddr_in *)entry->ifa_netmask)->sin_addr, text, sizeof text));
}

static void
add_ipv6(GPtrArray *addresses, const struct ifaddrs *entry)
{
    const struct sockaddr_in6 *address = (struct sockaddr_in6 *)entry->ifa_addr;
    char text[INET6_ADDRSTRLEN];
    if (entry->ifa_netmask == NULL || IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr))
        return;
    inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
    g_ptr_array_add(addresses,
                    g_strdup_printf("%s/%u", text, prefix_length((struct sockaddr_in6 *)entry->ifa_netmask)));
}

static void
read_addresses(NetworkInterface *interface, const struct ifaddrs *all)
{
    GPtrArray *ipv6 = g_ptr_array_new();
    for (const struct ifaddrs *entry = all; entry != NULL; entry = entry->ifa_next) {
        if (entry->ifa_addr == NULL || strcmp(entry->ifa_name, interface->name) != 0)
            continue;
        if (entry->ifa_addr->sa_family == AF_INET)
            add_ipv4(interface, entry);
        else if (entry->ifa_addr->sa_family == AF_INET6)
            add_ipv6(ipv6, entry);
    }
    g_ptr_array_add(ipv6, NULL);
    interface->addresses_ipv6 = (char **)g_ptr_array_free(ipv6, FALSE);
}

static NetworkInterface *
read_interface(const char *name, const struct ifaddrs *addresses)
{
    NetworkInterface *interface = g_new0(NetworkInterface, 1);
    g_autofree char *state = read_attribute(name, "operstate");
    g_autofree char *duplex = read_attribute(name, "duplex");
    interface->name = g_strdup(name);
    interface->mac = read_attribute(name, "address");
    interface->mtu = (guint)read_number(name, "mtu");
    interface->is_up = g_str_equal(state, "up") || g_str_equal(state, "unknown");
    interface->has_carrier = read_number(name, "carrier") == 1;
    interface->speed_mbps = read_number(name, "speed");
    interface->is_full_duplex = g_str_equal(duplex, "full");
    interface->vendor_id = read_attribute(name, "device/vendor");
    interface->device_id = read_attribute(name, "device/device");
    interface->bus_path = read_bus_path(name);
    interface->address = g_strdup("");
    interface->netmask = g_strdup("");
    interface->gateway = read_gateway(name);
    read_addresses(interface, addresses);
    return interface;
}

/* Ports of guests and bridges are ours or another program's to make; a PIF is what leads out of the machine.
 */
static gboolean
is_candidate(const char *name)
{
    return has_entry(name, "device");
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(NetworkInterface *const *)a)->name, (*(NetworkInterface *const *)b)->name);
}

GPtrArray *
network_interfaces_read(void)
{
    GPtrArray *interfaces = g_ptr_array_new_with_free_func((GDestroyNotify)network_interface_free);
    g_autoptr(GDir) directory = g_dir_open(SYSFS, 0, NULL);
    struct ifaddrs *addresses = NULL;
    if (directory == NULL || getifaddrs(&addresses) != 0)
        return interfaces;
    for (const char *name; (name = g_dir_read_name(directory)) != NULL;)
        if (is_candidate(name))
            g_ptr_array_add(interfaces, read_interface(name, addresses));
    freeifaddrs(addresses);
    g_ptr_array_sort(interfaces, by_name);
    return interfaces;
}

/* What follows "nameserver" in @line; NULL if it is another line. */
static const char *
name_server_of(char *line)
{
    if (!g_str_has_prefix(line, "nameserver") || !g_ascii_isspace(line[strlen("nameserver")]))
        return NULL;
    char *address = g_strstrip(line + strlen("nameserver"));
    address[strcspn(address, " \t")] = '\0';
    return *address != '\0' ? address : NULL;
}

char *
network_name_servers(void)
{
    g_autofree char *text = NULL;
    GString *servers = g_string_new(NULL);
    if (!base_file_read("/etc/resolv.conf", TABLE_MAX, &text, NULL, NULL))
        return g_string_free(servers, FALSE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        const char *address = name_server_of(*line);
        if (address != NULL)
            g_string_append_printf(servers, "%s%s", servers->len > 0 ? "," : "", address);
    }
    return g_string_free(servers, FALSE);
}
