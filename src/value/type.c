/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns what came over a wire into values of the API's types. */
#include "value/type.h"

#include <string.h>

#include "base/text.h"

#define NULL_REF "OpaqueRef:NULL"

/* Sets up to this size are searched for duplicates one by one. */
#define SET_LINEAR_MAX 16

G_DEFINE_QUARK(type - error - quark, type_error)

static const char *const type_names[] = {
    [TYPE_VOID] = "void", [TYPE_STRING] = "string",     [TYPE_INT] = "int",       [TYPE_FLOAT] = "float",
    [TYPE_BOOL] = "bool", [TYPE_DATETIME] = "datetime", [TYPE_REF] = "ref",       [TYPE_ENUM] = "enum",
    [TYPE_SET] = "set",   [TYPE_MAP] = "map",           [TYPE_RECORD] = "record",
};

static const char *const kind_names[] = {
    [VALUE_NIL] = "nil",           [VALUE_STRING] = "string", [VALUE_INT] = "int",
    [VALUE_COUNT] = "int",         [VALUE_BOOL] = "bool",     [VALUE_FLOAT] = "float",
    [VALUE_DATETIME] = "datetime", [VALUE_ARRAY] = "array",   [VALUE_MAP] = "map",
};

static Value *
wrong(const Type *type, const Value *value, GError **error)
{
    const char *expected = type->name != NULL ? type->name : type_names[type->kind];

    g_set_error(error, TYPE_ERROR, TYPE_ERROR_WRONG, "expected %s, got %s", expected,
                kind_names[value_kind(value)]);
    return NULL;
}

/* For a string that should hold a number and does not. It is no secret then, but may be long. */
static Value *
wrong_text(const Type *type, const Value *value, GError **error)
{
    g_autofree char *shown =
        g_utf8_make_valid(value_get_string(value), (gssize)MIN(value_get_string_length(value), 40));

    g_set_error(error, TYPE_ERROR, TYPE_ERROR_WRONG, "expected %s, got string \"%s\"", type_names[type->kind],
                shown);
    return NULL;
}

static Value *
bad_value(const char *text, GError **error)
{
    g_set_error_literal(error, TYPE_ERROR, TYPE_ERROR_VALUE, text);
    return NULL;
}

static gboolean
check_utf8(const Value *value, GError **error)
{
    const char *text = value_get_string(value);
    gsize length = value_get_string_length(value);

    if (base_utf8_is_valid(text, length))
        return TRUE;
    g_autofree char *shown = g_utf8_make_valid(text, (gssize)length);
    g_set_error_literal(error, TYPE_ERROR, TYPE_ERROR_NOT_UTF8, shown);
    return FALSE;
}

static Value *
coerce_void(const Type *type, Value *value, GError **error)
{
    if (value_kind(value) == VALUE_NIL ||
        (value_kind(value) == VALUE_STRING && value_get_string_length(value) == 0))
        return value_string("");
    return wrong(type, value, error);
}

static Value *
coerce_string(const Type *type, Value *value, GError **error)
{
    if (value_kind(value) != VALUE_STRING)
        return wrong(type, value, error);
    return check_utf8(value, error) ? value_ref(value) : NULL;
}

static Value *
coerce_int(const Type *type, Value *value, GError **error)
{
    gint64 number;

    if (value_kind(value) == VALUE_INT)
        return value_ref(value);
    if (value_kind(value) == VALUE_COUNT)
        return value_int(value_get_int(value));
    if (value_kind(value) != VALUE_STRING)
        return wrong(type, value, error);
    if (!base_int_parse(value_get_string(value), &number))
        return wrong_text(type, value, error);
    return value_int(number);
}

static Value *
coerce_float(const Type *type, Value *value, GError **error)
{
    double number;

    if (value_kind(value) == VALUE_FLOAT)
        return value_ref(value);
    if (value_kind(value) == VALUE_INT || value_kind(value) == VALUE_COUNT)
        return value_float((double)value_get_int(value));
    if (value_kind(value) != VALUE_STRING)
        return wrong(type, value, error);
    if (!base_float_parse(value_get_string(value), &number))
        return wrong_text(type, value, error);
    return value_float(number);
}

