/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's rows, put into the words of the domain service. Whether it may start is checked elsewhere (check.c).
 */
#include "api/vm/config.h"

#include "api/services.h"
#include "api/vm/device.h"
#include "api/vm/kernel.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- How it boots ---- */

static gboolean
platform_bool(const DbRow *vm, const char *key, gboolean fallback)
{
    const char *text = db_row_map_string(vm, VM_PLATFORM, key, NULL);

    if (text == NULL || *text == '\0')
        return fallback;
    return g_str_equal(text, "true") || g_str_equal(text, "1");
}

static gint64
platform_int(const DbRow *vm, const char *key, gint64 fallback)
{
    const char *text = db_row_map_string(vm, VM_PLATFORM, key, "");
    gint64 number;

    return base_int_parse(text, &number) ? number : fallback;
}

/* Source: protocol notes, keys of VM.platform as clients write them */
static void
fill_hvm(const DbRow *vm, DomainVmBuilderInfo *info)
{
    gboolean is_standard_vga = g_str_equal(db_row_map_string(vm, VM_PLATFORM, "vga", "std"), "std");

    info->tag = DOMAIN_VM_BUILDER_INFO_HVM;
    info->hvm = (DomainVmHvmInfo){
        .hap = platform_bool(vm, "hap", TRUE),
        .shadow_multiplier = db_row_float(vm, VM_HVM_SHADOW_MULTIPLIER),
        .timeoffset = g_strdup(db_row_map_string(vm, VM_PLATFORM, "timeoffset", "0")),
        .video_mib = platform_int(vm, "videoram", 0),
        .video = is_standard_vga ? DOMAIN_VM_VIDEO_CARD_STANDARD_VGA : DOMAIN_VM_VIDEO_CARD_CIRRUS,
        .acpi = platform_bool(vm, "acpi", TRUE),
        .serial = g_strdup(db_row_map_string(vm, VM_PLATFORM, "hvm_serial", NULL)),
        .keymap = g_strdup(db_row_map_string(vm, VM_PLATFORM, "keymap", NULL)),
        .boot_order = g_strdup(db_row_map_string(vm, VM_HVM_BOOT_PARAMS, "order", "cd")),
    };
}

static gboolean
fill_direct_boot(const ApiServices *services, const DbRow *vm, DomainVmPvBoot *boot, GError **error)
{
    const char *kernel = db_row_string(vm, VM_PV_KERNEL);
    const char *ramdisk = db_row_string(vm, VM_PV_RAMDISK);

    if (!vm_kernel_check(services, vm, "PV_kernel", kernel, error))
        return FALSE;
    if (*ramdisk != '\0' && !vm_kernel_check(services, vm, "PV_ramdisk", ramdisk, error))
        return FALSE;

    boot->tag = DOMAIN_VM_PV_BOOT_DIRECT;
    boot->direct = (DomainVmPvDirectBoot){
        .kernel = g_strdup(kernel),
        .cmdline = g_strdup(db_row_string(vm, VM_PV_ARGS)),
        .ramdisk = *ramdisk != '\0' ? g_strdup(ramdisk) : NULL,
    };
    return TRUE;
}

static void
fill_indirect_boot(const DbRow *vm, DomainVmPvBoot *boot)
{
    boot->tag = DOMAIN_VM_PV_BOOT_INDIRECT;
    boot->indirect = (DomainVmPvIndirectBoot){
        .bootloader = g_strdup(db_row_string(vm, VM_PV_BOOTLOADER)),
        .extra_args = g_strdup(db_row_string(vm, VM_PV_ARGS)),
        .legacy_args = g_strdup(db_row_string(vm, VM_PV_LEGACY_ARGS)),
        .bootloader_args = g_strdup(db_row_string(vm, VM_PV_BOOTLOADER_ARGS)),
    };
}

/* Source: API reference, boot parameters: a boot policy means HVM; else a kernel given is used, and a
 * bootloader finds one */
