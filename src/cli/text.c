/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes and reads values of the API in the command line's way. */
#include "cli/text.h"

#include <string.h>

#include "base/text.h"

#define NULL_REF "OpaqueRef:NULL"

static int
compare_spelling(const CliSpelling *spelling, const char *enumeration, const char *member)
{
    int order = strcmp(enumeration, spelling->enumeration);
    return order != 0 ? order : strcmp(member, spelling->member);
}

const char *
cli_text_spelling(const char *enumeration, const char *member)
{
    gsize low = 0, high = cli_n_spellings;
    while (low < high) {
        gsize middle = (low + high) / 2;
        int order = compare_spelling(&cli_spellings[middle], enumeration, member);
        if (order == 0)
            return cli_spellings[middle].text;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return member;
}

char *
cli_text_scalar(CliCall *call, const Type *type, const Value *value)
{
    switch (value_kind(value)) {
    case VALUE_STRING:
        if (type->kind == TYPE_REF)
            return cli_uuid_of(call, type->class_id, value_get_string(value));
        if (type->kind == TYPE_ENUM)
            return g_strdup(cli_text_spelling(type->enumeration->name, value_get_string(value)));
        return g_strdup(value_get_string(value));
    case VALUE_DATETIME:
        return g_strdup(value_get_string(value));
    case VALUE_INT:
    case VALUE_COUNT:
        return g_strdup_printf("%" G_GINT64_FORMAT, value_get_int(value));
    case VALUE_BOOL:
        return g_strdup(value_get_bool(value) ? "true" : "false");
    case VALUE_FLOAT:
        return g_strdup_printf("%.3f", value_get_float(value));
    default:
        return g_strdup("");
    }
}

/* A map's key is text on the wire, whatever its type. */
static char *
text_of_key(CliCall *call, const Type *type, const char *key)
{
    if (type->kind == TYPE_REF)
        return cli_uuid_of(call, type->class_id, key);
    if (type->kind == TYPE_ENUM)
        return g_strdup(cli_text_spelling(type->enumeration->name, key));
    return g_strdup(key);
}

char *
cli_text_value(CliCall *call, const Type *type, const Value *value, const char *separator)
{
    ValueKind kind = value_kind(value);
    if (kind != VALUE_ARRAY && kind != VALUE_MAP)
        return cli_text_scalar(call, type, value);

    g_autoptr(GString) out = g_string_new(NULL);
    for (gsize i = 0; i < value_size(value); i++) {
        Value *item = kind == VALUE_ARRAY ? value_array_get(value, i) : value_map_value(value, i);
        g_autofree char *text =
            type->element == NULL ? g_strdup("") : cli_text_value(call, type->element, item, separator);
        if (i > 0)
            g_string_append(out, separator);
        if (kind == VALUE_MAP) {
            g_autofree char *key = type->key == NULL ? g_strdup(value_map_key(value, i))
                                                     : text_of_key(call, type->key, value_map_key(value, i));
            g_string_append_printf(out, "%s: ", key);
        }
        g_string_append(out, text);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static Value *
parse_int(const char *name, const char *text, gboolean is_size, GError **error)
{
    gint64 number = 0;
    guint64 size = 0;
    if (base_int_parse(text, &number))
        return value_int(number);
    if (is_size && base_size_parse(text, &size) && size <= G_MAXINT64)
        return value_int((gint64)size);
    cli_error_failed(error, "Parameter '%s' must be %s, not '%s'", name,
                     is_size ? "a size such as 10GiB" : "an integer", text);
    return NULL;
}

static Value *
parse_float(const char *name, const char *text, GError **error)
{
    double number = 0;
    if (base_float_parse(text, &number))
        return value_float(number);
    cli_error_failed(error, "Parameter '%s' must be a number, not '%s'", name, text);
    return NULL;
}

static Value *
parse_truth(const char *name, const char *text, GError **error)
{
    gboolean truth = FALSE;
    if (cli_truth_parse(text, &truth))
        return value_bool(truth);
    cli_error_failed(error, "Parameter '%s' must be true or false, not '%s'", name, text);
    return NULL;
}

static Value *
parse_date(const char *name, const char *text, GError **error)
{
    gint64 seconds = 0;
    if (base_int_parse(text, &seconds) || base_time_from_wire(text, &seconds, NULL))
        return value_datetime(seconds);
    cli_error_failed(error, "Parameter '%s' must be a date such as 20260131T12:00:00Z, not '%s'", name, text);
    return NULL;
}

static Value *
parse_member(const TypeEnum *enumeration, const char *name, const char *text, GError **error)
{
    for (const char *const *member = enumeration->members; *member != NULL; member++) {
        if (g_ascii_strcasecmp(*member, text) == 0 ||
            g_ascii_strcasecmp(cli_text_spelling(enumeration->name, *member), text) == 0)
            return value_string(*member);
    }
    g_autofree char *choices = g_strjoinv(", ", (char **)enumeration->members);
    cli_error_failed(error, "Parameter '%s' must be one of %s, not '%s'", name, choices, text);
    return NULL;
}

static Value *
parse_ref(CliCall *call, int class_id, const char *text, GError **error)
{
    if (*text == '\0')
        return value_string(NULL_REF);
    g_autoptr(DbRow) row = cli_row_by_uuid(call, class_id, text, error);
    return row == NULL ? NULL : value_string(row->ref);
}

static Value *
parse_set(CliCall *call, const Type *type, const char *name, const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1); /* of "" none */
    g_autoptr(Value) set = value_array_new(g_strv_length(words));
    for (char **word = words; *word != NULL; word++) {
        Value *member = cli_text_parse(call, type->element, name, *word, FALSE, error);
        if (member == NULL)
            return NULL;
        value_array_add(set, member);
    }
    return g_steal_pointer(&set);
}

Value *
cli_text_parse(CliCall *call, const Type *type, const char *name, const char *text, gboolean is_size,
               GError **error)
{
    switch (type->kind) {
    case TYPE_STRING:
        return value_string(text);
    case TYPE_INT:
        return parse_int(name, text, is_size, error);
    case TYPE_FLOAT:
        return parse_float(name, text, error);
    case TYPE_BOOL:
        return parse_truth(name, text, error);
    case TYPE_DATETIME:
        return parse_date(name, text, error);
    case TYPE_ENUM:
        return parse_member(type->enumeration, name, text, error);
    case TYPE_REF:
        return parse_ref(call, type->class_id, text, error);
    case TYPE_SET:
        return parse_set(call, type, name, text, error);
    case TYPE_MAP:
        if (*text == '\0')
            return value_map_empty();
        break;
    default:
        break;
    }
    cli_error_failed(error, "Parameter '%s' must be given as %s:key=value", name, name);
    return NULL;
}
