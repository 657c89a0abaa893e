/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PIFs and their networks, from the machine's interfaces. Nothing of the machine is changed here. */
#include "api/host/internal.h"

#include "base/text.h"
#include "network/interfaces.h"

static DbRow *
find_pif(GPtrArray *pifs, const char *device)
{
    for (guint i = 0; i < pifs->len; i++) {
        DbRow *pif = g_ptr_array_index(pifs, i);
        if (g_str_equal(db_row_string(pif, PIF_DEVICE), device) && db_row_int(pif, PIF_VLAN) < 0)
            return pif;
    }
    return NULL;
}

static const char *
insert_network(DbTxn *txn, const NetworkInterface *interface)
{
    g_autofree char *label = g_strconcat("Pool-wide network associated with ", interface->name, NULL);
    g_autofree char *bridge = g_str_has_prefix(interface->name, "eth")
                                  ? g_strconcat("xenbr", interface->name + 3, NULL)
                                  : g_strconcat("br", interface->name, NULL);
    const char *network = db_txn_insert(txn, CLASS_NETWORK, NULL);
    db_txn_set_string(txn, CLASS_NETWORK, network, NETWORK_NAME_LABEL, label);
    db_txn_set_string(txn, CLASS_NETWORK, network, NETWORK_BRIDGE, bridge);
    db_txn_set_int(txn, CLASS_NETWORK, network, NETWORK_MTU, interface->mtu);
    return network;
}

static void
write_metrics(DbTxn *txn, const char *metrics, const NetworkInterface *interface)
{
    db_txn_set_bool(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_CARRIER, interface->has_carrier);
    db_txn_set_int(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_SPEED, interface->speed_mbps);
    db_txn_set_bool(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_DUPLEX, interface->is_full_duplex);
    db_txn_set_string(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_VENDOR_ID, interface->vendor_id);
    db_txn_set_string(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_DEVICE_ID, interface->device_id);
    db_txn_set_string(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_DEVICE_NAME, interface->name);
    db_txn_set_string(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_PCI_BUS_PATH, interface->bus_path);
    db_txn_set(txn, CLASS_PIF_METRICS, metrics, PIF_METRICS_LAST_UPDATED,
               value_datetime(base_now_us() / G_USEC_PER_SEC));
}

static const char *
insert_pif(DbTxn *txn, const char *host, const NetworkInterface *interface)
{
    const char *network = insert_network(txn, interface);
    const char *metrics = db_txn_insert(txn, CLASS_PIF_METRICS, NULL);
    const char *pif = db_txn_insert(txn, CLASS_PIF, NULL);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_DEVICE, interface->name);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_DEVICE_NAME, interface->name);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_NETWORK, network);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_HOST, host);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_METRICS, metrics);
    db_txn_set_int(txn, CLASS_PIF, pif, PIF_VLAN, -1);
    db_txn_set_bool(txn, CLASS_PIF, pif, PIF_PHYSICAL, TRUE);
    write_metrics(txn, metrics, interface);
    return pif;
}

static void
write_pif(DbTxn *txn, const char *pif, const NetworkInterface *interface, gboolean is_management)
{
    gboolean has_address = *interface->address != '\0';
    g_autofree char *servers = is_management ? network_name_servers() : g_strdup("");
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_MAC, interface->mac);
    db_txn_set_int(txn, CLASS_PIF, pif, PIF_MTU, interface->mtu);
    db_txn_set_bool(txn, CLASS_PIF, pif, PIF_CURRENTLY_ATTACHED, interface->is_up);
    db_txn_set_bool(txn, CLASS_PIF, pif, PIF_MANAGEMENT, is_management);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_IP, interface->address);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_NETMASK, interface->netmask);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_GATEWAY, interface->gateway);
    db_txn_set_string(txn, CLASS_PIF, pif, PIF_DNS, servers);
    /* Unverified: a lease looks like a fixed address here; what configures it is not ours to ask */
    db_txn_set_string(
        txn, CLASS_PIF, pif, PIF_IP_CONFIGURATION_MODE,
        ip_configuration_mode_name(has_address ? IP_CONFIGURATION_MODE_STATIC : IP_CONFIGURATION_MODE_NONE));
    db_txn_set(txn, CLASS_PIF, pif, PIF_IPV6,
               value_array_of_strings((const char *const *)interface->addresses_ipv6));
}

/* The one that leads to the default route, else the first with an address. */
static const NetworkInterface *
management_interface(GPtrArray *interfaces)
{
    const NetworkInterface *with_address = NULL;
    for (guint i = 0; i < interfaces->len; i++) {
        const NetworkInterface *interface = g_ptr_array_index(interfaces, i);
        if (*interface->gateway != '\0' && *interface->address != '\0')
            return interface;
        if (with_address == NULL && *interface->address != '\0')
            with_address = interface;
    }
    return with_address;
}

void
host_write_interfaces(ApiServices *services, DbTxn *txn, const char *host)
{
    g_autoptr(GPtrArray) interfaces = network_interfaces_read();
    g_autoptr(GPtrArray) pifs = db_referrers(services->db, CLASS_PIF, PIF_HOST, host);
    const NetworkInterface *management = management_interface(interfaces);
    for (guint i = 0; i < interfaces->len; i++) {
        const NetworkInterface *interface = g_ptr_array_index(interfaces, i);
        DbRow *known = find_pif(pifs, interface->name);
        const char *pif = known != NULL ? known->ref : insert_pif(txn, host, interface);
        write_pif(txn, pif, interface, interface == management);
        if (known != NULL)
            write_metrics(txn, db_row_string(known, PIF_METRICS), interface);
    }
    db_txn_set_string(txn, CLASS_HOST, host, HOST_ADDRESS,
                      management != NULL ? management->address : "127.0.0.1");
}
