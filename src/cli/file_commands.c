/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that are one file through one HTTP handler: logs, reports, backups, blobs. VMs and disks are in
 * image_commands.c. Source: protocol notes 4. */
#include <string.h>

#include "cli/handlers.h"
#include "cli/print.h"
#include "cli/select.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "model/classes.h"

#define FORCE_TEXT "This makes the server start anew from what is in the file, and is done with --force only"

/* clang-format off */
static const struct FileCommand {
    const char *name;
    CliTag tag;
    const char *file_key;
    const char *path;
    const char *label;    /* of the task */
    const char *words[6]; /* "key", or "key=value when it is not given": passed on under the same name */
} file_commands[] = {
    {"audit-log-get",                 CLI_TAG_HTTP_GET, "filename",  "/audit_log",          "Audit log download",     {"since"}},
    {"host-backup",                   CLI_TAG_HTTP_GET, "file-name", "/host_backup",        "Host backup",            {NULL}},
    {"host-restore",                  CLI_TAG_HTTP_PUT, "file-name", "/host_restore",       "Host restore",           {NULL}},
    {"host-logs-download",            CLI_TAG_HTTP_GET, "file-name", "/host_logs_download", "Host logs download",     {NULL}},
    {"host-get-system-status",        CLI_TAG_HTTP_GET, "filename",  "/system-status",      "System status download", {"entries", "output=tar.bz2"}},
    {"pool-dump-database",            CLI_TAG_HTTP_GET, "file-name", "/pool/xmldbdump",     "Database dump",          {NULL}},
    {"pool-restore-database",         CLI_TAG_HTTP_PUT, "file-name", "/pool/xmldbdump",     "Database restore",       {NULL}},
    {"pool-retrieve-wlb-diagnostics", CLI_TAG_HTTP_GET, "filename",  "/wlb_diagnostics",    "WLB diagnostics",        {NULL}},
    {"pool-retrieve-wlb-report",      CLI_TAG_HTTP_GET, "filename",  "/wlb_report",         "WLB report",             {"report"}},
    {"blob-get",                      CLI_TAG_HTTP_GET, "filename",  "/blob",               "Blob download",          {NULL}},
    {"blob-put",                      CLI_TAG_HTTP_PUT, "filename",  "/blob",               "Blob upload",            {NULL}},
};
/* clang-format on */

static const struct FileCommand *
find_file_command(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(file_commands); i++) {
        if (strcmp(file_commands[i].name, name) == 0)
            return &file_commands[i];
    }
    g_assert_not_reached(); /* a row of the model names this handler without a row here: our own mistake */
}

static void
add_query(GString *path, const char *name, const char *value)
{
    g_string_append_c(path, strchr(path->str, '?') == NULL ? '?' : '&');
    g_string_append_uri_escaped(path, name, NULL, FALSE);
    g_string_append_c(path, '=');
    g_string_append_uri_escaped(path, value, NULL, FALSE);
}

static void
add_words(CliCall *call, const struct FileCommand *command, GString *path)
{
    for (const char *const *word = command->words; *word != NULL; word++) {
        g_auto(GStrv) halves = g_strsplit(*word, "=", 2);
        const char *value = cli_get(call, halves[0]);
        if (value == NULL)
            value = halves[1];
        if (value != NULL)
            add_query(path, halves[0], value);
    }
}

/* A file of the client's folder, when the user names none. */
static char *
default_name(const struct FileCommand *command)
{
    if (strcmp(command->name, "host-logs-download") != 0)
        return g_strdup("");
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return g_date_time_format(now, "logs-%Y-%m-%dT%H%M%SZ");
}

static gboolean
transfer_with_task(CliCall *call, const struct FileCommand *command, const char *file, const char *path,
                   GError **error)
{
    g_autoptr(Value) result = cli_transfer(call, command->tag, file, path, command->label, error);
    return result != NULL;
}

