/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows that are there from the first start on: the control domain, which stands for the host itself, and the
 * templates of the product. */
#include "api/services.h"
#include "api/vm/create.h"
#include "api/vm/kernel.h"
#include "api/vm/memory.h"
#include "base/text.h"
#include "value/json.h"

#include <string.h>

#define MIB       ((gint64)1024 * 1024)
#define INSTALLER VM_INSTALLER_DIRECTORY "/images/12/amd64/text/debian-installer/amd64/"
#define KEY       "xylem_template" /* in other_config: which of the templates below a row is */

typedef struct Template {
    const char *key;
    const char *name_label;
    const char *name_description;
    gint64 memory_bytes;
    const char *boot_policy; /* "" unless it boots by firmware */
    const char *boot_order;  /* of firmware */
    const char *kernel;      /* "" or a path; "<guest>" stands for the directory of the demo guest */
    const char *ramdisk;
    const char *args;
    const char *disks;    /* other_config "disks", or NULL */
    const char *os;       /* other_config "install-distro", or NULL */
    gboolean needs_guest; /* only where there is a demo guest */
} Template;

#define DISK(size)                                                                                           \
    "<provision><disk device=\"0\" size=\"" size "\" sr=\"\" bootable=\"true\" "                             \
    "type=\"system\"/></provision>"

static const Template templates[] = {
    {
        .key = "other-install-media",
        .name_label = "Other install media",
        .name_description =
            "A computer with firmware that boots from a CD or its disk. Any system can be installed on it.",
        .memory_bytes = 512 * MIB,
        .boot_policy = "BIOS order",
        .boot_order = "dc",
        .kernel = "",
        .ramdisk = "",
        .args = "",
    },
    {
        .key = "direct-kernel-boot",
        .name_label = "Direct kernel boot",
        .name_description =
            "Boots a Linux kernel that lies on the host: set PV_kernel, PV_ramdisk and PV_args.",
        .memory_bytes = 512 * MIB,
        .boot_policy = "",
        .kernel = "",
        .ramdisk = "",
        .args = "",
    },
    {
        .key = "debian-12-installer",
        .name_label = "Debian 12 installer",
        .name_description =
            "Installs Debian 12 over the network, on the text console. The host needs the package "
            "debian-installer-12-netboot-amd64.",
        .memory_bytes = 1024 * MIB,
        .boot_policy = "",
        .kernel = INSTALLER "linux",
        .ramdisk = INSTALLER "initrd.gz",
        .args = "console=ttyS0",
        .disks = DISK("8589934592"),
        .os = "debianlike",
    },
    {
        .key = "xylem-demo",
        .name_label = "Xylem demo",
        .name_description = "A small Linux for looking around. It needs a disk with its root file system.",
        .memory_bytes = 128 * MIB,
        .boot_policy = "",
        .kernel = "<guest>/vmlinuz",
        .ramdisk = "<guest>/initrd.img",
        .args = "console=ttyS0 root=/dev/vda quiet",
        .needs_guest = TRUE,
    },
};

/* ---- Templates ---- */

/* (nullable): the row of the template with this key. */
static DbRow *
find_template(Db *db, const char *key)
{
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_VM);

    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = g_ptr_array_index(rows, i);
        const char *row_key = db_row_map_string(row, VM_OTHER_CONFIG, KEY, "");
        if (db_row_bool(row, VM_IS_DEFAULT_TEMPLATE) && g_str_equal(row_key, key))
            return db_row_ref(row);
    }
    return NULL;
}

static char *
expand_path(const ApiServices *services, const char *path)
{
    const char *directory = api_setting(&services->guest_directory);
    if (!g_str_has_prefix(path, "<guest>/") || directory == NULL)
        return g_strdup(path);
    return g_build_filename(directory, path + strlen("<guest>/"), NULL);
}

