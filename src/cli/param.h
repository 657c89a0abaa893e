/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X-param-list, -get, -set, -add, -remove, -clear: one object's fields. */
#pragma once

#include "cli/field.h"

/** cli_param_list: all fields of the object uuid= names. */
gboolean cli_param_list(CliCall *call, const CliClass *cli_class, GError **error);
/** cli_param_get: one field: param-name=, of a map maybe one key: param-key=. */
gboolean cli_param_get(CliCall *call, const CliClass *cli_class, GError **error);
/** cli_param_set: fields and keys of maps, each from a word. */
gboolean cli_param_set(CliCall *call, const CliClass *cli_class, GError **error);
/** cli_param_add: a member of a set, keys of a map. */
gboolean cli_param_add(CliCall *call, const CliClass *cli_class, GError **error);
/** cli_param_remove: a member of a set, a key of a map, which must be there. */
gboolean cli_param_remove(CliCall *call, const CliClass *cli_class, GError **error);
/** cli_param_clear: a field is emptied. */
gboolean cli_param_clear(CliCall *call, const CliClass *cli_class, GError **error);
