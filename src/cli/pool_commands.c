/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about storage repositories, hosts and messages that take more than one message. */
#include <string.h>

#include "cli/handlers.h"
#include "cli/print.h"
#include "cli/select.h"
#include "model/classes.h"

#define FILE_SUFFIX "-filename"

/* -- sr-create
 * -------------------------------------------------------------------------------------------------------------
 */

/* Where a new SR is made: the master if it is shared, else the only host. */
static DbRow *
host_for_sr(CliCall *call, gboolean is_shared, GError **error)
{
    if (cli_get(call, "host-uuid") != NULL)
        return cli_row_by_key(call, CLASS_HOST, "host-uuid", error);
    if (is_shared || db_count(call->db, CLASS_HOST) == 1)
        return cli_master(call, error);
    cli_error_usage(error, "Required parameter not found: host-uuid");
    return NULL;
}

/* device-config with "key-filename" replaced by the content of the user's file under "key". */
static Value *
read_device_config(CliCall *call, GError **error)
{
    g_autoptr(Value) words = cli_arguments_prefixed(call->arguments, "device-config");
    g_autoptr(Value) config = value_map_new(value_size(words));
    for (gsize i = 0; i < value_size(words); i++) {
        const char *key = value_map_key(words, i);
        if (!g_str_has_suffix(key, FILE_SUFFIX)) {
            value_map_set(config, key, value_ref(value_map_value(words, i)));
            continue;
        }
        g_autofree char *plain = g_strndup(key, strlen(key) - strlen(FILE_SUFFIX));
        g_autofree char *text = cli_load_file(call, value_get_string(value_map_value(words, i)), error);
        if (text == NULL)
            return NULL;
        value_map_set(config, plain, value_string(text));
    }
    return g_steal_pointer(&config);
}

static Value *
text_or_blank(CliCall *call, const char *key)
{
    const char *text = cli_get(call, key);
    return value_string(text == NULL ? "" : text);
}

gboolean
cli_sr_create(CliCall *call, GError **error)
{
    gboolean is_shared = FALSE;
    gint64 size = 0;
    if (!cli_get_truth(call, "shared", FALSE, &is_shared, error) ||
        (cli_get(call, "physical-size") != NULL && !cli_get_size(call, "physical-size", &size, error)))
        return FALSE;
    g_autoptr(DbRow) host = host_for_sr(call, is_shared, error);
    g_autoptr(Value) config = host == NULL ? NULL : read_device_config(call, error);
    if (config == NULL)
        return FALSE;

    g_autoptr(Value) sr =
        cli_invoke(call, "SR.create", error, value_string(host->ref), value_ref(config), value_int(size),
                   text_or_blank(call, "name-label"), text_or_blank(call, "name-description"),
                   text_or_blank(call, "type"), text_or_blank(call, "content-type"), value_bool(is_shared),
                   cli_arguments_prefixed(call->arguments, "sm-config"), NULL);
    if (sr == NULL)
        return FALSE;
    g_autofree char *uuid = cli_uuid_of(call, CLASS_SR, value_get_string(sr));
    cli_print_line(call, uuid);
    return TRUE;
}

/* -- vm-migrate
 * ------------------------------------------------------------------------------------------------------------
 */

static Value *
migration_options(CliCall *call, GError **error)
{
    static const char *const truths[] = {"force", "live", "copy"};
    g_autoptr(Value) options = value_map_new(4);
    for (gsize i = 0; i < G_N_ELEMENTS(truths); i++) {
        gboolean truth = FALSE;
        if (!cli_get_truth(call, truths[i], FALSE, &truth, error))
            return NULL;
        value_map_set(options, truths[i], value_string(truth ? "true" : "false"));
    }
    if (cli_get(call, "compress") != NULL)
        value_map_set(options, "compress", value_string(cli_get(call, "compress")));
    return g_steal_pointer(&options);
}

typedef struct Migration {
    DbRow *host;
    Value *options;
} Migration;

static gboolean
migrate(CliCall *call, DbRow *vm, gpointer data, GError **error)
{
    const Migration *migration = data;
    return cli_do(call, "VM.pool_migrate", error, value_string(vm->ref), value_string(migration->host->ref),
                  value_ref(migration->options), NULL);
}

static gboolean
leaves_pool(CliCall *call)
{
    static const char *const starts[] = {"remote-", "vif:", "vdi:", "vif-", "vdi-"};
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const char *key = g_array_index(call->arguments->words, CliWord, i).key;
        for (gsize j = 0; j < G_N_ELEMENTS(starts); j++) {
            if (g_str_has_prefix(key, starts[j]))
                return TRUE;
        }
    }
    return FALSE;
}

gboolean
cli_vm_migrate(CliCall *call, GError **error)
{
    static const char *const keys[] = {"host", "host-uuid", "host-name"};
    const char *name = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(keys) && name == NULL; i++)
        name = cli_get(call, keys[i]);
    if (leaves_pool(call))
        return cli_error_failed(
            error, "Migration to another pool or with other storage cannot be done from here yet");
    if (name == NULL)
        return cli_error_failed(error, "No destination host specified");

    g_autoptr(DbRow) host = cli_row_by_name(call, CLASS_HOST, name, error);
    g_autoptr(Value) options = host == NULL ? NULL : migration_options(call, error);
    Migration migration = {host, options};
    return options != NULL && cli_for_selected(call, migrate, &migration, error);
}
