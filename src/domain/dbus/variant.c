/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks a type's description and a value, or a variant, side by side. A tuple within another type is its
 * members in a row; as an argument or as an element of a list it is a structure. */
#include "domain/dbus/variant.h"

#include <string.h>

#include "base/error.h"

/* ---- To the bus */

static void append(GVariantBuilder *builder, const DomainType *type, Value *value);

static void
append_text(GVariantBuilder *builder, Value *value)
{
    const char *text = value == NULL ? "" : value_get_string(value);
    gsize length = value == NULL ? 0 : value_get_string_length(value);
    g_variant_builder_add_value(builder, g_variant_new_take_string(g_utf8_make_valid(text, (gssize)length)));
}

static Value *
member_value(const DomainType *type, Value *value, gsize index)
{
    if (value == NULL)
        return NULL;
    return type->kind == DOMAIN_KIND_TUPLE ? value_array_get(value, index)
                                           : value_map_get(value, type->members[index].name);
}

static void
append_members(GVariantBuilder *builder, const DomainType *type, Value *value)
{
    for (gsize i = 0; i < type->n_members; i++) {
        if (!type->members[i].is_unprinted)
            append(builder, type->members[i].type, member_value(type, value, i));
    }
}

/* The structure @type, or an element that is a tuple. */
static void
append_struct(GVariantBuilder *builder, const DomainType *type, Value *value)
{
    g_variant_builder_open(builder, G_VARIANT_TYPE(type->signature));
    append_members(builder, type, value);
    g_variant_builder_close(builder);
}

static gsize
constructor_of(const DomainType *type, Value *value)
{
    if (value == NULL)
        return 0;
    Value *name = value_kind(value) == VALUE_ARRAY ? value_array_get(value, 0) : value;
    gsize index = 0;
    while (strcmp(type->members[index].name, value_get_string(name)) != 0)
        index++;
    return index;
}

/* The number of the constructor, and all payloads: the chosen one's, and zeros. */
static void
append_variant(GVariantBuilder *builder, const DomainType *type, Value *value)
{
    gsize chosen = constructor_of(type, value);
    g_variant_builder_open(builder, G_VARIANT_TYPE(type->signature));
    g_variant_builder_add(builder, "i", (gint32)chosen);
    if (type->kind == DOMAIN_KIND_VARIANT) {
        /* "(i(...))" without its first two and its last. */
        g_autofree char *payloads = g_strndup(type->signature + 2, strlen(type->signature) - 3);
        g_variant_builder_open(builder, G_VARIANT_TYPE(payloads));
        for (gsize i = 0; i < type->n_members; i++) {
            gboolean is_carried = i == chosen && value != NULL && value_kind(value) == VALUE_ARRAY;
            if (type->members[i].type != NULL)
                append(builder, type->members[i].type, is_carried ? value_array_get(value, 1) : NULL);
        }
        g_variant_builder_close(builder);
    }
    g_variant_builder_close(builder);
}

static void
append_option(GVariantBuilder *builder, const DomainType *type, Value *value)
{
    gboolean is_some = value != NULL && value_kind(value) != VALUE_NIL;
    g_variant_builder_open(builder, G_VARIANT_TYPE(type->signature));
    g_variant_builder_add(builder, "b", is_some);
    append(builder, type->element, is_some ? value : NULL);
    g_variant_builder_close(builder);
}

static void
append_list(GVariantBuilder *builder, const DomainType *type, const DomainType *element, Value *value)
{
    g_variant_builder_open(builder, G_VARIANT_TYPE(type->signature));
    for (gsize i = 0; value != NULL && i < value_size(value); i++) {
        if (element->kind == DOMAIN_KIND_TUPLE)
            append_struct(builder, element, value_array_get(value, i));
        else
            append(builder, element, value_array_get(value, i));
    }
    g_variant_builder_close(builder);
}

static void
append_map(GVariantBuilder *builder, const DomainType *type, Value *value)
{
    g_variant_builder_open(builder, G_VARIANT_TYPE(type->signature));
    for (gsize i = 0; value != NULL && i < value_size(value); i++) {
        g_autoptr(Value) key = value_string(value_map_key(value, i));
        g_variant_builder_open(builder, G_VARIANT_TYPE("{ss}"));
        append_text(builder, key);
        append_text(builder, value_map_value(value, i));
        g_variant_builder_close(builder);
    }
    g_variant_builder_close(builder);
}

