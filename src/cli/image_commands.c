/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Export and import of VMs and disks, and consoles: what the client streams from or to HTTP handlers. */
#include <string.h>

#include "cli/handlers.h"
#include "cli/message.h"
#include "cli/print.h"
#include "cli/select.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "model/classes.h"

static void
add_query(GString *path, const char *name, const char *value)
{
    g_string_append_c(path, strchr(path->str, '?') == NULL ? '?' : '&');
    g_string_append_printf(path, "%s=", name);
    g_string_append_uri_escaped(path, value, NULL, FALSE);
}

/* Passes the value of a word on under the handler's name for it, when it was given. */
static void
pass_word(CliCall *call, GString *path, const char *key, const char *name)
{
    if (cli_get(call, key) != NULL)
        add_query(path, name, cli_get(call, key));
}

static gboolean
pass_truth(CliCall *call, GString *path, const char *key, const char *name, GError **error)
{
    gboolean truth = FALSE;
    if (!cli_get_truth(call, key, FALSE, &truth, error))
        return FALSE;
    if (truth)
        add_query(path, name, "true");
    return TRUE;
}

/* -- Export
 * -------------------------------------------------------------------------------------------------------------
 */

static gboolean
export_vm(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    gboolean is_metadata = FALSE, has_snapshots = TRUE;
    if (!cli_get_truth(call, "metadata", FALSE, &is_metadata, error) ||
        !cli_get_truth(call, "include-snapshots", TRUE, &has_snapshots, error))
        return FALSE;

    g_autoptr(GString) path = g_string_new(is_metadata ? "/export_metadata" : "/export");
    add_query(path, "uuid", cli_row_uuid(vm));
    if (!pass_truth(call, path, "preserve-power-state", "preserve_power_state", error))
        return FALSE;
    pass_word(call, path, "compress", "use_compression");
    pass_word(call, path, "excluded-device-types", "excluded_device_types");
    if (is_metadata && !has_snapshots)
        add_query(path, "export_snapshots", "false");

    g_autoptr(Value) result =
        cli_transfer(call, CLI_TAG_HTTP_GET, cli_get(call, "filename"), path->str, "Export of VM", error);
    if (result == NULL)
        return FALSE;
    /* With the export itself on standard output nothing else may go there. */
    if (*cli_get(call, "filename") == '\0')
        cli_print_error(call, "Export succeeded\n");
    else
        cli_print_text(call, "Export succeeded");
    return TRUE;
}

gboolean
cli_vm_export(CliCall *call, GError **error)
{
    g_autoptr(GPtrArray) vms = cli_select(call, error);
    if (vms == NULL)
        return FALSE;
    if (vms->len > 1)
        return cli_error_failed(error, "One file holds one VM");
    return export_vm(call, vms->pdata[0], NULL, error);
}

gboolean
cli_template_export(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vm = cli_template_row(call, "template-uuid", error);
    return vm != NULL && export_vm(call, vm, NULL, error);
}

gboolean
cli_snapshot_export(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vm = cli_snapshot_row(call, error);
    return vm != NULL && export_vm(call, vm, NULL, error);
}

gboolean
cli_vdi_export(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vdi = cli_row_by_key(call, CLASS_VDI, "uuid", error);
    if (vdi == NULL)
        return FALSE;
    g_autoptr(GString) path = g_string_new("/export_raw_vdi");
    add_query(path, "vdi", vdi->ref);
    pass_word(call, path, "format", "format");
    pass_word(call, path, "base", "base");
    g_autoptr(Value) result =
        cli_transfer(call, CLI_TAG_HTTP_GET, cli_get(call, "filename"), path->str, "Export of VDI", error);
    return result != NULL;
}

/* -- Import
 * -------------------------------------------------------------------------------------------------------------
 */

static void
print_imported(CliCall *call, const Value *vms)
{
    g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; value_kind(vms) == VALUE_ARRAY && i < value_size(vms); i++) {
        Value *ref = value_array_get(vms, i);
        if (value_kind(ref) == VALUE_STRING)
            g_ptr_array_add(uuids, cli_uuid_of(call, CLASS_VM, value_get_string(ref)));
    }
    if (call->is_minimal) {
        for (guint i = 0; i < uuids->len; i++)
            cli_print_line(call, uuids->pdata[i]);
        return;
    }
    g_ptr_array_add(uuids, NULL);
    g_autofree char *line = g_strjoinv(",", (GStrv)uuids->pdata);
    cli_print_line(call, line);
}

