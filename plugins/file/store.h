/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of a file SR: what is in it and what it is called.
 *
 *   sr.json              which SR this is; without it nothing here is touched
 *   .lock                lib/lock.h
 *   <uuid>.qcow2|.raw    an image; the SR's own are qcow2
 *   <uuid>.json          its sidecar (metadata.h)
 *   <uuid>.active        who has activated it (active.h)
 *   *.new, .write-*      unfinished; removed by repair (repair.h)
 *
 * The order of changes is such that a crash leaves an image with its sidecar or no image: sidecars are
 * written before the image gets its name, and removed after it has lost it. */
#pragma once

#include "file/metadata.h"
#include "lib/image.h"

typedef struct FileStore {
    char *path;
    char *sr_uuid;
    int lock; /* descriptor */
} FileStore;

void file_store_clear(FileStore *store);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FileStore, file_store_clear)

/**
 * file_store_open:
 * @path: absolute
 * @is_exclusive: for calls that change something
 * @error: (out): DRIVER_ERROR_SR_UNAVAILABLE when there is no SR, or another one, in @path
 *
 * Takes the SR's lock, which is held until the store is cleared.
 */
gboolean file_store_open(const char *path, const char *sr_uuid, gboolean is_exclusive, FileStore *ret_store,
                         GError **error);

/** file_store_read_marker: the uuid of the SR in @path; NULL if there is none (DRIVER_ERROR_SR_UNAVAILABLE).
 * @ret_is_made: (nullable): whether sr_create made the folder. The caller frees it. */
char *file_store_read_marker(const char *path, gboolean *ret_is_made, GError **error);

/** file_store_write_marker: makes @path an SR. */
gboolean file_store_write_marker(const char *path, const char *sr_uuid, gboolean is_made, GError **error);

#define FILE_STORE_MARKER "sr.json"
#define FILE_STORE_LOCK   ".lock"

/** file_store_path: "<path>/<uuid>.<suffix>". The caller frees it. */
char *file_store_path(const FileStore *store, const char *uuid, const char *suffix);

/** file_store_image_name: "<uuid>.<format>", without the folder. The caller frees it. */
char *file_store_image_name(const char *uuid, ImageFormat format);

/** file_store_parse_image_name: the reverse; FALSE for any other name. @ret_uuid: freed by the caller. */
gboolean file_store_parse_image_name(const char *name, char **ret_uuid, ImageFormat *ret_format);

/** file_store_find: the format of the image of @uuid; qcow2 before raw. Fault: DRIVER_ERROR_VDI_MISSING. */
gboolean file_store_find(const FileStore *store, const char *uuid, ImageFormat *ret_format, GError **error);

/** file_store_image: its format and header. Faults: DRIVER_ERROR_VDI_MISSING, DRIVER_ERROR_VDI_LOAD. */
gboolean file_store_image(const FileStore *store, const char *uuid, ImageInfo *ret_info, GError **error);

/** file_store_meta: its sidecar. Fault: DRIVER_ERROR_VDI_LOAD, also when there is none. */
gboolean file_store_meta(const FileStore *store, const char *uuid, FileMeta *ret_meta, GError **error);

/** file_store_visible: the sidecar of a disk that callers may name: a hidden base is
 * DRIVER_ERROR_VDI_MISSING. */
gboolean file_store_visible(const FileStore *store, const char *uuid, FileMeta *ret_meta, GError **error);

/** file_store_rename: from one name in the folder to another. Not durable until base_dir_sync(). Errors:
 * BASE_ERROR_IO. */
gboolean file_store_rename(const FileStore *store, const char *from, const char *to, GError **error);

/** file_store_vdi_value: what calls answer about the disk. (transfer full) */
Value *file_store_vdi_value(const char *uuid, const ImageInfo *info, const FileMeta *meta);
