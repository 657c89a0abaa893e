/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of VMs: disks, CD drives, network interfaces. */
#include <string.h>

#include "base/text.h"
#include "cli/handlers.h"
#include "cli/list.h"
#include "cli/message.h"
#include "cli/print.h"
#include "cli/select.h"
#include "model/api_error.h"
#include "model/classes.h"

#define NULL_REF    "OpaqueRef:NULL"
#define OWNER_KEY   "owner"  /* in other_config of a VBD: its disk goes with the VM */
#define VM_HINT_KEY "vmhint" /* in sm_config of a VDI: the VM it is for */
#define ISO_CONTENT "iso"    /* content_type of an SR with CDs */
#define EMPTY_NAME  "<EMPTY>"

static const char *const disk_columns[] = {"uuid", "vm-name-label", "userdevice", NULL};
static const char *const cd_columns[] = {"uuid", "vm-name-label", "userdevice", "empty", NULL};
static const char *const vdi_columns[] = {"uuid", "name-label", "virtual-size", "sr-name-label", NULL};
static const char *const iso_columns[] = {"uuid", "name-label", NULL};
static const char *const vif_columns[] = {
    "uuid", "device", "MAC", "network-uuid", "network-name-label", "vm-name-label", NULL};

static gboolean
is_cd(const DbRow *vbd)
{
    return strcmp(db_row_string(vbd, VBD_TYPE), "CD") == 0;
}

/* (element-type DbRow): a VM's drives, or its disks. */
static GPtrArray *
vbds_of(CliCall *call, const DbRow *vm, gboolean wants_cds)
{
    g_autoptr(GPtrArray) all = db_referrers(call->db, CLASS_VBD, VBD_VM, vm->ref);
    GPtrArray *wanted = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    for (guint i = 0; i < all->len; i++) {
        if (is_cd(all->pdata[i]) == wants_cds)
            g_ptr_array_add(wanted, db_row_ref(all->pdata[i]));
    }
    return wanted;
}

/* -- VBDs
 * ---------------------------------------------------------------------------------------------------------------
 */

static void
set_text(Value *record, const char *field, const char *text)
{
    value_map_set(record, field, value_string(text));
}

/* A VBD of @vm; (transfer full): its ref. */
static Value *
create_vbd(CliCall *call, const DbRow *vm, const char *vdi, const char *device, gboolean is_cd_drive,
           gboolean is_owner, GError **error)
{
    g_autoptr(Value) record = cli_message_record(CLASS_VBD);
    set_text(record, "VM", vm->ref);
    set_text(record, "VDI", vdi);
    set_text(record, "userdevice", device);
    set_text(record, "mode", is_cd_drive ? "RO" : "RW");
    set_text(record, "type", is_cd_drive ? "CD" : "Disk");
    value_map_set(record, "unpluggable", value_bool(TRUE));
    value_map_set(record, "empty", value_bool(strcmp(vdi, NULL_REF) == 0));
    if (is_owner) {
        Value *config = value_map_new(1);
        set_text(config, OWNER_KEY, "");
        value_map_set(record, "other_config", config);
    }
    return cli_invoke(call, "VBD.create", error, value_ref(record), NULL);
}

/* Into a running VM the device goes at once; that it cannot is no failure: it will be there after the next
 * start. */
static void
plug_if_running(CliCall *call, const DbRow *vm, const char *vbd)
{
    if (strcmp(db_row_string(vm, VM_POWER_STATE), "Running") == 0)
        cli_do(call, "VBD.plug", NULL, value_string(vbd), NULL);
}

/* The word's choice among @choices in any case; @fallback when it is not given. */
static const char *
choose(CliCall *call, const char *key, const char *const *choices, const char *fallback, GError **error)
{
    const char *text = cli_get(call, key);
    if (text == NULL)
        return fallback;
    for (const char *const *choice = choices; *choice != NULL; choice++) {
        if (g_ascii_strcasecmp(*choice, text) == 0)
            return *choice;
    }
    g_autofree char *all = g_strjoinv(", ", (char **)choices);
    cli_error_failed(error, "Parameter '%s' must be one of %s, not '%s'", key, all, text);
    return NULL;
}

