/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would become of protected VMs if hosts died. */
#include <string.h>

#include "cli/handlers.h"
#include "cli/print.h"
#include "model/classes.h"

/* The values of a key that is given several times, in order. */
static GPtrArray *
values_of(CliCall *call, const char *key)
{
    GPtrArray *values = g_ptr_array_new();
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        if (strcmp(word->key, key) == 0)
            g_ptr_array_add(values, word->value);
    }
    return values;
}

gboolean
cli_ha_hypothetical_failures(CliCall *call, GError **error)
{
    g_autoptr(GPtrArray) uuids = values_of(call, "vm-uuid");
    g_autoptr(GPtrArray) priorities = values_of(call, "restart-priority");
    if (uuids->len != priorities->len)
        return cli_error_failed(error, "Give a restart-priority for each vm-uuid");

    g_autoptr(Value) configuration = value_map_new(uuids->len);
    for (guint i = 0; i < uuids->len; i++) {
        g_autoptr(DbRow) vm = cli_row_by_uuid(call, CLASS_VM, uuids->pdata[i], error);
        if (vm == NULL)
            return FALSE;
        value_map_set(configuration, vm->ref, value_string(priorities->pdata[i]));
    }
    g_autoptr(Value) count = cli_invoke(call, "pool.ha_compute_hypothetical_max_host_failures_to_tolerate",
                                        error, value_ref(configuration), NULL);
    if (count == NULL)
        return FALSE;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value_get_int(count));
    cli_print_line(call, text);
    return TRUE;
}

static void
add_guests(CliCall *call, const DbRow *host, Value *vms)
{
    g_autoptr(GPtrArray) residents = db_referrers(call->db, CLASS_VM, VM_RESIDENT_ON, host->ref);
    for (guint i = 0; i < residents->len; i++) {
        if (!db_row_bool(residents->pdata[i], VM_IS_CONTROL_DOMAIN))
            value_array_add(vms, value_string(((DbRow *)residents->pdata[i])->ref));
    }
}

static char *
describe(CliCall *call, int class_id, const char *ref)
{
    g_autoptr(DbRow) row = db_get(call->db, class_id, ref);
    return row == NULL ? g_strdup(CLI_MISSING)
                       : g_strdup_printf("%s (%s)", cli_row_uuid(row), cli_row_name(row));
}

/* Where a VM would go, or why it would not. */
static char *
destination(CliCall *call, const Value *result)
{
    const char *host = value_map_get_string(result, "host", NULL);
    return host != NULL ? describe(call, CLASS_HOST, host)
                        : g_strdup(value_map_get_string(result, "error_code", "UNKNOWN"));
}

static void
print_plan(CliCall *call, const Value *plan)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    gsize n_vms = value_size(plan);
    g_autofree CliCell *cells = g_new0(CliCell, n_vms + 1);
    cells[0] = (CliCell){"VM", "Destination Host or Error"};
    for (gsize i = 0; i < n_vms; i++) {
        char *vm = describe(call, CLASS_VM, value_map_key(plan, i));
        char *where = destination(call, value_map_value(plan, i));
        g_ptr_array_add(texts, vm);
        g_ptr_array_add(texts, where);
        cells[i + 1] = (CliCell){vm, where};
    }
    cli_print_record(call, cells, n_vms + 1);
}

gboolean
cli_ha_failover_plan(CliCall *call, GError **error)
{
    g_auto(GStrv) uuids = g_strsplit(cli_get(call, "host-uuids"), ",", -1);
    g_autoptr(Value) hosts = value_array_new(1);
    g_autoptr(Value) vms = value_array_new(1);
    for (char **uuid = uuids; *uuid != NULL; uuid++) {
        g_autoptr(DbRow) host = cli_row_by_uuid(call, CLASS_HOST, *uuid, error);
        if (host == NULL)
            return FALSE;
        value_array_add(hosts, value_string(host->ref));
        add_guests(call, host, vms);
    }
    g_autoptr(Value) plan =
        cli_invoke(call, "pool.ha_compute_vm_failover_plan", error, value_ref(hosts), value_ref(vms), NULL);
    if (plan == NULL)
        return FALSE;
    print_plan(call, plan);
    return TRUE;
}