static void
append(GVariantBuilder *builder, const DomainType *type, Value *value)
{
    switch (type->kind) {
    case DOMAIN_KIND_STRING:
        append_text(builder, value);
        break;
    case DOMAIN_KIND_INT64:
        g_variant_builder_add(builder, "x", value == NULL ? G_GINT64_CONSTANT(0) : value_get_int(value));
        break;
    case DOMAIN_KIND_FLOAT:
        g_variant_builder_add(builder, "d", value == NULL ? 0.0 : value_get_float(value));
        break;
    case DOMAIN_KIND_BOOL:
        g_variant_builder_add(builder, "b", value != NULL && value_get_bool(value));
        break;
    case DOMAIN_KIND_STRINGS:
        append_list(builder, type, &domain_type_string, value);
        break;
    case DOMAIN_KIND_MAP:
        append_map(builder, type, value);
        break;
    case DOMAIN_KIND_ENUM:
    case DOMAIN_KIND_VARIANT:
        append_variant(builder, type, value);
        break;
    case DOMAIN_KIND_STRUCT:
        append_struct(builder, type, value);
        break;
    case DOMAIN_KIND_TUPLE:
        append_members(builder, type, value);
        break;
    case DOMAIN_KIND_LIST:
        append_list(builder, type, type->element, value);
        break;
    case DOMAIN_KIND_OPTION:
        append_option(builder, type, value);
        break;
    }
}

GVariant *
domain_variant_from_value(const DomainType *type, Value *value)
{
    /* A builder makes containers; what is asked for is the only thing in one. */
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
    if (type->kind == DOMAIN_KIND_TUPLE)
        append_struct(&builder, type, value);
    else
        append(&builder, type, value);
    g_autoptr(GVariant) holder = g_variant_ref_sink(g_variant_builder_end(&builder));
    g_autoptr(GVariant) child = g_variant_get_child_value(holder, 0);
    return g_variant_ref(child);
}

/* ---- From the bus. @variant has the signature wanted, so only what a signature does not say is checked. */

/* A structure that is read from front to back. */
typedef struct Row {
    GVariant *variant;
    gsize at;
} Row;

typedef struct Reader {
    gsize n_left; /* values that may still be made */
    GError **error;
} Reader;

static Value *take(Reader *reader, const DomainType *type, Row *row);

static gboolean
count(Reader *reader)
{
    if (reader->n_left == 0)
        return base_error_set(reader->error, BASE_ERROR_TOO_LARGE, "more than %d values",
                              DOMAIN_VARIANT_MAX_VALUES);
    reader->n_left--;
    return TRUE;
}

static GVariant *
next(Row *row)
{
    return g_variant_get_child_value(row->variant, row->at++);
}

/* Members of a struct as a map, of a tuple as an array. */
static Value *
take_members(Reader *reader, const DomainType *type, Row *row)
{
    gboolean is_tuple = type->kind == DOMAIN_KIND_TUPLE;
    g_autoptr(Value) made = is_tuple ? value_array_new(type->n_members) : value_map_new(type->n_members);
    for (gsize i = 0; i < type->n_members; i++) {
        if (type->members[i].is_unprinted)
            continue;
        Value *item = take(reader, type->members[i].type, row);
        if (item == NULL)
            return NULL;
        if (is_tuple)
            value_array_add(made, item);
        else
            value_map_set(made, type->members[i].name, item);
    }
    return g_steal_pointer(&made);
}

