/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls on SRs. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "lib/folder/active.h"
#include "lib/folder/folder.h"
#include "lib/folder/repair.h"
#include "lib/lock.h"

/* Subfolders that a probe looks into. */
#define PROBE_MAX_FOLDERS 4096

/* ---- Create ---- */

/* What may be in a folder that becomes an SR: nothing of anybody's. */
static gboolean
is_harmless_name(const char *name)
{
    return g_str_equal(name, FOLDER_STORE_LOCK) || g_str_equal(name, "lost+found") ||
           g_str_has_prefix(name, ".write-");
}

static gboolean
check_empty(const char *location, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(location, 0, error);
    if (dir == NULL)
        return driver_fault_from(error, DRIVER_ERROR_FILE_SR_CREATE);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        if (!is_harmless_name(name))
            return driver_fault(error, DRIVER_ERROR_SR_EXISTS, "'%s' is not empty: it holds '%s'", location,
                                name);
    }
    return TRUE;
}

static gboolean
make_folder(const char *location, gboolean *ret_is_made, GError **error)
{
    *ret_is_made = !g_file_test(location, G_FILE_TEST_EXISTS);
    if (base_dir_make(location, 0755, error))
        return TRUE;
    return driver_fault_from(error, DRIVER_ERROR_FILE_SR_CREATE);
}

static gboolean
create_in(const char *location, const char *sr_uuid, gboolean is_made, GError **error)
{
    g_autofree char *lock_path = g_build_filename(location, FOLDER_STORE_LOCK, NULL);
    auto_fd lock = -1;

    if (!check_empty(location, error) || !driver_lock(lock_path, TRUE, &lock, error))
        return FALSE;
    /* Again behind the lock: somebody else may have made one while we waited. */
    return check_empty(location, error) && folder_store_write_marker(location, sr_uuid, is_made, error);
}

Value *
folder_sr_create(const DriverRequest *request, GError **error)
{
    const char *location = request->folder;
    gboolean is_made = FALSE;
    if (!make_folder(location, &is_made, error))
        return NULL;
    if (create_in(location, request->sr_uuid, is_made, error))
        return value_nil();

    if (is_made) {
        g_autofree char *lock_path = g_build_filename(location, FOLDER_STORE_LOCK, NULL);
        unlink(lock_path);
        rmdir(location);
    }
    return NULL;
}

/* ---- Delete ---- */

static gboolean
check_no_images(const FolderStore *store, GError **error)
{
    g_auto(FolderCatalog) catalog = {0};
    if (!folder_catalog_read(store, &catalog, error) || !folder_repair(store, &catalog, error))
        return FALSE;
    for (guint i = 0; i < catalog.entries->len; i++) {
        const FolderEntry *entry = catalog.entries->pdata[i];
        if (folder_entry_has_image(entry))
            return driver_fault(error, DRIVER_ERROR_SR_NOT_EMPTY, "%s", entry->uuid);
    }
    return TRUE;
}

gboolean
folder_check_empty(const DriverRequest *request, GError **error)
{
    g_auto(FolderStore) store = {.lock = -1};
    return folder_open(request, TRUE, &store, error) && check_no_images(&store, error);
}

/* The marker first: without it there is no SR, whatever else is left. */
static gboolean
remove_sr(const char *location, gboolean is_made, GError **error)
{
    g_autofree char *marker = g_build_filename(location, FOLDER_STORE_MARKER, NULL);
    g_autofree char *lock = g_build_filename(location, FOLDER_STORE_LOCK, NULL);

    if (!base_file_remove(marker, error) || !base_dir_sync(location, error) || !base_file_remove(lock, error))
        return driver_fault_from(error, DRIVER_ERROR_FILE_SR_DELETE);
    if (is_made && rmdir(location) < 0 && errno != ENOTEMPTY && errno != EBUSY)
        return driver_fault(error, DRIVER_ERROR_FILE_SR_RMDIR, "'%s': %s", location, g_strerror(errno));
    return TRUE;
}

Value *
folder_sr_delete(const DriverRequest *request, GError **error)
{
    const char *location = request->folder;
    gboolean is_made = FALSE;

    g_autofree char *uuid = folder_store_read_marker(location, &is_made, NULL);
    if (uuid == NULL && !g_file_test(location, G_FILE_TEST_EXISTS))
        return value_nil(); /* Source: storage document, sr_delete: fine when the SR does not exist */

    g_auto(FolderStore) store = {.lock = -1};
    if (!folder_store_open(location, request->sr_uuid, TRUE, &store, error) ||
        !check_no_images(&store, error))
        return NULL;
    return remove_sr(location, is_made, error) ? value_nil() : NULL;
}

/* ---- Attach and detach ---- */

static gboolean
read_and_repair(const FolderStore *store, FolderCatalog *ret_catalog, GError **error)
{
    return folder_catalog_read(store, ret_catalog, error) && folder_repair(store, ret_catalog, error);
}

