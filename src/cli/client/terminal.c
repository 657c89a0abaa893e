/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the user. */
#include "cli/client/terminal.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64 * 1024)

/* Byte by byte: what follows the line belongs to the next question. */
static char *
read_line(int input)
{
    g_autoptr(GString) line = g_string_new(NULL);
    for (;;) {
        char byte;
        ssize_t count = read(input, &byte, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 && line->len == 0)
            return NULL;
        if (count <= 0 || byte == '\n')
            return g_string_free(g_steal_pointer(&line), FALSE);
        if (line->len >= LINE_MAX_BYTES)
            return NULL;
        g_string_append_c(line, byte);
    }
}

char *
xe_terminal_read_line(int input, gboolean is_secret)
{
    struct termios saved;
    if (!is_secret || tcgetattr(input, &saved) != 0)
        return read_line(input);

    struct termios silent = saved;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ECHONL;
    tcsetattr(input, TCSAFLUSH, &silent);
    char *line = read_line(input);
    tcsetattr(input, TCSAFLUSH, &saved);
    return line;
}

gboolean
xe_terminal_asks_secret(const char *question)
{
    g_autofree char *lower = g_ascii_strdown(question, -1);
    return strstr(lower, "password") != NULL || strstr(lower, "passphrase") != NULL;
}
