/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that is in a file SR's folder, read once, and who depends on whom. */
#pragma once

#include "lib/folder/store.h"

typedef struct FolderEntry {
    char *uuid;
    gboolean has[IMAGE_FORMAT_N]; /* which image files there are; the first is the disk */
    gboolean has_sidecar;
    gboolean has_active;
    gboolean is_deleting; /* its removal has begun and is to be finished */
    gboolean is_readable; /* info was read */
    ImageInfo info;       /* of the first image file */
} FolderEntry;

/** folder_entry_has_image: whether it is more than a sidecar. */
gboolean folder_entry_has_image(const FolderEntry *entry);

typedef struct FolderCatalog {
    GPtrArray *entries;    /* FolderEntry, sorted by uuid */
    GHashTable *by_uuid;   /* uuid -> FolderEntry, borrowed */
    GHashTable *children;  /* uuid of a base -> number of images that read from it, as GUINT_TO_POINTER */
    GPtrArray *unfinished; /* names of temporary files */
    gboolean is_complete;  /* every header could be read, so a base without children has none */
} FolderCatalog;

void folder_catalog_clear(FolderCatalog *catalog);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FolderCatalog, folder_catalog_clear)

/** folder_catalog_read: the folder and every header. Fault: DRIVER_ERROR_SR_SCAN. */
gboolean folder_catalog_read(const FolderStore *store, FolderCatalog *ret_catalog, GError **error);

/** folder_catalog_children: how many images read from the one of @uuid. */
guint folder_catalog_children(const FolderCatalog *catalog, const char *uuid);

/**
 * folder_catalog_remove_image:
 *
 * Removes the image of @uuid, then its sidecar, then every hidden base above it that nothing reads from any
 * more; the catalog is kept up to date. A mark, "<uuid>.deleting", tells a repair to go on after a crash.
 * Where headers could not be read, bases stay. Fault: DRIVER_ERROR_VDI_REMOVE.
 */
gboolean folder_catalog_remove_image(FolderCatalog *catalog, const FolderStore *store, const char *uuid,
                                     GError **error);
