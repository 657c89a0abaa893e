/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values: reference counting, scalars, singletons, comparison. Arrays are in array.c, maps in map.c. */
#include "value/value.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "value/internal.h"

#define SMALL_INT_MIN -1
#define SMALL_INT_MAX 255
#define NULL_REF      "OpaqueRef:NULL"

/* A text of fixed size with the layout of ValueText, so that singletons need no allocation. */
#define STATIC_TEXT(size)                                                                                    \
    struct {                                                                                                 \
        Value base;                                                                                          \
        guint32 length;                                                                                      \
        char text[size];                                                                                     \
    }

static Value nil = {VALUE_IMMORTAL, VALUE_NIL};
static ValueNumber truths[] = {{{VALUE_IMMORTAL, VALUE_BOOL}, {0}}, {{VALUE_IMMORTAL, VALUE_BOOL}, {1}}};
static ValueNumber zero = {{VALUE_IMMORTAL, VALUE_FLOAT}, {.real = 0.0}};
static STATIC_TEXT(4) empty_text = {{VALUE_IMMORTAL, VALUE_STRING}, 0, ""};
static STATIC_TEXT(16) null_ref = {{VALUE_IMMORTAL, VALUE_STRING}, sizeof(NULL_REF) - 1, NULL_REF};
static ValueArray empty_array = {.base = {VALUE_IMMORTAL, VALUE_ARRAY}};
static ValueMap empty_map = {.base = {VALUE_IMMORTAL, VALUE_MAP}};
static ValueNumber small_ints[SMALL_INT_MAX - SMALL_INT_MIN + 1];

G_STATIC_ASSERT(sizeof(Value) == 8);
G_STATIC_ASSERT(G_STRUCT_OFFSET(ValueText, text) == 12);

__attribute__((constructor)) static void
fill_small_ints(void)
{
    for (int i = 0; i < (int)G_N_ELEMENTS(small_ints); i++)
        small_ints[i] = (ValueNumber){{VALUE_IMMORTAL, VALUE_INT}, {SMALL_INT_MIN + i}};
}

/* The answer never changes, so the count may be read in any order with other threads' counting. */
static gboolean
is_immortal(const Value *value)
{
    return __atomic_load_n(&value->refs, __ATOMIC_RELAXED) == VALUE_IMMORTAL;
}

Value *
value_ref(Value *value)
{
    if (!is_immortal(value))
        g_atomic_int_inc(&value->refs);
    return value;
}

void
value_unref(Value *value)
{
    if (value == NULL || is_immortal(value) || !g_atomic_int_dec_and_test(&value->refs))
        return;
    if (value->kind == VALUE_ARRAY)
        array_free((ValueArray *)value);
    else if (value->kind == VALUE_MAP)
        map_free((ValueMap *)value);
    else
        g_free(value);
}

ValueKind
value_kind(const Value *value)
{
    return (ValueKind)value->kind;
}

Value *
value_nil(void)
{
    return &nil;
}

Value *
value_text_new(ValueKind kind, const char *text, gsize length)
{
    g_assert(length < G_MAXUINT32);
    ValueText *made = g_malloc(G_STRUCT_OFFSET(ValueText, text) + length + 1);

    made->base = (Value){1, (guint8)kind};
    made->length = (guint32)length;
    memcpy(made->text, text, length);
    made->text[length] = '\0';
    return &made->base;
}

Value *
value_string(const char *text)
{
    return value_string_sized(text, strlen(text));
}

Value *
value_string_sized(const char *text, gsize length)
{
    if (length == 0)
        return &empty_text.base;
    if (length == sizeof(NULL_REF) - 1 && memcmp(text, NULL_REF, length) == 0)
        return &null_ref.base;
    return value_text_new(VALUE_STRING, text, length);
}

Value *
value_string_printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return value_string(text);
}

static ValueNumber *
number_new(ValueKind kind)
{
    ValueNumber *number = g_new(ValueNumber, 1);

    number->base = (Value){1, (guint8)kind};
    return number;
}

