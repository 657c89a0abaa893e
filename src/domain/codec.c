/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading, writing, copying and freeing of anything a DomainType describes. */
#include "domain/codec.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

const DomainType domain_type_string = {DOMAIN_KIND_STRING, "string", "s", sizeof(char *), NULL, NULL, 0};
const DomainType domain_type_int64 = {DOMAIN_KIND_INT64, "int64", "x", sizeof(gint64), NULL, NULL, 0};
const DomainType domain_type_float = {DOMAIN_KIND_FLOAT, "float", "d", sizeof(double), NULL, NULL, 0};
const DomainType domain_type_bool = {DOMAIN_KIND_BOOL, "bool", "b", sizeof(gboolean), NULL, NULL, 0};
const DomainType domain_type_string_list = {
    DOMAIN_KIND_STRINGS, "list(string)", "as", sizeof(char **), NULL, NULL, 0};
const DomainType domain_type_string_map = {
    DOMAIN_KIND_MAP, "list(tuple(string,string))", "a{ss}", sizeof(Value *), NULL, NULL, 0};

static const char *const kind_names[] = {
    [VALUE_NIL] = "nil",      [VALUE_STRING] = "a string",     [VALUE_INT] = "an int",
    [VALUE_COUNT] = "an int", [VALUE_BOOL] = "a bool",         [VALUE_FLOAT] = "a float",
    [VALUE_ARRAY] = "a list", [VALUE_DATETIME] = "a datetime", [VALUE_MAP] = "a struct",
};

static gpointer
at(gpointer data, gsize offset)
{
    return (char *)data + offset;
}

static gconstpointer
at_const(gconstpointer data, gsize offset)
{
    return (const char *)data + offset;
}

static gboolean
is_wrong(const DomainType *type, const Value *value, GError **error)
{
    return base_error_set(error, BASE_ERROR_INVALID, "expected %s, found %s", type->name,
                          kind_names[value_kind(value)]);
}

/* ---- Reading. Each function fills zeroed memory; what it leaves there on failure is cleared by
 * domain_type_read(). */

static gboolean read_into(const DomainType *type, Value *value, gpointer ret, GError **error);

static gboolean
read_string(const DomainType *type, Value *value, char **ret, GError **error)
{
    /* JSON clients write numbers where texts are asked for, as in platform settings. */
    if (value_kind(value) == VALUE_INT)
        *ret = g_strdup_printf("%" G_GINT64_FORMAT, value_get_int(value));
    else if (value_kind(value) == VALUE_STRING)
        *ret = g_strdup(value_get_string(value));
    else
        return is_wrong(type, value, error);
    return TRUE;
}

static gboolean
read_int64(const DomainType *type, Value *value, gint64 *ret, GError **error)
{
    ValueKind kind = value_kind(value);
    if (kind == VALUE_INT || kind == VALUE_COUNT) {
        *ret = value_get_int(value);
        return TRUE;
    }
    if (kind == VALUE_STRING && base_int_parse(value_get_string(value), ret))
        return TRUE;
    return is_wrong(type, value, error);
}

static gboolean
read_float(const DomainType *type, Value *value, double *ret, GError **error)
{
    ValueKind kind = value_kind(value);
    if (kind == VALUE_FLOAT)
        *ret = value_get_float(value);
    else if (kind == VALUE_INT || kind == VALUE_COUNT)
        *ret = (double)value_get_int(value);
    else if (kind != VALUE_STRING || !base_float_parse(value_get_string(value), ret))
        return is_wrong(type, value, error);
    return TRUE;
}

static gboolean
read_bool(const DomainType *type, Value *value, gboolean *ret, GError **error)
{
    if (value_kind(value) != VALUE_BOOL)
        return is_wrong(type, value, error);
    *ret = value_get_bool(value);
    return TRUE;
}

static gboolean
read_strings(const DomainType *type, Value *value, char ***ret, GError **error)
{
    if (value_kind(value) != VALUE_ARRAY)
        return is_wrong(type, value, error);
    *ret = g_new0(char *, value_size(value) + 1);
    for (gsize i = 0; i < value_size(value); i++) {
        if (!read_string(&domain_type_string, value_array_get(value, i), &(*ret)[i], error))
            return FALSE;
    }
    return TRUE;
}

