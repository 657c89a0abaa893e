/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encodes and decodes messages of the thin-client protocol, driven by one table of their shapes. */
#include "cli/frame.h"

#include <string.h>

#include "base/error.h"

enum { OUTER_COMMAND = 9, OUTER_RESPONSE = 10, OUTER_BLOB = 11 };

/* clang-format off */
/* Fields in wire order: t text, u url, n number, l list. An outer tag of 0 marks a number no message has. */
static const struct FrameShape {
    gint32 outer;
    const char *fields;
} shapes[CLI_TAG_N] = {
    [CLI_TAG_PRINT]        = {OUTER_COMMAND,  "t" },
    [CLI_TAG_LOAD]         = {OUTER_COMMAND,  "t" },
    [CLI_TAG_PROMPT]       = {OUTER_COMMAND,  ""  },
    [CLI_TAG_EXIT]         = {OUTER_COMMAND,  "n" },
    [CLI_TAG_OK]           = {OUTER_RESPONSE, ""  },
    [CLI_TAG_FAILED]       = {OUTER_RESPONSE, ""  },
    [CLI_TAG_CHUNK]        = {OUTER_BLOB,     "n" },
    [CLI_TAG_END]          = {OUTER_BLOB,     ""  },
    [CLI_TAG_HTTP_GET]     = {OUTER_COMMAND,  "tu"},
    [CLI_TAG_HTTP_PUT]     = {OUTER_COMMAND,  "tu"},
    [CLI_TAG_ERROR]        = {OUTER_COMMAND,  "tl"},
    [CLI_TAG_DEBUG]        = {OUTER_COMMAND,  "t" },
    [CLI_TAG_PRINT_STDERR] = {OUTER_COMMAND,  "t" },
    [CLI_TAG_HTTP_CONNECT] = {OUTER_COMMAND,  "u" },
    [CLI_TAG_WAIT]         = {OUTER_RESPONSE, ""  },
};
/* clang-format on */

/* Where decoding stands. */
typedef struct Reader {
    const guint8 *next;
    gsize left;
} Reader;

void
cli_frame_clear(CliFrame *frame)
{
    g_clear_pointer(&frame->text, g_free);
    g_clear_pointer(&frame->url, g_free);
    g_clear_pointer(&frame->list, g_strfreev);
}

void
cli_int_write(GString *out, gint32 number)
{
    guint32 wire = GUINT32_TO_LE((guint32)number);
    g_string_append_len(out, (const char *)&wire, sizeof wire);
}

gint32
cli_int_read(const guint8 *bytes)
{
    guint32 wire;
    memcpy(&wire, bytes, sizeof wire);
    return (gint32)GUINT32_FROM_LE(wire);
}

void
cli_greeting_write(GString *out)
{
    g_string_append_len(out, CLI_GREETING, CLI_GREETING_LENGTH);
    cli_int_write(out, CLI_PROTOCOL_MAJOR);
    cli_int_write(out, CLI_PROTOCOL_MINOR);
}

static void
write_text(GString *out, const char *text)
{
    gsize length = text == NULL ? 0 : strlen(text);
    cli_int_write(out, (gint32)length);
    g_string_append_len(out, text == NULL ? "" : text, (gssize)length);
}

static void
write_list(GString *out, const char *const *list)
{
    guint count = list == NULL ? 0 : g_strv_length((char **)list);
    cli_int_write(out, (gint32)count);
    for (guint i = 0; i < count; i++)
        write_text(out, list[i]);
}

void
cli_frame_write(GString *out, const CliFrame *frame)
{
    const struct FrameShape *shape = &shapes[frame->tag];
    gsize start = out->len;

    cli_int_write(out, 0); /* the length, filled in below */
    cli_int_write(out, shape->outer);
    cli_int_write(out, (gint32)frame->tag);
    for (const char *field = shape->fields; *field != '\0'; field++) {
        switch (*field) {
        case 't':
            write_text(out, frame->text);
            break;
        case 'u':
            write_text(out, frame->url);
            break;
        case 'n':
            cli_int_write(out, frame->number);
            break;
        default:
            write_list(out, (const char *const *)frame->list);
        }
    }
    guint32 length = GUINT32_TO_LE((guint32)(out->len - start - sizeof length));
    memcpy(out->str + start, &length, sizeof length);
}

static gboolean
read_int(Reader *reader, gint32 *ret_number, GError **error)
{
    if (reader->left < 4)
        return base_error_set(error, BASE_ERROR_INVALID, "message ends inside a number");
    *ret_number = cli_int_read(reader->next);
    reader->next += 4;
    reader->left -= 4;
    return TRUE;
}

static gboolean
read_text(Reader *reader, char **ret_text, GError **error)
{
    gint32 length = 0;
    if (!read_int(reader, &length, error))
        return FALSE;
    if (length < 0 || (gsize)length > reader->left)
        return base_error_set(error, BASE_ERROR_INVALID, "message ends inside a text");
    if (memchr(reader->next, '\0', (gsize)length) != NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "message has a text with a NUL byte");
    *ret_text = g_strndup((const char *)reader->next, (gsize)length);
    reader->next += length;
    reader->left -= (gsize)length;
    return TRUE;
}

static gboolean
read_list(Reader *reader, GStrv *ret_list, GError **error)
{
    gint32 count = 0;
    if (!read_int(reader, &count, error))
        return FALSE;
    /* Each text takes at least the four bytes of its length. */
    if (count < 0 || (gsize)count > reader->left / 4)
        return base_error_set(error, BASE_ERROR_INVALID, "message ends inside a list");

    g_autoptr(GPtrArray) list = g_ptr_array_new_full((guint)count + 1, g_free);
    for (gint32 i = 0; i < count; i++) {
        char *text = NULL;
        if (!read_text(reader, &text, error))
            return FALSE;
        g_ptr_array_add(list, text);
    }
    g_ptr_array_add(list, NULL);
    *ret_list = (GStrv)g_ptr_array_free(g_steal_pointer(&list), FALSE);
    return TRUE;
}

static gboolean
read_field(Reader *reader, char field, CliFrame *frame, GError **error)
{
    switch (field) {
    case 't':
        return read_text(reader, &frame->text, error);
    case 'u':
        return read_text(reader, &frame->url, error);
    case 'n':
        return read_int(reader, &frame->number, error);
    default:
        return read_list(reader, &frame->list, error);
    }
}

gboolean
cli_frame_parse(const guint8 *payload, gsize length, CliFrame *ret_frame, GError **error)
{
    Reader reader = {payload, length};
    gint32 outer = 0, inner = 0;
    if (!read_int(&reader, &outer, error) || !read_int(&reader, &inner, error))
        return FALSE;
    if (inner < 0 || inner >= CLI_TAG_N || shapes[inner].fields == NULL || shapes[inner].outer != outer)
        return base_error_set(error, BASE_ERROR_INVALID, "unknown message %d/%d", outer, inner);

    g_auto(CliFrame) frame = {.tag = (CliTag)inner};
    for (const char *field = shapes[inner].fields; *field != '\0'; field++) {
        if (!read_field(&reader, *field, &frame, error))
            return FALSE;
    }
    if (reader.left != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "message %d/%d is too long", outer, inner);

    *ret_frame = frame;
    frame = (CliFrame){0};
    return TRUE;
}
