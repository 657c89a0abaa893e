/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The user's terminal: questions, with the answer hidden where it is a secret, and raw mode for consoles. */
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

/* A terminal in raw mode: every key goes through at once. */
typedef struct XeRawMode XeRawMode;
/** xe_raw_mode_enter: NULL when @fd is no terminal, which is fine. */
XeRawMode *xe_raw_mode_enter(int fd);
/** xe_raw_mode_leave: puts the old mode back. NULL is fine. */
void xe_raw_mode_leave(XeRawMode *mode);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XeRawMode, xe_raw_mode_leave)
