/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A terminal in raw mode, for consoles: every key goes through at once. */
#pragma once

#include <glib.h>

typedef struct RawMode RawMode;
/** base_raw_mode_enter: NULL when @fd is no terminal, which is fine. */
RawMode *base_raw_mode_enter(int fd);
/** base_raw_mode_leave: puts the old mode back. NULL is fine. */
void base_raw_mode_leave(RawMode *mode);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RawMode, base_raw_mode_leave)
