/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X-list: the commands that list objects of a class. */
#pragma once

#include "cli/field.h"

/** cli_list_run: X-list: filters, columns, one record an object. */
gboolean cli_list_run(CliCall *call, const CliClass *cli_class, GError **error);

/**
 * cli_list_rows:
 * @asked: the value of params=: "all", names with commas; NULL for @columns
 * @columns: (nullable): NULL-terminated; NULL for all
 *
 * Prints @rows (element-type DbRow), fields in the class's order. Expensive ones are made only when
 * @shows_expensive.
 */
gboolean cli_list_rows(CliCall *call, const CliClass *cli_class, GPtrArray *rows, const char *asked,
                       const char *const *columns, gboolean shows_expensive, GError **error);
