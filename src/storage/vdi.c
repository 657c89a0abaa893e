/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that make, change and remove disks. Attaching is in vdi_attach.c. */
#include "storage/internal.h"
#include "storage/result.h"

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static const char *
bool_text(gboolean truth)
{
    return truth ? "true" : "false";
}

static gboolean
refuse_in_use(const StorageCall *call, const char *operation, GError **error)
{
    const char *params[] = {or_empty(call->vdi_ref), operation, NULL};
    return storage_error_set(error, STORAGE_ERROR_VDI_IN_USE, "VDI_IN_USE", params);
}

static StorageVdi *
read_vdi(const Value *reply, GError **error)
{
    StorageVdi *vdi = storage_result_vdi(reply, error);
    if (vdi == NULL)
        storage_turn_bad_reply(error);
    return vdi;
}

static StorageVdi *
run_vdi(Storage *storage, const StorageRequest *request, GError **error)
{
    g_autoptr(Value) reply = storage_run(storage, request, error);
    return reply == NULL ? NULL : read_vdi(reply, error);
}

/* A call that is refused while the disk is attached here; looked at under the disk's lock. */
static Value *
run_unused(Storage *storage, const StorageRequest *request, const char *operation, GError **error)
{
    const StorageCall *call = request->call;
    g_auto(StorageTurn) turn = {0};
    if (!storage_turn_begin(storage, request->operation, call, &turn, error))
        return NULL;
    if (storage_datapaths_count_vdi(storage->datapaths, call->sr_uuid, or_empty(call->vdi_uuid)) > 0) {
        refuse_in_use(call, operation, error);
        return NULL;
    }
    return storage_turn_invoke(&turn, request, error);
}

StorageVdi *
storage_vdi_create(Storage *storage, const StorageCall *call, const StorageVdiSpec *spec, GError **error)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, spec->size_bytes);
    const char *args[] = {
        size,
        or_empty(spec->name_label),
        or_empty(spec->name_description),
        or_empty(spec->metadata_of_pool),
        bool_text(spec->is_a_snapshot),
        spec->snapshot_time != NULL ? spec->snapshot_time : "19700101T00:00:00Z",
        or_empty(spec->snapshot_of),
        bool_text(spec->is_read_only),
        NULL,
    };
    g_autoptr(Value) additions = value_map_new(1);
    if (spec->is_sharable)
        value_map_set(additions, "vdi_sharable", value_string("true"));

    StorageRequest request = {
        .operation = STORAGE_OPERATION_VDI_CREATE,
        .call = call,
        .args = args,
        .vdi_type = spec->type != NULL ? spec->type : "user",
        .additions = additions,
    };
    return run_vdi(storage, &request, error);
}

StorageVdi *
storage_vdi_introduce(Storage *storage, const StorageCall *call, const char *new_uuid, GError **error)
{
    StorageRequest request = {
        .operation = STORAGE_OPERATION_VDI_INTRODUCE, .call = call, .new_uuid = new_uuid};
    return run_vdi(storage, &request, error);
}

gboolean
storage_vdi_delete(Storage *storage, const StorageCall *call, GError **error)
{
    StorageRequest request = {.operation = STORAGE_OPERATION_VDI_DELETE, .call = call};
    g_autoptr(Value) reply = run_unused(storage, &request, "destroy", error);
    return reply != NULL;
}

StorageVdi *
storage_vdi_snapshot(Storage *storage, const StorageCall *call, const Value *driver_params, GError **error)
{
    g_autoptr(Value) empty = value_map_empty();
    StorageRequest request = {
        .operation = STORAGE_OPERATION_VDI_SNAPSHOT,
        .call = call,
        .driver_params = driver_params != NULL ? driver_params : empty,
    };
    return run_vdi(storage, &request, error);
}

StorageVdi *
storage_vdi_clone(Storage *storage, const StorageCall *call, const Value *driver_params, GError **error)
{
    g_autoptr(Value) empty = value_map_empty();
    StorageRequest request = {
        .operation = STORAGE_OPERATION_VDI_CLONE,
        .call = call,
        .driver_params = driver_params != NULL ? driver_params : empty,
    };
    return run_vdi(storage, &request, error);
}

StorageVdi *
storage_vdi_resize(Storage *storage, const StorageCall *call, guint64 size_bytes, GError **error)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, size_bytes);
    const char *args[] = {size, NULL};
    StorageRequest request = {.operation = STORAGE_OPERATION_VDI_RESIZE, .call = call, .args = args};
    g_autoptr(Value) reply = run_unused(storage, &request, "resize", error);
    return reply == NULL ? NULL : read_vdi(reply, error);
}

gboolean
storage_vdi_update(Storage *storage, const StorageCall *call, const char *name_label,
                   const char *name_description, GError **error)
{
    g_autoptr(Value) additions = value_map_new(2);
    if (name_label != NULL)
        value_map_set(additions, "vdi_name_label", value_string(name_label));
    if (name_description != NULL)
        value_map_set(additions, "vdi_name_description", value_string(name_description));

    StorageRequest request = {
        .operation = STORAGE_OPERATION_VDI_UPDATE, .call = call, .additions = additions};
    g_autoptr(Value) reply = storage_run(storage, &request, error);
    return reply != NULL;
}
