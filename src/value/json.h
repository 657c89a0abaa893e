/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON: reading by json-c with bounds, writing direct. */
#pragma once

#include "value/value.h"

#define JSON_MAX_DEPTH 64

/** json_read: a whole JSON document. Integers become VALUE_INT, other numbers VALUE_FLOAT, null VALUE_NIL.
 * Errors: BASE_ERROR_INVALID. */
Value *json_read(const char *text, gsize length, GError **error);

/** json_read_lax: the same, but whole numbers over 63 bits are VALUE_FLOAT. For what programs say that count
 * in 64 bits without a sign. */
Value *json_read_lax(const char *text, gsize length, GError **error);

/** json_write_value: as protocol notes 1.6: ints and floats as numbers, dates as strings, nil as null. NaN
 * and infinities, which JSON lacks, are null too: one word outside JSON would make a whole reply unreadable.
 */
void json_write_value(GString *out, const Value *value);

/** json_write_string: a JSON string literal with its quotes. */
void json_write_string(GString *out, const char *text, gsize length);
