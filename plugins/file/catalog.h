/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that is in a file SR's folder, read once, and who depends on whom. */
#pragma once

#include "file/store.h"

typedef struct FileEntry {
    char *uuid;
    gboolean has[IMAGE_FORMAT_N]; /* which image files there are; the first is the disk */
    gboolean has_sidecar;
    gboolean has_active;
    gboolean is_deleting; /* its removal has begun and is to be finished */
    gboolean is_readable; /* info was read */
    ImageInfo info;       /* of the first image file */
} FileEntry;

/** file_entry_has_image: whether it is more than a sidecar. */
gboolean file_entry_has_image(const FileEntry *entry);

typedef struct FileCatalog {
    GPtrArray *entries;    /* FileEntry, sorted by uuid */
    GHashTable *by_uuid;   /* uuid -> FileEntry, borrowed */
    GHashTable *children;  /* uuid of a base -> number of images that read from it, as GUINT_TO_POINTER */
    GPtrArray *unfinished; /* names of temporary files */
    gboolean is_complete;  /* every header could be read, so a base without children has none */
} FileCatalog;

void file_catalog_clear(FileCatalog *catalog);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FileCatalog, file_catalog_clear)

/** file_catalog_read: the folder and every header. Fault: DRIVER_ERROR_SR_SCAN. */
gboolean file_catalog_read(const FileStore *store, FileCatalog *ret_catalog, GError **error);

/** file_catalog_children: how many images read from the one of @uuid. */
guint file_catalog_children(const FileCatalog *catalog, const char *uuid);

/**
 * file_catalog_remove_image:
 *
 * Removes the image of @uuid, then its sidecar, then every hidden base above it that nothing reads from any
 * more; the catalog is kept up to date. A mark, "<uuid>.deleting", tells a repair to go on after a crash.
 * Where headers could not be read, bases stay. Fault: DRIVER_ERROR_VDI_REMOVE.
 */
gboolean file_catalog_remove_image(FileCatalog *catalog, const FileStore *store, const char *uuid,
                                   GError **error);
