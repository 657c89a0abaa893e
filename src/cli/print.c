/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layout of results. */
#include "cli/print.h"

#include <string.h>

#define LABEL_MARGIN 4

static void
send_text(CliCall *call, CliTag tag, const char *text)
{
    cli_send(call, &(CliFrame){.tag = tag, .text = (char *)text});
}

static void
send_format(CliCall *call, CliTag tag, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    send_text(call, tag, text);
}

void
cli_print_text(CliCall *call, const char *format, ...)
{
    if (call->is_minimal)
        return;
    va_list arguments;
    va_start(arguments, format);
    send_format(call, CLI_TAG_PRINT, format, arguments);
    va_end(arguments);
}

void
cli_print_always(CliCall *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send_format(call, CLI_TAG_PRINT, format, arguments);
    va_end(arguments);
}

void
cli_print_error(CliCall *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send_format(call, CLI_TAG_PRINT_STDERR, format, arguments);
    va_end(arguments);
}

void
cli_escape_minimal(GString *out, const char *text)
{
    for (const char *next = text; *next != '\0'; next++) {
        if (*next == ',' || *next == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *next);
    }
}

static void
gather_minimal(CliCall *call, const char *text)
{
    if (call->has_minimal)
        g_string_append_c(call->minimal, ',');
    cli_escape_minimal(call->minimal, text);
    call->has_minimal = TRUE;
}

void
cli_print_line(CliCall *call, const char *text)
{
    if (call->is_minimal)
        gather_minimal(call, text);
    else
        send_text(call, CLI_TAG_PRINT, text);
}

static void
append_blanks(GString *out, gsize count)
{
    g_string_append_printf(out, "%*s", (int)count, "");
}

void
cli_layout_record(GString *out, const CliCell *cells, gsize n_cells)
{
    gsize width = 0;
    for (gsize i = 0; i < n_cells; i++)
        width = MAX(width, strlen(cells[i].label));
    width += LABEL_MARGIN;

    for (gsize i = 0; i < n_cells; i++) {
        gsize blanks = width - strlen(cells[i].label);
        if (i > 0)
            append_blanks(out, blanks);
        g_string_append(out, cells[i].label);
        if (i == 0)
            append_blanks(out, blanks);
        g_string_append(out, ": ");
        g_string_append(out, cells[i].value);
        g_string_append_c(out, '\n');
    }
}

void
cli_print_record(CliCall *call, const CliCell *cells, gsize n_cells)
{
    if (n_cells == 0)
        return;
    if (call->is_minimal) {
        gather_minimal(call, cells[0].value);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    cli_layout_record(text, cells, n_cells);
    /* The client ends each Print with a line feed; another one here leaves the blank lines between records.
     */
    g_string_append_c(text, '\n');
    send_text(call, CLI_TAG_PRINT, text->str);
}

void
cli_print_end(CliCall *call)
{
    if (call->is_minimal)
        send_text(call, CLI_TAG_PRINT, call->minimal->str);
}
