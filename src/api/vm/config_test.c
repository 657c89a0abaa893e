/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of VMs against the configurations made from them, kept in golden/. UPDATE_GOLDEN=1 in the environment
 * writes those anew. */
#include "api/vm/config.h"

#include "api/services.h"
#include "base/file.h"
#include "value/json.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* ---- A database with one host's things ---- */

typedef struct Fixture {
    ApiServices services;
    char *directory;
    char *kernel;
    char *sr, *vdi, *network; /* refs */
} Fixture;

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    model_init();
    fixture->directory = g_dir_make_tmp("xylem-config-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->kernel = g_build_filename(fixture->directory, "vmlinuz", NULL);
    g_assert_true(g_file_set_contents(fixture->kernel, "kernel", -1, &error));
    fixture->services.guest_directory = fixture->directory;
    fixture->services.db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    db_close(fixture->services.db);
    g_assert_cmpint(g_unlink(fixture->kernel), ==, 0);
    g_assert_cmpint(g_rmdir(fixture->directory), ==, 0);
    g_free(fixture->kernel);
    g_free(fixture->directory);
    g_free(fixture->sr);
    g_free(fixture->vdi);
    g_free(fixture->network);
}

static void
commit(DbTxn *txn)
{
    g_autoptr(GError) error = NULL;

    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    db_txn_free(txn);
}

static char *
add_storage(DbTxn *txn, Fixture *fixture)
{
    fixture->sr = g_strdup(db_txn_insert(txn, CLASS_SR, NULL));
    fixture->vdi = g_strdup(db_txn_insert(txn, CLASS_VDI, NULL));
    fixture->network = g_strdup(db_txn_insert(txn, CLASS_NETWORK, NULL));
    db_txn_set_string(txn, CLASS_SR, fixture->sr, SR_UUID, "5a000000-0000-4000-8000-000000000001");
    db_txn_set_string(txn, CLASS_VDI, fixture->vdi, VDI_UUID, "d1000000-0000-4000-8000-000000000001");
    db_txn_set_string(txn, CLASS_VDI, fixture->vdi, VDI_SR, fixture->sr);
    db_txn_set_string(txn, CLASS_NETWORK, fixture->network, NETWORK_BRIDGE, "xylem0");
    db_txn_set_int(txn, CLASS_NETWORK, fixture->network, NETWORK_MTU, 1500);
    return fixture->vdi;
}

static const char *
add_vm(DbTxn *txn)
{
    const char *vm = db_txn_insert(txn, CLASS_VM, NULL);

    db_txn_set_string(txn, CLASS_VM, vm, VM_UUID, "aa000000-0000-4000-8000-000000000001");
    db_txn_set_string(txn, CLASS_VM, vm, VM_NAME_LABEL, "web");
    db_txn_set_int(txn, CLASS_VM, vm, VM_MEMORY_STATIC_MAX, 268435456);
    db_txn_set_int(txn, CLASS_VM, vm, VM_MEMORY_DYNAMIC_MAX, 268435456);
    db_txn_set_int(txn, CLASS_VM, vm, VM_MEMORY_DYNAMIC_MIN, 134217728);
    db_txn_set_int(txn, CLASS_VM, vm, VM_VCPUS_MAX, 2);
    db_txn_set_int(txn, CLASS_VM, vm, VM_VCPUS_AT_STARTUP, 1);
    db_txn_set_string(txn, CLASS_VM, vm, VM_ACTIONS_AFTER_SHUTDOWN, "destroy");
    db_txn_set_string(txn, CLASS_VM, vm, VM_ACTIONS_AFTER_REBOOT, "restart");
    db_txn_set_string(txn, CLASS_VM, vm, VM_ACTIONS_AFTER_CRASH, "coredump_and_restart");
    return vm;
}

static const char *
add_vbd(DbTxn *txn, const char *vm, const char *userdevice, const char *type, const char *vdi)
{
    const char *vbd = db_txn_insert(txn, CLASS_VBD, NULL);

    db_txn_set_string(txn, CLASS_VBD, vbd, VBD_VM, vm);
    db_txn_set_string(txn, CLASS_VBD, vbd, VBD_USERDEVICE, userdevice);
    db_txn_set_string(txn, CLASS_VBD, vbd, VBD_TYPE, type);
    db_txn_set_string(txn, CLASS_VBD, vbd, VBD_MODE, g_str_equal(type, "CD") ? "RO" : "RW");
    db_txn_set_bool(txn, CLASS_VBD, vbd, VBD_BOOTABLE, TRUE);
    db_txn_set_bool(txn, CLASS_VBD, vbd, VBD_EMPTY, vdi == NULL);
    if (vdi != NULL)
        db_txn_set_string(txn, CLASS_VBD, vbd, VBD_VDI, vdi);
    return vbd;
}