static gboolean
fill_builder(const ApiServices *services, const DbRow *vm, DomainVmBuilderInfo *info, GError **error)
{
    if (*db_row_string(vm, VM_HVM_BOOT_POLICY) != '\0') {
        fill_hvm(vm, info);
        return TRUE;
    }
    DomainVmPvBoot boot = {0};
    if (*db_row_string(vm, VM_PV_BOOTLOADER) != '\0')
        fill_indirect_boot(vm, &boot);
    else if (*db_row_string(vm, VM_PV_KERNEL) == '\0')
        return api_error_bootloader_failed(
            error, vm->ref,
            "nothing says how to boot: HVM_boot_policy, PV_kernel and PV_bootloader are empty");
    else if (!fill_direct_boot(services, vm, &boot, error))
        return FALSE;

    info->tag = DOMAIN_VM_BUILDER_INFO_PV;
    info->pv = (DomainVmPvInfo){.boot = boot, .framebuffer = TRUE, .vncterm = TRUE};
    return TRUE;
}

/* ---- What follows its end ---- */

typedef struct ActionRow {
    const char *name; /* member of on_normal_exit or on_crash_behaviour */
    gsize n;
    DomainVmAction actions[2];
} ActionRow;

/* clang-format off */
static const ActionRow action_rows[] = {
    {"destroy",              1, {DOMAIN_VM_ACTION_SHUTDOWN}},
    {"restart",              1, {DOMAIN_VM_ACTION_START}},
    {"coredump_and_destroy", 2, {DOMAIN_VM_ACTION_COREDUMP, DOMAIN_VM_ACTION_SHUTDOWN}},
    {"coredump_and_restart", 2, {DOMAIN_VM_ACTION_COREDUMP, DOMAIN_VM_ACTION_START}},
    {"rename_restart",       1, {DOMAIN_VM_ACTION_START}},
    {"preserve",             0, {0}},
};
/* clang-format on */

static void
fill_actions(const DbRow *vm, int field, DomainVmActionList *ret_actions)
{
    for (gsize i = 0; i < G_N_ELEMENTS(action_rows); i++) {
        const ActionRow *row = &action_rows[i];
        if (!g_str_equal(row->name, db_row_string(vm, field)))
            continue;
        ret_actions->items = g_memdup2(row->actions, row->n * sizeof row->actions[0]);
        ret_actions->n = row->n;
    }
}

/* ---- The VM ---- */

/* "weight" and "cap"; both or one of them. */
static void
fill_priority(const DbRow *vm, DomainVmSchedulerParams *params)
{
    gint64 weight = 256, cap = 0;
    gboolean has_weight = base_int_parse(db_row_map_string(vm, VM_VCPUS_PARAMS, "weight", ""), &weight);
    gboolean has_cap = base_int_parse(db_row_map_string(vm, VM_VCPUS_PARAMS, "cap", ""), &cap);

    if (!has_weight && !has_cap)
        return;
    params->priority = g_new(DomainVmWeightAndCap, 1);
    *params->priority = (DomainVmWeightAndCap){.weight = weight, .cap = cap};
}

static DomainInt64List
parse_cpus(const char *text)
{
    g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (gsize i = 0; parts[i] != NULL; i++) {
        gint64 cpu;
        if (base_int_parse(g_strstrip(parts[i]), &cpu) && cpu >= 0)
            g_array_append_val(cpus, cpu);
    }
    DomainInt64List list = {.n = cpus->len};
    list.items = (gint64 *)g_array_free(g_steal_pointer(&cpus), FALSE);
    return list;
}

/* "mask": host processors all VCPUs may use, "0,2,3"; "mask/<n>": those of one VCPU. */
static void
fill_affinity(const DbRow *vm, DomainVmSchedulerParams *params)
{
    gint64 n_vcpus = CLAMP(db_row_int(vm, VM_VCPUS_MAX), 0, 1024);
    const char *mask_of_all = db_row_map_string(vm, VM_VCPUS_PARAMS, "mask", NULL);
    g_autoptr(GArray) lists = g_array_new(FALSE, FALSE, sizeof(DomainInt64List));
    gboolean is_any = FALSE;

    for (gint64 i = 0; i < n_vcpus; i++) {
        g_autofree char *key = g_strdup_printf("mask/%" G_GINT64_FORMAT, i);
        const char *mask = db_row_map_string(vm, VM_VCPUS_PARAMS, key, mask_of_all);
        DomainInt64List list = parse_cpus(mask != NULL ? mask : "");
        is_any = is_any || list.n > 0;
        g_array_append_val(lists, list);
    }
    if (!is_any) {
        for (guint i = 0; i < lists->len; i++)
            g_free(g_array_index(lists, DomainInt64List, i).items);
        return;
    }
    params->affinity.n = lists->len;
    params->affinity.items = (DomainInt64List *)g_array_free(g_steal_pointer(&lists), FALSE);
}

