/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clang-format off */
/* What each crash leaves, and what is done about it. The steps of a snapshot are in fork.c.
 *
 *   died while                           left                               here
 *   making an image                      <uuid>.qcow2.new                   removed
 *   before an image got its name         sidecar without image              removed
 *   base linked, overlay not in place    hidden base nothing reads from,    removed: a second name of the disk's file
 *                                        with two names
 *   overlay of a raw disk in place       <uuid>.raw beside <uuid>.qcow2     raw name removed: the base has the file
 *   removing a disk                      <uuid>.deleting                    removal finished, with the hidden bases that
 *                                                                           nothing reads from
 *
 * A hidden base that nothing reads from stays without such a mark: somebody may have moved the disk's image away for a
 * while. When that comes back it is taken up again, under its uuid. */
/* clang-format on */
#include "lib/folder/repair.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "lib/driver.h"

static gboolean
remove_named(const FolderStore *store, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(store->path, name, NULL);
    log_warning("removing '%s', left by a call that did not finish", path);
    if (base_file_remove(path, error))
        return TRUE;
    return driver_fault_from(error, DRIVER_ERROR_SR_SCAN);
}

static gboolean
remove_unfinished(const FolderStore *store, const FolderCatalog *catalog, GError **error)
{
    for (guint i = 0; i < catalog->unfinished->len; i++) {
        if (!remove_named(store, catalog->unfinished->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
remove_orphan(const FolderStore *store, FolderEntry *entry, GError **error)
{
    g_autofree char *sidecar = g_strconcat(entry->uuid, ".json", NULL);
    g_autofree char *active = g_strconcat(entry->uuid, ".active", NULL);

    if (entry->has_sidecar && !remove_named(store, sidecar, error))
        return FALSE;
    if (entry->has_active && !remove_named(store, active, error))
        return FALSE;
    entry->has_sidecar = entry->has_active = FALSE;
    return TRUE;
}

static gboolean
is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* The overlay is in place and reads from a base that is the raw file itself: the raw name is done with. */
static gboolean
remove_raw_twin(const FolderStore *store, FolderEntry *entry, GError **error)
{
    g_autofree char *name = folder_store_image_name(entry->uuid, IMAGE_FORMAT_RAW);
    g_autofree char *raw = g_build_filename(store->path, name, NULL);

    if (!entry->is_readable || entry->info.backing == NULL || strchr(entry->info.backing, '/') != NULL)
        return TRUE;
    g_autofree char *base = g_build_filename(store->path, entry->info.backing, NULL);
    if (!is_same_file(raw, base))
        return TRUE;
    entry->has[IMAGE_FORMAT_RAW] = FALSE;
    return remove_named(store, name, error);
}

/* Source: the design's section on security: backing files are never followed unless the SR made them. */
static gboolean
reads_from_own_base(const FolderStore *store, const FolderEntry *entry)
{
    g_autofree char *uuid = NULL;
    g_auto(DiskMeta) meta = {0};
    ImageFormat format;
    return entry->info.backing != NULL &&
           folder_store_parse_image_name(entry->info.backing, &uuid, &format) &&
           folder_store_meta(store, uuid, &meta, NULL) && meta.is_hidden;
}

static gboolean
introduce(const FolderStore *store, FolderEntry *entry, GError **error)
{
    gboolean is_alone = entry->is_readable && entry->info.backing == NULL && entry->info.is_plain;
    if (!is_alone && !(entry->is_readable && reads_from_own_base(store, entry))) {
        log_warning("image %s in '%s' is not taken up", entry->uuid, store->path);
        return TRUE;
    }
    g_autofree char *path = folder_store_path(store, entry->uuid, "json");
    g_auto(DiskMeta) meta = {0};
    disk_meta_init(&meta);
    if (!disk_meta_write(path, &meta, error))
        return driver_fault_from(error, DRIVER_ERROR_SR_SCAN);
    entry->has_sidecar = TRUE;
    return TRUE;
}

static gboolean
repair_entry(const FolderStore *store, FolderCatalog *catalog, FolderEntry *entry, GError **error)
{
    if (!folder_entry_has_image(entry))
        return remove_orphan(store, entry, error);
    if (entry->is_deleting)
        return folder_catalog_remove_image(catalog, store, entry->uuid, error);
    if (entry->has[IMAGE_FORMAT_QCOW2] && entry->has[IMAGE_FORMAT_RAW] &&
        !remove_raw_twin(store, entry, error))
        return FALSE;
    return entry->has_sidecar || introduce(store, entry, error);
}

/* A base that was linked and is not read from yet: the disk has the same file under its own name. */
static gboolean
has_second_name(const FolderStore *store, const FolderEntry *entry)
{
    ImageFormat format = entry->has[IMAGE_FORMAT_QCOW2] ? IMAGE_FORMAT_QCOW2 : IMAGE_FORMAT_RAW;
    g_autofree char *path = folder_store_path(store, entry->uuid, image_format_name(format));
    struct stat status;
    return stat(path, &status) == 0 && status.st_nlink > 1;
}

/* A base may be the last reader of another: folder_catalog_remove_image() goes up the chain. */
static gboolean
remove_useless_bases(const FolderStore *store, FolderCatalog *catalog, gboolean was_deleting, GError **error)
{
    if (!catalog->is_complete)
        return TRUE;
    for (guint i = 0; i < catalog->entries->len; i++) {
        const FolderEntry *entry = catalog->entries->pdata[i];
        g_auto(DiskMeta) meta = {0};
        if (!entry->is_readable || !entry->has_sidecar || folder_catalog_children(catalog, entry->uuid) > 0)
            continue;
        if (!folder_store_meta(store, entry->uuid, &meta, NULL) || !meta.is_hidden)
            continue;
        if (!was_deleting && !has_second_name(store, entry))
            continue;
        log_warning("removing base %s in '%s': nothing reads from it", entry->uuid, store->path);
        if (!folder_catalog_remove_image(catalog, store, entry->uuid, error))
            return FALSE;
    }
    return TRUE;
}

/* Last, so that a repair that is cut off begins again. */
static gboolean
remove_marks(const FolderStore *store, FolderCatalog *catalog, GError **error)
{
    for (guint i = 0; i < catalog->entries->len; i++) {
        FolderEntry *entry = catalog->entries->pdata[i];
        g_autofree char *mark = g_strconcat(entry->uuid, ".deleting", NULL);
        if (entry->is_deleting && !remove_named(store, mark, error))
            return FALSE;
        entry->is_deleting = FALSE;
    }
    return TRUE;
}

gboolean
folder_repair(const FolderStore *store, FolderCatalog *catalog, GError **error)
{
    if (!remove_unfinished(store, catalog, error))
        return FALSE;
    gboolean was_deleting = FALSE;
    for (guint i = 0; i < catalog->entries->len; i++) {
        FolderEntry *entry = catalog->entries->pdata[i];
        was_deleting = was_deleting || entry->is_deleting;
        if (!repair_entry(store, catalog, entry, error))
            return FALSE;
    }
    return remove_useless_bases(store, catalog, was_deleting, error) && remove_marks(store, catalog, error);
}