/* Either a map of strings, or a list of pairs. */
static gboolean
read_map(const DomainType *type, Value *value, Value **ret, GError **error)
{
    gboolean is_map = value_kind(value) == VALUE_MAP;
    if (!is_map && value_kind(value) != VALUE_ARRAY)
        return is_wrong(type, value, error);

    *ret = value_map_new(value_size(value));
    for (gsize i = 0; i < value_size(value); i++) {
        g_autofree char *text = NULL;
        if (is_map) {
            if (!read_string(&domain_type_string, value_map_value(value, i), &text, error)) {
                g_prefix_error(error, "%s: ", value_map_key(value, i));
                return FALSE;
            }
            value_map_set(*ret, value_map_key(value, i), value_string(text));
            continue;
        }
        Value *pair = value_array_get(value, i);
        if (value_kind(pair) != VALUE_ARRAY || value_size(pair) != 2 ||
            value_kind(value_array_get(pair, 0)) != VALUE_STRING)
            return is_wrong(type, pair, error);
        if (!read_string(&domain_type_string, value_array_get(pair, 1), &text, error))
            return FALSE;
        value_map_set(*ret, value_get_string(value_array_get(pair, 0)), value_string(text));
    }
    return TRUE;
}

static const DomainMember *
find_constructor(const DomainType *type, const char *name, gsize *ret_index)
{
    for (gsize i = 0; i < type->n_members; i++) {
        if (strcmp(type->members[i].name, name) == 0) {
            *ret_index = i;
            return &type->members[i];
        }
    }
    return NULL;
}

