/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and single files of a file SR's folder. Lists of them are in catalog.c. */
#include "lib/folder/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/driver.h"
#include "lib/lock.h"
#include "value/json.h"

#define MARKER_MAX_BYTES 65536

/* ---- The folder ---- */

void
folder_store_clear(FolderStore *store)
{
    g_clear_pointer(&store->path, g_free);
    g_clear_pointer(&store->sr_uuid, g_free);
    base_fd_clear(&store->lock);
}

static Value *
read_marker(const char *path, GError **error)
{
    g_autofree char *marker = g_build_filename(path, FOLDER_STORE_MARKER, NULL);
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!base_file_read(marker, MARKER_MAX_BYTES, &text, &length, error))
        return NULL;
    g_autoptr(Value) value = json_read(text, length, error);
    if (value == NULL)
        return NULL;
    if (value_kind(value) != VALUE_MAP || !base_uuid_is_valid(value_map_get_string(value, "uuid", ""))) {
        base_error_set(error, BASE_ERROR_INVALID, "'%s' names no SR", marker);
        return NULL;
    }
    return g_steal_pointer(&value);
}

char *
folder_store_read_marker(const char *path, gboolean *ret_is_made, GError **error)
{
    g_autoptr(Value) value = read_marker(path, error);
    if (value == NULL) {
        driver_fault_from(error, DRIVER_ERROR_SR_UNAVAILABLE);
        return NULL;
    }
    if (ret_is_made != NULL) {
        const Value *is_made = value_map_get(value, "made_folder");
        *ret_is_made = is_made != NULL && value_kind(is_made) == VALUE_BOOL && value_get_bool(is_made);
    }
    return g_strdup(value_map_get_string(value, "uuid", ""));
}

gboolean
folder_store_write_marker(const char *path, const char *sr_uuid, gboolean is_made, GError **error)
{
    g_autofree char *marker = g_build_filename(path, FOLDER_STORE_MARKER, NULL);
    g_autoptr(Value) value = value_map_new(2);
    value_map_set(value, "uuid", value_string(sr_uuid));
    value_map_set(value, "made_folder", value_bool(is_made));

    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, value);
    g_string_append_c(text, '\n');
    if (base_file_write(marker, text->str, text->len, 0644, error))
        return TRUE;
    return driver_fault_from(error, DRIVER_ERROR_FILE_SR_CREATE);
}

static gboolean
check_marker(const char *path, const char *sr_uuid, GError **error)
{
    g_autofree char *uuid = folder_store_read_marker(path, NULL, error);
    if (uuid == NULL)
        return FALSE;
    if (g_ascii_strcasecmp(uuid, sr_uuid) != 0)
        return driver_fault(error, DRIVER_ERROR_SR_UNAVAILABLE, "'%s' holds the SR %s", path, uuid);
    return TRUE;
}

gboolean
folder_store_open(const char *path, const char *sr_uuid, gboolean is_exclusive, FolderStore *ret_store,
                  GError **error)
{
    /* Looked at before the lock, so that nothing is made in a folder that is no SR, and behind it: it may be
     * gone. */
    if (!check_marker(path, sr_uuid, error))
        return FALSE;

    g_auto(FolderStore) store = {.path = g_strdup(path), .sr_uuid = g_strdup(sr_uuid), .lock = -1};
    g_autofree char *lock = g_build_filename(path, FOLDER_STORE_LOCK, NULL);
    if (!driver_lock(lock, is_exclusive, &store.lock, error) || !check_marker(path, sr_uuid, error))
        return FALSE;
    *ret_store = store;
    store = (FolderStore){.lock = -1};
    return TRUE;
}

gboolean
folder_open(const DriverRequest *request, gboolean is_exclusive, FolderStore *ret_store, GError **error)
{
    return folder_store_open(request->folder, request->sr_uuid, is_exclusive, ret_store, error);
}

/* ---- Names ---- */

