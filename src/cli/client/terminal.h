/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the user, with the answer hidden where it is a secret. */
#pragma once

#include <glib.h>

/**
 * xe_terminal_read_line:
 * @input: a descriptor, normally 0
 * @is_secret: do not show what is typed, when @input is a terminal
 *
 * Reads up to a line feed, which is left out. NULL when the input ends before anything was typed, or is over
 * 64 KiB.
 */
char *xe_terminal_read_line(int input, gboolean is_secret);

/** xe_terminal_asks_secret: whether @question is one whose answer should not be seen. */
gboolean xe_terminal_asks_secret(const char *question);
