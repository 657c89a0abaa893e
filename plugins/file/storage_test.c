/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The storage service over the real FileSR (found by FILE_SR): both sides of the contract at once. */
#include "storage/storage.h"

#include <glib/gstdio.h>
#include <string.h>

#define SR_UUID "11111111-2222-4333-8444-555555555555"
#define MIB     (G_GUINT64_CONSTANT(1) << 20)

typedef struct Fixture {
    char *root;
    char *location;
    Value *device_config;
    Storage *storage;
    StorageCall call;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *plugins = g_path_get_dirname(g_getenv("FILE_SR"));
    const char *directories[] = {plugins, NULL};

    fixture->root = g_dir_make_tmp("xylem-file-storage-XXXXXX", NULL);
    fixture->location = g_build_filename(fixture->root, "sr", NULL);
    g_autofree char *state = g_build_filename(fixture->root, "state", NULL);
    g_assert_cmpint(g_mkdir(state, 0700), ==, 0);
    fixture->storage = storage_new(directories, state, &error);
    g_assert_no_error(error);

    fixture->device_config = value_map_new(1);
    value_map_set(fixture->device_config, "location", value_string(fixture->location));
    fixture->call = (StorageCall){
        .host_ref = "OpaqueRef:host",
        .sr_ref = "OpaqueRef:sr",
        .sr_uuid = SR_UUID,
        .sr_type = "file",
        .device_config = fixture->device_config,
        .is_sr_master = TRUE,
    };
    g_assert_true(storage_sr_create(fixture->storage, &fixture->call, 0, &error));
    g_assert_true(storage_sr_attach(fixture->storage, &fixture->call, &error));
    g_assert_no_error(error);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = dir == NULL ? NULL : g_dir_read_name(dir); name != NULL;
         name = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_unlink(child) != 0)
            remove_tree(child);
    }
    g_rmdir(path);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    storage_free(fixture->storage);
    value_unref(fixture->device_config);
    remove_tree(fixture->root);
    g_free(fixture->root);
    g_free(fixture->location);
}

static StorageVdi *
create(Fixture *fixture, const char *label)
{
    g_autoptr(GError) error = NULL;
    StorageVdiSpec spec = {
        .size_bytes = 10 * MIB, .name_label = label, .name_description = "d", .type = "system"};
    StorageVdi *vdi = storage_vdi_create(fixture->storage, &fixture->call, &spec, &error);
    g_assert_no_error(error);
    return vdi;
}

/* The call, on @vdi. */
static StorageCall
call_on(const Fixture *fixture, const StorageVdi *vdi)
{
    StorageCall call = fixture->call;
    call.vdi_ref = "OpaqueRef:vdi";
    call.vdi_uuid = vdi->uuid;
    call.vdi_location = vdi->location;
    return call;
}

static void
test_plugin_is_found(Fixture *fixture, gconstpointer data)
{
    g_autoptr(StoragePlugin) plugin = storage_find_plugin(fixture->storage, "file");
    g_assert_nonnull(plugin);
    g_assert_true(storage_plugin_has(plugin, "VDI_SNAPSHOT"));
    g_assert_nonnull(value_map_get(plugin->configuration, "location"));
}

static void
test_disk_comes_back_whole(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageVdi) vdi = create(fixture, "näme");
    g_assert_true(vdi->is_complete);
    g_assert_cmpuint(vdi->virtual_size, ==, 10 * MIB);
    g_assert_cmpstr(vdi->type, ==, "system");

    StorageCall call = call_on(fixture, vdi);
    g_autoptr(StorageVdi) snapshot = storage_vdi_snapshot(fixture->storage, &call, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(snapshot->is_a_snapshot && snapshot->is_read_only);
    g_assert_cmpstr(snapshot->snapshot_of, ==, vdi->uuid);
    g_assert_cmpint(snapshot->snapshot_time, >, 0);

    g_autoptr(StorageScan) scan = storage_sr_scan(fixture->storage, &fixture->call, &error);
    g_assert_no_error(error);
    g_assert_true(scan->is_reported && scan->sizes.is_reported);
    g_assert_cmpuint(scan->vdis->len, ==, 2);
    for (guint i = 0; i < scan->vdis->len; i++) {
        const StorageVdi *found = scan->vdis->pdata[i];
        g_assert_true(found->is_complete && found->is_managed);
        g_assert_cmpstr(found->name_label, ==, "näme");
    }
}

static void
test_disk_in_use_is_protected(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageVdi) vdi = create(fixture, "disk");
    StorageCall call = call_on(fixture, vdi);
    g_autoptr(StorageAttachment) attachment =
        storage_vdi_attach(fixture->storage, &call, "vm/xvda", TRUE, FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(attachment->format, ==, "qcow2");
    g_assert_true(g_str_has_prefix(attachment->path, fixture->location));
    g_assert_true(storage_vdi_activate(fixture->storage, &call, "vm/xvda", &error));

    g_assert_null(storage_vdi_snapshot(fixture->storage, &call, NULL, &error));
    g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_VDI_IN_USE);
    g_assert_cmpstr(storage_error_params(error)[1], ==, "snapshot");
    g_clear_error(&error);
    g_assert_false(storage_sr_detach(fixture->storage, &fixture->call, &error));
    g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_SR_IN_USE);
    g_clear_error(&error);

    g_assert_true(storage_vdi_detach(fixture->storage, &call, "vm/xvda", &error));
    g_assert_true(storage_vdi_delete(fixture->storage, &call, &error));
    g_assert_false(storage_vdi_delete(fixture->storage, &call, &error));
    g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_VDI_MISSING);
    g_assert_cmpstr(storage_error_params(error)[1], ==, "OpaqueRef:vdi");
}

static void
test_sr_goes_when_empty(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageVdi) vdi = create(fixture, "disk");
    g_assert_false(storage_sr_delete(fixture->storage, &fixture->call, &error));
    g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_NOT_EMPTY);
    g_clear_error(&error);

    StorageCall call = call_on(fixture, vdi);
    g_assert_true(storage_vdi_delete(fixture->storage, &call, &error));
    g_assert_true(storage_sr_delete(fixture->storage, &fixture->call, &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(fixture->location, G_FILE_TEST_EXISTS));
}

static void
test_name_and_size_change(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageVdi) vdi = create(fixture, "old");
    StorageCall call = call_on(fixture, vdi);
    g_assert_true(storage_vdi_update(fixture->storage, &call, "new", NULL, &error));
    g_autoptr(StorageVdi) grown = storage_vdi_resize(fixture->storage, &call, 20 * MIB, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(grown->name_label, ==, "new");
    g_assert_cmpstr(grown->name_description, ==, "d");
    g_assert_cmpuint(grown->virtual_size, ==, 20 * MIB);
    g_autofree char *type = storage_sr_content_type(fixture->storage, &fixture->call, &error);
    g_assert_cmpstr(type, ==, "qcow2");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/plugins/file/storage/plugin-is-found", Fixture, NULL, set_up, test_plugin_is_found,
               tear_down);
    g_test_add("/plugins/file/storage/disk-comes-back-whole", Fixture, NULL, set_up,
               test_disk_comes_back_whole, tear_down);
    g_test_add("/plugins/file/storage/disk-in-use-is-protected", Fixture, NULL, set_up,
               test_disk_in_use_is_protected, tear_down);
    g_test_add("/plugins/file/storage/sr-goes-when-empty", Fixture, NULL, set_up, test_sr_goes_when_empty,
               tear_down);
    g_test_add("/plugins/file/storage/name-and-size-change", Fixture, NULL, set_up, test_name_and_size_change,
               tear_down);
    return g_test_run();
}
