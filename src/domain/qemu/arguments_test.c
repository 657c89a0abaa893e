/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command lines: tests/golden/qemu/NAME.json is a configuration with its run, NAME.args the line, one
 * argument per line, and then the node of each disk that has a medium.
 *
 *   UPDATE_GOLDEN=1 <this test>      writes the .args files anew; read the difference before committing it */
#include "domain/qemu/arguments.h"

#include <string.h>

#include "base/file.h"
#include "domain/disks.h"
#include "domain/qemu/block.h"
#include "value/json.h"

#define MAX_BYTES 100000

static Value *
read_case(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize length = 0;
    base_file_read(path, MAX_BYTES, &text, &length, &error);
    g_assert_no_error(error);
    Value *value = json_read(text, length, &error);
    g_assert_no_error(error);
    return value;
}

/* The run that a start would make of the configuration, with what the case says of taps and attached VDIs. */
static void
make_run(const DomainStoreConfig *config, Value *row, DomainStoreRun *ret)
{
    g_autoptr(GError) error = NULL;
    domain_disks_from_config(config, &ret->disks, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < ret->disks.n; i++) {
        DomainStoreDisk *disk = &ret->disks.items[i];
        if (disk->vdi == NULL)
            continue;
        disk->path = g_strdup_printf("/sr/%s/%s", disk->sr, disk->vdi);
        disk->format = g_strdup(g_str_has_suffix(disk->vdi, "qcow2") ? "qcow2" : "raw");
    }
    ret->nics.n = config->vifs.n;
    ret->nics.items = g_new0(DomainStoreNic, config->vifs.n + 1);
    ret->vcpu_target = config->vm.vcpus;
    ret->machine = g_strdup("pc-q35-7.2");
    ret->accel = g_strdup(value_map_get_string(row, "accel", "tcg"));
    ret->rtc_timeoffset = g_strdup(value_map_get_string(row, "timeoffset", "0"));
}

static void
add_nodes(GString *lines, const DomainStoreDiskList *disks)
{
    for (gsize i = 0; i < disks->n; i++) {
        if (!qemu_block_has_medium(&disks->items[i]))
            continue;
        g_autoptr(Value) node =
            qemu_block_node(&disks->items[i], g_str_has_prefix(disks->items[i].path, "/dev/"));
        g_string_append(lines, "blockdev-add ");
        json_write_value(lines, node);
        g_string_append_c(lines, '\n');
    }
}

static char *
make_line(Value *row)
{
    g_autoptr(GError) error = NULL;
    g_auto(DomainStoreConfig) config = {0};
    g_auto(DomainStoreRun) run = {0};
    domain_store_config_from_value(value_map_get(row, "config"), &config, &error);
    g_assert_no_error(error);
    make_run(&config, row, &run);
    gboolean has_taps = value_map_get(row, "taps") != NULL;
    g_autofree int *taps = g_new(int, run.nics.n + 1);
    for (gsize i = 0; i < run.nics.n; i++)
        taps[i] = has_taps ? 20 + (int)i : -1;
    QemuSpec spec = {.binary = "qemu-system-x86_64",
                     .config = &config,
                     .run = &run,
                     .run_dir = "/state/vms/x/run",
                     .run_dir_fd = 13,
                     .qmp_fd = 10,
                     .serial_fd = 11,
                     .agent_fd = 12,
                     .tap_fds = taps,
                     .is_incoming = value_map_get(row, "incoming") != NULL,
                     .now_s = 1700000000};
    g_auto(GStrv) args = qemu_arguments(&spec);
    GString *lines = g_string_new(NULL);
    for (char **arg = args; *arg != NULL; arg++)
        g_string_append_printf(lines, "%s\n", *arg);
    add_nodes(lines, &run.disks);
    return g_string_free(lines, FALSE);
}

static void
test_golden(gconstpointer data)
{
    const char *path = data;
    g_autoptr(Value) row = read_case(path);
    g_autofree char *line = make_line(row);
    g_autofree char *stem = g_strndup(path, strlen(path) - strlen(".json"));
    g_autofree char *golden_path = g_strconcat(stem, ".args", NULL);
    g_autofree char *golden = NULL;
    if (g_getenv("UPDATE_GOLDEN") != NULL)
        g_assert_true(g_file_set_contents(golden_path, line, -1, NULL));
    g_assert_true(base_file_read(golden_path, MAX_BYTES, &golden, NULL, NULL));
    g_assert_cmpstr(line, ==, golden);
}

typedef struct BootCase {
    const char *order;
    gboolean has_disk, has_medium, has_nic;
    gboolean is_bootable;
} BootCase;

static const BootCase boots[] = {
    {"c", TRUE, FALSE, FALSE, TRUE},   {"c", FALSE, TRUE, TRUE, FALSE}, {"d", FALSE, TRUE, FALSE, TRUE},
    {"d", TRUE, FALSE, TRUE, FALSE},   {"n", FALSE, FALSE, TRUE, TRUE}, {"n", TRUE, TRUE, FALSE, FALSE},
    {"cdn", FALSE, FALSE, TRUE, TRUE}, {"", FALSE, TRUE, FALSE, TRUE},  {"cd", FALSE, FALSE, FALSE, FALSE},
};

static void
test_bootable(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(boots); i++) {
        DomainDisk content = {.local = (char *)"/x"};
        DomainVbdT vbds[2] = {{.ty = DOMAIN_VBD_TY_DISK, .backend = boots[i].has_disk ? &content : NULL},
                              {.ty = DOMAIN_VBD_TY_CDROM, .backend = boots[i].has_medium ? &content : NULL}};
        DomainStoreConfig config = {.vbds = {vbds, 2}, .vifs = {NULL, boots[i].has_nic}};
        config.vm.ty.hvm.boot_order = (char *)boots[i].order;
        g_assert_cmpint(qemu_has_bootable_device(&config), ==, boots[i].is_bootable);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(GOLDEN_DIR, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        if (g_str_has_suffix(name, ".json"))
            g_ptr_array_add(paths, g_build_filename(GOLDEN_DIR, name, NULL));
    }
    g_assert_cmpuint(paths->len, >, 0);
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *stem = g_path_get_basename(paths->pdata[i]);
        stem[strlen(stem) - strlen(".json")] = '\0';
        g_autofree char *path = g_strdup_printf("/domain/qemu/arguments/%s", stem);
        g_test_add_data_func(path, paths->pdata[i], test_golden);
    }
    g_test_add_func("/domain/qemu/the-boot-order-decides-what-is-bootable", test_bootable);
    return g_test_run();
}
