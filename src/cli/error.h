/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can go wrong with a command besides the API's own errors. */
#pragma once

#include <glib.h>

#define CLI_ERROR (cli_error_quark())

typedef enum CliError {
    CLI_ERROR_FAILED,   /* shown as "Error: text" */
    CLI_ERROR_USAGE,    /* the text, then where to find help */
    CLI_ERROR_SAID,     /* everything has been said already */
    CLI_ERROR_DECLINED, /* the user does not want it after all: no failure */
    CLI_ERROR_GONE,     /* the client is gone or makes no sense: there is nobody to tell */
} CliError;

GQuark cli_error_quark(void);

/** cli_error_failed / cli_error_usage: return FALSE always. */
gboolean cli_error_failed(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
gboolean cli_error_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/** cli_error_said: for what was reported as it happened. Returns FALSE always. */
gboolean cli_error_said(GError **error);
/** cli_error_declined: returns FALSE always. */
gboolean cli_error_declined(GError **error);
/** cli_error_gone: gives a failure of the client's connection the code CLI_ERROR_GONE, in place. Returns
 * FALSE always. */
gboolean cli_error_gone(GError **error);