gboolean
cli_vbd_create(CliCall *call, GError **error)
{
    static const char *const types[] = {"CD", "Disk", "Floppy", NULL};
    static const char *const modes[] = {"RO", "RW", NULL};
    gboolean has_disk = cli_get(call, "vdi-uuid") != NULL, is_bootable = FALSE, is_unpluggable = TRUE;
    const char *type = choose(call, "type", types, "Disk", error);
    const char *mode =
        type == NULL ? NULL : choose(call, "mode", modes, strcmp(type, "CD") == 0 ? "RO" : "RW", error);
    g_autoptr(DbRow) vm = mode == NULL ? NULL : cli_row_by_key(call, CLASS_VM, "vm-uuid", error);
    g_autoptr(DbRow) vdi =
        vm == NULL || !has_disk ? NULL : cli_row_by_key(call, CLASS_VDI, "vdi-uuid", error);
    if (vm == NULL || (has_disk && vdi == NULL) ||
        !cli_get_truth(call, "bootable", FALSE, &is_bootable, error) ||
        !cli_get_truth(call, "unpluggable", TRUE, &is_unpluggable, error))
        return FALSE;
    if (!has_disk && strcmp(type, "Disk") == 0)
        return cli_error_failed(error, "Only drives (type=CD) can be empty: give vdi-uuid");

    g_autoptr(Value) record = cli_message_record(CLASS_VBD);
    set_text(record, "VM", vm->ref);
    set_text(record, "VDI", vdi == NULL ? NULL_REF : vdi->ref);
    set_text(record, "userdevice", cli_get(call, "device"));
    set_text(record, "mode", mode);
    set_text(record, "type", type);
    value_map_set(record, "bootable", value_bool(is_bootable));
    value_map_set(record, "unpluggable", value_bool(is_unpluggable));
    value_map_set(record, "empty", value_bool(vdi == NULL));
    g_autoptr(Value) vbd = cli_invoke(call, "VBD.create", error, value_ref(record), NULL);
    if (vbd == NULL)
        return FALSE;
    g_autofree char *uuid = cli_uuid_of(call, CLASS_VBD, value_get_string(vbd));
    cli_print_line(call, uuid);
    return TRUE;
}

/* -- Disks
 * ----------------------------------------------------------------------------------------------------------------
 */

static Value *
create_disk(CliCall *call, const DbRow *vm, const DbRow *sr, gint64 size, GError **error)
{
    g_autoptr(Value) record = cli_message_record(CLASS_VDI);
    Value *config = value_map_new(1);
    set_text(config, VM_HINT_KEY, cli_row_uuid(vm));
    set_text(record, "name_label", "Created by xe");
    set_text(record, "name_description", "Created by xe");
    set_text(record, "SR", sr->ref);
    set_text(record, "type", "user");
    value_map_set(record, "virtual_size", value_int(size));
    value_map_set(record, "sm_config", config);
    return cli_invoke(call, "VDI.create", error, value_ref(record), NULL);
}

static gboolean
add_disk(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    gint64 size = 0;
    if (!cli_get_size(call, "disk-size", &size, error))
        return FALSE;
    g_autoptr(Value) vdi = create_disk(call, vm, data, size, error);
    if (vdi == NULL)
        return FALSE;
    g_autoptr(Value) vbd =
        create_vbd(call, vm, value_get_string(vdi), cli_get(call, "device"), FALSE, TRUE, error);
    if (vbd == NULL) {
        cli_do(call, "VDI.destroy", NULL, value_string(value_get_string(vdi)), NULL);
        return FALSE;
    }
    plug_if_running(call, vm, value_get_string(vbd));
    return TRUE;
}

gboolean
cli_vm_disk_add(CliCall *call, GError **error)
{
    gboolean is_named = cli_get(call, "sr-uuid") != NULL;
    g_autoptr(DbRow) sr = is_named ? cli_row_by_key(call, CLASS_SR, "sr-uuid", error) : cli_default_sr(call);
    if (sr == NULL)
        return is_named ? FALSE : cli_error_failed(error, "The pool has no default SR: give sr-uuid");
    return cli_for_selected(call, add_disk, sr, error);
}

static gboolean
remove_disk(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) vbds = db_referrers(call->db, CLASS_VBD, VBD_VM, vm->ref);
    const char *device = cli_get(call, "device");
    for (guint i = 0; i < vbds->len; i++) {
        DbRow *vbd = vbds->pdata[i];
        if (strcmp(db_row_string(vbd, VBD_USERDEVICE), device) == 0)
            return cli_do(call, "VBD.destroy", error, value_string(vbd->ref), NULL) &&
                   cli_do(call, "VDI.destroy", error, value_string(db_row_string(vbd, VBD_VDI)), NULL);
    }
    return cli_error_failed(error, "The VM has no disk at device %s", device);
}

