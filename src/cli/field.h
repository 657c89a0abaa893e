/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fields of objects as the command line shows and compares them. Rows are read from the object database
 * directly: a list of thousands costs one pass. Source: protocol notes 7.3 and 7.4. */
#pragma once

#include "cli/call.h"

/** cli_class_by_name: "vm"; NULL if there is none, or the server lacks it. */
const CliClass *cli_class_by_name(const char *name);
/** cli_field_find: by its whole name; NULL if there is none. */
const CliField *cli_field_find(const CliClass *cli_class, const char *name);
gboolean cli_field_is_writable(const CliField *field);

/** cli_field_text: (transfer full): never NULL; a value that cannot be had is put in words. */
char *cli_field_text(CliCall *call, const CliField *field, DbRow *row);

/** cli_field_members: (transfer full) (element-type utf8): of a set, its members; of a map, its values when
 * @field shows only those. */
GPtrArray *cli_field_members(CliCall *call, const CliField *field, DbRow *row);

/** cli_field_map_get: (transfer full) (nullable): the value of a key of a map; NULL when it is not there. */
char *cli_field_map_get(CliCall *call, const CliField *field, DbRow *row, const char *key);
/** cli_field_map_keys: (transfer full): of a map, in the wire's spelling. */
GStrv cli_field_map_keys(CliCall *call, const CliField *field, DbRow *row);

/* -- Conditions
 * ------------------------------------------------------------------------------------------------------ */

/* "name=value", "map:key=value", "map-key=value", "set:contains=value". */
typedef struct CliFilter {
    const CliField *field;
    CliKind kind;
    const char *key;   /* MAP; borrowed from the word */
    const char *value; /* borrowed */
} CliFilter;

/** cli_filter_parse: Errors: CLI_ERROR_FAILED "Unknown field 'x'". */
gboolean cli_filter_parse(const CliClass *cli_class, const char *word, const char *value,
                          CliFilter *ret_filter, GError **error);
gboolean cli_filter_matches(CliCall *call, const CliFilter *filter, DbRow *row);

/**
 * cli_rows_matching:
 * @filters: all must match
 *
 * (transfer full) (element-type DbRow): uses the indexes of uuid and name where a filter allows it.
 */
GPtrArray *cli_rows_matching(CliCall *call, const CliClass *cli_class, const CliFilter *filters,
                             gsize n_filters);
