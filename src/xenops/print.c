/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON, trees and tables. Texts come from guests and from other users: control bytes in them do not reach the
 * terminal. */
#include "xenops/print.h"

#include <stdio.h>
#include <string.h>

#include "value/json.h"

#define INDENT     2
#define COLUMN_GAP 2

/* ---- JSON */

void
xenops_print_json(const Value *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, value);
    printf("%s\n", text->str);
    fflush(stdout);
}

/* ---- Trees */

/* Without what could steer a terminal. */
static char *
harmless(const char *text)
{
    char *copy = g_utf8_make_valid(text, -1);
    for (char *at = copy; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar letter = g_utf8_get_char(at);
        if (!g_unichar_iscntrl(letter))
            continue;
        memset(at, ' ', (gsize)(g_utf8_next_char(at) - at));
    }
    return copy;
}

static gboolean
is_leaf(const Value *value)
{
    ValueKind kind = value_kind(value);
    if (kind != VALUE_ARRAY && kind != VALUE_MAP)
        return TRUE;
    if (kind == VALUE_MAP)
        return value_size(value) == 0;
    for (gsize i = 0; i < value_size(value); i++) {
        if (!is_leaf(value_array_get(value, i)))
            return FALSE;
    }
    return TRUE;
}

static char *
leaf_text(const Value *value)
{
    if (value_kind(value) == VALUE_STRING)
        return harmless(value_get_string(value));
    if (value_kind(value) == VALUE_ARRAY) {
        g_autoptr(GStrvBuilder) parts = g_strv_builder_new();
        for (gsize i = 0; i < value_size(value); i++) {
            g_autofree char *part = leaf_text(value_array_get(value, i));
            g_strv_builder_add(parts, part);
        }
        g_auto(GStrv) texts = g_strv_builder_end(parts);
        return g_strjoinv(" ", texts);
    }
    if (value_kind(value) == VALUE_MAP)
        return g_strdup("");
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, value);
    return g_strdup(text->str);
}

static void print_inside(const Value *value, guint depth);

/* A constructor with a payload that has members. */
static gboolean
is_variant(const Value *value)
{
    return value_kind(value) == VALUE_ARRAY && value_size(value) == 2 &&
           value_kind(value_array_get(value, 0)) == VALUE_STRING && !is_leaf(value_array_get(value, 1));
}

/* "key: value", or "key:" and what is in it below. */
static void
print_item(const char *key, const Value *value, guint depth)
{
    g_autofree char *name = harmless(key);
    printf("%*s%s:", (int)(depth * INDENT), "", name);
    if (is_variant(value)) {
        g_autofree char *constructor = leaf_text(value_array_get(value, 0));
        printf(" %s\n", constructor);
        print_inside(value_array_get(value, 1), depth + 1);
        return;
    }
    if (!is_leaf(value)) {
        printf("\n");
        print_inside(value, depth + 1);
        return;
    }
    g_autofree char *text = leaf_text(value);
    printf("%s%s\n", *text == '\0' ? "" : " ", text);
}

static void
print_inside(const Value *value, guint depth)
{
    gboolean is_map = value_kind(value) == VALUE_MAP;
    for (gsize i = 0; i < value_size(value); i++) {
        g_autofree char *number = g_strdup_printf("%" G_GSIZE_FORMAT, i);
        print_item(is_map ? value_map_key(value, i) : number,
                   is_map ? value_map_value(value, i) : value_array_get(value, i), depth);
    }
}

void
xenops_print_tree(const Value *value)
{
    if (!is_leaf(value)) {
        print_inside(value, 0);
        return;
    }
    g_autofree char *text = leaf_text(value);
    printf("%s\n", text);
}

/* ---- Tables */

static void
make_harmless(char **row)
{
    for (; *row != NULL; row++) {
        char *text = harmless(*row);
        g_free(*row);
        *row = text;
    }
}

static void
widen(guint *widths, const char *const *row)
{
    for (gsize i = 0; row[i] != NULL; i++)
        widths[i] = MAX(widths[i], (guint)g_utf8_strlen(row[i], -1));
}

/* printf() counts bytes, not letters. */
static void
print_row(const guint *widths, const char *const *row)
{
    for (gsize i = 0; row[i] != NULL; i++) {
        guint blanks = row[i + 1] == NULL ? 0 : widths[i] - (guint)g_utf8_strlen(row[i], -1) + COLUMN_GAP;
        printf("%s%*s", row[i], (int)blanks, "");
    }
    printf("\n");
}

void
xenops_print_table(const char *const *head, GPtrArray *rows)
{
    g_autofree guint *widths = g_new0(guint, g_strv_length((char **)head));
    widen(widths, head);
    for (guint i = 0; i < rows->len; i++) {
        make_harmless(rows->pdata[i]);
        widen(widths, rows->pdata[i]);
    }
    print_row(widths, head);
    for (guint i = 0; i < rows->len; i++)
        print_row(widths, rows->pdata[i]);
}
