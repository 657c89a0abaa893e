/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host record says of the program, and of the memory and kind of machine. */
#include "api/host/internal.h"

#include "base/file.h"
#include "base/text.h"
#include <string.h>
#include <sys/utsname.h>

/* The API of the 2013 reference, which every client since accepts. Source: protocol notes 11. */
#define API_VERSION_MAJOR 2
#define API_VERSION_MINOR 0
#define API_VENDOR        "XenSource"
/* Clients split these at dots and expect numbers. */
#define PLATFORM_NAME    "XCP"
#define PLATFORM_VERSION "2.1.1"
#define MEMINFO_MAX      (64 * 1024)

static Value *
text_map(const char *const *pairs)
{
    Value *map = value_map_new(16);
    for (; pairs[0] != NULL; pairs += 2)
        value_map_set(map, pairs[0], value_string(pairs[1]));
    return map;
}

static Value *
software_version(void)
{
    struct utsname kernel;
    uname(&kernel);
    const char *const pairs[] = {"product_brand",
                                 "Xylem",
                                 "product_version",
                                 XYLEM_VERSION,
                                 "product_version_text",
                                 XYLEM_VERSION,
                                 "product_version_text_short",
                                 XYLEM_VERSION,
                                 "platform_name",
                                 PLATFORM_NAME,
                                 "platform_version",
                                 PLATFORM_VERSION,
                                 "xapi",
                                 "1.3",
                                 "build_number",
                                 XYLEM_VERSION,
                                 "hostname",
                                 g_get_host_name(),
                                 "linux",
                                 kernel.release,
                                 "network_backend",
                                 "bridge",
                                 "db_schema",
                                 "1",
                                 NULL};
    return text_map(pairs);
}

/* Source: protocol notes 11: "negative" sense: restrict_x=false means allowed; nothing here needs a licence.
 */
static Value *
license_params(void)
{
    static const char *const restrictions[] = {"vlan",
                                               "qos",
                                               "pool_attached_storage",
                                               "pooling",
                                               "connection",
                                               "checkpoint",
                                               "gpu",
                                               "dr",
                                               "vif_locking",
                                               "storage_xen_motion",
                                               "vgpu",
                                               "xen_motion",
                                               "rbac",
                                               "cbt",
                                               "zstd_export",
                                               "live_patching",
                                               "set_vcpus_number_live",
                                               "usb_passthrough",
                                               "network_sriov",
                                               "igmp_snooping",
                                               "pool_size",
                                               "dmc",
                                               "email_alerting",
                                               "ad",
                                               NULL};
    Value *params = value_map_new(32);
    value_map_set(params, "expiry", value_string("never"));
    value_map_set(params, "enable_xha", value_string("true"));
    for (const char *const *name = restrictions; *name != NULL; name++) {
        g_autofree char *key = g_strconcat("restrict_", *name, NULL);
        value_map_set(params, key, value_string("false"));
    }
    return params;
}

void
host_write_software(ApiServices *services, DbTxn *txn, const char *host)
{
    static const char *const capabilities[] = {"xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_64", NULL};
    db_txn_set_int(txn, CLASS_HOST, host, HOST_API_VERSION_MAJOR, API_VERSION_MAJOR);
    db_txn_set_int(txn, CLASS_HOST, host, HOST_API_VERSION_MINOR, API_VERSION_MINOR);
    db_txn_set_string(txn, CLASS_HOST, host, HOST_API_VERSION_VENDOR, API_VENDOR);
    db_txn_set(txn, CLASS_HOST, host, HOST_SOFTWARE_VERSION, software_version());
    db_txn_set(txn, CLASS_HOST, host, HOST_CAPABILITIES, value_array_of_strings(capabilities));
    db_txn_set(txn, CLASS_HOST, host, HOST_LICENSE_PARAMS, license_params());
    db_txn_set_string(txn, CLASS_HOST, host, HOST_EDITION, "free");
    db_txn_set_string(txn, CLASS_HOST, host, HOST_SCHED_POLICY, "credit");
}

static guint64
meminfo_bytes(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    return line != NULL ? g_ascii_strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

void
host_memory_bytes(guint64 *ret_total, guint64 *ret_free)
{
    g_autofree char *text = NULL;
    *ret_total = *ret_free = 0;
    if (!base_file_read("/proc/meminfo", MEMINFO_MAX, &text, NULL, NULL))
        return;
    *ret_total = meminfo_bytes(text, "MemTotal:");
    *ret_free = meminfo_bytes(text, "MemAvailable:");
}

void
host_write_memory(DbTxn *txn, const char *metrics)
{
    guint64 total, free_bytes;
    host_memory_bytes(&total, &free_bytes);
    db_txn_set_int(txn, CLASS_HOST_METRICS, metrics, HOST_METRICS_MEMORY_TOTAL, (gint64)total);
    db_txn_set_int(txn, CLASS_HOST_METRICS, metrics, HOST_METRICS_MEMORY_FREE, (gint64)free_bytes);
    db_txn_set(txn, CLASS_HOST_METRICS, metrics, HOST_METRICS_LAST_UPDATED,
               value_datetime(base_now_us() / G_USEC_PER_SEC));
}
