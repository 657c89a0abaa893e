/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks of each host whether it could run a VM. */
#include "cli/host_report.h"

#include "cli/print.h"
#include "cli/report.h"
#include "model/classes.h"

static char *
verdict(CliCall *call, DbRow *vm, DbRow *host)
{
    g_autoptr(GError) error = NULL;
    if (cli_do(call, "VM.assert_can_boot_here", &error, value_string(vm->ref), value_string(host->ref), NULL))
        return g_strdup("OK");
    g_autofree char *text = cli_describe(call, error);
    g_strdelimit(text, "\n", ' ');
    return g_strdup_printf("Cannot start here [%s]", text);
}

void
cli_host_verdicts(CliCall *call, DbRow *vm)
{
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autofree CliCell *cells = g_new0(CliCell, hosts->len + 1);

    for (guint i = 0; i < hosts->len; i++) {
        char *text = verdict(call, vm, hosts->pdata[i]);
        g_ptr_array_add(texts, text);
        cells[i] = (CliCell){cli_row_name(hosts->pdata[i]), text};
    }
    cli_print_record(call, cells, hosts->len);
}

void
cli_host_report(CliCall *call, DbRow *vm)
{
    cli_print_text(call, "No host can run this VM now. For each host, the reason:");
    cli_print_text(call, "%s", "");
    cli_host_verdicts(call, vm);
}
