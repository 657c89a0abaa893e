/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few fields with a rule of their own. Source: protocol notes 7.4. */
#include "cli/special.h"

#include "cli/report.h"
#include "model/classes.h"

static char *
name_of(CliCall *call, int class_id, const char *ref)
{
    g_autoptr(DbRow) row = db_get(call->db, class_id, ref);
    return g_strdup(row == NULL ? CLI_MISSING : cli_row_name(row));
}

char *
cli_special_sr_host(CliCall *call, DbRow *row)
{
    g_autoptr(GPtrArray) pbds = db_referrers(call->db, CLASS_PBD, PBD_SR, row->ref);
    if (pbds->len > 1)
        return g_strdup("<shared>");
    if (pbds->len == 0)
        return g_strdup(CLI_MISSING);
    return name_of(call, CLASS_HOST, db_row_string(pbds->pdata[0], PBD_HOST));
}

char *
cli_special_vdi_name(CliCall *call, DbRow *row)
{
    if (db_row_bool(row, VBD_EMPTY))
        return g_strdup("<EMPTY>");
    return name_of(call, CLASS_VDI, db_row_string(row, VBD_VDI));
}

char *
cli_special_attachable(CliCall *call, DbRow *row)
{
    g_autoptr(GError) error = NULL;
    if (cli_do(call, "VBD.assert_attachable", &error, value_string(row->ref), NULL))
        return g_strdup("true");
    return g_strdup_printf("false (error: %s)", error->message);
}

char *
cli_special_duplex(CliCall *call, DbRow *row)
{
    g_autoptr(DbRow) metrics = db_get(call->db, CLASS_PIF_METRICS, db_row_string(row, PIF_METRICS));
    if (metrics == NULL)
        return g_strdup(CLI_MISSING);
    if (db_row_bool(metrics, PIF_METRICS_DUPLEX))
        return g_strdup("full");
    return g_strdup(db_row_bool(metrics, PIF_METRICS_CARRIER) ? "half" : "unknown");
}
