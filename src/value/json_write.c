/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON output. */
#include "value/json.h"

#include <math.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

static char
short_escape(guchar byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

void
json_write_string(GString *out, const char *text, gsize length)
{
    gsize run_start = 0;

    g_string_append_c(out, '"');
    for (gsize i = 0; i < length; i++) {
        guchar byte = (guchar)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        g_string_append_len(out, text + run_start, (gssize)(i - run_start));
        run_start = i + 1;
        char escape = short_escape(byte);
        if (escape != '\0') {
            char pair[] = {'\\', escape};
            g_string_append_len(out, pair, sizeof(pair));
        } else {
            char code[] = {'\\', 'u', '0', '0', hex_digits[byte >> 4], hex_digits[byte & 15]};
            g_string_append_len(out, code, sizeof(code));
        }
    }
    g_string_append_len(out, text + run_start, (gssize)(length - run_start));
    g_string_append_c(out, '"');
}

/* JSON has no NaN or infinity, and one of them would make the whole reply unreadable to strict readers. */
static void
write_float(GString *out, double number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (number == 0 && signbit(number))
        g_string_append(out, "-0.0"); /* "-0" is an integer, which has no such zero */
    else
        g_string_append(out,
                        isfinite(number) ? g_ascii_formatd(text, sizeof(text), "%.16g", number) : "null");
}

static void
write_array(GString *out, const Value *array)
{
    gsize size = value_size(array);

    g_string_append_c(out, '[');
    for (gsize i = 0; i < size; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        json_write_value(out, value_array_get(array, i));
    }
    g_string_append_c(out, ']');
}

static void
write_object(GString *out, const Value *map)
{
    gsize size = value_size(map);

    g_string_append_c(out, '{');
    for (gsize i = 0; i < size; i++) {
        const char *name = value_map_key(map, i);
        if (i > 0)
            g_string_append_c(out, ',');
        json_write_string(out, name, strlen(name));
        g_string_append_c(out, ':');
        json_write_value(out, value_map_value(map, i));
    }
    g_string_append_c(out, '}');
}

void
json_write_value(GString *out, const Value *value)
{
    switch (value_kind(value)) {
    case VALUE_NIL:
        g_string_append(out, "null");
        break;
    case VALUE_STRING:
    case VALUE_DATETIME:
        json_write_string(out, value_get_string(value), value_get_string_length(value));
        break;
    case VALUE_INT:
    case VALUE_COUNT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value_get_int(value));
        break;
    case VALUE_BOOL:
        g_string_append(out, value_get_bool(value) ? "true" : "false");
        break;
    case VALUE_FLOAT:
        write_float(out, value_get_float(value));
        break;
    case VALUE_ARRAY:
        write_array(out, value);
        break;
    case VALUE_MAP:
        write_object(out, value);
        break;
    }
}