static Value *
coerce_bool(const Type *type, Value *value, GError **error)
{
    return value_kind(value) == VALUE_BOOL ? value_ref(value) : wrong(type, value, error);
}

/* A date that came without a zone is kept without one. Source: protocol notes 1.1. */
static Value *
coerce_datetime(const Type *type, Value *value, GError **error)
{
    gint64 unix_seconds;

    if (value_kind(value) != VALUE_DATETIME && value_kind(value) != VALUE_STRING)
        return wrong(type, value, error);
    const char *text = value_get_string(value);
    if (!check_utf8(value, error))
        return NULL;
    if (!base_time_from_wire(text, &unix_seconds, NULL))
        return bad_value(text, error);

    g_autofree char *canonical = base_time_to_wire(unix_seconds);
    const char *time_of_day = strchr(text, 'T');
    if (strpbrk(time_of_day, "Z+-") == NULL)
        canonical[strlen(canonical) - 1] = '\0';
    if (value_kind(value) == VALUE_DATETIME && strcmp(canonical, text) == 0)
        return value_ref(value);
    return value_datetime_text(canonical);
}

static Value *
coerce_ref(const Type *type, Value *value, GError **error)
{
    if (value_kind(value) != VALUE_STRING)
        return wrong(type, value, error);
    if (value_get_string_length(value) == 0)
        return value_string(NULL_REF);
    return check_utf8(value, error) ? value_ref(value) : NULL;
}

int
type_enum_index(const TypeEnum *enumeration, const char *member)
{
    for (int i = 0; enumeration->members[i] != NULL; i++) {
        if (strcmp(enumeration->members[i], member) == 0)
            return i;
    }
    return -1;
}

static const char *
find_member(const TypeEnum *enumeration, const char *text)
{
    int exact = type_enum_index(enumeration, text);

    if (exact >= 0)
        return enumeration->members[exact];
    for (int i = 0; enumeration->members[i] != NULL; i++) {
        if (g_ascii_strcasecmp(enumeration->members[i], text) == 0)
            return enumeration->members[i];
    }
    return NULL;
}

static Value *
coerce_enum(const Type *type, Value *value, GError **error)
{
    if (value_kind(value) != VALUE_STRING)
        return wrong(type, value, error);
    if (!check_utf8(value, error))
        return NULL;
    const char *text = value_get_string(value);
    const char *member = find_member(type->enumeration, text);
    if (member == NULL)
        return bad_value(text, error);
    return strcmp(member, text) == 0 ? value_ref(value) : value_string(member);
}

static guint
value_hash(gconstpointer key)
{
    const Value *value = key;
    guint hash = (guint)value_kind(value);

    switch (value_kind(value)) {
    case VALUE_STRING:
    case VALUE_DATETIME:
        return g_str_hash(value_get_string(value));
    case VALUE_INT:
    case VALUE_COUNT: {
        gint64 number = value_get_int(value);
        return g_int64_hash(&number);
    }
    case VALUE_FLOAT: {
        double number = value_get_float(value);
        return g_double_hash(&number);
    }
    case VALUE_ARRAY:
        for (gsize i = 0; i < value_size(value); i++)
            hash = hash * 31 + value_hash(value_array_get(value, i));
        return hash;
    case VALUE_MAP: /* regardless of order, as value_equal() compares */
        for (gsize i = 0; i < value_size(value); i++)
            hash += g_str_hash(value_map_key(value, i)) * 31 + value_hash(value_map_value(value, i));
        return hash;
    default:
        return hash;
    }
}

static gboolean
values_equal(gconstpointer a, gconstpointer b)
{
    return value_equal(a, b);
}

static gboolean
array_has(const Value *array, const Value *item)
{
    for (gsize i = 0; i < value_size(array); i++) {
        if (value_equal(value_array_get(array, i), item))
            return TRUE;
    }
    return FALSE;
}