static Value *
take_variant(Reader *reader, const DomainType *type, Row *row)
{
    g_autoptr(GVariant) tag = next(row);
    gint32 index = g_variant_get_int32(tag);
    if (index < 0 || (gsize)index >= type->n_members) {
        base_error_set(reader->error, BASE_ERROR_INVALID, "%s has no constructor number %d", type->name,
                       index);
        return NULL;
    }
    const DomainMember *chosen = &type->members[index];
    if (chosen->type == NULL)
        return value_string(chosen->name);

    /* Those before the chosen one are read to get past them. */
    g_autoptr(GVariant) payloads = next(row);
    Row inner = {payloads, 0};
    g_autoptr(Value) payload = NULL;
    for (gint32 i = 0; i <= index; i++) {
        if (type->members[i].type == NULL)
            continue;
        g_clear_pointer(&payload, value_unref);
        payload = take(reader, type->members[i].type, &inner);
        if (payload == NULL)
            return NULL;
    }
    Value *pair = value_array_new(2);
    value_array_add(pair, value_string(chosen->name));
    value_array_add(pair, g_steal_pointer(&payload));
    return pair;
}

static Value *
take_option(Reader *reader, const DomainType *type, Row *row)
{
    g_autoptr(GVariant) is_some = next(row);
    return g_variant_get_boolean(is_some) ? take(reader, type->element, row) : value_nil();
}

static Value *
take_list(Reader *reader, const DomainType *element, GVariant *variant)
{
    gsize n = g_variant_n_children(variant);
    g_autoptr(Value) list = value_array_new(MIN(n, reader->n_left));
    for (Row row = {variant, 0}; row.at < n;) {
        Value *item = NULL;
        if (element->kind == DOMAIN_KIND_TUPLE) {
            g_autoptr(GVariant) structure = next(&row);
            item = take(reader, element, &(Row){structure, 0});
        } else {
            item = take(reader, element, &row);
        }
        if (item == NULL)
            return NULL;
        value_array_add(list, item);
    }
    return g_steal_pointer(&list);
}

static Value *
take_map(Reader *reader, GVariant *variant)
{
    gsize n = g_variant_n_children(variant);
    g_autoptr(Value) map = value_map_new(MIN(n, reader->n_left));
    for (gsize i = 0; i < n; i++) {
        const char *key = NULL, *text = NULL;
        if (!count(reader))
            return NULL;
        g_autoptr(GVariant) entry = g_variant_get_child_value(variant, i);
        g_variant_get(entry, "{&s&s}", &key, &text);
        value_map_set(map, key, value_string(text));
    }
    return g_steal_pointer(&map);
}

/* What is in one child of a structure, of a kind that takes exactly one. */
static Value *
open_child(Reader *reader, const DomainType *type, GVariant *child)
{
    Row inner = {child, 0};
    switch (type->kind) {
    case DOMAIN_KIND_STRING:
        return value_string(g_variant_get_string(child, NULL));
    case DOMAIN_KIND_INT64:
        return value_int(g_variant_get_int64(child));
    case DOMAIN_KIND_FLOAT:
        return value_float(g_variant_get_double(child));
    case DOMAIN_KIND_BOOL:
        return value_bool(g_variant_get_boolean(child));
    case DOMAIN_KIND_STRINGS:
        return take_list(reader, &domain_type_string, child);
    case DOMAIN_KIND_MAP:
        return take_map(reader, child);
    case DOMAIN_KIND_ENUM:
    case DOMAIN_KIND_VARIANT:
        return take_variant(reader, type, &inner);
    case DOMAIN_KIND_STRUCT:
    case DOMAIN_KIND_TUPLE:
        return take_members(reader, type, &inner);
    case DOMAIN_KIND_LIST:
        return take_list(reader, type->element, child);
    case DOMAIN_KIND_OPTION:
        return take_option(reader, type, &inner);
    }
    g_assert_not_reached();
}

/* NULL with an error, or what comes next in @row. */
static Value *
take(Reader *reader, const DomainType *type, Row *row)
{
    if (!count(reader))
        return NULL;
    if (type->kind == DOMAIN_KIND_TUPLE)
        return take_members(reader, type, row);
    g_autoptr(GVariant) child = next(row);
    return open_child(reader, type, child);
}

Value *
domain_variant_to_value(const DomainType *type, GVariant *variant, GError **error)
{
    if (!g_variant_is_of_type(variant, G_VARIANT_TYPE(type->signature))) {
        base_error_set(error, BASE_ERROR_INVALID, "%s: expected %s, found %s", type->name, type->signature,
                       g_variant_get_type_string(variant));
        return NULL;
    }
    Reader reader = {DOMAIN_VARIANT_MAX_VALUES, error};
    return open_child(&reader, type, variant);
}
