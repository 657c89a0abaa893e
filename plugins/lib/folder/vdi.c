/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls on disks. */
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/folder/active.h"
#include "lib/folder/catalog.h"
#include "lib/folder/folder.h"
#include "lib/folder/fork.h"

/* Overlays on overlays; more than any chain the SR makes, and a bound against a circle. */
#define CHAIN_MAX 1000

static gboolean
is_true(const char *text)
{
    return g_ascii_strcasecmp(text, "true") == 0;
}

static void
replace_text(char **text, const char *with)
{
    char *copy = g_strdup(with); /* first: @with may be the old text */
    g_free(*text);
    *text = copy;
}

/* What is there of the disk @uuid, as a result. */
static Value *
describe(const FolderStore *store, const char *uuid, GError **error)
{
    g_auto(ImageInfo) info = {0};
    g_auto(DiskMeta) meta = {0};
    if (!folder_store_image(store, uuid, &info, error) || !folder_store_meta(store, uuid, &meta, error))
        return NULL;
    return folder_store_vdi_value(uuid, &info, &meta);
}

static gboolean
write_meta(const FolderStore *store, const char *uuid, const DiskMeta *meta, DriverErrorCode code,
           GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, "json");
    return disk_meta_write(path, meta, error) || driver_fault_from(error, code);
}

/* ---- Create, introduce and delete ---- */

/* The snapshot_of argument is a reference, which means nothing to us; the caller keeps it. */
static void
meta_of_request(const DriverRequest *request, DiskMeta *ret_meta)
{
    disk_meta_init(ret_meta);
    replace_text(&ret_meta->name_label, driver_arg(request, 1, ""));
    replace_text(&ret_meta->name_description, driver_arg(request, 2, ""));
    ret_meta->is_a_snapshot = is_true(driver_arg(request, 4, "false"));
    if (ret_meta->is_a_snapshot)
        replace_text(&ret_meta->snapshot_time, driver_arg(request, 5, ret_meta->snapshot_time));
    ret_meta->is_read_only = is_true(driver_arg(request, 7, "false"));
    ret_meta->is_sharable = is_true(value_map_get_string(request->params, "vdi_sharable", "false"));
    if (*request->vdi_type != '\0')
        replace_text(&ret_meta->type, request->vdi_type);
    value_unref(ret_meta->sm_config);
    ret_meta->sm_config = value_ref((Value *)request->vdi_sm_config);
}

/* The one that the caller asks for, so that it knows what to look for after a crash; or one of our own. */
static char *
choose_uuid(const DriverRequest *request, const FolderStore *store)
{
    g_autofree char *wanted = g_ascii_strdown(request->new_uuid, -1);
    g_auto(ImageInfo) info = {0};
    if (base_uuid_is_valid(wanted) && !folder_store_image(store, wanted, &info, NULL))
        return g_steal_pointer(&wanted);
    return base_uuid_new();
}

/* Sidecar first, then the image under its name: so nothing is ever a disk without its sidecar. */
static gboolean
create_disk(const FolderStore *store, const char *uuid, guint64 size_bytes, const DiskMeta *meta,
            GError **error)
{
    g_autofree char *name = folder_store_image_name(uuid, IMAGE_FORMAT_QCOW2);
    g_autofree char *temporary_name = g_strconcat(name, ".new", NULL);
    g_autofree char *temporary = g_build_filename(store->path, temporary_name, NULL);
    g_autofree char *path = g_build_filename(store->path, name, NULL);
    g_autofree char *sidecar = folder_store_path(store, uuid, "json");

    ImageJob *job = image_create(store->path, temporary_name, size_bytes);
    gboolean is_written = disk_meta_prepare(sidecar, meta, error);
    gboolean is_made = image_job_finish(job, is_written ? error : NULL);
    if (is_written && is_made && folder_store_rename(store, temporary_name, name, error) &&
        base_dir_sync(store->path, error))
        return TRUE;
    unlink(path);
    unlink(temporary);
    unlink(sidecar);
    return FALSE;
}

