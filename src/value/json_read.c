/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON input, by json-c. What json-c would alter silently is refused: NUL in strings, numbers beyond 64 bits.
 */
#include "value/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

typedef struct json_tokener Tokener;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tokener, json_tokener_free)

typedef struct json_object JsonObject;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonObject, json_object_put)

static Value *convert(JsonObject *json, gboolean is_lax, GError **error);

/* json-c cuts member names at a NUL, which would make one name look like another. */
static gboolean
has_escaped_nul(const char *text, gsize length)
{
    const char *end = text + length;

    for (const char *found = text; (found = memmem(found, (gsize)(end - found), "\\u0000", 6)) != NULL;
         found++) {
        gsize backslashes = 1;
        while (found - backslashes >= text && *(found - backslashes) == '\\')
            backslashes++;
        if (backslashes % 2 == 1) /* counted one too many: an even number before it leaves it an escape */
            return TRUE;
    }
    return FALSE;
}

static Value *
convert_array(JsonObject *json, gboolean is_lax, GError **error)
{
    gsize length = json_object_array_length(json);
    g_autoptr(Value) array = value_array_new(length);

    for (gsize i = 0; i < length; i++) {
        Value *item = convert(json_object_array_get_idx(json, i), is_lax, error);
        if (item == NULL)
            return NULL;
        value_array_add(array, item);
    }
    return g_steal_pointer(&array);
}

static Value *
convert_object(JsonObject *json, gboolean is_lax, GError **error)
{
    g_autoptr(Value) map = value_map_new((gsize)json_object_object_length(json));

    json_object_object_foreach(json, name, member)
    {
        Value *item = convert(member, is_lax, error);
        if (item == NULL)
            return NULL;
        value_map_set(map, name, item);
    }
    return g_steal_pointer(&map);
}

static Value *
convert_int(JsonObject *json, gboolean is_lax, GError **error)
{
    gint64 number = json_object_get_int64(json);

    /* json-c cuts off at the largest number; one below the smallest stays cut off, it cannot be told apart.
     */
    if (number == G_MAXINT64 && json_object_get_uint64(json) != G_MAXINT64) {
        if (is_lax)
            return value_float((double)json_object_get_uint64(json));
        base_error_set(error, BASE_ERROR_INVALID, "JSON: a number does not fit 64 bits");
        return NULL;
    }
    return value_int(number);
}

static Value *
convert(JsonObject *json, gboolean is_lax, GError **error)
{
    switch (json_object_get_type(json)) {
    case json_type_null:
        return value_nil();
    case json_type_boolean:
        return value_bool(json_object_get_boolean(json));
    case json_type_int:
        return convert_int(json, is_lax, error);
    case json_type_double:
        return value_float(json_object_get_double(json));
    case json_type_string:
        return value_string_sized(json_object_get_string(json), (gsize)json_object_get_string_len(json));
    case json_type_array:
        return convert_array(json, is_lax, error);
    case json_type_object:
        return convert_object(json, is_lax, error);
    }
    g_assert_not_reached();
}

/* Feeds a NUL at the end, which ends a number or word that stands alone. */
static gboolean
parse(Tokener *tokener, const char *text, gsize length, JsonObject **ret_json, GError **error)
{
    JsonObject *json = json_tokener_parse_ex(tokener, text, (int)length);
    gsize end = json_tokener_get_parse_end(tokener);

    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        json = json_tokener_parse_ex(tokener, "", 1);
        end = length;
    }
    if (json_tokener_get_error(tokener) != json_tokener_success)
        return base_error_set(error, BASE_ERROR_INVALID, "JSON: %s at byte %" G_GSIZE_FORMAT,
                              json_tokener_error_desc(json_tokener_get_error(tokener)), end);
    while (end < length && strchr(" \t\r\n", text[end]) != NULL)
        end++;
    *ret_json = json;
    if (end < length)
        return base_error_set(error, BASE_ERROR_INVALID, "JSON: more after the end at byte %" G_GSIZE_FORMAT,
                              end);
    return TRUE;
}

static Value *
read_text(const char *text, gsize length, gboolean is_lax, GError **error)
{
    g_autoptr(JsonObject) json = NULL;

    if (length >= G_MAXINT32 || !base_utf8_is_valid(text, length)) {
        base_error_set(error, BASE_ERROR_INVALID, "JSON: not valid UTF-8 text");
        return NULL;
    }
    if (has_escaped_nul(text, length)) {
        base_error_set(error, BASE_ERROR_INVALID, "JSON: a string holds a NUL character");
        return NULL;
    }
    g_autoptr(Tokener) tokener = json_tokener_new_ex(JSON_MAX_DEPTH);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    if (!parse(tokener, text, length, &json, error))
        return NULL;
    return convert(json, is_lax, error);
}

Value *
json_read(const char *text, gsize length, GError **error)
{
    return read_text(text, length, FALSE, error);
}

Value *
json_read_lax(const char *text, gsize length, GError **error)
{
    return read_text(text, length, TRUE, error);
}