gboolean
cli_vm_disk_remove(CliCall *call, GError **error)
{
    return cli_for_selected(call, remove_disk, NULL, error);
}

static gboolean
list_one(CliCall *call, const char *class_name, DbRow *row, const char *asked, const char *const *columns,
         GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    g_ptr_array_add(rows, row);
    return cli_list_rows(call, cli_class_by_name(class_name), rows, asked, columns, TRUE, error);
}

static gboolean
list_devices(CliCall *call, const DbRow *vm, gboolean wants_cds, GError **error)
{
    g_autoptr(GPtrArray) vbds = vbds_of(call, vm, wants_cds);
    const char *name = wants_cds ? "CD" : "Disk";
    for (guint i = 0; i < vbds->len; i++) {
        DbRow *vbd = vbds->pdata[i];
        cli_print_text(call, "%s %u VBD:", name, i);
        if (!list_one(call, "vbd", vbd, cli_get(call, "vbd-params"), wants_cds ? cd_columns : disk_columns,
                      error))
            return FALSE;
        g_autoptr(DbRow) vdi =
            db_row_bool(vbd, VBD_EMPTY) ? NULL : db_get(call->db, CLASS_VDI, db_row_string(vbd, VBD_VDI));
        if (vdi == NULL)
            continue;
        cli_print_text(call, "%s %u VDI:", name, i);
        if (!list_one(call, "vdi", vdi, cli_get(call, "vdi-params"), vdi_columns, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
list_disks(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    return list_devices(call, vm, FALSE, error);
}

static gboolean
list_cds(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    return list_devices(call, vm, TRUE, error);
}

gboolean
cli_vm_disk_list(CliCall *call, GError **error)
{
    return cli_for_selected(call, list_disks, NULL, error);
}

gboolean
cli_vm_cd_list(CliCall *call, GError **error)
{
    return cli_for_selected(call, list_cds, NULL, error);
}

gboolean
cli_snapshot_disk_list(CliCall *call, GError **error)
{
    g_autoptr(DbRow) snapshot = cli_snapshot_row(call, error);
    return snapshot != NULL && list_devices(call, snapshot, FALSE, error);
}

/* -- CDs
 * ------------------------------------------------------------------------------------------------------------------
 */

static gboolean
is_iso(CliCall *call, const DbRow *vdi)
{
    g_autoptr(DbRow) sr = db_get(call->db, CLASS_SR, db_row_string(vdi, VDI_SR));
    return sr != NULL && strcmp(db_row_string(sr, SR_CONTENT_TYPE), ISO_CONTENT) == 0;
}

/* The one CD with the name the user gives. */
static DbRow *
find_cd(CliCall *call, GError **error)
{
    const char *name = cli_get(call, "cd-name");
    g_autoptr(GPtrArray) vdis = db_get_by_name(call->db, CLASS_VDI, name);
    DbRow *found = NULL;
    for (guint i = 0; i < vdis->len; i++) {
        if (!is_iso(call, vdis->pdata[i]))
            continue;
        if (found != NULL) {
            cli_error_failed(error, "More than one CD has the name %s: use vbd-insert with uuids", name);
            return NULL;
        }
        found = vdis->pdata[i];
    }
    if (found == NULL)
        cli_error_failed(error, "CD %s not found", name);
    return found == NULL ? NULL : db_row_ref(found);
}

static gboolean
add_cd(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    const DbRow *cd = data;
    g_autoptr(Value) vbd = create_vbd(call, vm, cd->ref, cli_get(call, "device"), TRUE, FALSE, error);
    if (vbd == NULL)
        return FALSE;
    plug_if_running(call, vm, value_get_string(vbd));
    return TRUE;
}

gboolean
cli_vm_cd_add(CliCall *call, GError **error)
{
    g_autoptr(DbRow) cd = find_cd(call, error);
    return cd != NULL && cli_for_selected(call, add_cd, cd, error);
}

static gboolean
holds_cd(CliCall *call, const DbRow *vbd, const char *name)
{
    g_autoptr(DbRow) vdi = db_get(call->db, CLASS_VDI, db_row_string(vbd, VBD_VDI));
    if (vdi == NULL)
        return strcmp(name, EMPTY_NAME) == 0;
    return is_iso(call, vdi) && strcmp(cli_row_name(vdi), name) == 0;
}

static gboolean
remove_cd(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) drives = vbds_of(call, vm, TRUE);
    const char *name = cli_get(call, "cd-name");
    for (guint i = 0; i < drives->len; i++) {
        DbRow *drive = drives->pdata[i];
        if (holds_cd(call, drive, name))
            return cli_do(call, "VBD.destroy", error, value_string(drive->ref), NULL);
    }
    return cli_error_failed(error, "The VM has no drive with CD %s", name);
}

gboolean
cli_vm_cd_remove(CliCall *call, GError **error)
{
    return cli_for_selected(call, remove_cd, NULL, error);
}

static gboolean
insert_cd(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    const DbRow *cd = data, *empty = NULL;
    g_autoptr(GPtrArray) drives = vbds_of(call, vm, TRUE);
    for (guint i = 0; i < drives->len; i++) {
        if (!db_row_bool(drives->pdata[i], VBD_EMPTY))
            continue;
        if (empty != NULL)
            return cli_error_failed(error, "The VM has more than one empty drive: use vbd-insert");
        empty = drives->pdata[i];
    }
    if (empty == NULL) {
        const char *params[] = {vm->ref, NULL};
        return api_error_set(error, "VM_NO_EMPTY_CD_VBD", params);
    }
    return cli_do(call, "VBD.insert", error, value_string(empty->ref), value_string(cd->ref), NULL);
}

gboolean
cli_vm_cd_insert(CliCall *call, GError **error)
{
    g_autoptr(DbRow) cd = find_cd(call, error);
    return cd != NULL && cli_for_selected(call, insert_cd, cd, error);
}

static gboolean
eject_cd(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) drives = vbds_of(call, vm, TRUE);
    if (drives->len == 0)
        return cli_error_failed(error, "The VM has no CD drive");
    if (drives->len > 1)
        return cli_error_failed(error, "The VM has more than one CD drive: use vbd-eject");
    return cli_do(call, "VBD.eject", error, value_string(((DbRow *)drives->pdata[0])->ref), NULL);
}

gboolean
cli_vm_cd_eject(CliCall *call, GError **error)
{
    return cli_for_selected(call, eject_cd, NULL, error);
}

gboolean
cli_cd_list(CliCall *call, GError **error)
{
    g_autoptr(GPtrArray) all = db_get_all(call->db, CLASS_VDI);
    g_autoptr(GPtrArray) isos = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        if (is_iso(call, all->pdata[i]))
            g_ptr_array_add(isos, all->pdata[i]);
    }
    return cli_list_rows(call, cli_class_by_name("vdi"), isos, cli_get(call, "params"), iso_columns, FALSE,
                         error);
}

/* -- Network interfaces
 * ------------------------------------------------------------------------------------------------------ */

static gboolean
list_vifs(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) vifs = db_referrers(call->db, CLASS_VIF, VIF_VM, vm->ref);
    return cli_list_rows(call, cli_class_by_name("vif"), vifs, cli_get(call, "params"), vif_columns, FALSE,
                         error);
}

