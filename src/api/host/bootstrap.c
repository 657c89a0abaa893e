/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of the pool and of this host: made on first start, brought up to date on every start. */
#include "api/host/internal.h"

#include "base/file.h"
#include "base/text.h"
#include <string.h>

#define PROC_STAT_MAX (1024 * 1024)

static DbRow *
first_row(ApiServices *services, int class_id)
{
    g_autoptr(GPtrArray) rows = db_get_all(services->db, class_id);
    return rows->len > 0 ? db_row_ref(g_ptr_array_index(rows, 0)) : NULL;
}

/* Source: protocol notes 11: seconds since 1970 as a float's text with a trailing dot */
static char *
epoch_text(gint64 seconds)
{
    return g_strdup_printf("%" G_GINT64_FORMAT ".", seconds);
}

static gint64
boot_time(void)
{
    g_autofree char *stat = NULL;
    if (!base_file_read("/proc/stat", PROC_STAT_MAX, &stat, NULL, NULL))
        return 0;
    const char *line = strstr(stat, "\nbtime ");
    return line != NULL ? g_ascii_strtoll(line + strlen("\nbtime "), NULL, 10) : 0;
}

static const char *
insert_host(DbTxn *txn)
{
    const char *metrics = db_txn_insert(txn, CLASS_HOST_METRICS, NULL);
    const char *host = db_txn_insert(txn, CLASS_HOST, NULL);
    db_txn_set_string(txn, CLASS_HOST, host, HOST_METRICS, metrics);
    db_txn_set_string(txn, CLASS_HOST, host, HOST_NAME_LABEL, g_get_host_name());
    db_txn_set_bool(txn, CLASS_HOST, host, HOST_ENABLED, TRUE);
    db_txn_set_string(txn, CLASS_HOST, host, HOST_DISPLAY, host_display_name(HOST_DISPLAY_ENABLED));
    return host;
}

static void
update_host(ApiServices *services, DbTxn *txn, const char *host)
{
    g_autofree char *booted = epoch_text(boot_time());
    g_autofree char *started = epoch_text(base_now_us() / G_USEC_PER_SEC);
    db_txn_map_put(txn, CLASS_HOST, host, HOST_OTHER_CONFIG, "boot_time", value_string(booted));
    db_txn_map_put(txn, CLASS_HOST, host, HOST_OTHER_CONFIG, "agent_start_time", value_string(started));
    db_txn_set_string(txn, CLASS_HOST, host, HOST_HOSTNAME, g_get_host_name());
    host_write_software(services, txn, host);
    host_write_cpus(services, txn, host);
    host_write_interfaces(services, txn, host);
}

static gboolean
write_metrics(ApiServices *services, GError **error)
{
    g_autoptr(DbRow) host = db_require(services->db, CLASS_HOST, services->host_ref, error);
    if (host == NULL)
        return FALSE;
    const char *metrics = db_row_string(host, HOST_METRICS);
    g_autoptr(DbTxn) txn = db_txn_new(services->db, NULL);
    db_txn_set_bool(txn, CLASS_HOST_METRICS, metrics, HOST_METRICS_LIVE, TRUE);
    host_write_memory(txn, metrics);
    services->host_uuid = g_strdup(db_row_string(host, HOST_UUID));
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_host_bootstrap(ApiServices *services, GError **error)
{
    g_autoptr(DbRow) pool_row = first_row(services, CLASS_POOL);
    g_autoptr(DbRow) host_row = first_row(services, CLASS_HOST);
    g_autoptr(DbTxn) txn = db_txn_new(services->db, NULL);
    const char *host = host_row != NULL ? host_row->ref : insert_host(txn);
    const char *pool = pool_row != NULL ? pool_row->ref : db_txn_insert(txn, CLASS_POOL, NULL);
    update_host(services, txn, host);
    db_txn_set_string(txn, CLASS_POOL, pool, POOL_MASTER, host);
    services->host_ref = g_strdup(host);
    services->pool_ref = g_strdup(pool);
    return db_txn_commit(txn, NULL, error) && write_metrics(services, error);
}