Value *
folder_vdi_create(const DriverRequest *request, GError **error)
{
    guint64 size_bytes;
    if (!driver_arg_size(request, 0, &size_bytes, error) || !image_round_size(size_bytes, &size_bytes, error))
        return NULL;

    g_auto(FolderStore) store = {.lock = -1};
    if (!folder_open(request, TRUE, &store, error))
        return NULL;
    g_auto(DiskMeta) meta = {0};
    meta_of_request(request, &meta);
    g_autofree char *uuid = choose_uuid(request, &store);
    if (!create_disk(&store, uuid, size_bytes, &meta, error)) {
        driver_fault_from(error, DRIVER_ERROR_VDI_CREATE);
        return NULL;
    }
    return describe(&store, uuid, error);
}

/* Images that were put into the folder, and disks that were forgotten. */
Value *
folder_vdi_introduce(const DriverRequest *request, GError **error)
{
    const char *uuid = request->vdi_location;
    if (*request->new_uuid != '\0' && g_ascii_strcasecmp(request->new_uuid, uuid) != 0) {
        driver_fault(error, DRIVER_ERROR_INVALID_ARG,
                     "a disk's location is its uuid, %s, and it cannot become %s", uuid, request->new_uuid);
        return NULL;
    }

    g_auto(FolderStore) store = {.lock = -1};
    g_auto(ImageInfo) info = {0};
    g_auto(DiskMeta) meta = {0};
    if (!folder_open(request, TRUE, &store, error) || !folder_store_image(&store, uuid, &info, error))
        return NULL;
    if (folder_store_meta(&store, uuid, &meta, NULL)) {
        if (!meta.is_hidden)
            return describe(&store, uuid, error);
        driver_fault(error, DRIVER_ERROR_VDI_EXISTS, "%s is a hidden base", uuid);
        return NULL;
    }
    if (info.backing != NULL || !info.is_plain) {
        driver_fault(error, DRIVER_ERROR_VDI_TYPE, "%s needs more than its own file", uuid);
        return NULL;
    }
    disk_meta_init(&meta);
    return write_meta(&store, uuid, &meta, DRIVER_ERROR_VDI_CREATE, error) ? describe(&store, uuid, error)
                                                                           : NULL;
}

/* Others read from it, or may: it stays as their base. */
static gboolean
hide(const FolderStore *store, const char *uuid, DiskMeta *meta, GError **error)
{
    meta->is_hidden = TRUE;
    return write_meta(store, uuid, meta, DRIVER_ERROR_VDI_DELETE, error);
}

/* Whether some image reads from @uuid, or one cannot be read and might. */
static gboolean
may_have_children(const FolderCatalog *catalog, const char *uuid)
{
    for (guint i = 0; i < catalog->entries->len; i++) {
        const FolderEntry *entry = catalog->entries->pdata[i];
        if (folder_entry_has_image(entry) && !entry->is_readable && !g_str_equal(entry->uuid, uuid))
            return TRUE;
    }
    return folder_catalog_children(catalog, uuid) > 0;
}

Value *
folder_vdi_delete(const DriverRequest *request, GError **error)
{
    const char *uuid = request->vdi_location;
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(DiskMeta) meta = {0};
    g_auto(FolderCatalog) catalog = {0};

    if (!folder_open(request, TRUE, &store, error) || !folder_store_visible(&store, uuid, &meta, error) ||
        !folder_active_check(&store, uuid, request->host_ref, TRUE, error) ||
        !folder_catalog_read(&store, &catalog, error))
        return NULL;

    gboolean is_done = may_have_children(&catalog, uuid)
                           ? hide(&store, uuid, &meta, error)
                           : folder_catalog_remove_image(&catalog, &store, uuid, error);
    return is_done ? value_nil() : NULL;
}

/* ---- Attach, activate and back ---- */

