/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells the client of errors: the API's by their documentation, our own by their text. */
#include "cli/report.h"

#include <string.h>

#include "cli/print.h"
#include "model/api_error.h"

#define LOGIN_FAILED "SESSION_AUTHENTICATION_FAILED"

/* A parameter that is a reference is shown as the object's uuid and name. */
static char *
show_param(CliCall *call, const char *param)
{
    if (!g_str_has_prefix(param, "OpaqueRef:"))
        return g_strdup(param);
    for (gsize class_id = 0; class_id < model_n_classes; class_id++) {
        g_autoptr(DbRow) row =
            model_classes[class_id].has_rows ? db_get(call->db, (int)class_id, param) : NULL;
        if (row == NULL || model_classes[class_id].uuid_field < 0)
            continue;
        if (model_classes[class_id].name_label_field < 0)
            return g_strdup(cli_row_uuid(row));
        return g_strdup_printf("%s (%s)", cli_row_uuid(row), cli_row_name(row));
    }
    return g_strdup(param);
}

static GStrv
show_params(CliCall *call, const char *const *params)
{
    g_autoptr(GStrvBuilder) shown = g_strv_builder_new();
    for (const char *const *param = params; *param != NULL; param++) {
        g_autofree char *text = show_param(call, *param);
        g_strv_builder_add(shown, text);
    }
    return g_strv_builder_end(shown);
}

/* "name: value" for each parameter, with the names of the error table. */
static GStrv
name_params(const ApiErrorInfo *info, const char *const *values)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    const char *const *name = info->params;
    for (; *values != NULL; values++) {
        g_autofree char *line = g_strdup_printf("%s: %s", *name == NULL ? "<extra>" : *name, *values);
        g_strv_builder_add(lines, line);
        if (*name != NULL)
            name++;
    }
    for (; *name != NULL; name++) {
        g_autofree char *line = g_strdup_printf("%s: <unknown>", *name);
        g_strv_builder_add(lines, line);
    }
    return g_strv_builder_end(lines);
}

static void
report_usage(CliCall *call, const char *text)
{
    cli_print_error(call, "%s\n", text);
    cli_print_error(call, "For usage run: 'xe help'\n");
}

static void
report_api(CliCall *call, const char *code, const char *const *params)
{
    if (strcmp(code, LOGIN_FAILED) == 0) {
        gboolean has_user = params[0] != NULL && *params[0] != '\0';
        report_usage(call, has_user ? "Authentication failed" : "Username/password must be specified");
        return;
    }
    g_auto(GStrv) shown = show_params(call, params);
    const ApiErrorInfo *info = api_error_info(code);
    if (info == NULL) {
        cli_send(call, &(CliFrame){.tag = CLI_TAG_ERROR, .text = (char *)code, .list = shown});
        return;
    }
    cli_print_error(call, "%s\n", info->doc);
    g_auto(GStrv) lines = name_params(info, (const char *const *)shown);
    for (char **line = lines; *line != NULL; line++)
        cli_print_error(call, "%s\n", *line);
}

void
cli_report(CliCall *call, const GError *error)
{
    if (error->domain == API_ERROR) {
        report_api(call, api_error_code(error), api_error_params(error));
        return;
    }
    if (error->domain != CLI_ERROR) {
        const char *params[] = {error->message, NULL};
        report_api(call, "INTERNAL_ERROR", params);
        return;
    }
    switch ((CliError)error->code) {
    case CLI_ERROR_FAILED:
        cli_print_error(call, "Error: %s\n", error->message);
        break;
    case CLI_ERROR_USAGE:
        report_usage(call, error->message);
        break;
    case CLI_ERROR_SAID:
    case CLI_ERROR_DECLINED:
    case CLI_ERROR_GONE:
        break;
    }
}

char *
cli_describe(CliCall *call, const GError *error)
{
    const ApiErrorInfo *info = error->domain == API_ERROR ? api_error_info(api_error_code(error)) : NULL;
    if (info == NULL)
        return g_strdup(error->message);
    g_auto(GStrv) shown = show_params(call, api_error_params(error));
    g_auto(GStrv) lines = name_params(info, (const char *const *)shown);
    g_autofree char *rest = g_strjoinv("\n", lines);
    return g_strdup_printf("%s\n%s", info->doc, rest);
}
