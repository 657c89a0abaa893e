/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of class host that need nothing but this machine and its rows. */
#include "api/host/internal.h"

#include "base/file.h"
#include "base/text.h"
#include <time.h>

#define CERTIFICATE_MAX (1024 * 1024)

static gboolean
set_enabled(ApiCall *call, HostRef host, gboolean is_enabled, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_bool(txn, CLASS_HOST, host.id, HOST_ENABLED, is_enabled);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_host__disable(ApiCall *call, const HostDisableArgs *args, GError **error)
{
    return set_enabled(call, args->host, FALSE, error);
}

gboolean
api_host__enable(ApiCall *call, const HostEnableArgs *args, GError **error)
{
    return set_enabled(call, args->host, TRUE, error);
}

static gboolean
require_host(ApiCall *call, HostRef host, GError **error)
{
    g_autoptr(DbRow) row = db_require(call->db, CLASS_HOST, host.id, error);
    return row != NULL;
}

gboolean
api_host__get_servertime(ApiCall *call, const HostGetServertimeArgs *args, Value **ret_value, GError **error)
{
    if (!require_host(call, args->host, error))
        return FALSE;
    *ret_value = value_datetime(base_now_us() / G_USEC_PER_SEC);
    return TRUE;
}

/* Source: protocol notes 1.1: a local time carries no zone */
gboolean
api_host__get_server_localtime(ApiCall *call, const HostGetServerLocaltimeArgs *args, Value **ret_value,
                               GError **error)
{
    if (!require_host(call, args->host, error))
        return FALSE;
    time_t now = (time_t)(base_now_us() / G_USEC_PER_SEC);
    struct tm local;
    char text[32];
    localtime_r(&now, &local);
    strftime(text, sizeof text, "%Y%m%dT%H:%M:%S", &local);
    *ret_value = value_datetime_text(text);
    return TRUE;
}

gboolean
api_host__compute_free_memory(ApiCall *call, const HostComputeFreeMemoryArgs *args, Value **ret_value,
                              GError **error)
{
    if (!require_host(call, args->host, error))
        return FALSE;
    guint64 total, free_bytes;
    host_memory_bytes(&total, &free_bytes);
    *ret_value = value_int((gint64)free_bytes);
    return TRUE;
}

gboolean
api_host__compute_memory_overhead(ApiCall *call, const HostComputeMemoryOverheadArgs *args, Value **ret_value,
                                  GError **error)
{
    g_autoptr(DbRow) row = db_require(call->db, CLASS_HOST, args->host.id, error);
    if (row == NULL)
        return FALSE;
    *ret_value = value_int(db_row_int(row, HOST_MEMORY_OVERHEAD));
    return TRUE;
}

gboolean
api_host__get_server_certificate(ApiCall *call, const HostGetServerCertificateArgs *args, Value **ret_value,
                                 GError **error)
{
    if (!require_host(call, args->host, error))
        return FALSE;
    g_autofree char *path = g_build_filename(call->services->state_directory, "server.crt", NULL);
    g_autofree char *text = NULL;
    if (!base_file_read(path, CERTIFICATE_MAX, &text, NULL, error))
        return FALSE;
    *ret_value = value_string(text);
    return TRUE;
}

/* Source: API reference, host.get_management_interface: the PIF that carries management traffic */
gboolean
api_host__get_management_interface(ApiCall *call, const HostGetManagementInterfaceArgs *args,
                                   Value **ret_value, GError **error)
{
    if (!require_host(call, args->host, error))
        return FALSE;
    g_autoptr(GPtrArray) pifs = db_referrers(call->db, CLASS_PIF, PIF_HOST, args->host.id);
    for (guint i = 0; i < pifs->len; i++) {
        const DbRow *pif = g_ptr_array_index(pifs, i);
        if (!db_row_bool(pif, PIF_MANAGEMENT))
            continue;
        *ret_value = value_string(pif->ref);
        return TRUE;
    }
    return api_error_host_has_no_management_ip(error);
}

gboolean
api_host__list_methods(ApiCall *call, Value **ret_value, GError **error)
{
    Value *names = value_array_new(model_n_messages);
    for (gsize i = 0; i < model_n_messages; i++)
        value_array_add(names, value_string(model_messages[i].name));
    *ret_value = names;
    return TRUE;
}