static gboolean
transfer(CliCall *call, const struct FileCommand *command, const char *path, gboolean has_task,
         GError **error)
{
    const char *named = cli_get(call, command->file_key);
    g_autofree char *file = named != NULL ? g_strdup(named) : default_name(command);
    if (has_task ? !transfer_with_task(call, command, file, path, error)
                 : !cli_transfer_untracked(call, command->tag, file, path, error))
        return FALSE;
    /* With the content itself on standard output nothing else may go there. */
    if (*file == '\0')
        cli_print_error(call, "%s succeeded\n", command->label);
    else
        cli_print_text(call, "%s succeeded", command->label);
    return TRUE;
}

static gboolean
transfer_of(CliCall *call, DbRow *host, gpointer data, GError **error)
{
    const struct FileCommand *command = data;
    g_autoptr(GString) path = g_string_new(command->path);
    add_words(call, command, path);
    return transfer(call, command, path->str, TRUE, error);
}

/* Handlers serve the host they are on: the host chosen must be this one. */
gboolean
cli_host_file(CliCall *call, GError **error)
{
    return cli_for_selected(call, transfer_of, (gpointer)find_file_command(call->row->name), error);
}

gboolean
cli_pool_file(CliCall *call, GError **error)
{
    return transfer_of(call, NULL, (gpointer)find_file_command(call->row->name), error);
}

gboolean
cli_system_status(CliCall *call, GError **error)
{
    static const char *const formats[] = {"tar", "tar.bz2", "zip", NULL};
    const char *format = cli_get(call, "output");
    if (format != NULL && !g_strv_contains(formats, format))
        return cli_error_failed(error, "Parameter 'output' must be one of tar, tar.bz2, zip, not '%s'",
                                format);
    return cli_host_file(call, error);
}

gboolean
cli_blob_file(CliCall *call, GError **error)
{
    const struct FileCommand *command = find_file_command(call->row->name);
    g_autoptr(DbRow) blob = cli_row_by_key(call, CLASS_BLOB, "uuid", error);
    if (blob == NULL)
        return FALSE;
    g_autoptr(GString) path = g_string_new(command->path);
    add_query(path, "ref", blob->ref);
    /* A public blob is handed out to anybody, as no task. */
    gboolean has_task = command->tag != CLI_TAG_HTTP_GET || !db_row_bool(blob, BLOB_PUBLIC);
    return transfer(call, command, path->str, has_task, error);
}

/* The report's own parameters are whatever else the user gives. */
gboolean
cli_wlb_report(CliCall *call, GError **error)
{
    const struct FileCommand *command = find_file_command(call->row->name);
    g_autoptr(GString) path = g_string_new(command->path);
    add_words(call, command, path);
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        if (strcmp(word->key, "report") != 0 && strcmp(word->key, command->file_key) != 0 &&
            !cli_arguments_is_general(word->key))
            add_query(path, word->key, word->value);
    }
    return transfer(call, command, path->str, TRUE, error);
}

gboolean
cli_restore_database(CliCall *call, GError **error)
{
    const struct FileCommand *command = find_file_command(call->row->name);
    gboolean is_forced = FALSE, is_trial = FALSE;
    if (!cli_get_truth(call, "force", FALSE, &is_forced, error) ||
        !cli_get_truth(call, "dry-run", FALSE, &is_trial, error))
        return FALSE;
    if (!is_forced && !is_trial)
        return cli_error_failed(error, FORCE_TEXT);
    g_autoptr(GString) path = g_string_new(command->path);
    add_query(path, "dry_run", is_trial ? "true" : "false");
    return transfer(call, command, path->str, TRUE, error);
}

gboolean
cli_patch_upload(CliCall *call, GError **error)
{
    g_autoptr(DbRow) sr = cli_default_sr(call);
    g_autoptr(GString) path = g_string_new("/pool_patch_upload");
    if (sr != NULL)
        add_query(path, "sr_id", sr->ref);
    g_autoptr(Value) patch =
        cli_transfer(call, CLI_TAG_HTTP_PUT, cli_get(call, "file-name"), path->str, "Patch upload", error);
    if (patch == NULL)
        return FALSE;
    if (value_kind(patch) != VALUE_STRING)
        return cli_error_failed(error, "The server does not say which patch it made");
    g_autofree char *uuid = cli_uuid_of(call, CLASS_POOL_PATCH, value_get_string(patch));
    cli_print_line(call, uuid);
    return TRUE;
}
