/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which objects a command with selectors acts on: vm=, host=, sr=, or fields of the class. Source: protocol
 * notes 7.3. */
#pragma once

#include "cli/field.h"

/** CliOperation: what is done to one object. */
typedef gboolean (*CliOperation)(CliCall *call, DbRow *row, gpointer data, GError **error);

/** cli_select: (transfer full) (element-type DbRow): the objects the command's words select; at least one.
 * CLI_ERROR_FAILED otherwise. */
GPtrArray *cli_select(CliCall *call, GError **error);

/**
 * cli_for_selected:
 *
 * Does @operation to the selected object, or with --multiple to each: then failures are printed as they come,
 * the others are done all the same, and the whole fails with CLI_ERROR_SAID.
 */
gboolean cli_for_selected(CliCall *call, CliOperation operation, gpointer data, GError **error);

/** cli_for_each: the same for @rows. */
gboolean cli_for_each(CliCall *call, GPtrArray *rows, CliOperation operation, gpointer data, GError **error);
