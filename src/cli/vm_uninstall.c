/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Destroying VMs, templates and snapshots, with or without what belongs to them. */
#include <string.h>

#include "cli/handlers.h"
#include "cli/print.h"
#include "cli/select.h"
#include "model/api_error.h"
#include "model/classes.h"

#define OWNER_KEY "owner" /* in other_config of a VBD: its disk goes with the VM */

/* What would go. */
typedef struct Doomed {
    GPtrArray *vms;   /* (element-type DbRow) */
    GPtrArray *disks; /* (element-type DbRow): each once */
} Doomed;

static void
doomed_clear(Doomed *doomed)
{
    g_clear_pointer(&doomed->vms, g_ptr_array_unref);
    g_clear_pointer(&doomed->disks, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Doomed, doomed_clear)

static gboolean
is_same_row(gconstpointer a, gconstpointer b)
{
    return strcmp(((const DbRow *)a)->ref, ((const DbRow *)b)->ref) == 0;
}

static void
add_disk(CliCall *call, Doomed *doomed, const char *ref)
{
    g_autoptr(DbRow) disk = db_get(call->db, CLASS_VDI, ref);
    if (disk != NULL && !g_ptr_array_find_with_equal_func(doomed->disks, disk, is_same_row, NULL))
        g_ptr_array_add(doomed->disks, g_steal_pointer(&disk));
}

static void
add_vm(CliCall *call, Doomed *doomed, DbRow *vm)
{
    if (g_ptr_array_find_with_equal_func(doomed->vms, vm, is_same_row, NULL))
        return;
    g_ptr_array_add(doomed->vms, db_row_ref(vm));
    g_autoptr(GPtrArray) vbds = db_referrers(call->db, CLASS_VBD, VBD_VM, vm->ref);
    for (guint i = 0; i < vbds->len; i++) {
        if (db_row_map_string(vbds->pdata[i], VBD_OTHER_CONFIG, OWNER_KEY, NULL) != NULL)
            add_disk(call, doomed, db_row_string(vbds->pdata[i], VBD_VDI));
    }
    add_disk(call, doomed, db_row_string(vm, VM_SUSPEND_VDI));
}

static void
add_snapshots(CliCall *call, Doomed *doomed, const DbRow *vm)
{
    g_autoptr(GPtrArray) snapshots = db_referrers(call->db, CLASS_VM, VM_SNAPSHOT_OF, vm->ref);
    for (guint i = 0; i < snapshots->len; i++)
        add_vm(call, doomed, snapshots->pdata[i]);
}

static void
print_doomed(CliCall *call, const Doomed *doomed)
{
    cli_print_always(call, "The following items are about to be destroyed");
    for (guint i = 0; i < doomed->vms->len; i++)
        cli_print_always(call, "VM : %s (%s)", cli_row_uuid(doomed->vms->pdata[i]),
                         cli_row_name(doomed->vms->pdata[i]));
    for (guint i = 0; i < doomed->disks->len; i++) {
        DbRow *disk = doomed->disks->pdata[i];
        g_autoptr(GPtrArray) users = db_referrers(call->db, CLASS_VBD, VBD_VDI, disk->ref);
        cli_print_always(call, "VDI: %s (%s)%s", cli_row_uuid(disk), cli_row_name(disk),
                         users->len > 1 ? " ** WARNING: other VMs use this disk too" : "");
    }
}

static gboolean
destroy_vm(CliCall *call, const DbRow *vm, GError **error)
{
    g_autoptr(DbRow) now = db_require(call->db, CLASS_VM, vm->ref, error);
    if (now == NULL)
        return FALSE;
    if (strcmp(db_row_string(now, VM_POWER_STATE), "Halted") != 0 &&
        !cli_do(call, "VM.hard_shutdown", error, value_string(vm->ref), NULL))
        return FALSE;
    return cli_do(call, "VM.destroy", error, value_string(vm->ref), NULL);
}

static gboolean
destroy_all(CliCall *call, const Doomed *doomed, GError **error)
{
    gboolean is_forced = FALSE;
    print_doomed(call, doomed);
    if (!cli_get_truth(call, "force", FALSE, &is_forced, error) || (!is_forced && !cli_confirm(call, error)))
        return FALSE;
    for (guint i = 0; i < doomed->vms->len; i++) {
        if (!destroy_vm(call, doomed->vms->pdata[i], error))
            return FALSE;
    }
    for (guint i = 0; i < doomed->disks->len; i++) {
        const DbRow *disk = doomed->disks->pdata[i];
        g_autoptr(DbRow) now = db_get(call->db, CLASS_VDI, disk->ref);
        /* A suspend image goes with its VM. */
        if (now != NULL && !cli_do(call, "VDI.destroy", error, value_string(disk->ref), NULL))
            return FALSE;
    }
    cli_print_always(call, "All objects destroyed");
    return TRUE;
}

static Doomed
doomed_new(void)
{
    GDestroyNotify unref = (GDestroyNotify)db_row_unref;
    return (Doomed){g_ptr_array_new_with_free_func(unref), g_ptr_array_new_with_free_func(unref)};
}

gboolean
cli_vm_uninstall(CliCall *call, GError **error)
{
    g_auto(Doomed) doomed = doomed_new();
    g_autoptr(GPtrArray) vms = cli_select(call, error);
    for (guint i = 0; vms != NULL && i < vms->len; i++)
        add_vm(call, &doomed, vms->pdata[i]);
    for (guint i = 0; vms != NULL && i < vms->len; i++)
        add_snapshots(call, &doomed, vms->pdata[i]);
    return vms != NULL && destroy_all(call, &doomed, error);
}

static gboolean
uninstall_one(CliCall *call, DbRow *vm, GError **error)
{
    g_auto(Doomed) doomed = doomed_new();
    if (vm == NULL)
        return FALSE;
    add_vm(call, &doomed, vm);
    return destroy_all(call, &doomed, error);
}

gboolean
cli_template_uninstall(CliCall *call, GError **error)
{
    g_autoptr(DbRow) template = cli_template_row(call, "template-uuid", error);
    return uninstall_one(call, template, error);
}

gboolean
cli_snapshot_uninstall(CliCall *call, GError **error)
{
    g_autoptr(DbRow) snapshot = cli_snapshot_row(call, error);
    return uninstall_one(call, snapshot, error);
}

gboolean
cli_snapshot_destroy(CliCall *call, GError **error)
{
    g_autoptr(DbRow) snapshot = cli_snapshot_row(call, error);
    return snapshot != NULL && destroy_vm(call, snapshot, error);
}

gboolean
cli_vm_destroy(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vm = cli_row_by_key(call, CLASS_VM, "uuid", error);
    if (vm == NULL)
        return FALSE;
    if (db_row_bool(vm, VM_IS_CONTROL_DOMAIN)) {
        const char *params[] = {"a control domain cannot be destroyed from the command line", NULL};
        return api_error_set(error, "OPERATION_NOT_ALLOWED", params);
    }
    return cli_do(call, "VM.destroy", error, value_string(vm->ref), NULL);
}