static void
add_vif(DbTxn *txn, const Fixture *fixture, const char *vm, const char *device)
{
    const char *vif = db_txn_insert(txn, CLASS_VIF, NULL);

    db_txn_set_string(txn, CLASS_VIF, vif, VIF_VM, vm);
    db_txn_set_string(txn, CLASS_VIF, vif, VIF_NETWORK, fixture->network);
    db_txn_set_string(txn, CLASS_VIF, vif, VIF_DEVICE, device);
    db_txn_set_string(txn, CLASS_VIF, vif, VIF_MAC, "02:00:00:00:00:01");
}

/* ---- Comparing ---- */

static char *
config_text(const Fixture *fixture, const DomainMetadataT *config)
{
    g_autoptr(Value) value = domain_metadata_t_to_value(config);
    g_autoptr(GString) text = g_string_new(NULL);

    json_write_value(text, value);
    g_string_replace(text, fixture->directory, "<guest>", 0);
    g_string_replace(text, ",\"", ",\n\"", 0);
    g_string_append_c(text, '\n');
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
assert_golden(const Fixture *fixture, const char *vm, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_auto(DomainMetadataT) config = {0};
    g_autofree char *path = g_build_filename(GOLDEN_DIRECTORY, name, NULL);
    g_autofree char *expected = NULL;

    vm_domain_config(&fixture->services, vm, &config, &error);
    g_assert_no_error(error);
    g_autofree char *text = config_text(fixture, &config);
    if (g_getenv("UPDATE_GOLDEN") != NULL)
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_true(base_file_read(path, 65536, &expected, NULL, &error));
    g_assert_cmpstr(text, ==, expected);
}

static void
assert_refused(const Fixture *fixture, const char *vm, const char *code)
{
    g_autoptr(GError) error = NULL;
    g_auto(DomainMetadataT) config = {0};

    g_assert_false(vm_domain_config(&fixture->services, vm, &config, &error));
    g_assert_cmpstr(api_error_code(error), ==, code);
}

/* ---- Tests ---- */

static void
firmware_vm_has_disk_cd_and_interface(Fixture *fixture, gconstpointer data)
{
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    const char *vdi = add_storage(txn, fixture);
    g_autofree char *vm = g_strdup(add_vm(txn));

    db_txn_set_string(txn, CLASS_VM, vm, VM_HVM_BOOT_POLICY, "BIOS order");
    db_txn_map_put(txn, CLASS_VM, vm, VM_HVM_BOOT_PARAMS, "order", value_string("dc"));
    db_txn_map_put(txn, CLASS_VM, vm, VM_PLATFORM, "timeoffset", value_string("3600"));
    db_txn_map_put(txn, CLASS_VM, vm, VM_PLATFORM, "vga", value_string("cirrus"));
    db_txn_map_put(txn, CLASS_VM, vm, VM_VCPUS_PARAMS, "weight", value_string("512"));
    db_txn_map_put(txn, CLASS_VM, vm, VM_VCPUS_PARAMS, "mask", value_string("0,1"));
    add_vbd(txn, vm, "3", "CD", NULL);
    add_vbd(txn, vm, "xvda", "Disk", vdi);
    add_vif(txn, fixture, vm, "0");
    commit(txn);
    assert_golden(fixture, vm, "firmware.json");
}

static void
direct_boot_vm_names_kernel_and_arguments(Fixture *fixture, gconstpointer data)
{
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    const char *vdi = add_storage(txn, fixture);
    g_autofree char *vm = g_strdup(add_vm(txn));
    const char *vbd = add_vbd(txn, vm, "0", "Disk", vdi);

    db_txn_set_string(txn, CLASS_VM, vm, VM_PV_KERNEL, fixture->kernel);
    db_txn_set_string(txn, CLASS_VM, vm, VM_PV_ARGS, "console=ttyS0 root=/dev/vda");
    db_txn_set_string(txn, CLASS_VBD, vbd, VBD_QOS_ALGORITHM_TYPE, "ionice");
    db_txn_map_put(txn, CLASS_VBD, vbd, VBD_QOS_ALGORITHM_PARAMS, "sched", value_string("rt"));
    db_txn_map_put(txn, CLASS_VBD, vbd, VBD_QOS_ALGORITHM_PARAMS, "class", value_string("5"));
    commit(txn);
    assert_golden(fixture, vm, "direct.json");
}

static void
bootloader_gets_bootable_disks(Fixture *fixture, gconstpointer data)
{
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    const char *vdi = add_storage(txn, fixture);
    g_autofree char *vm = g_strdup(add_vm(txn));

    db_txn_set_string(txn, CLASS_VM, vm, VM_PV_BOOTLOADER, "pygrub");
    add_vbd(txn, vm, "0", "Disk", vdi);
    commit(txn);
    assert_golden(fixture, vm, "bootloader.json");
}

static void
kernel_elsewhere_is_refused(Fixture *fixture, gconstpointer data)
{
    static const char *const paths[] = {"/etc/passwd", "/nowhere/at/all", "relative/vmlinuz",
                                        "/usr/lib/debian-installer/../../../etc/passwd"};
    g_autofree char *climbing = g_build_filename(fixture->directory, "..", "..", "etc", "passwd", NULL);
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    g_autofree char *vm = g_strdup(add_vm(txn));
    commit(txn);

    for (gsize i = 0; i <= G_N_ELEMENTS(paths); i++) {
        txn = db_txn_new(fixture->services.db, NULL);
        db_txn_set_string(txn, CLASS_VM, vm, VM_PV_KERNEL, i < G_N_ELEMENTS(paths) ? paths[i] : climbing);
        commit(txn);
        assert_refused(fixture, vm, "INVALID_VALUE");
    }
}

static void
link_out_of_the_kernels_is_refused(Fixture *fixture, gconstpointer data)
{
    g_autofree char *link = g_build_filename(fixture->directory, "link", NULL);
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    g_autofree char *vm = g_strdup(add_vm(txn));

    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
    db_txn_set_string(txn, CLASS_VM, vm, VM_PV_KERNEL, link);
    commit(txn);
    assert_refused(fixture, vm, "INVALID_VALUE");
    g_assert_cmpint(g_unlink(link), ==, 0);
}

static void
missing_kernel_is_named(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(DomainMetadataT) config = {0};
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    g_autofree char *vm = g_strdup(add_vm(txn));

    db_txn_set_string(txn, CLASS_VM, vm, VM_PV_KERNEL, "/usr/lib/debian-installer/images/no/such/linux");
    commit(txn);
    g_assert_false(vm_domain_config(&fixture->services, vm, &config, &error));
    g_assert_cmpstr(api_error_code(error), ==, "BOOTLOADER_FAILED");
    g_assert_nonnull(strstr(error->message, "debian-installer-12-netboot-amd64"));
}

static void
vm_without_a_way_to_boot_is_refused(Fixture *fixture, gconstpointer data)
{
    DbTxn *txn = db_txn_new(fixture->services.db, NULL);
    g_autofree char *vm = g_strdup(add_vm(txn));

    commit(txn);
    assert_refused(fixture, vm, "BOOTLOADER_FAILED");
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/api/vm/config/firmware-vm-has-disk-cd-and-interface", firmware_vm_has_disk_cd_and_interface);
    ADD("/api/vm/config/direct-boot-vm-names-kernel-and-arguments",
        direct_boot_vm_names_kernel_and_arguments);
    ADD("/api/vm/config/bootloader-gets-bootable-disks", bootloader_gets_bootable_disks);
    ADD("/api/vm/config/kernel-elsewhere-is-refused", kernel_elsewhere_is_refused);
    ADD("/api/vm/config/link-out-of-the-kernels-is-refused", link_out_of_the_kernels_is_refused);
    ADD("/api/vm/config/missing-kernel-is-named", missing_kernel_is_named);
    ADD("/api/vm/config/vm-without-a-way-to-boot-is-refused", vm_without_a_way_to_boot_is_refused);
    return g_test_run();
}