Value *
folder_sr_attach(const DriverRequest *request, GError **error)
{
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(FolderCatalog) catalog = {0};
    if (!folder_open(request, TRUE, &store, error) || !read_and_repair(&store, &catalog, error))
        return NULL;
    return value_nil();
}

static gboolean
check_none_active(const FolderStore *store, const char *host, GError **error)
{
    g_auto(FolderCatalog) catalog = {0};
    if (!folder_catalog_read(store, &catalog, error))
        return FALSE;
    for (guint i = 0; i < catalog.entries->len; i++) {
        const FolderEntry *entry = catalog.entries->pdata[i];
        if (entry->has_active && folder_active_is_set(store, entry->uuid, host))
            return driver_fault(error, DRIVER_ERROR_SR_IN_USE, "%s is activated", entry->uuid);
    }
    return TRUE;
}

Value *
folder_sr_detach(const DriverRequest *request, GError **error)
{
    g_auto(FolderStore) store = {.lock = -1};
    g_autoptr(GError) failure = NULL;

    if (!folder_open(request, FALSE, &store, &failure)) {
        /* A medium that is gone is as detached as can be. */
        if (failure->code == DRIVER_ERROR_SR_UNAVAILABLE)
            return value_nil();
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return check_none_active(&store, request->host_ref, error) ? value_nil() : NULL;
}

/* ---- Scan and update ---- */

static gboolean
read_sizes(const FolderStore *store, const FolderCatalog *catalog, DriverSizes *ret_sizes, GError **error)
{
    struct statvfs status;
    if (statvfs(store->path, &status) < 0)
        return driver_fault(error, DRIVER_ERROR_SR_SCAN, "'%s': %s", store->path, g_strerror(errno));

    DriverSizes sizes = {.physical_size = (guint64)status.f_blocks * status.f_frsize};
    for (guint i = 0; i < catalog->entries->len; i++) {
        const FolderEntry *entry = catalog->entries->pdata[i];
        sizes.physical_utilisation += entry->info.allocated;
        sizes.virtual_allocation += entry->info.virtual_size;
    }
    *ret_sizes = sizes;
    return TRUE;
}

/* Hidden bases are part of the answer, as the document says; images that cannot be read or are not the SR's
 * are not. */
static Value *
vdis_value(const FolderStore *store, const FolderCatalog *catalog, GError **error)
{
    g_autoptr(Value) list = value_array_new(catalog->entries->len);
    for (guint i = 0; i < catalog->entries->len; i++) {
        const FolderEntry *entry = catalog->entries->pdata[i];
        g_auto(DiskMeta) meta = {0};
        if (!entry->is_readable || !entry->has_sidecar)
            continue;
        if (!folder_store_meta(store, entry->uuid, &meta, error))
            return NULL;
        value_array_add(list, folder_store_vdi_value(entry->uuid, &entry->info, &meta));
    }
    return g_steal_pointer(&list);
}

Value *
folder_sr_scan(const DriverRequest *request, GError **error)
{
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(FolderCatalog) catalog = {0};
    DriverSizes sizes;
    if (!folder_open(request, TRUE, &store, error) || !read_and_repair(&store, &catalog, error) ||
        !read_sizes(&store, &catalog, &sizes, error))
        return NULL;

    Value *vdis = vdis_value(&store, &catalog, error);
    if (vdis == NULL)
        return NULL;
    Value *result = driver_sizes_value(&sizes);
    value_map_set(result, "vdis", vdis);
    return result;
}

Value *
folder_sr_update(const DriverRequest *request, GError **error)
{
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(FolderCatalog) catalog = {0};
    DriverSizes sizes;
    if (!folder_open(request, FALSE, &store, error) || !folder_catalog_read(&store, &catalog, error) ||
        !read_sizes(&store, &catalog, &sizes, error))
        return NULL;
    return driver_sizes_value(&sizes);
}

Value *
folder_sr_content_type(const DriverRequest *request, GError **error)
{
    return driver_content_type("qcow2");
}

/* ---- Probe ---- */

static gboolean
add_if_sr(GPtrArray *found, const char *path)
{
    char *uuid = folder_store_read_marker(path, NULL, NULL);
    if (uuid == NULL)
        return FALSE;
    DriverFoundSr *sr = g_new0(DriverFoundSr, 1);
    sr->uuid = uuid;
    sr->location = g_strdup(path);
    g_ptr_array_add(found, sr);
    return TRUE;
}

gboolean
folder_find_srs(const char *location, GPtrArray *found, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(location, 0, error);
    if (dir == NULL)
        return driver_fault_from(error, DRIVER_ERROR_SR_UNAVAILABLE);
    if (add_if_sr(found, location))
        return TRUE;

    const char *name;
    for (guint i = 0; i < PROBE_MAX_FOLDERS && (name = g_dir_read_name(dir)) != NULL; i++) {
        g_autofree char *path = g_build_filename(location, name, NULL);
        add_if_sr(found, path);
    }
    return TRUE;
}
