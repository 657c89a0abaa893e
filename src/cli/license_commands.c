/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Editions and licences of hosts. */
#include <string.h>

#include "base/text.h"
#include "cli/handlers.h"
#include "cli/print.h"
#include "model/classes.h"

#define UUID_SHOWN      8
#define SECONDS_PER_DAY (24.0 * 60 * 60)
#define N_COLUMNS       5

/* -- What hosts have
 * -----------------------------------------------------------------------------------------------------------
 */

/* One host's line: every text is the caller's. */
static GPtrArray *
license_line(CliCall *call, DbRow *host)
{
    GPtrArray *line = g_ptr_array_new_with_free_func(g_free);
    const char *expiry = db_row_map_string(host, HOST_LICENSE_PARAMS, "expiry", "never");
    gint64 seconds = 0;
    g_ptr_array_add(line, g_strdup(db_row_string(host, HOST_HOSTNAME)));
    g_ptr_array_add(line, g_strndup(cli_row_uuid(host), UUID_SHOWN));
    g_ptr_array_add(line, g_strdup(db_row_string(host, HOST_EDITION)));
    g_ptr_array_add(line, g_strdup(expiry));
    double left = (double)(g_get_real_time() / G_USEC_PER_SEC);
    g_ptr_array_add(line, base_time_from_wire(expiry, &seconds, NULL)
                              ? g_strdup_printf("%.1f", ((double)seconds - left) / SECONDS_PER_DAY)
                              : g_strdup("-"));
    return line;
}

static GPtrArray *
heading_line(void)
{
    static const char *const heading[N_COLUMNS] = {"Hostname", "UUID", "Edition", "Expiry", "Days left"};
    GPtrArray *line = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < N_COLUMNS; i++)
        g_ptr_array_add(line, g_strdup(heading[i]));
    return line;
}

static void
print_aligned(CliCall *call, GPtrArray *lines)
{
    gsize widths[N_COLUMNS] = {0};
    for (guint i = 0; i < lines->len; i++) {
        for (gsize j = 0; j < N_COLUMNS; j++)
            widths[j] = MAX(widths[j], strlen(((GPtrArray *)lines->pdata[i])->pdata[j]));
    }
    for (guint i = 0; i < lines->len; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (gsize j = 0; j < N_COLUMNS; j++)
            g_string_append_printf(text, "%s%-*s", j > 0 ? " " : "", (int)widths[j],
                                   (const char *)((GPtrArray *)lines->pdata[i])->pdata[j]);
        cli_print_text(call, "%s", text->str);
    }
}

gboolean
cli_diagnostic_license_status(CliCall *call, GError **error)
{
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_ptr_array_add(lines, heading_line());
    for (guint i = 0; i < hosts->len; i++)
        g_ptr_array_add(lines, license_line(call, hosts->pdata[i]));
    print_aligned(call, lines);
    return TRUE;
}

/* -- Changing it
 * ---------------------------------------------------------------------------------------------------------------
 */

/* The license server of @host with what the words change; NULL when they change nothing. */
static Value *
changed_server(CliCall *call, const DbRow *host)
{
    static const char *const words[][2] = {{"license-server-address", "address"},
                                           {"license-server-port", "port"}};
    g_autoptr(Value) old = db_row_get(call->db, host, HOST_LICENSE_SERVER);
    g_autoptr(Value) server = value_map_new(2);
    gboolean is_changed = FALSE;
    for (gsize i = 0; i < value_size(old); i++)
        value_map_set(server, value_map_key(old, i), value_ref(value_map_value(old, i)));
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (cli_get(call, words[i][0]) == NULL)
            continue;
        value_map_set(server, words[i][1], value_string(cli_get(call, words[i][0])));
        is_changed = TRUE;
    }
    return is_changed ? g_steal_pointer(&server) : NULL;
}

static gboolean
change_servers(CliCall *call, GPtrArray *hosts, GError **error)
{
    for (guint i = 0; i < hosts->len; i++) {
        DbRow *host = hosts->pdata[i];
        Value *server = changed_server(call, host);
        if (server != NULL &&
            !cli_do(call, "host.set_license_server", error, value_string(host->ref), server, NULL))
            return FALSE;
    }
    return TRUE;
}

/* The edition was refused: the servers are what they were before. */
static void
restore_servers(CliCall *call, GPtrArray *hosts)
{
    for (guint i = 0; i < hosts->len; i++) {
        DbRow *host = hosts->pdata[i];
        if (cli_get(call, "license-server-address") != NULL || cli_get(call, "license-server-port") != NULL)
            cli_do(call, "host.set_license_server", NULL, value_string(host->ref),
                   db_row_get(call->db, host, HOST_LICENSE_SERVER), NULL);
    }
}

gboolean
cli_host_apply_edition(CliCall *call, GError **error)
{
    DbRow *host = cli_get(call, "host-uuid") != NULL ? cli_row_by_key(call, CLASS_HOST, "host-uuid", error)
                                                     : cli_master(call, error);
    if (host == NULL)
        return FALSE;
    g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    g_ptr_array_add(hosts, host);
    if (!change_servers(call, hosts, error))
        return FALSE;
    if (cli_do(call, "host.apply_edition", error, value_string(host->ref),
               value_string(cli_get(call, "edition")), value_bool(FALSE), NULL))
        return TRUE;
    restore_servers(call, hosts);
    return FALSE;
}

gboolean
cli_pool_apply_edition(CliCall *call, GError **error)
{
    g_autoptr(DbRow) pool = cli_get(call, "uuid") != NULL ? cli_row_by_key(call, CLASS_POOL, "uuid", error)
                                                          : cli_pool(call, error);
    if (pool == NULL)
        return FALSE;
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    if (!change_servers(call, hosts, error))
        return FALSE;
    if (cli_do(call, "pool.apply_edition", error, value_string(pool->ref),
               value_string(cli_get(call, "edition")), NULL))
        return TRUE;
    restore_servers(call, hosts);
    return FALSE;
}