gboolean
cli_vm_vif_list(CliCall *call, GError **error)
{
    return cli_for_selected(call, list_vifs, NULL, error);
}

/* A locally administered address of the kernel's random source. (transfer full) */
static char *
random_mac(void)
{
    g_autofree char *digits = base_random_text(5);
    return g_strdup_printf("02:%.2s:%.2s:%.2s:%.2s:%.2s", digits, digits + 2, digits + 4, digits + 6,
                           digits + 8);
}

gboolean
cli_vif_create(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vm = cli_row_by_key(call, CLASS_VM, "vm-uuid", error);
    g_autoptr(DbRow) network = vm == NULL ? NULL : cli_row_by_key(call, CLASS_NETWORK, "network-uuid", error);
    if (network == NULL)
        return FALSE;

    const char *given = cli_get(call, "mac");
    g_autofree char *mac =
        g_strcmp0(given, "random") == 0 ? random_mac() : g_strdup(given == NULL ? "" : given);
    g_autoptr(Value) record = cli_message_record(CLASS_VIF);
    set_text(record, "VM", vm->ref);
    set_text(record, "network", network->ref);
    set_text(record, "device", cli_get(call, "device"));
    set_text(record, "MAC", mac);
    value_map_set(record, "MTU", value_int(db_row_int(network, NETWORK_MTU)));
    g_autoptr(Value) vif = cli_invoke(call, "VIF.create", error, value_ref(record), NULL);
    if (vif == NULL)
        return FALSE;
    g_autofree char *uuid = cli_uuid_of(call, CLASS_VIF, value_get_string(vif));
    cli_print_line(call, uuid);
    return TRUE;
}
