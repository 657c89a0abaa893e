/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The expressions of get_all_where and get_all_records_where.
 *
 *   e = true | false | not e | e and e | e or e | ( e ) | v = v       v = "text" | field "name"
 *
 * "and" and "or" bind alike, left to right. Source: protocol notes 1.2. */
#pragma once

#include "db/db.h"

typedef struct Where Where;

/** where_parse: Errors: INVALID_VALUE [expr, reason]: bad text, unknown field, nested deeper than 64. */
Where *where_parse(const ModelClass *model_class, const char *text, GError **error);
void where_free(Where *where); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Where, where_free)

/** where_matches: whether the expression is true of @row. */
gboolean where_matches(const Where *where, Db *db, const DbRow *row);

/* How the peer's database spells things: what expressions name and are compared with. */

/** where_field_name: (transfer full): with the field's path joined by two underscores: "name__label". */
char *where_field_name(const ModelClass *model_class, int field);
/** where_append_value: sets and maps as s-expressions, all else as bare text. */
void where_append_value(GString *out, const Value *value);