static gboolean
has_guest(const ApiServices *services)
{
    if (api_setting(&services->guest_directory) == NULL)
        return FALSE;
    g_autofree char *kernel = expand_path(services, "<guest>/vmlinuz");
    g_autofree char *ramdisk = expand_path(services, "<guest>/initrd.img");

    return g_file_test(kernel, G_FILE_TEST_IS_REGULAR) && g_file_test(ramdisk, G_FILE_TEST_IS_REGULAR);
}

static void
set_memory(DbTxn *txn, const char *ref, gint64 bytes)
{
    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY_STATIC_MIN, bytes);
    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY_DYNAMIC_MIN, bytes);
    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY_DYNAMIC_MAX, bytes);
    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY_STATIC_MAX, bytes);
}

static Value *
template_other_config(const Template *template)
{
    Value *config = value_map_new(4);

    value_map_set(config, KEY, value_string(template->key));
    value_map_set(config, "default_template", value_string("true"));
    if (template->disks != NULL)
        value_map_set(config, "disks", value_string(template->disks));
    if (template->os != NULL)
        value_map_set(config, "install-distro", value_string(template->os));
    return config;
}

static void
set_boot(DbTxn *txn, const char *ref, const ApiServices *services, const Template *template)
{
    g_autofree char *kernel = expand_path(services, template->kernel);
    g_autofree char *ramdisk = expand_path(services, template->ramdisk);

    db_txn_set_string(txn, CLASS_VM, ref, VM_HVM_BOOT_POLICY, template->boot_policy);
    if (template->boot_order != NULL)
        db_txn_map_put(txn, CLASS_VM, ref, VM_HVM_BOOT_PARAMS, "order", value_string(template->boot_order));
    db_txn_set_string(txn, CLASS_VM, ref, VM_PV_KERNEL, kernel);
    db_txn_set_string(txn, CLASS_VM, ref, VM_PV_RAMDISK, ramdisk);
    db_txn_set_string(txn, CLASS_VM, ref, VM_PV_ARGS, template->args);
}

static gboolean
complete_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, ref);

    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", ref);
    vm_txn_complete(txn, vm);
    return TRUE;
}

static void
add_template(DbTxn *txn, const ApiServices *services, const Template *template)
{
    char *ref = g_strdup(db_txn_insert(txn, CLASS_VM, NULL)); /* the step owns it */

    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_LABEL, template->name_label);
    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_DESCRIPTION, template->name_description);
    db_txn_set_bool(txn, CLASS_VM, ref, VM_IS_A_TEMPLATE, TRUE);
    db_txn_set_bool(txn, CLASS_VM, ref, VM_IS_DEFAULT_TEMPLATE, TRUE);
    db_txn_set_string(txn, CLASS_VM, ref, VM_REFERENCE_LABEL, template->key);
    db_txn_set_int(txn, CLASS_VM, ref, VM_VCPUS_MAX, 1);
    db_txn_set_int(txn, CLASS_VM, ref, VM_VCPUS_AT_STARTUP, 1);
    db_txn_set_string(txn, CLASS_VM, ref, VM_ACTIONS_AFTER_SHUTDOWN, "destroy");
    db_txn_set_string(txn, CLASS_VM, ref, VM_ACTIONS_AFTER_REBOOT, "restart");
    db_txn_set_string(txn, CLASS_VM, ref, VM_ACTIONS_AFTER_CRASH, "restart");
    db_txn_set(txn, CLASS_VM, ref, VM_OTHER_CONFIG, template_other_config(template));
    set_memory(txn, ref, template->memory_bytes);
    set_boot(txn, ref, services, template);
    db_txn_step(txn, complete_step, ref, g_free);
}

/* Templates that are there stay as they are, as people may have changed them; but the demo guest's files move
 * with the tree. */
static void
add_templates(DbTxn *txn, const ApiServices *services)
{
    for (gsize i = 0; i < G_N_ELEMENTS(templates); i++) {
        const Template *template = &templates[i];
        g_autoptr(DbRow) row = find_template(services->db, template->key);
        if (template->needs_guest && !has_guest(services))
            continue;
        if (row == NULL)
            add_template(txn, services, template);
        else if (template->needs_guest)
            set_boot(txn, row->ref, services, template);
    }
}