static gboolean
fill_vm(const ApiServices *services, const DbRow *vm, DomainVmT *ret_vm, GError **error)
{
    if (!fill_builder(services, vm, &ret_vm->ty, error))
        return FALSE;
    ret_vm->id = g_strdup(db_row_string(vm, VM_UUID));
    ret_vm->name = g_strdup(db_row_string(vm, VM_NAME_LABEL));
    ret_vm->xsdata = value_ref(vm->fields[VM_XENSTORE_DATA]);
    ret_vm->platformdata = value_ref(vm->fields[VM_PLATFORM]);
    ret_vm->bios_strings = value_ref(vm->fields[VM_BIOS_STRINGS]);
    ret_vm->memory_static_max = db_row_int(vm, VM_MEMORY_STATIC_MAX);
    ret_vm->memory_dynamic_max = db_row_int(vm, VM_MEMORY_DYNAMIC_MAX);
    ret_vm->memory_dynamic_min = db_row_int(vm, VM_MEMORY_DYNAMIC_MIN);
    ret_vm->vcpu_max = db_row_int(vm, VM_VCPUS_MAX);
    ret_vm->vcpus = db_row_int(vm, VM_VCPUS_AT_STARTUP);
    fill_priority(vm, &ret_vm->scheduler_params);
    fill_affinity(vm, &ret_vm->scheduler_params);
    fill_actions(vm, VM_ACTIONS_AFTER_SHUTDOWN, &ret_vm->on_shutdown);
    fill_actions(vm, VM_ACTIONS_AFTER_REBOOT, &ret_vm->on_reboot);
    fill_actions(vm, VM_ACTIONS_AFTER_CRASH, &ret_vm->on_crash);
    return TRUE;
}

/* ---- Block devices ---- */

char *
vm_domain_vbd_id(const char *vm_uuid, const DbRow *vbd)
{
    guint position;

    if (!vm_vbd_position(db_row_string(vbd, VBD_USERDEVICE), &position))
        return NULL;
    g_autofree char *device = vm_vbd_device_name(position);
    return g_strdup_printf("%s.%s", vm_uuid, device);
}

static DomainDisk *
vbd_backend(const ApiServices *services, const DbRow *vbd, GError **error)
{
    g_autoptr(DbRow) vdi = db_require(services->db, CLASS_VDI, db_row_string(vbd, VBD_VDI), error);
    if (vdi == NULL)
        return NULL;
    g_autoptr(DbRow) sr = db_require(services->db, CLASS_SR, db_row_string(vdi, VDI_SR), error);
    if (sr == NULL)
        return NULL;

    DomainDisk *disk = g_new0(DomainDisk, 1);
    disk->tag = DOMAIN_DISK_VDI;
    disk->vdi = g_strdup_printf("%s/%s", db_row_string(sr, SR_UUID), db_row_string(vdi, VDI_UUID));
    return disk;
}

static DomainVbdQosClass
parse_qos_class(const char *text)
{
    static const char *const names[] = {
        [DOMAIN_VBD_QOS_CLASS_HIGHEST] = "highest", [DOMAIN_VBD_QOS_CLASS_HIGH] = "high",
        [DOMAIN_VBD_QOS_CLASS_NORMAL] = "normal",   [DOMAIN_VBD_QOS_CLASS_LOW] = "low",
        [DOMAIN_VBD_QOS_CLASS_LOWEST] = "lowest",
    };
    gint64 number;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_str_equal(text, names[i]))
            return (DomainVbdQosClass){.tag = i};
    if (base_int_parse(text, &number))
        return (DomainVbdQosClass){.tag = DOMAIN_VBD_QOS_CLASS_OTHER, .other = number};
    return (DomainVbdQosClass){.tag = DOMAIN_VBD_QOS_CLASS_NORMAL};
}

