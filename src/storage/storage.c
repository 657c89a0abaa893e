/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service object: plugins known, and the way every call takes: plugin, checks, lock, call, log. */
#include "storage/storage.h"

#include "base/error.h"
#include "base/file.h"
#include "storage/internal.h"
#include "storage/smapi1.h"

#define CALL_TIMEOUT_MS  (60 * 60 * 1000)
#define INFO_TIMEOUT_MS  (10 * 1000)
#define OUTPUT_MAX_BYTES (64 * 1024 * 1024)

/* ---- The object ---- */

static gboolean
open_state(Storage *storage, const StorageOptions *options, GError **error)
{
    g_autofree char *datapaths = g_build_filename(options->state_directory, "datapaths", NULL);
    g_autofree char *log = options->call_log != NULL
                               ? g_strdup(options->call_log)
                               : g_build_filename(options->state_directory, "storage-calls.log", NULL);

    storage->datapaths = storage_datapaths_open(datapaths, error);
    if (storage->datapaths == NULL)
        return FALSE;
    storage->log = storage_call_log_open(log, error);
    return storage->log != NULL;
}

static gboolean
state_error(GError **error, const GError *cause)
{
    const char *params[] = {cause->message, NULL};
    return storage_error_set(error, STORAGE_ERROR_STATE, "INTERNAL_ERROR", params);
}

static void
set_limits(Storage *storage, const StorageOptions *options)
{
    gsize output_max_bytes = options->output_max_bytes != 0 ? options->output_max_bytes : OUTPUT_MAX_BYTES;
    storage->call_limits = (StorageLimits){
        .timeout_ms = options->call_timeout_ms != 0 ? options->call_timeout_ms : CALL_TIMEOUT_MS,
        .output_max_bytes = output_max_bytes,
    };
    storage->info_limits = (StorageLimits){
        .timeout_ms = options->info_timeout_ms != 0 ? options->info_timeout_ms : INFO_TIMEOUT_MS,
        .output_max_bytes = output_max_bytes,
    };
}

Storage *
storage_new_with_options(const StorageOptions *options, GError **error)
{
    g_autoptr(Storage) storage = g_new0(Storage, 1);
    g_autoptr(GError) cause = NULL;

    g_mutex_init(&storage->mutex);
    storage->plugin_directories = g_strdupv((char **)options->plugin_directories);
    storage->host_ref = g_strdup(options->host_ref);
    storage->locks = storage_locks_new();
    set_limits(storage, options);
    if (!open_state(storage, options, &cause)) {
        state_error(error, cause);
        return NULL;
    }
    storage_rescan_plugins(storage);
    return g_steal_pointer(&storage);
}

Storage *
storage_new(const char *const *plugin_directories, const char *state_directory, GError **error)
{
    StorageOptions options = {.plugin_directories = plugin_directories, .state_directory = state_directory};
    return storage_new_with_options(&options, error);
}

void
storage_free(Storage *storage)
{
    if (storage == NULL)
        return;
    storage_discovery_clear(&storage->discovery);
    storage_call_log_free(storage->log);
    storage_datapaths_free(storage->datapaths);
    storage_locks_free(storage->locks);
    g_strfreev(storage->plugin_directories);
    g_free(storage->host_ref);
    g_mutex_clear(&storage->mutex);
    g_free(storage);
}

/* ---- Plugins ---- */

void
storage_rescan_plugins(Storage *storage)
{
    StorageDiscovery found;
    g_mutex_lock(&storage->mutex);
    g_auto(GStrv) directories = g_strdupv(storage->plugin_directories);
    g_mutex_unlock(&storage->mutex);
    storage_discover((const char *const *)directories, storage->host_ref, &storage->info_limits, &found);

    g_mutex_lock(&storage->mutex);
    StorageDiscovery old = storage->discovery;
    storage->discovery = found;
    g_mutex_unlock(&storage->mutex);
    storage_discovery_clear(&old);
}

void
storage_set_plugin_directories(Storage *storage, const char *const *directories)
{
    g_mutex_lock(&storage->mutex);
    g_strfreev(storage->plugin_directories);
    storage->plugin_directories = g_strdupv((char **)directories);
    g_mutex_unlock(&storage->mutex);
}

GPtrArray *
storage_plugins(Storage *storage)
{
    g_mutex_lock(&storage->mutex);
    const GPtrArray *known = storage->discovery.plugins;
    GPtrArray *copy = g_ptr_array_new_full(known->len, (GDestroyNotify)storage_plugin_unref);
    for (guint i = 0; i < known->len; i++)
        g_ptr_array_add(copy, storage_plugin_ref(known->pdata[i]));
    g_mutex_unlock(&storage->mutex);
    return copy;
}

GPtrArray *
storage_broken_plugins(Storage *storage)
{
    g_mutex_lock(&storage->mutex);
    const GPtrArray *known = storage->discovery.broken;
    GPtrArray *copy = g_ptr_array_new_full(known->len, (GDestroyNotify)storage_broken_plugin_free);
    for (guint i = 0; i < known->len; i++) {
        const StorageBrokenPlugin *broken = known->pdata[i];
        StorageBrokenPlugin *item = g_new0(StorageBrokenPlugin, 1);
        item->driver_filename = g_strdup(broken->driver_filename);
        item->reason = g_strdup(broken->reason);
        g_ptr_array_add(copy, item);
    }
    g_mutex_unlock(&storage->mutex);
    return copy;
}

