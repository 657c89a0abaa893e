/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls on SRs. */
#include "storage/internal.h"
#include "storage/result.h"

/* A call that answers nothing: drivers answer nil, "" or what they like, so the value is not looked at. */
static gboolean
run_unit(Storage *storage, const StorageRequest *request, GError **error)
{
    g_autoptr(Value) reply = storage_run(storage, request, error);
    return reply != NULL;
}

static gboolean
refuse_in_use(GError **error)
{
    const char *params[] = {NULL};
    return storage_error_set(error, STORAGE_ERROR_SR_IN_USE, "SR_DEVICE_IN_USE", params);
}

/* A call that is refused while a disk of the SR is attached here; looked at under the SR's lock. */
static gboolean
run_unit_unused(Storage *storage, const StorageRequest *request, GError **error)
{
    g_auto(StorageTurn) turn = {0};
    if (!storage_turn_begin(storage, request->operation, request->call, &turn, error))
        return FALSE;
    if (storage_datapaths_count_sr(storage->datapaths, request->call->sr_uuid) > 0)
        return refuse_in_use(error);

    g_autoptr(Value) reply = storage_turn_invoke(&turn, request, error);
    return reply != NULL;
}

gboolean
storage_sr_create(Storage *storage, const StorageCall *call, guint64 size_bytes, GError **error)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, size_bytes);
    const char *args[] = {size, NULL};
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_CREATE, .call = call, .args = args};
    return run_unit(storage, &request, error);
}

gboolean
storage_sr_delete(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_DELETE, .call = call};
    return run_unit_unused(storage, &request, error);
}

gboolean
storage_sr_attach(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_ATTACH, .call = call};
    return run_unit(storage, &request, error);
}

gboolean
storage_sr_detach(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_DETACH, .call = call};
    return run_unit_unused(storage, &request, error);
}

StorageScan *
storage_sr_scan(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_SCAN, .call = call};
    g_autoptr(Value) reply = storage_run(storage, &request, error);
    if (reply == NULL)
        return NULL;

    StorageScan *scan = storage_result_scan(reply, error);
    if (scan == NULL)
        storage_turn_bad_reply(error);
    return scan;
}

char *
storage_sr_probe(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_PROBE, .call = call};
    g_autoptr(Value) reply = storage_run(storage, &request, error);
    if (reply == NULL)
        return NULL;

    char *document = storage_result_string(reply, error);
    if (document == NULL)
        storage_turn_bad_reply(error);
    return document;
}

gboolean
storage_sr_update(Storage *storage, const StorageCall *call, StorageSizes *ret_sizes, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_UPDATE, .call = call};
    g_autoptr(Value) reply = storage_run(storage, &request, error);
    if (reply == NULL)
        return FALSE;

    if (storage_result_sizes(reply, ret_sizes, error))
        return TRUE;
    storage_turn_bad_reply(error);
    return FALSE;
}

char *
storage_sr_content_type(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_CONTENT_TYPE, .call = call};
    g_autoptr(Value) reply = storage_run(storage, &request, error);
    if (reply == NULL)
        return NULL;

    char *type = storage_result_content_type(reply, error);
    if (type == NULL)
        storage_turn_bad_reply(error);
    return type;
}
