/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setters of the command line's own errors. */
#include "cli/error.h"

G_DEFINE_QUARK(cli - error - quark, cli_error)

static gboolean
set_error(GError **error, CliError code, const char *format, va_list arguments)
{
    if (error != NULL)
        *error = g_error_new_valist(CLI_ERROR, code, format, arguments);
    return FALSE;
}

gboolean
cli_error_failed(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_error(error, CLI_ERROR_FAILED, format, arguments);
    va_end(arguments);
    return FALSE;
}

gboolean
cli_error_usage(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_error(error, CLI_ERROR_USAGE, format, arguments);
    va_end(arguments);
    return FALSE;
}

gboolean
cli_error_said(GError **error)
{
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_SAID, "reported already");
    return FALSE;
}

gboolean
cli_error_declined(GError **error)
{
    g_set_error_literal(error, CLI_ERROR, CLI_ERROR_DECLINED, "declined by the user");
    return FALSE;
}

gboolean
cli_error_gone(GError **error)
{
    if (error == NULL || *error == NULL)
        return FALSE;
    GError *gone = g_error_new_literal(CLI_ERROR, CLI_ERROR_GONE, (*error)->message);
    g_clear_error(error);
    *error = gone;
    return FALSE;
}
