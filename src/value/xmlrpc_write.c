/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML-RPC output. No white space between tags, no <string>, ints as bare text: clients depend on each of
 * these. */
#include "value/xmlrpc.h"

#include <math.h>
#include <string.h>

#define DECLARATION "<?xml version=\"1.0\"?>"
#define STRUCT_REPLY                                                                                         \
    DECLARATION "<methodResponse><params><param><value><struct><member><name>Status</name><value>"
#define STRUCT_REPLY_END "</member></struct></value></param></params></methodResponse>"

#define APPEND(out, literal) g_string_append_len(out, "" literal, sizeof(literal) - 1)

/* What stands for a byte in character data: NULL for itself. */
static const char *const replacements[256] = {
    /* Source: protocol notes 1.1: control characters are dropped; XML 1.0 has no way to write them. */
    [0x00] = "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    [0x0b] = "",
    "",
    [0x0e] = "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    ['"'] = "&quot;",
    ['&'] = "&amp;",
    ['<'] = "&lt;",
    ['>'] = "&gt;",
};

/* U+FFFE and U+FFFF are UTF-8 but no XML characters: one of them would make the whole reply unreadable. */
static gboolean
is_noncharacter(const char *text, gsize left)
{
    return left >= 3 && memcmp(text, "\xef\xbf", 2) == 0 &&
           ((guchar)text[2] == 0xbe || (guchar)text[2] == 0xbf);
}

void
xmlrpc_write_text(GString *out, const char *text, gsize length)
{
    gsize run_start = 0;

    for (gsize i = 0; i < length; i++) {
        guchar byte = (guchar)text[i];
        const char *replacement = replacements[byte];
        gsize taken = 1;
        if (byte == 0xef && is_noncharacter(text + i, length - i)) {
            replacement = "";
            taken = 3;
        }
        if (replacement == NULL)
            continue;
        g_string_append_len(out, text + run_start, (gssize)(i - run_start));
        g_string_append(out, replacement);
        i += taken - 1;
        run_start = i + 1;
    }
    g_string_append_len(out, text + run_start, (gssize)(length - run_start));
}

static void
write_int(GString *out, gint64 number)
{
    char digits[24];
    char *start = digits + sizeof(digits);
    guint64 left = number < 0 ? 0 - (guint64)number : (guint64)number;

    do
        *--start = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (number < 0)
        *--start = '-';
    g_string_append_len(out, start, digits + sizeof(digits) - start);
}

static void
write_float(GString *out, double number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    /* The C library would print the sign of a NaN, which no client expects. */
    g_string_append(out, isnan(number) ? "nan" : g_ascii_formatd(text, sizeof(text), "%.16g", number));
}

static void
write_array(GString *out, const Value *array)
{
    gsize size = value_size(array);

    APPEND(out, "<array><data>");
    for (gsize i = 0; i < size; i++)
        xmlrpc_write_value(out, value_array_get(array, i));
    APPEND(out, "</data></array>");
}

static void
write_struct(GString *out, const Value *map)
{
    gsize size = value_size(map);

    APPEND(out, "<struct>");
    for (gsize i = 0; i < size; i++) {
        const char *name = value_map_key(map, i);
        APPEND(out, "<member><name>");
        xmlrpc_write_text(out, name, strlen(name));
        APPEND(out, "</name>");
        xmlrpc_write_value(out, value_map_value(map, i));
        APPEND(out, "</member>");
    }
    APPEND(out, "</struct>");
}

void
xmlrpc_write_value(GString *out, const Value *value)
{
    APPEND(out, "<value>");
    switch (value_kind(value)) {
    case VALUE_NIL:
        APPEND(out, "<nil/>");
        break;
    case VALUE_STRING:
        xmlrpc_write_text(out, value_get_string(value), value_get_string_length(value));
        break;
    case VALUE_INT:
        write_int(out, value_get_int(value));
        break;
    case VALUE_COUNT:
        APPEND(out, "<i4>");
        write_int(out, value_get_int(value));
        APPEND(out, "</i4>");
        break;
    case VALUE_BOOL:
        g_string_append(out, value_get_bool(value) ? "<boolean>1</boolean>" : "<boolean>0</boolean>");
        break;
    case VALUE_FLOAT:
        APPEND(out, "<double>");
        write_float(out, value_get_float(value));
        APPEND(out, "</double>");
        break;
    case VALUE_DATETIME:
        APPEND(out, "<dateTime.iso8601>");
        xmlrpc_write_text(out, value_get_string(value), value_get_string_length(value));
        APPEND(out, "</dateTime.iso8601>");
        break;
    case VALUE_ARRAY:
        write_array(out, value);
        break;
    case VALUE_MAP:
        write_struct(out, value);
        break;
    }
    APPEND(out, "</value>");
}

static void
write_text_value(GString *out, const char *text)
{
    APPEND(out, "<value>");
    xmlrpc_write_text(out, text, strlen(text));
    APPEND(out, "</value>");
}

void
xmlrpc_write_call(GString *out, const char *method, const Value *params)
{
    gsize size = value_size(params);

    APPEND(out, DECLARATION "<methodCall><methodName>");
    xmlrpc_write_text(out, method, strlen(method));
    APPEND(out, "</methodName><params>");
    for (gsize i = 0; i < size; i++) {
        APPEND(out, "<param>");
        xmlrpc_write_value(out, value_array_get(params, i));
        APPEND(out, "</param>");
    }
    APPEND(out, "</params></methodCall>");
}

void
xmlrpc_write_success_begin(GString *out)
{
    APPEND(out, STRUCT_REPLY "Success</value></member><member><name>Value</name>");
}

void
xmlrpc_write_success_end(GString *out)
{
    APPEND(out, STRUCT_REPLY_END);
}

void
xmlrpc_write_failure(GString *out, const char *code, const char *const *params)
{
    APPEND(out,
           STRUCT_REPLY "Failure</value></member><member><name>ErrorDescription</name><value><array><data>");
    write_text_value(out, code);
    for (; params != NULL && *params != NULL; params++)
        write_text_value(out, *params);
    APPEND(out, "</data></array></value>" STRUCT_REPLY_END);
}

void
xmlrpc_write_bare_begin(GString *out)
{
    APPEND(out, DECLARATION "<methodResponse><params><param>");
}

void
xmlrpc_write_bare_end(GString *out)
{
    APPEND(out, "</param></params></methodResponse>");
}

void
xmlrpc_write_fault(GString *out, int code, const char *text)
{
    APPEND(out,
           DECLARATION "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>");
    write_int(out, code);
    APPEND(out, "</int></value></member><member><name>faultString</name>");
    write_text_value(out, text);
    APPEND(out, "</member></struct></value></fault></methodResponse>");
}
