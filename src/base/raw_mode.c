/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A terminal's mode, kept and put back. */
#include "base/raw_mode.h"

#include <termios.h>

struct RawMode {
    int fd;
    struct termios saved;
};

RawMode *
base_raw_mode_enter(int fd)
{
    struct termios saved;
    if (tcgetattr(fd, &saved) != 0)
        return NULL;

    RawMode *mode = g_new0(RawMode, 1);
    mode->fd = fd;
    mode->saved = saved;
    struct termios raw = saved;
    cfmakeraw(&raw);
    tcsetattr(fd, TCSAFLUSH, &raw);
    return mode;
}

void
base_raw_mode_leave(RawMode *mode)
{
    if (mode == NULL)
        return;
    tcsetattr(mode->fd, TCSAFLUSH, &mode->saved);
    g_free(mode);
}
