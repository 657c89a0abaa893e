/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of an SR: what is in it and what it is called.
 *
 *   sr.json              which SR this is; without it nothing here is touched
 *   .lock                lib/lock.h
 *   <uuid>.qcow2|.raw    an image; the SR's own are qcow2
 *   <uuid>.json          its sidecar (lib/disk_meta.h)
 *   <uuid>.active        who has activated it (active.h)
 *   *.new, .write-*      unfinished; removed by repair (repair.h)
 *
 * The order of changes is such that a crash leaves an image with its sidecar or no image: sidecars are
 * written before the image gets its name, and removed after it has lost it. */
#pragma once

#include "lib/disk_meta.h"
#include "lib/driver.h"
#include "lib/image.h"

typedef struct FolderStore {
    char *path;
    char *sr_uuid;
    int lock; /* descriptor */
} FolderStore;

void folder_store_clear(FolderStore *store);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FolderStore, folder_store_clear)

/**
 * folder_store_open:
 * @path: absolute
 * @is_exclusive: for calls that change something
 * @error: (out): DRIVER_ERROR_SR_UNAVAILABLE when there is no SR, or another one, in @path
 *
 * Takes the SR's lock, which is held until the store is cleared.
 */
gboolean folder_store_open(const char *path, const char *sr_uuid, gboolean is_exclusive,
                           FolderStore *ret_store, GError **error);

/** folder_open: the store of the request's SR. */
gboolean folder_open(const DriverRequest *request, gboolean is_exclusive, FolderStore *ret_store,
                     GError **error);

/** folder_store_read_marker: the uuid of the SR in @path; NULL if there is none
 * (DRIVER_ERROR_SR_UNAVAILABLE).
 * @ret_is_made: (nullable): whether sr_create made the folder. The caller frees it. */
char *folder_store_read_marker(const char *path, gboolean *ret_is_made, GError **error);

/** folder_store_write_marker: makes @path an SR. */
gboolean folder_store_write_marker(const char *path, const char *sr_uuid, gboolean is_made, GError **error);

#define FOLDER_STORE_MARKER "sr.json"
#define FOLDER_STORE_LOCK   ".lock"

/** folder_store_path: "<path>/<uuid>.<suffix>". The caller frees it. */
char *folder_store_path(const FolderStore *store, const char *uuid, const char *suffix);

/** folder_store_image_name: "<uuid>.<format>", without the folder. The caller frees it. */
char *folder_store_image_name(const char *uuid, ImageFormat format);

/** folder_store_parse_image_name: the reverse; FALSE for any other name. @ret_uuid: freed by the caller. */
gboolean folder_store_parse_image_name(const char *name, char **ret_uuid, ImageFormat *ret_format);

/** folder_store_find: the format of the image of @uuid; qcow2 before raw. Fault: DRIVER_ERROR_VDI_MISSING. */
gboolean folder_store_find(const FolderStore *store, const char *uuid, ImageFormat *ret_format,
                           GError **error);

/** folder_store_image: its format and header. Faults: DRIVER_ERROR_VDI_MISSING, DRIVER_ERROR_VDI_LOAD. */
gboolean folder_store_image(const FolderStore *store, const char *uuid, ImageInfo *ret_info, GError **error);

/** folder_store_meta: its sidecar. Fault: DRIVER_ERROR_VDI_LOAD, also when there is none. */
gboolean folder_store_meta(const FolderStore *store, const char *uuid, DiskMeta *ret_meta, GError **error);

/** folder_store_visible: the sidecar of a disk that callers may name: a hidden base is
 * DRIVER_ERROR_VDI_MISSING. */
gboolean folder_store_visible(const FolderStore *store, const char *uuid, DiskMeta *ret_meta, GError **error);

/** folder_store_rename: from one name in the folder to another. Not durable until base_dir_sync(). Errors:
 * BASE_ERROR_IO. */
gboolean folder_store_rename(const FolderStore *store, const char *from, const char *to, GError **error);

/** folder_store_vdi_value: what calls answer about the disk. (transfer full) */
Value *folder_store_vdi_value(const char *uuid, const ImageInfo *info, const DiskMeta *meta);