/* Source: API reference, VBD.qos_algorithm_type "ionice" with params "sched" and "class" */
static DomainVbdQos *
vbd_qos(const DbRow *vbd)
{
    if (!g_str_equal(db_row_string(vbd, VBD_QOS_ALGORITHM_TYPE), "ionice"))
        return NULL;
    const char *scheduler = db_row_map_string(vbd, VBD_QOS_ALGORITHM_PARAMS, "sched", "be");
    DomainVbdQosClass class_ =
        parse_qos_class(db_row_map_string(vbd, VBD_QOS_ALGORITHM_PARAMS, "class", "normal"));
    DomainVbdQos *qos = g_new0(DomainVbdQos, 1);

    qos->tag = DOMAIN_VBD_QOS_IONICE;
    if (g_str_equal(scheduler, "rt") || g_str_equal(scheduler, "real-time"))
        qos->ionice = (DomainVbdQosScheduler){.tag = DOMAIN_VBD_QOS_SCHEDULER_REAL_TIME, .real_time = class_};
    else if (g_str_equal(scheduler, "idle"))
        qos->ionice = (DomainVbdQosScheduler){.tag = DOMAIN_VBD_QOS_SCHEDULER_IDLE};
    else
        qos->ionice =
            (DomainVbdQosScheduler){.tag = DOMAIN_VBD_QOS_SCHEDULER_BEST_EFFORT, .best_effort = class_};
    return qos;
}

static gboolean
fill_vbd(const ApiServices *services, const char *vm_uuid, const DbRow *vbd, DomainVbdT *ret_vbd,
         GError **error)
{
    guint position;
    if (!vm_vbd_position(db_row_string(vbd, VBD_USERDEVICE), &position))
        return api_error_illegal_vbd_device(error, vbd->ref, db_row_string(vbd, VBD_USERDEVICE));
    if (!db_row_bool(vbd, VBD_EMPTY)) {
        ret_vbd->backend = vbd_backend(services, vbd, error);
        if (ret_vbd->backend == NULL)
            return FALSE;
    }
    gint64 wide_position = position;

    ret_vbd->id = vm_domain_vbd_id(vm_uuid, vbd);
    ret_vbd->position = g_memdup2(&wide_position, sizeof wide_position);
    ret_vbd->mode = g_str_equal(db_row_string(vbd, VBD_MODE), "RW") ? DOMAIN_VBD_MODE_READ_WRITE
                                                                    : DOMAIN_VBD_MODE_READ_ONLY;
    ret_vbd->ty = g_str_equal(db_row_string(vbd, VBD_TYPE), "CD") ? DOMAIN_VBD_TY_CDROM : DOMAIN_VBD_TY_DISK;
    ret_vbd->unpluggable = db_row_bool(vbd, VBD_UNPLUGGABLE);
    ret_vbd->qos = vbd_qos(vbd);
    return TRUE;
}

static gint
compare_vbds(gconstpointer a, gconstpointer b)
{
    const DomainVbdT *first = a, *second = b;

    return (*first->position > *second->position) - (*first->position < *second->position);
}

/* In the order of their places, so that a VM's configuration reads the same each time. */
static gboolean
fill_vbds(const ApiServices *services, const DbRow *vm, DomainVbdTList *ret_vbds, GError **error)
{
    g_autoptr(GPtrArray) rows = db_referrers(services->db, CLASS_VBD, VBD_VM, vm->ref);

    ret_vbds->items = g_new0(DomainVbdT, rows->len);
    for (guint i = 0; i < rows->len; i++) {
        ret_vbds->n = i + 1;
        if (!fill_vbd(services, db_row_string(vm, VM_UUID), g_ptr_array_index(rows, i), &ret_vbds->items[i],
                      error))
            return FALSE;
    }
    if (rows->len > 0)
        qsort(ret_vbds->items, ret_vbds->n, sizeof ret_vbds->items[0], compare_vbds);
    return TRUE;
}

/* A bootloader looks through the disks that are marked as bootable, in order. */
static void
fill_bootloader_disks(DomainMetadataT *config, const ApiServices *services, const DbRow *vm)
{
    if (config->vm.ty.tag != DOMAIN_VM_BUILDER_INFO_PV ||
        config->vm.ty.pv.boot.tag != DOMAIN_VM_PV_BOOT_INDIRECT)
        return;
    g_autoptr(GPtrArray) rows = db_referrers(services->db, CLASS_VBD, VBD_VM, vm->ref);
    DomainDiskList *devices = &config->vm.ty.pv.boot.indirect.devices;
    devices->items = g_new0(DomainDisk, config->vbds.n);
    for (gsize i = 0; i < config->vbds.n; i++) {
        const DomainVbdT *vbd = &config->vbds.items[i];
        for (guint j = 0; j < rows->len; j++) {
            const DbRow *row = g_ptr_array_index(rows, j);
            g_autofree char *id = vm_domain_vbd_id(config->vm.id, row);
            if (vbd->backend == NULL || !db_row_bool(row, VBD_BOOTABLE) || g_strcmp0(id, vbd->id) != 0)
                continue;
            devices->items[devices->n++] =
                (DomainDisk){.tag = vbd->backend->tag, .vdi = g_strdup(vbd->backend->vdi)};
        }
    }
}

