/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the folder into entries and counts who reads from whom; removes what nothing needs. */
#include "lib/folder/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/driver.h"

static void
entry_free(gpointer data)
{
    FolderEntry *entry = data;
    g_free(entry->uuid);
    image_info_clear(&entry->info);
    g_free(entry);
}

gboolean
folder_entry_has_image(const FolderEntry *entry)
{
    return entry->has[IMAGE_FORMAT_QCOW2] || entry->has[IMAGE_FORMAT_RAW];
}

void
folder_catalog_clear(FolderCatalog *catalog)
{
    g_clear_pointer(&catalog->by_uuid, g_hash_table_unref);
    g_clear_pointer(&catalog->children, g_hash_table_unref);
    g_clear_pointer(&catalog->entries, g_ptr_array_unref);
    g_clear_pointer(&catalog->unfinished, g_ptr_array_unref);
}

/* ---- Reading ---- */

static FolderEntry *
find_or_add(FolderCatalog *catalog, const char *uuid)
{
    FolderEntry *entry = g_hash_table_lookup(catalog->by_uuid, uuid);
    if (entry != NULL)
        return entry;
    entry = g_new0(FolderEntry, 1);
    entry->uuid = g_strdup(uuid);
    g_ptr_array_add(catalog->entries, entry);
    g_hash_table_insert(catalog->by_uuid, entry->uuid, entry);
    return entry;
}

/* "<uuid>.<suffix>" for a suffix that is no image's. */
static gboolean
has_uuid_and_suffix(const char *name, const char *suffix, char **ret_uuid)
{
    if (strlen(name) != UUID_TEXT_LENGTH + strlen(suffix) || !g_str_has_suffix(name, suffix))
        return FALSE;
    g_autofree char *uuid = g_strndup(name, UUID_TEXT_LENGTH);
    if (!base_uuid_is_valid(uuid))
        return FALSE;
    *ret_uuid = g_steal_pointer(&uuid);
    return TRUE;
}

static gboolean
is_unfinished(const char *name)
{
    g_autofree char *uuid = NULL;
    return g_str_has_prefix(name, ".write-") || has_uuid_and_suffix(name, ".qcow2.new", &uuid);
}

static void
add_name(FolderCatalog *catalog, const char *name)
{
    g_autofree char *uuid = NULL;
    ImageFormat format;

    if (folder_store_parse_image_name(name, &uuid, &format))
        find_or_add(catalog, uuid)->has[format] = TRUE;
    else if (has_uuid_and_suffix(name, ".json", &uuid))
        find_or_add(catalog, uuid)->has_sidecar = TRUE;
    else if (has_uuid_and_suffix(name, ".active", &uuid))
        find_or_add(catalog, uuid)->has_active = TRUE;
    else if (has_uuid_and_suffix(name, ".deleting", &uuid))
        find_or_add(catalog, uuid)->is_deleting = TRUE;
    else if (is_unfinished(name))
        g_ptr_array_add(catalog->unfinished, g_strdup(name));
}

/* The uuid of the base that @info names, or NULL; names that the SR would not give count for nothing. */
static char *
parent_of(const ImageInfo *info)
{
    ImageFormat format;
    char *uuid = NULL;
    if (info->backing != NULL)
        folder_store_parse_image_name(info->backing, &uuid, &format);
    return uuid;
}

static void
count_child(FolderCatalog *catalog, const ImageInfo *info, int change)
{
    char *parent = parent_of(info);
    if (parent == NULL)
        return;
    guint count = folder_catalog_children(catalog, parent) + (guint)change;
    g_hash_table_insert(catalog->children, parent, GUINT_TO_POINTER(count));
}

static void
read_header(const FolderStore *store, FolderCatalog *catalog, FolderEntry *entry)
{
    ImageFormat format = entry->has[IMAGE_FORMAT_QCOW2] ? IMAGE_FORMAT_QCOW2 : IMAGE_FORMAT_RAW;
    g_autofree char *path = folder_store_path(store, entry->uuid, image_format_name(format));
    g_autoptr(GError) error = NULL;

    entry->is_readable = image_read(path, format, &entry->info, &error);
    if (entry->is_readable) {
        count_child(catalog, &entry->info, 1);
        return;
    }
    catalog->is_complete = FALSE;
    log_warning("image left out: %s", error->message);
}

