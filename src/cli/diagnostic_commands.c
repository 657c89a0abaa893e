/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reports about VMs, disks and hosts that gather several answers. */
#include <string.h>

#include "base/text.h"
#include "cli/handlers.h"
#include "cli/host_report.h"
#include "cli/list.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/select.h"
#include "cli/text.h"
#include "model/classes.h"

static const char *const vm_columns[] = {"uuid", "name-label", "power-state", "possible-hosts", NULL};
static const char *const vm_vbd_columns[] = {"uuid", "userdevice", "device",       "vdi-uuid",   "empty",
                                             "mode", "type",       "storage-lock", "attachable", NULL};
static const char *const vdi_columns[] = {"uuid",      "name-label", "sr-uuid",      "mode",
                                          "read-only", "sharable",   "storage-lock", NULL};
static const char *const vdi_vbd_columns[] = {"uuid", "userdevice", "device",       "empty",
                                              "mode", "type",       "storage-lock", NULL};

static gboolean
show_one(CliCall *call, const char *class_name, DbRow *row, const char *const *columns, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    g_ptr_array_add(rows, row);
    return cli_list_rows(call, cli_class_by_name(class_name), rows, NULL, columns, TRUE, error);
}

static gboolean
show_all(CliCall *call, const char *class_name, GPtrArray *rows, const char *const *columns, GError **error)
{
    return cli_list_rows(call, cli_class_by_name(class_name), rows, NULL, columns, TRUE, error);
}

/* -- VMs and disks
 * -----------------------------------------------------------------------------------------------------------
 */

gboolean
cli_diagnostic_vm_status(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vm = cli_row_by_key(call, CLASS_VM, "uuid", error);
    if (vm == NULL || !show_one(call, "vm", vm, vm_columns, error))
        return FALSE;

    g_autoptr(GPtrArray) vbds = db_referrers(call->db, CLASS_VBD, VBD_VM, vm->ref);
    cli_print_text(call, "Whether its disks can be attached:");
    if (!show_all(call, "vbd", vbds, vm_vbd_columns, error))
        return FALSE;
    cli_print_text(call, "Whether it can boot on each host:");
    cli_host_verdicts(call, vm);

    g_autoptr(GError) problem = NULL;
    if (cli_do(call, "VM.assert_agile", &problem, value_string(vm->ref), NULL)) {
        cli_print_text(call, "VM is agile.");
        return TRUE;
    }
    g_autofree char *reason = cli_describe(call, problem);
    g_strdelimit(reason, "\n", ' ');
    cli_print_text(call, "VM is not agile because: %s", reason);
    return TRUE;
}

static GPtrArray *
attached_vbds(GPtrArray *vbds, gboolean is_attached)
{
    GPtrArray *wanted = g_ptr_array_new();
    for (guint i = 0; i < vbds->len; i++) {
        if (db_row_bool(vbds->pdata[i], VBD_CURRENTLY_ATTACHED) == is_attached)
            g_ptr_array_add(wanted, vbds->pdata[i]);
    }
    return wanted;
}

gboolean
cli_diagnostic_vdi_status(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vdi = cli_row_by_key(call, CLASS_VDI, "uuid", error);
    if (vdi == NULL || !show_one(call, "vdi", vdi, vdi_columns, error))
        return FALSE;

    g_autoptr(GPtrArray) vbds = db_referrers(call->db, CLASS_VBD, VBD_VDI, vdi->ref);
    g_autoptr(GPtrArray) active = attached_vbds(vbds, TRUE);
    g_autoptr(GPtrArray) inactive = attached_vbds(vbds, FALSE);
    cli_print_text(call, active->len == 0 ? "no active VBDs." : "active VBDs:");
    if (!show_all(call, "vbd", active, vdi_vbd_columns, error))
        return FALSE;
    if (inactive->len > 0)
        cli_print_text(call, "inactive VBDs:");
    return show_all(call, "vbd", inactive, vdi_vbd_columns, error);
}

static gboolean
say_bios(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    g_autoptr(Value) strings = cli_invoke(call, "VM.get_bios_strings", error, value_string(vm->ref), NULL);
    if (strings == NULL)
        return FALSE;
    if (value_size(strings) == 0) {
        cli_print_text(call, "The BIOS strings of this VM have not yet been set.");
        return TRUE;
    }
    const char *vendor = value_map_get_string(strings, "bios-vendor", "");
    cli_print_text(call,
                   strcmp(vendor, "Xen") == 0 ? "This VM is BIOS-generic." : "This VM is BIOS-customized.");
    return TRUE;
}

gboolean
cli_vm_is_bios_customized(CliCall *call, GError **error)
{
    return cli_for_selected(call, say_bios, NULL, error);
}

/* -- Hosts
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Each VM that keeps a host from being emptied, and why. */
gboolean
cli_evacuation_obstacles(CliCall *call, GError **error)
{
    g_autoptr(DbRow) host = cli_row_by_key(call, CLASS_HOST, "uuid", error);
    if (host == NULL)
        return FALSE;
    g_autoptr(Value) reasons =
        cli_invoke(call, "host.get_vms_which_prevent_evacuation", error, value_string(host->ref), NULL);
    const Type *type = model_message_by_name("host.get_vms_which_prevent_evacuation")->result;
    for (gsize i = 0; reasons != NULL && i < value_size(reasons); i++) {
        g_autoptr(DbRow) vm = db_get(call->db, CLASS_VM, value_map_key(reasons, i));
        g_autofree char *reason = cli_text_value(call, type->element, value_map_value(reasons, i), ",");
        CliCell cells[] = {
            {"uuid ( RO)", vm == NULL ? CLI_MISSING : cli_row_uuid(vm)},
            {"name-label ( RW)", vm == NULL ? CLI_MISSING : cli_row_name(vm)},
            {"reason ( RO)", reason},
        };
        cli_print_record(call, cells, G_N_ELEMENTS(cells));
    }
    return reasons != NULL;
}