Value *
value_int(gint64 number)
{
    if (number >= SMALL_INT_MIN && number <= SMALL_INT_MAX)
        return &small_ints[number - SMALL_INT_MIN].base;
    ValueNumber *made = number_new(VALUE_INT);
    made->integer = number;
    return &made->base;
}

Value *
value_count(gint64 number)
{
    ValueNumber *made = number_new(VALUE_COUNT);

    made->integer = number;
    return &made->base;
}

Value *
value_bool(gboolean truth)
{
    return &truths[truth ? 1 : 0].base;
}

Value *
value_float(double number)
{
    if (number == 0.0 && !signbit(number))
        return &zero.base;
    ValueNumber *made = number_new(VALUE_FLOAT);
    made->real = number;
    return &made->base;
}

Value *
value_datetime(gint64 unix_seconds)
{
    g_autofree char *text = base_time_to_wire(unix_seconds);

    return value_datetime_text(text);
}

Value *
value_datetime_text(const char *wire_text)
{
    return value_text_new(VALUE_DATETIME, wire_text, strlen(wire_text));
}

Value *
value_array_empty(void)
{
    return &empty_array.base;
}

Value *
value_map_empty(void)
{
    return &empty_map.base;
}

const char *
value_get_string(const Value *value)
{
    g_assert(value->kind == VALUE_STRING || value->kind == VALUE_DATETIME);
    return ((const ValueText *)value)->text;
}

gsize
value_get_string_length(const Value *value)
{
    g_assert(value->kind == VALUE_STRING || value->kind == VALUE_DATETIME);
    return ((const ValueText *)value)->length;
}

gint64
value_get_int(const Value *value)
{
    g_assert(value->kind == VALUE_INT || value->kind == VALUE_COUNT);
    return ((const ValueNumber *)value)->integer;
}

gboolean
value_get_bool(const Value *value)
{
    g_assert(value->kind == VALUE_BOOL);
    return ((const ValueNumber *)value)->integer != 0;
}

double
value_get_float(const Value *value)
{
    g_assert(value->kind == VALUE_FLOAT);
    return ((const ValueNumber *)value)->real;
}

gsize
value_size(const Value *value)
{
    if (value->kind == VALUE_MAP)
        return ((const ValueMap *)value)->length;
    g_assert(value->kind == VALUE_ARRAY);
    return ((const ValueArray *)value)->length;
}

static gboolean
text_equal(const Value *a, const Value *b)
{
    const ValueText *left = (const ValueText *)a;
    const ValueText *right = (const ValueText *)b;

    return left->length == right->length && memcmp(left->text, right->text, left->length) == 0;
}

/* NaN equals itself here: comparing asks whether something changed, not what arithmetic says. */
static gboolean
float_equal(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static gboolean
array_equal(const ValueArray *a, const ValueArray *b)
{
    if (a->length != b->length)
        return FALSE;
    for (guint32 i = 0; i < a->length; i++) {
        if (!value_equal(a->items[i], b->items[i]))
            return FALSE;
    }
    return TRUE;
}

gboolean
value_equal(const Value *a, const Value *b)
{
    if (a == b)
        return TRUE;
    if (a->kind != b->kind)
        return FALSE;
    switch (value_kind(a)) {
    case VALUE_NIL:
        return TRUE;
    case VALUE_STRING:
    case VALUE_DATETIME:
        return text_equal(a, b);
    case VALUE_INT:
    case VALUE_COUNT:
    case VALUE_BOOL:
        return ((const ValueNumber *)a)->integer == ((const ValueNumber *)b)->integer;
    case VALUE_FLOAT:
        return float_equal(value_get_float(a), value_get_float(b));
    case VALUE_ARRAY:
        return array_equal((const ValueArray *)a, (const ValueArray *)b);
    case VALUE_MAP:
        return map_equal((const ValueMap *)a, (const ValueMap *)b);
    }
    g_assert_not_reached();
}