StoragePlugin *
storage_find_plugin(Storage *storage, const char *type)
{
    StoragePlugin *found = NULL;

    g_mutex_lock(&storage->mutex);
    const GPtrArray *known = storage->discovery.plugins;
    for (guint i = 0; i < known->len && found == NULL; i++) {
        StoragePlugin *plugin = known->pdata[i];
        if (g_ascii_strcasecmp(plugin->type, type) == 0)
            found = storage_plugin_ref(plugin);
    }
    g_mutex_unlock(&storage->mutex);
    return found;
}

GPtrArray *
storage_datapaths(Storage *storage, const char *sr_uuid)
{
    return storage_datapaths_list(storage->datapaths, sr_uuid);
}

/* ---- A call's way ---- */

void
storage_turn_clear(StorageTurn *turn)
{
    g_clear_pointer(&turn->lock, storage_lock_release);
    g_clear_pointer(&turn->plugin, storage_plugin_unref);
}

static gboolean
refuse_unknown_driver(GError **error, const char *type)
{
    const char *params[] = {type, NULL};
    return storage_error_set(error, STORAGE_ERROR_UNKNOWN_DRIVER, "SR_UNKNOWN_DRIVER", params);
}

static gboolean
refuse_wrong_host(GError **error, const StorageOperationInfo *info)
{
    g_autofree char *text =
        g_strdup_printf("%s must be called on the host that is the SR's master", info->name);
    const char *params[] = {text, NULL};
    return storage_error_set(error, STORAGE_ERROR_NOT_MASTER, "INTERNAL_ERROR", params);
}

/* Uuids become parts of file names and keys of locks. */
static gboolean
check_uuid(const char *field, const char *uuid, GError **error)
{
    if (uuid != NULL && base_path_is_safe_name(uuid))
        return TRUE;
    const char *params[] = {field, uuid != NULL ? uuid : "", NULL};
    return storage_error_set(error, STORAGE_ERROR_INVALID, "INVALID_VALUE", params);
}

static gboolean
check_call(const StorageOperationInfo *info, const StorageCall *call, GError **error)
{
    if (info->object != STORAGE_OBJECT_NONE && !check_uuid("sr_uuid", call->sr_uuid, error))
        return FALSE;
    if (info->lock == STORAGE_LOCK_VDI && !check_uuid("vdi_uuid", call->vdi_uuid, error))
        return FALSE;
    if (info->is_for_master && !call->is_sr_master)
        return refuse_wrong_host(error, info);
    return TRUE;
}

static gboolean
refuse_cancelled(GError **error, const StorageCall *call)
{
    const char *params[] = {call->subtask_of != NULL ? call->subtask_of : "", NULL};
    return storage_error_set(error, STORAGE_ERROR_NOT_BEGUN, "TASK_CANCELLED", params);
}

gboolean
storage_turn_begin(Storage *storage, StorageOperation operation, const StorageCall *call,
                   StorageTurn *ret_turn, GError **error)
{
    const StorageOperationInfo *info = &storage_operation_infos[operation];
    if (!check_call(info, call, error))
        return FALSE;

    const char *type = call->sr_type != NULL ? call->sr_type : "";
    g_auto(StorageTurn) turn = {.storage = storage, .plugin = storage_find_plugin(storage, type)};
    if (turn.plugin == NULL)
        return refuse_unknown_driver(error, type);

    const char *vdi_uuid = info->object == STORAGE_OBJECT_VDI ? call->vdi_uuid : NULL;
    turn.lock =
        storage_lock_acquire(storage->locks, info->lock, call->sr_uuid, vdi_uuid, call->cancellable, NULL);
    if (turn.lock == NULL)
        return refuse_cancelled(error, call);
    *ret_turn = turn;
    turn = (StorageTurn){0};
    return TRUE;
}

Value *
storage_turn_invoke(const StorageTurn *turn, const StorageRequest *request, GError **error)
{
    const StorageOperationInfo *info = storage_request_info(request);

    if (info->capability != NULL && !storage_plugin_has(turn->plugin, info->capability)) {
        if (info->is_skipped_without)
            return value_nil();
        const char *params[] = {request->call->sr_ref != NULL ? request->call->sr_ref : "", NULL};
        storage_error_set(error, STORAGE_ERROR_NOT_SUPPORTED, "SR_OPERATION_NOT_SUPPORTED", params);
        return NULL;
    }

    if (g_cancellable_is_cancelled(request->call->cancellable)) {
        refuse_cancelled(error, request->call);
        return NULL;
    }

    g_autoptr(GError) failure = NULL;
    gint64 start_us = g_get_monotonic_time();
    Value *reply =
        storage_smapi1_call(turn->plugin->driver_filename, request, &turn->storage->call_limits, &failure);
    storage_call_log_write(turn->storage->log, request, failure, g_get_monotonic_time() - start_us);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return reply;
}

void
storage_turn_bad_reply(GError **error)
{
    if (error == NULL || *error == NULL)
        return;
    g_autoptr(GError) cause = g_steal_pointer(error);
    const char *params[] = {"bad reply", cause->message, "", NULL};
    storage_error_set(error, STORAGE_ERROR_BACKEND_REPLY, "SR_BACKEND_FAILURE", params);
}

Value *
storage_run(Storage *storage, const StorageRequest *request, GError **error)
{
    g_auto(StorageTurn) turn = {0};
    if (!storage_turn_begin(storage, request->operation, request->call, &turn, error))
        return NULL;
    return storage_turn_invoke(&turn, request, error);
}