/* Answers @value itself when no element changed and none was there twice. */
static Value *
coerce_set(const Type *type, Value *value, GError **error)
{
    if (value_kind(value) != VALUE_ARRAY)
        return wrong(type, value, error);

    gsize size = value_size(value);
    gboolean changed = FALSE;
    g_autoptr(Value) set = value_array_new(size);
    g_autoptr(GHashTable) seen = size > SET_LINEAR_MAX ? g_hash_table_new(value_hash, values_equal) : NULL;
    for (gsize i = 0; i < size; i++) {
        Value *given = value_array_get(value, i);
        g_autoptr(Value) item = type_coerce(type->element, given, error);
        if (item == NULL)
            return NULL;
        changed = changed || item != given;
        if (seen != NULL ? g_hash_table_contains(seen, item) : array_has(set, item)) {
            changed = TRUE;
            continue;
        }
        if (seen != NULL)
            g_hash_table_add(seen, item);
        value_array_add(set, g_steal_pointer(&item));
    }
    return changed ? g_steal_pointer(&set) : value_ref(value);
}

/* Keys are texts on the wire and stay texts, in the canonical form of their type. */
static Value *
coerce_key(const Type *type, const char *key, GError **error)
{
    g_autoptr(Value) text = value_string(key);

    if (type->kind == TYPE_BOOL) {
        if (strcmp(key, "true") == 0 || strcmp(key, "false") == 0)
            return g_steal_pointer(&text);
        return wrong_text(type, text, error);
    }
    g_autoptr(Value) checked = type_coerce(type, text, error);
    if (checked == NULL)
        return NULL;
    if (value_kind(checked) == VALUE_DATETIME)
        return value_string(value_get_string(checked));
    return value_kind(checked) == VALUE_STRING ? g_steal_pointer(&checked) : g_steal_pointer(&text);
}

static Value *
coerce_map(const Type *type, Value *value, GError **error)
{
    if (value_kind(value) != VALUE_MAP)
        return wrong(type, value, error);

    gsize size = value_size(value);
    gboolean changed = FALSE;
    g_autoptr(Value) map = value_map_new(size);
    for (gsize i = 0; i < size; i++) {
        const char *given_key = value_map_key(value, i);
        Value *given = value_map_value(value, i);
        g_autoptr(Value) key = coerce_key(type->key, given_key, error);
        g_autoptr(Value) item = key != NULL ? type_coerce(type->element, given, error) : NULL;
        if (item == NULL)
            return NULL;
        changed = changed || item != given || strcmp(value_get_string(key), given_key) != 0;
        value_map_set(map, value_get_string(key), g_steal_pointer(&item));
    }
    return changed ? g_steal_pointer(&map) : value_ref(value);
}

static Value *
coerce_record(const Type *type, Value *value, GError **error)
{
    return value_kind(value) == VALUE_MAP ? value_ref(value) : wrong(type, value, error);
}

static Value *(*const coercions[])(const Type *type, Value *value, GError **error) = {
    [TYPE_VOID] = coerce_void,   [TYPE_STRING] = coerce_string, [TYPE_INT] = coerce_int,
    [TYPE_FLOAT] = coerce_float, [TYPE_BOOL] = coerce_bool,     [TYPE_DATETIME] = coerce_datetime,
    [TYPE_REF] = coerce_ref,     [TYPE_ENUM] = coerce_enum,     [TYPE_SET] = coerce_set,
    [TYPE_MAP] = coerce_map,     [TYPE_RECORD] = coerce_record,
};

Value *
type_coerce(const Type *type, Value *value, GError **error)
{
    return coercions[type->kind](type, value, error);
}

Value *
type_default(const Type *type)
{
    switch (type->kind) {
    case TYPE_VOID:
    case TYPE_STRING:
        return value_string("");
    case TYPE_INT:
        return value_int(0);
    case TYPE_FLOAT:
        return value_float(0.0);
    case TYPE_BOOL:
        return value_bool(FALSE);
    case TYPE_DATETIME:
        return value_datetime(0);
    case TYPE_REF:
        return value_string(NULL_REF);
    case TYPE_ENUM:
        return value_string(type->enumeration->members[0]);
    case TYPE_SET:
        return value_array_empty();
    case TYPE_MAP:
    case TYPE_RECORD:
        return value_map_empty();
    }
    g_assert_not_reached();
}