/* "Name", ["Name"] or ["Name", payload]; the tag, an int, is the first thing in memory. */
static gboolean
read_variant(const DomainType *type, Value *value, gpointer ret, GError **error)
{
    Value *name = value;
    Value *payload = NULL;
    if (value_kind(value) == VALUE_ARRAY && value_size(value) >= 1 && value_size(value) <= 2) {
        name = value_array_get(value, 0);
        payload = value_size(value) == 2 ? value_array_get(value, 1) : NULL;
    }
    if (value_kind(name) != VALUE_STRING)
        return is_wrong(type, value, error);

    gsize index = 0;
    const DomainMember *member = find_constructor(type, value_get_string(name), &index);
    if (member == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "%s has no '%s'", type->name,
                              value_get_string(name));
    *(int *)ret = (int)index;

    if (member->type == NULL) {
        if (payload != NULL && value_kind(payload) != VALUE_NIL)
            return base_error_set(error, BASE_ERROR_INVALID, "'%s' of %s carries nothing", member->name,
                                  type->name);
        return TRUE;
    }
    if (payload == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' of %s carries %s", member->name, type->name,
                              member->type->name);
    if (!read_into(member->type, payload, at(ret, member->offset), error)) {
        g_prefix_error(error, "%s: ", member->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_struct(const DomainType *type, Value *value, gpointer ret, GError **error)
{
    if (value_kind(value) != VALUE_MAP)
        return is_wrong(type, value, error);
    for (gsize i = 0; i < type->n_members; i++) {
        const DomainMember *member = &type->members[i];
        Value *item = value_map_get(value, member->name);
        gboolean is_absent = item == NULL || value_kind(item) == VALUE_NIL;
        if (is_absent && (member->is_optional || member->type->kind == DOMAIN_KIND_OPTION))
            continue;
        if (is_absent)
            return base_error_set(error, BASE_ERROR_INVALID, "%s is missing", member->name);
        if (!read_into(member->type, item, at(ret, member->offset), error)) {
            g_prefix_error(error, "%s: ", member->name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
read_tuple(const DomainType *type, Value *value, gpointer ret, GError **error)
{
    if (value_kind(value) != VALUE_ARRAY || value_size(value) != type->n_members)
        return is_wrong(type, value, error);
    for (gsize i = 0; i < type->n_members; i++) {
        if (!read_into(type->members[i].type, value_array_get(value, i), at(ret, type->members[i].offset),
                       error)) {
            g_prefix_error(error, "%s: ", type->members[i].name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
read_list(const DomainType *type, Value *value, DomainList *ret, GError **error)
{
    if (value_kind(value) != VALUE_ARRAY)
        return is_wrong(type, value, error);
    ret->n = value_size(value);
    ret->items = ret->n == 0 ? NULL : g_malloc0_n(ret->n, type->element->size);
    for (gsize i = 0; i < ret->n; i++) {
        if (!read_into(type->element, value_array_get(value, i), at(ret->items, i * type->element->size),
                       error)) {
            g_prefix_error(error, "%" G_GSIZE_FORMAT ": ", i);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
read_option(const DomainType *type, Value *value, gpointer *ret, GError **error)
{
    if (value_kind(value) == VALUE_NIL)
        return TRUE;
    if (type->element->kind == DOMAIN_KIND_STRING)
        return read_string(type->element, value, (char **)ret, error);
    *ret = g_malloc0(type->element->size);
    return read_into(type->element, value, *ret, error);
}

static gboolean
read_into(const DomainType *type, Value *value, gpointer ret, GError **error)
{
    switch (type->kind) {
    case DOMAIN_KIND_STRING:
        return read_string(type, value, ret, error);
    case DOMAIN_KIND_INT64:
        return read_int64(type, value, ret, error);
    case DOMAIN_KIND_FLOAT:
        return read_float(type, value, ret, error);
    case DOMAIN_KIND_BOOL:
        return read_bool(type, value, ret, error);
    case DOMAIN_KIND_STRINGS:
        return read_strings(type, value, ret, error);
    case DOMAIN_KIND_MAP:
        return read_map(type, value, ret, error);
    case DOMAIN_KIND_ENUM:
    case DOMAIN_KIND_VARIANT:
        return read_variant(type, value, ret, error);
    case DOMAIN_KIND_STRUCT:
        return read_struct(type, value, ret, error);
    case DOMAIN_KIND_TUPLE:
        return read_tuple(type, value, ret, error);
    case DOMAIN_KIND_LIST:
        return read_list(type, value, ret, error);
    case DOMAIN_KIND_OPTION:
        return read_option(type, value, ret, error);
    }
    g_assert_not_reached();
}

gboolean
domain_type_read(const DomainType *type, Value *value, gpointer ret, GError **error)
{
    g_autofree gpointer data = g_malloc0(type->size);
    if (!read_into(type, value, data, error)) {
        g_prefix_error(error, "%s: ", type->name);
        domain_type_clear(type, data);
        return FALSE;
    }
    memcpy(ret, data, type->size);
    return TRUE;
}

/* ---- Writing */

static Value *
write_variant(const DomainType *type, gconstpointer data)
{
    int tag = *(const int *)data;
    g_assert(tag >= 0 && (gsize)tag < type->n_members);
    const DomainMember *member = &type->members[tag];
    if (member->type == NULL)
        return value_string(member->name);
    Value *array = value_array_new(2);
    value_array_add(array, value_string(member->name));
    value_array_add(array, domain_type_write(member->type, at_const(data, member->offset)));
    return array;
}

static gboolean
is_none(const DomainType *type, gconstpointer data)
{
    return type->kind == DOMAIN_KIND_OPTION && *(const gpointer *)data == NULL;
}

static Value *
write_struct(const DomainType *type, gconstpointer data)
{
    Value *map = value_map_new(type->n_members);
    for (gsize i = 0; i < type->n_members; i++) {
        const DomainMember *member = &type->members[i];
        gconstpointer item = at_const(data, member->offset);
        if (!is_none(member->type, item))
            value_map_set(map, member->name, domain_type_write(member->type, item));
    }
    return map;
}

static Value *
write_tuple(const DomainType *type, gconstpointer data)
{
    Value *array = value_array_new(type->n_members);
    for (gsize i = 0; i < type->n_members; i++)
        value_array_add(array,
                        domain_type_write(type->members[i].type, at_const(data, type->members[i].offset)));
    return array;
}

static Value *
write_list(const DomainType *type, const DomainList *list)
{
    Value *array = value_array_new(list->n);
    for (gsize i = 0; i < list->n; i++)
        value_array_add(array,
                        domain_type_write(type->element, at_const(list->items, i * type->element->size)));
    return array;
}

static Value *
write_option(const DomainType *type, gconstpointer data)
{
    if (is_none(type, data))
        return value_nil();
    if (type->element->kind == DOMAIN_KIND_STRING)
        return domain_type_write(type->element, data);
    return domain_type_write(type->element, *(const gpointer *)data);
}

Value *
domain_type_write(const DomainType *type, gconstpointer data)
{
    switch (type->kind) {
    case DOMAIN_KIND_STRING: {
        const char *text = *(const char *const *)data;
        return value_string(text == NULL ? "" : text);
    }
    case DOMAIN_KIND_INT64:
        return value_int(*(const gint64 *)data);
    case DOMAIN_KIND_FLOAT:
        return value_float(*(const double *)data);
    case DOMAIN_KIND_BOOL:
        return value_bool(*(const gboolean *)data);
    case DOMAIN_KIND_STRINGS:
        return value_array_of_strings(*(const char *const *const *)data);
    case DOMAIN_KIND_MAP: {
        Value *map = *(Value *const *)data;
        return map == NULL ? value_map_empty() : value_ref(map);
    }
    case DOMAIN_KIND_ENUM:
    case DOMAIN_KIND_VARIANT:
        return write_variant(type, data);
    case DOMAIN_KIND_STRUCT:
        return write_struct(type, data);
    case DOMAIN_KIND_TUPLE:
        return write_tuple(type, data);
    case DOMAIN_KIND_LIST:
        return write_list(type, data);
    case DOMAIN_KIND_OPTION:
        return write_option(type, data);
    }
    g_assert_not_reached();
}

/* ---- Freeing */

static void
clear_list(const DomainType *type, DomainList *list)
{
    for (gsize i = 0; list->items != NULL && i < list->n; i++)
        domain_type_clear(type->element, at(list->items, i * type->element->size));
    g_free(list->items);
}

static void
clear_option(const DomainType *type, gpointer *option)
{
    if (*option != NULL && type->element->kind != DOMAIN_KIND_STRING)
        domain_type_clear(type->element, *option);
    g_free(*option);
}

static void
clear_variant(const DomainType *type, gpointer data)
{
    const DomainMember *member = &type->members[*(int *)data];
    if (member->type != NULL)
        domain_type_clear(member->type, at(data, member->offset));
}

void
domain_type_clear(const DomainType *type, gpointer data)
{
    switch (type->kind) {
    case DOMAIN_KIND_STRING:
        g_free(*(char **)data);
        break;
    case DOMAIN_KIND_STRINGS:
        g_strfreev(*(char ***)data);
        break;
    case DOMAIN_KIND_MAP:
        value_unref(*(Value **)data);
        break;
    case DOMAIN_KIND_STRUCT:
    case DOMAIN_KIND_TUPLE:
        for (gsize i = 0; i < type->n_members; i++)
            domain_type_clear(type->members[i].type, at(data, type->members[i].offset));
        break;
    case DOMAIN_KIND_VARIANT:
        clear_variant(type, data);
        break;
    case DOMAIN_KIND_LIST:
        clear_list(type, data);
        break;
    case DOMAIN_KIND_OPTION:
        clear_option(type, data);
        break;
    case DOMAIN_KIND_INT64:
    case DOMAIN_KIND_FLOAT:
    case DOMAIN_KIND_BOOL:
    case DOMAIN_KIND_ENUM:
        break;
    }
    memset(data, 0, type->size);
}

/* ---- Copying */

void
domain_type_copy(const DomainType *type, gconstpointer data, gpointer ret)
{
    /* By way of a value: copies are made when configurations change hands, never in a loop that counts. */
    g_autoptr(Value) value = domain_type_write(type, data);
    g_autoptr(GError) error = NULL;
    if (!domain_type_read(type, value, ret, &error))
        g_error("a %s does not read back: %s", type->name, error->message);
}
