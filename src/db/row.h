/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows from the inside: how they are made, and what they carry besides the public part. */
#pragma once

#include "db/db.h"
#include "db/schema.h"

/**
 * db_row_new:
 * @ref: string value; shared
 *
 * A row with the class's defaults, generations 0.
 */
DbRow *db_row_new(const DbClassInfo *info, Value *ref, gboolean is_volatile);

/**
 * db_row_new_with:
 * @fields: by index; the references are taken over. Derived ones are NULL
 */
DbRow *db_row_new_with(const DbClassInfo *info, Value *ref, Value **fields);

/** db_row_copy: the next version: same fields, own array, nothing encoded. */
DbRow *db_row_copy(const DbRow *row);

/** db_row_is_shared: somebody else holds it too: it must not be written in place. */
gboolean db_row_is_shared(const DbRow *row);

/** db_row_ref_value: the ref as a string value, shared by all versions. Borrowed. */
Value *db_row_ref_value(const DbRow *row);

/** db_row_set_field: takes over @value; for rows nobody else has seen. */
void db_row_set_field(DbRow *row, int field, Value *value);

/* A record as text, kept with the row from the first time it is wanted. */
typedef struct DbEncoded {
    gsize length;
    char text[];
} DbEncoded;

/** db_row_encoded: NULL if not kept. Lives as long as the row. */
const DbEncoded *db_row_encoded(const DbRow *row, DbEncoding encoding);

/** db_row_keep_encoded: keeps a copy of @text, unless somebody was first, or all rows together keep too much
 * already. */
void db_row_keep_encoded(DbRow *row, DbEncoding encoding, const char *text, gsize length);