/* Every base must be one that the SR made: named as such, in this folder, hidden, plain. */
static gboolean
check_base(const FolderStore *store, const char *name, ImageInfo *ret_info, GError **error)
{
    g_autofree char *uuid = NULL;
    g_auto(DiskMeta) meta = {0};
    ImageFormat format;

    if (!folder_store_parse_image_name(name, &uuid, &format))
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "backing file '%s' is not of this SR", name);
    g_autofree char *path = folder_store_path(store, uuid, image_format_name(format));
    if (!folder_store_meta(store, uuid, &meta, error))
        return FALSE;
    if (!meta.is_hidden)
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "backing file '%s' is no base", name);
    if (image_read(path, format, ret_info, error))
        return ret_info->is_plain ||
               driver_fault(error, DRIVER_ERROR_VDI_LOAD, "base '%s' needs more than its file", name);

    /* The disk is there; it is its base that is not. */
    g_autoptr(GError) cause = g_steal_pointer(error);
    return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "base: %s", cause->message);
}

static gboolean
check_chain(const FolderStore *store, const ImageInfo *top, GError **error)
{
    g_autofree char *name = g_strdup(top->backing);

    if (!top->is_plain)
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "the image needs more than its own file");
    for (guint depth = 0; name != NULL; depth++) {
        g_auto(ImageInfo) info = {0};
        if (depth == CHAIN_MAX)
            return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "the chain of backing files has no end");
        if (!check_base(store, name, &info, error))
            return FALSE;
        g_free(name);
        name = g_steal_pointer(&info.backing);
    }
    return TRUE;
}

Value *
folder_vdi_attach(const DriverRequest *request, GError **error)
{
    const char *uuid = request->vdi_location;
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(ImageInfo) info = {0};
    g_auto(DiskMeta) meta = {0};

    if (!folder_open(request, FALSE, &store, error) || !folder_store_visible(&store, uuid, &meta, error) ||
        !folder_store_image(&store, uuid, &info, error) || !check_chain(&store, &info, error))
        return NULL;
    if (meta.is_read_only && is_true(driver_arg(request, 0, "false"))) {
        driver_fault(error, DRIVER_ERROR_VDI_UNAVAILABLE, "%s is read-only", uuid);
        return NULL;
    }
    g_autofree char *path = folder_store_path(&store, uuid, image_format_name(info.format));
    return driver_attachment_value(path, image_format_name(info.format));
}

Value *
folder_vdi_detach(const DriverRequest *request, GError **error)
{
    /* Attaching keeps nothing, so there is nothing to undo. */
    return value_nil();
}

Value *
folder_vdi_activate(const DriverRequest *request, GError **error)
{
    const char *uuid = request->vdi_location;
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(DiskMeta) meta = {0};

    if (!folder_open(request, TRUE, &store, error) || !folder_store_visible(&store, uuid, &meta, error))
        return NULL;
    /* Callers older than the argument always meant writing. */
    gboolean is_writable = is_true(driver_arg(request, 0, meta.is_read_only ? "false" : "true"));
    return folder_active_set(&store, uuid, request->host_ref, is_writable, meta.is_sharable, error)
               ? value_nil()
               : NULL;
}

Value *
folder_vdi_deactivate(const DriverRequest *request, GError **error)
{
    g_auto(FolderStore) store = {.lock = -1};
    if (!folder_open(request, TRUE, &store, error))
        return NULL;
    return folder_active_clear(&store, request->vdi_location, request->host_ref, error) ? value_nil() : NULL;
}

/* ---- Snapshot, clone, resize, update ---- */

/* Makes the copy that @prepare makes of the sidecar describe. */
static Value *
fork_disk(const DriverRequest *request, void (*prepare)(const char *uuid, DiskMeta *meta),
          DriverErrorCode code, GError **error)
{
    const char *uuid = request->vdi_location;
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(DiskMeta) source = {0};
    g_auto(DiskMeta) meta = {0};

    if (!folder_open(request, TRUE, &store, error) || !folder_store_visible(&store, uuid, &source, error) ||
        !folder_active_check(&store, uuid, request->host_ref, FALSE, error))
        return NULL;
    disk_meta_copy(&source, &meta);
    prepare(uuid, &meta);

    g_autofree char *new_uuid = choose_uuid(request, &store);
    if (!folder_fork(&store, uuid, new_uuid, &meta, code, error))
        return NULL;
    return describe(&store, new_uuid, error);
}