/* ---- Network interfaces ---- */

char *
vm_domain_vif_id(const char *vm_uuid, const DbRow *vif)
{
    return g_strdup_printf("%s.%s", vm_uuid, db_row_string(vif, VIF_DEVICE));
}

/* Source: API reference, VIF.qos_algorithm_type "ratelimit" with params "kbps" and "timeslice_us" */
static DomainVifRate *
vif_rate(const DbRow *vif)
{
    gint64 kbytes, timeslice = 50000;

    if (!g_str_equal(db_row_string(vif, VIF_QOS_ALGORITHM_TYPE), "ratelimit"))
        return NULL;
    if (!base_int_parse(db_row_map_string(vif, VIF_QOS_ALGORITHM_PARAMS, "kbps", ""), &kbytes) || kbytes <= 0)
        return NULL;
    (void)base_int_parse(db_row_map_string(vif, VIF_QOS_ALGORITHM_PARAMS, "timeslice_us", ""), &timeslice);
    DomainVifRate *rate = g_new(DomainVifRate, 1);
    *rate = (DomainVifRate){.kbytes_per_sec = kbytes, .timeslice_us = timeslice};
    return rate;
}

static gboolean
fill_vif(const ApiServices *services, const char *vm_uuid, const DbRow *vif, DomainVifT *ret_vif,
         GError **error)
{
    g_autoptr(DbRow) network =
        db_require(services->db, CLASS_NETWORK, db_row_string(vif, VIF_NETWORK), error);
    if (network == NULL)
        return FALSE;
    guint position;
    if (!vm_vif_position(db_row_string(vif, VIF_DEVICE), &position))
        return api_error_invalid_device(error, db_row_string(vif, VIF_DEVICE));
    gint64 mtu = db_row_int(vif, VIF_MTU);

    ret_vif->id = vm_domain_vif_id(vm_uuid, vif);
    ret_vif->position = position;
    ret_vif->mac = g_strdup(db_row_string(vif, VIF_MAC));
    ret_vif->carrier = !g_str_equal(db_row_string(vif, VIF_LOCKING_MODE), "disabled");
    ret_vif->mtu = mtu > 0 ? mtu : db_row_int(network, NETWORK_MTU);
    ret_vif->rate = vif_rate(vif);
    ret_vif->backend.tag = DOMAIN_NETWORK_T_LOCAL;
    ret_vif->backend.local = g_strdup(db_row_string(network, NETWORK_BRIDGE));
    ret_vif->other_config = value_ref(vif->fields[VIF_OTHER_CONFIG]);
    return TRUE;
}

static gint
compare_vifs(gconstpointer a, gconstpointer b)
{
    const DomainVifT *first = a, *second = b;

    return (first->position > second->position) - (first->position < second->position);
}

static gboolean
fill_vifs(const ApiServices *services, const DbRow *vm, DomainVifTList *ret_vifs, GError **error)
{
    g_autoptr(GPtrArray) rows = db_referrers(services->db, CLASS_VIF, VIF_VM, vm->ref);

    ret_vifs->items = g_new0(DomainVifT, rows->len);
    for (guint i = 0; i < rows->len; i++) {
        ret_vifs->n = i + 1;
        if (!fill_vif(services, db_row_string(vm, VM_UUID), g_ptr_array_index(rows, i), &ret_vifs->items[i],
                      error))
            return FALSE;
    }
    if (rows->len > 0)
        qsort(ret_vifs->items, ret_vifs->n, sizeof ret_vifs->items[0], compare_vifs);
    return TRUE;
}

gboolean
vm_domain_config(const ApiServices *services, const char *vm_ref, DomainMetadataT *ret_config, GError **error)
{
    g_auto(DomainMetadataT) config = {0};
    g_autoptr(DbRow) vm = db_require(services->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;
    if (!fill_vm(services, vm, &config.vm, error) || !fill_vbds(services, vm, &config.vbds, error) ||
        !fill_vifs(services, vm, &config.vifs, error))
        return FALSE;
    fill_bootloader_disks(&config, services, vm);

    *ret_config = config;
    memset(&config, 0, sizeof config);
    return TRUE;
}
