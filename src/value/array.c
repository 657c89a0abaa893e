/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays of values. */
#include "value/internal.h"

static ValueArray *
as_array(const Value *value)
{
    g_assert(value->kind == VALUE_ARRAY);
    return (ValueArray *)value;
}

Value *
value_array_new(gsize reserve)
{
    ValueArray *array = g_new0(ValueArray, 1);

    g_assert(reserve <= G_MAXUINT32);
    array->base = (Value){1, VALUE_ARRAY};
    array->capacity = (guint32)reserve;
    array->items = g_new(Value *, reserve);
    return &array->base;
}

void
array_free(ValueArray *array)
{
    for (guint32 i = 0; i < array->length; i++)
        value_unref(array->items[i]);
    g_free(array->items);
    g_free(array);
}

void
value_array_add(Value *array, Value *item)
{
    ValueArray *to = as_array(array);

    g_assert(g_atomic_int_get(&array->refs) == 1); /* shared values do not change */
    if (to->length == to->capacity) {
        g_assert(to->capacity < G_MAXUINT32 / 2);
        to->capacity = MAX(4, to->capacity * 2);
        to->items = g_renew(Value *, to->items, to->capacity);
    }
    to->items[to->length++] = item;
}

Value *
value_array_of_strings(const char *const *texts)
{
    gsize length = texts != NULL ? g_strv_length((char **)texts) : 0;
    Value *array = value_array_new(length);

    for (gsize i = 0; i < length; i++)
        value_array_add(array, value_string(texts[i]));
    return array;
}

Value *
value_array_get(const Value *array, gsize index)
{
    const ValueArray *from = as_array(array);

    g_assert(index < from->length);
    return from->items[index];
}