static void
prepare_snapshot(const char *uuid, DiskMeta *meta)
{
    g_autofree char *now = base_time_to_wire(base_now_us() / G_USEC_PER_SEC);
    meta->is_a_snapshot = TRUE;
    meta->is_read_only = TRUE;
    meta->is_sharable = FALSE;
    replace_text(&meta->snapshot_of, uuid);
    replace_text(&meta->snapshot_time, now);
}

static void
prepare_clone(const char *uuid, DiskMeta *meta)
{
    DiskMeta plain;
    disk_meta_init(&plain);
    meta->is_a_snapshot = FALSE;
    meta->is_read_only = FALSE;
    meta->is_sharable = FALSE;
    replace_text(&meta->snapshot_of, plain.snapshot_of);
    replace_text(&meta->snapshot_time, plain.snapshot_time);
    disk_meta_clear(&plain);
}

Value *
folder_vdi_snapshot(const DriverRequest *request, GError **error)
{
    return fork_disk(request, prepare_snapshot, DRIVER_ERROR_VDI_SNAPSHOT, error);
}

Value *
folder_vdi_clone(const DriverRequest *request, GError **error)
{
    return fork_disk(request, prepare_clone, DRIVER_ERROR_VDI_CLONE, error);
}

static gboolean
grow(const FolderStore *store, const char *uuid, guint64 size_bytes, GError **error)
{
    g_auto(ImageInfo) info = {0};
    if (!folder_store_image(store, uuid, &info, error))
        return FALSE;
    if (size_bytes < info.virtual_size)
        return driver_fault(error, DRIVER_ERROR_VDI_SIZE,
                            "the disk has %" G_GUINT64_FORMAT " bytes and cannot shrink", info.virtual_size);
    if (size_bytes == info.virtual_size)
        return TRUE;
    g_autofree char *name = folder_store_image_name(uuid, info.format);
    return image_resize(store->path, name, info.format, size_bytes, error) ||
           driver_fault_from(error, DRIVER_ERROR_VDI_SIZE);
}

Value *
folder_vdi_resize(const DriverRequest *request, GError **error)
{
    const char *uuid = request->vdi_location;
    guint64 size_bytes;
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(DiskMeta) meta = {0};

    if (!driver_arg_size(request, 0, &size_bytes, error) || !image_round_size(size_bytes, &size_bytes, error))
        return NULL;
    if (!folder_open(request, TRUE, &store, error) || !folder_store_visible(&store, uuid, &meta, error) ||
        !folder_active_check(&store, uuid, request->host_ref, TRUE, error))
        return NULL;
    return grow(&store, uuid, size_bytes, error) ? describe(&store, uuid, error) : NULL;
}

Value *
folder_vdi_update(const DriverRequest *request, GError **error)
{
    const char *uuid = request->vdi_location;
    g_auto(FolderStore) store = {.lock = -1};
    g_auto(DiskMeta) meta = {0};
    if (!folder_open(request, TRUE, &store, error) || !folder_store_visible(&store, uuid, &meta, error))
        return NULL;

    const char *label = value_map_get_string(request->params, "vdi_name_label", meta.name_label);
    const char *description =
        value_map_get_string(request->params, "vdi_name_description", meta.name_description);
    if (g_str_equal(label, meta.name_label) && g_str_equal(description, meta.name_description))
        return value_nil();
    replace_text(&meta.name_label, label);
    replace_text(&meta.name_description, description);
    return write_meta(&store, uuid, &meta, DRIVER_ERROR_VDI_UNAVAILABLE, error) ? value_nil() : NULL;
}
