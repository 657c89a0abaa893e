/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How values lie in memory. Only value.c, array.c and map.c include this. */
#pragma once

#include "value/value.h"

#define VALUE_IMMORTAL                                                                                       \
    -1 /* refs of the shared singletons: never counted, so threads do not contend for them */

/* Every kind begins with these 8 bytes; scalars are one allocation with their content. */
struct Value {
    gint refs; /* atomic; VALUE_IMMORTAL for singletons */
    guint8 kind;
};

typedef struct ValueText {
    Value base;
    guint32 length;
    char text[]; /* NUL-terminated */
} ValueText;

typedef struct ValueNumber {
    Value base;
    union {
        gint64 integer; /* INT, COUNT, BOOL */
        double real;
    };
} ValueNumber;

typedef struct ValueArray {
    Value base;
    guint32 length;
    guint32 capacity;
    Value **items;
} ValueArray;

typedef struct MapEntry {
    Value *key; /* STRING */
    Value *value;
} MapEntry;

/* Up to MAP_LINEAR_MAX entries are searched one by one; beyond, by an open-addressed table of entry numbers.
 */
#define MAP_LINEAR_MAX 16
typedef struct ValueMap {
    Value base;
    guint32 length;
    guint32 capacity;
    guint32 index_mask; /* size of @index minus 1; a power of two minus 1 */
    MapEntry *entries;
    guint32 *index; /* entry number + 1, or 0 for a free slot; NULL while linear */
} ValueMap;

/** value_text_new: STRING or DATETIME; never a singleton. */
Value *value_text_new(ValueKind kind, const char *text, gsize length);

void array_free(ValueArray *array);
void map_free(ValueMap *map);
/** map_equal: same keys and values, regardless of order. */
gboolean map_equal(const ValueMap *a, const ValueMap *b);

/** value_bytes_hash: seeded at random in each process, so that peers cannot choose keys that collide. */
guint32 value_bytes_hash(const char *bytes, gsize length);
