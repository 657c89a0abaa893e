/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed values as they travel on the wire and rest in rows: immutable once shared, reference-counted, safe
 * across threads.
 *
 * An array or map may be added to only by the one who made it, until its pointer is first given to somebody
 * else. */
#pragma once

#include <glib.h>

typedef enum ValueKind {
    VALUE_NIL,
    VALUE_STRING,   /* UTF-8; also refs and enum members */
    VALUE_INT,      /* 64 bits; XML writes it as bare text */
    VALUE_COUNT,    /* an int that XML writes as <i4>: event.from's counts only */
    VALUE_BOOL,     /* */
    VALUE_FLOAT,    /* */
    VALUE_DATETIME, /* text in wire form, "20230305T18:18:29Z"; zone left out when it came without */
    VALUE_ARRAY,    /* */
    VALUE_MAP,      /* keys are strings, each once, in the order added */
} ValueKind;

typedef struct Value Value;

Value *value_ref(Value *value);
void value_unref(Value *value); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Value, value_unref)

/** value_kind: ask before reading what came from outside. */
ValueKind value_kind(const Value *value);

/* Constructors return a new reference. Common ones (nil, booleans, "", small ints, 0.0, empty array and map)
 * are shared and cost nothing. */
Value *value_nil(void);
Value *value_string(const char *text);
Value *value_string_sized(const char *text, gsize length);
Value *value_string_printf(const char *format, ...) G_GNUC_PRINTF(1, 2);
Value *value_int(gint64 number);
Value *value_count(gint64 number);
Value *value_bool(gboolean truth);
Value *value_float(double number);
Value *value_datetime(gint64 unix_seconds);
Value *value_datetime_text(const char *wire_text); /* kept as given; check with base_time_from_wire() first */
Value *value_array_empty(void);
Value *value_map_empty(void);

/** value_array_new: an array to add to; @reserve is a hint. */
Value *value_array_new(gsize reserve);
/** value_array_add: takes over @item. */
void value_array_add(Value *array, Value *item);
/** value_array_of_strings: from a NULL-terminated vector (NULL counts as empty). */
Value *value_array_of_strings(const char *const *texts);

/** value_map_new: a map to add to; @reserve is a hint. */
Value *value_map_new(gsize reserve);
/** value_map_set: takes over @item; replaces what @key had. Constant time on average. */
void value_map_set(Value *map, const char *key, Value *item);
/** value_map_with / value_map_without / value_map_copy: new maps sharing the members; @map stays as it is.
 * value_map_with takes over @item. */
Value *value_map_copy(const Value *map);
Value *value_map_with(const Value *map, const char *key, Value *item);
Value *value_map_without(const Value *map, const char *key);

/* Reading. The kind must fit (asserted): check value_kind() of anything from outside, or pass it through
 * type_coerce() first. All borrowed. */
const char *value_get_string(const Value *value); /* STRING and DATETIME */
gsize value_get_string_length(const Value *value);
gint64 value_get_int(const Value *value); /* INT and COUNT */
gboolean value_get_bool(const Value *value);
double value_get_float(const Value *value);
gsize value_size(const Value *value); /* ARRAY and MAP */
Value *value_array_get(const Value *array, gsize index);
const char *value_map_key(const Value *map, gsize index);
Value *value_map_value(const Value *map, gsize index);
Value *value_map_get(const Value *map, const char *key); /* NULL when absent; constant time on average */
const char *value_map_get_string(const Value *map, const char *key,
                                 const char *fallback); /* fallback when absent or no string */

/** value_equal: same kind and content; maps regardless of order, arrays in order. */
gboolean value_equal(const Value *a, const Value *b);
