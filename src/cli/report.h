/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors as people see them. Source: protocol notes 7.4. */
#pragma once

#include "cli/call.h"

/** cli_report: tells the client what went wrong. */
void cli_report(CliCall *call, const GError *error);

/** cli_describe: one text for @error: documentation and parameters, as --multiple prints it for each object.
 * (transfer full) */
char *cli_describe(CliCall *call, const GError *error);