/* VMs of another product, fetched and converted by a service. */
static gboolean
import_converted(CliCall *call, const char *type, GError **error)
{
    const char *user = cli_require(call, "host-username", error);
    const char *password = user == NULL ? NULL : cli_require(call, "host-password", error);
    if (password == NULL)
        return FALSE;
    gboolean is_named = cli_get(call, "sr-uuid") != NULL;
    g_autoptr(DbRow) sr = is_named ? cli_row_by_key(call, CLASS_SR, "sr-uuid", error) : cli_default_sr(call);
    if (sr == NULL)
        return is_named ? FALSE : cli_error_failed(error, "The pool has no default SR: give sr-uuid");
    return cli_do(call, "VM.import_convert", error, value_string(type), value_string(user),
                  value_string(password), value_string(sr->ref),
                  cli_arguments_prefixed(call->arguments, "remote-config"), NULL);
}

gboolean
cli_vm_import(CliCall *call, GError **error)
{
    const char *type = cli_get(call, "type");
    if (type != NULL && strcmp(type, "default") != 0)
        return import_converted(call, type, error);
    if (cli_get(call, "url") != NULL) /* a later API's message: its answer is the command's */
        return cli_do(call, "VM.import", error, value_string(cli_get(call, "url")), NULL);
    const char *file = cli_require(call, "filename", error);
    gboolean is_metadata = FALSE;
    if (file == NULL || !cli_get_truth(call, "metadata", FALSE, &is_metadata, error))
        return FALSE;

    g_autoptr(GString) path = g_string_new(is_metadata ? "/import_metadata" : "/import");
    if (!pass_truth(call, path, "preserve", "restore", error) ||
        !pass_truth(call, path, "force", "force", error) ||
        !pass_truth(call, path, "dry-run", "dry_run", error))
        return FALSE;
    if (cli_get(call, "sr-uuid") != NULL) {
        g_autoptr(DbRow) sr = cli_row_by_key(call, CLASS_SR, "sr-uuid", error);
        if (sr == NULL)
            return FALSE;
        add_query(path, "sr_id", sr->ref);
    }
    g_autoptr(Value) disks = cli_arguments_prefixed(call->arguments, "vdi");
    for (gsize i = 0; i < value_size(disks); i++) {
        g_autofree char *name = g_strdup_printf("vdi:%s", value_map_key(disks, i));
        add_query(path, name, value_get_string(value_map_value(disks, i)));
    }
    g_autoptr(Value) vms = cli_transfer(call, CLI_TAG_HTTP_PUT, file, path->str, "Import of VM", error);
    if (vms == NULL)
        return FALSE;
    print_imported(call, vms);
    return TRUE;
}

gboolean
cli_vdi_import(CliCall *call, GError **error)
{
    g_autoptr(DbRow) vdi = cli_row_by_key(call, CLASS_VDI, "uuid", error);
    if (vdi == NULL)
        return FALSE;
    g_autoptr(GString) path = g_string_new("/import_raw_vdi");
    add_query(path, "vdi", vdi->ref);
    pass_word(call, path, "format", "format");
    g_autoptr(Value) result =
        cli_transfer(call, CLI_TAG_HTTP_PUT, cli_get(call, "filename"), path->str, "Import of VDI", error);
    return result != NULL;
}

/* -- Consoles
 * -----------------------------------------------------------------------------------------------------------
 */

static DbRow *
text_console_of(CliCall *call, const DbRow *vm, GError **error)
{
    g_autoptr(GPtrArray) consoles = db_referrers(call->db, CLASS_CONSOLE, CONSOLE_VM, vm->ref);
    for (guint i = 0; i < consoles->len; i++)
        if (strcmp(db_row_string(consoles->pdata[i], CONSOLE_PROTOCOL), "vt100") == 0)
            return db_row_ref(consoles->pdata[i]);
    cli_error_failed(error, "VM '%s' has no text console%s", cli_row_name(vm),
                     strcmp(db_row_string(vm, VM_POWER_STATE), "Halted") == 0 ? ": it is not running" : "");
    return NULL;
}

gboolean
cli_console(CliCall *call, GError **error)
{
    g_autoptr(GPtrArray) vms = cli_select(call, error);
    if (vms == NULL)
        return FALSE;
    g_autoptr(DbRow) console = text_console_of(call, vms->pdata[0], error);
    if (console == NULL)
        return FALSE;

    g_autoptr(GString) path = g_string_new("/console");
    add_query(path, "uuid", cli_row_uuid(console));
    return cli_transfer_connect(call, path->str, error);
}