static int
compare_entries(gconstpointer a, gconstpointer b)
{
    const FolderEntry *one = *(FolderEntry *const *)a;
    const FolderEntry *other = *(FolderEntry *const *)b;
    return strcmp(one->uuid, other->uuid);
}

gboolean
folder_catalog_read(const FolderStore *store, FolderCatalog *ret_catalog, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(store->path, 0, error);
    if (dir == NULL)
        return driver_fault_from(error, DRIVER_ERROR_SR_SCAN);

    FolderCatalog catalog = {
        .entries = g_ptr_array_new_with_free_func(entry_free),
        .by_uuid = g_hash_table_new(g_str_hash, g_str_equal),
        .children = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .unfinished = g_ptr_array_new_with_free_func(g_free),
        .is_complete = TRUE,
    };
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
        add_name(&catalog, name);
    g_ptr_array_sort(catalog.entries, compare_entries);
    for (guint i = 0; i < catalog.entries->len; i++) {
        FolderEntry *entry = catalog.entries->pdata[i];
        if (folder_entry_has_image(entry))
            read_header(store, &catalog, entry);
    }
    *ret_catalog = catalog;
    return TRUE;
}

guint
folder_catalog_children(const FolderCatalog *catalog, const char *uuid)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(catalog->children, uuid));
}

/* ---- Removing ---- */

static gboolean
remove_file(const FolderStore *store, const char *uuid, const char *suffix, GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, suffix);
    if (base_file_remove(path, error))
        return TRUE;
    return driver_fault_from(error, DRIVER_ERROR_VDI_REMOVE);
}

/* The image first: a sidecar alone is rubbish, an image alone would be taken for a new disk. */
static gboolean
remove_one(FolderCatalog *catalog, const FolderStore *store, FolderEntry *entry, GError **error)
{
    for (ImageFormat format = 0; format < IMAGE_FORMAT_N; format++) {
        if (!remove_file(store, entry->uuid, image_format_name(format), error))
            return FALSE;
        entry->has[format] = FALSE;
    }
    if (entry->is_readable)
        count_child(catalog, &entry->info, -1);
    entry->is_readable = FALSE;
    if (!base_dir_sync(store->path, error))
        return driver_fault_from(error, DRIVER_ERROR_VDI_REMOVE);

    entry->has_sidecar = entry->has_active = FALSE;
    return remove_file(store, entry->uuid, "json", error) && remove_file(store, entry->uuid, "active", error);
}

/* A hidden base that nothing reads from; NULL for anything else. */
static FolderEntry *
find_useless_base(const FolderCatalog *catalog, const FolderStore *store, const char *uuid)
{
    FolderEntry *entry = uuid == NULL ? NULL : g_hash_table_lookup(catalog->by_uuid, uuid);
    g_auto(DiskMeta) meta = {0};

    if (entry == NULL || !entry->is_readable || !catalog->is_complete ||
        folder_catalog_children(catalog, uuid) > 0)
        return NULL;
    return folder_store_meta(store, uuid, &meta, NULL) && meta.is_hidden ? entry : NULL;
}

/* Without it, a base that lost its last reader to a removal would look like one whose reader somebody has
 * moved away for a while. */
static gboolean
mark_deleting(const FolderStore *store, const char *uuid, GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, "deleting");
    auto_fd fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return driver_fault(error, DRIVER_ERROR_VDI_REMOVE, "make '%s': %s", path, g_strerror(errno));
    return base_dir_sync(store->path, error) || driver_fault_from(error, DRIVER_ERROR_VDI_REMOVE);
}

gboolean
folder_catalog_remove_image(FolderCatalog *catalog, const FolderStore *store, const char *uuid,
                            GError **error)
{
    FolderEntry *entry = g_hash_table_lookup(catalog->by_uuid, uuid);
    FolderEntry *first = entry;
    if (!mark_deleting(store, uuid, error))
        return FALSE;
    while (entry != NULL) {
        g_autofree char *parent = entry->is_readable ? parent_of(&entry->info) : NULL;
        if (!remove_one(catalog, store, entry, error))
            return FALSE;
        entry = find_useless_base(catalog, store, parent);
    }
    if (first != NULL)
        first->is_deleting = FALSE;
    return remove_file(store, uuid, "deleting", error);
}