/* ---- Control domain ---- */

/* (nullable) */
static DbRow *
find_control_domain(const ApiServices *services)
{
    g_autoptr(GPtrArray) rows = db_referrers(services->db, CLASS_VM, VM_RESIDENT_ON, services->host_ref);

    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = g_ptr_array_index(rows, i);
        if (db_row_bool(row, VM_IS_CONTROL_DOMAIN))
            return db_row_ref(row);
    }
    return NULL;
}

static const char *
add_control_domain(DbTxn *txn, const ApiServices *services, const DbRow *host)
{
    g_autofree char *name =
        g_strdup_printf("Control domain on host: %s", db_row_string(host, HOST_NAME_LABEL));
    const char *metrics = db_txn_insert(txn, CLASS_VM_METRICS, NULL);
    const char *ref = db_txn_insert(txn, CLASS_VM, NULL);

    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_LABEL, name);
    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_DESCRIPTION,
                      "The host itself: it looks after the machine and runs the other VMs");
    db_txn_set_bool(txn, CLASS_VM, ref, VM_IS_CONTROL_DOMAIN, TRUE);
    db_txn_set_string(txn, CLASS_VM, ref, VM_POWER_STATE, "Running");
    db_txn_set_string(txn, CLASS_VM, ref, VM_RESIDENT_ON, services->host_ref);
    db_txn_set_string(txn, CLASS_VM, ref, VM_AFFINITY, services->host_ref);
    db_txn_set_string(txn, CLASS_VM, ref, VM_DOMAIN_TYPE, "pv");
    db_txn_set_string(txn, CLASS_VM, ref, VM_DOMARCH, "x86_64");
    db_txn_set_int(txn, CLASS_VM, ref, VM_DOMID, 0);
    db_txn_set_string(txn, CLASS_VM, ref, VM_METRICS, metrics);
    return ref;
}

/* Processors and memory may differ from the last start's. */
static gboolean
update_control_domain(DbTxn *txn, const ApiServices *services, GError **error)
{
    g_autoptr(DbRow) host = db_require(services->db, CLASS_HOST, services->host_ref, error);
    if (host == NULL)
        return FALSE;
    g_autoptr(DbRow) host_metrics =
        db_get(services->db, CLASS_HOST_METRICS, db_row_string(host, HOST_METRICS));
    gint64 total = host_metrics != NULL ? db_row_int(host_metrics, HOST_METRICS_MEMORY_TOTAL) : 0;
    g_autoptr(DbRow) row = find_control_domain(services);
    const char *ref = row != NULL ? row->ref : add_control_domain(txn, services, host);

    set_memory(txn, ref, vm_control_domain_memory(total));
    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY_TARGET, vm_control_domain_memory(total));
    db_txn_set_int(txn, CLASS_VM, ref, VM_VCPUS_MAX, g_get_num_processors());
    db_txn_set_int(txn, CLASS_VM, ref, VM_VCPUS_AT_STARTUP, g_get_num_processors());
    db_txn_set_string(txn, CLASS_HOST, services->host_ref, HOST_CONTROL_DOMAIN, ref);
    return TRUE;
}

gboolean
api_templates_refresh(ApiServices *services, GError **error)
{
    const DbActor actor = {.user = "start-up"};
    g_autoptr(DbTxn) txn = db_txn_new(services->db, &actor);

    add_templates(txn, services);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_vm_bootstrap(ApiServices *services, GError **error)
{
    const DbActor actor = {.user = "start-up"};
    g_autoptr(DbTxn) txn = db_txn_new(services->db, &actor);

    if (!update_control_domain(txn, services, error))
        return FALSE;
    add_templates(txn, services);
    return db_txn_commit(txn, NULL, error);
}
