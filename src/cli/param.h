/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X-param-list, -get, -set, -add, -remove, -clear: one object's fields. */
#pragma once

#include "cli/field.h"

gboolean cli_param_list(CliCall *call, const CliClass *cli_class, GError **error);
gboolean cli_param_get(CliCall *call, const CliClass *cli_class, GError **error);
gboolean cli_param_set(CliCall *call, const CliClass *cli_class, GError **error);
gboolean cli_param_add(CliCall *call, const CliClass *cli_class, GError **error);
gboolean cli_param_remove(CliCall *call, const CliClass *cli_class, GError **error);
gboolean cli_param_clear(CliCall *call, const CliClass *cli_class, GError **error);
