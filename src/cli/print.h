/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How results look, with and without --minimal. Source: protocol notes 7.4. */
#pragma once

#include "cli/call.h"

/* One line of a record. */
typedef struct CliCell {
    const char *label;
    const char *value;
} CliCell;

/** cli_print_text: a line for people: dropped by --minimal. */
void cli_print_text(CliCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);
/** cli_print_line: one result. */
void cli_print_line(CliCall *call, const char *text);
/** cli_print_record: of which --minimal shows the first cell's value. */
void cli_print_record(CliCall *call, const CliCell *cells, gsize n_cells);
/** cli_print_always: a line even with --minimal, at once: before questions. */
void cli_print_always(CliCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);
/** cli_print_error: as it is, on the client's standard error. */
void cli_print_error(CliCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);
/** cli_print_end: what --minimal gathered, as one line; nothing otherwise. Once, after success. */
void cli_print_end(CliCall *call);

/** cli_layout_record: the text of a record: labels right-aligned but for the first, which is padded. */
void cli_layout_record(GString *out, const CliCell *cells, gsize n_cells);
/** cli_escape_minimal: @text with commas and backslashes escaped. */
void cli_escape_minimal(GString *out, const char *text);