char *
folder_store_path(const FolderStore *store, const char *uuid, const char *suffix)
{
    return g_strconcat(store->path, "/", uuid, ".", suffix, NULL);
}

char *
folder_store_image_name(const char *uuid, ImageFormat format)
{
    return g_strconcat(uuid, ".", image_format_name(format), NULL);
}

gboolean
folder_store_parse_image_name(const char *name, char **ret_uuid, ImageFormat *ret_format)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || dot - name != UUID_TEXT_LENGTH)
        return FALSE;

    g_autofree char *uuid = g_strndup(name, UUID_TEXT_LENGTH);
    for (ImageFormat format = 0; format < IMAGE_FORMAT_N && base_uuid_is_valid(uuid); format++) {
        if (g_str_equal(dot + 1, image_format_name(format))) {
            *ret_uuid = g_steal_pointer(&uuid);
            *ret_format = format;
            return TRUE;
        }
    }
    return FALSE;
}

/* ---- One disk ---- */

gboolean
folder_store_find(const FolderStore *store, const char *uuid, ImageFormat *ret_format, GError **error)
{
    for (ImageFormat format = 0; format < IMAGE_FORMAT_N; format++) {
        struct stat status;
        g_autofree char *path = folder_store_path(store, uuid, image_format_name(format));
        if (lstat(path, &status) == 0) {
            *ret_format = format;
            return TRUE;
        }
    }
    return driver_fault(error, DRIVER_ERROR_VDI_MISSING, "%s", uuid);
}

gboolean
folder_store_image(const FolderStore *store, const char *uuid, ImageInfo *ret_info, GError **error)
{
    ImageFormat format;
    if (!folder_store_find(store, uuid, &format, error))
        return FALSE;
    g_autofree char *path = folder_store_path(store, uuid, image_format_name(format));
    return image_read(path, format, ret_info, error);
}

gboolean
folder_store_meta(const FolderStore *store, const char *uuid, DiskMeta *ret_meta, GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, "json");
    if (disk_meta_read(path, ret_meta, error))
        return TRUE;
    return driver_fault_from(error, DRIVER_ERROR_VDI_LOAD);
}

gboolean
folder_store_visible(const FolderStore *store, const char *uuid, DiskMeta *ret_meta, GError **error)
{
    ImageFormat format;
    g_auto(DiskMeta) meta = {0};
    if (!folder_store_find(store, uuid, &format, error) || !folder_store_meta(store, uuid, &meta, error))
        return FALSE;
    if (meta.is_hidden)
        return driver_fault(error, DRIVER_ERROR_VDI_MISSING, "%s is a hidden base", uuid);
    *ret_meta = meta;
    meta = (DiskMeta){0};
    return TRUE;
}

gboolean
folder_store_rename(const FolderStore *store, const char *from, const char *to, GError **error)
{
    g_autofree char *source = g_build_filename(store->path, from, NULL);
    g_autofree char *target = g_build_filename(store->path, to, NULL);
    if (rename(source, target) < 0)
        return base_error_errno(error, errno, "rename '%s' to '%s'", source, to);
    return TRUE;
}

Value *
folder_store_vdi_value(const char *uuid, const ImageInfo *info, const DiskMeta *meta)
{
    ImageFormat format;
    g_autofree char *parent = NULL;
    if (info->backing != NULL)
        folder_store_parse_image_name(info->backing, &parent, &format);

    DriverVdi vdi = {
        .uuid = uuid,
        .virtual_size = info->virtual_size,
        .physical_utilisation = info->allocated,
        .name_label = meta->name_label,
        .name_description = meta->name_description,
        .type = meta->type,
        .is_read_only = meta->is_read_only,
        .is_sharable = meta->is_sharable,
        .is_hidden = meta->is_hidden,
        .is_a_snapshot = meta->is_a_snapshot,
        .snapshot_of = meta->snapshot_of,
        .snapshot_time = meta->snapshot_time,
        .parent = parent,
        .sm_config = meta->sm_config,
    };
    return driver_vdi_value(&vdi);
}
