/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines on stderr. Each line leaves in one write(), so lines of several threads never mix. */
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192 /* longer messages are cut: they come from errors that quote what others sent */

static const struct LevelInfo {
    const char *name;
    char priority; /* syslog's number, for the journal */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", '7'},
    [LOG_LEVEL_INFO] = {"info", '6'},
    [LOG_LEVEL_WARNING] = {"warning", '4'},
    [LOG_LEVEL_ERROR] = {"error", '3'},
};

static char program_name[64] = "xylem";
static gboolean under_journal;
static int lowest_level = LOG_LEVEL_INFO;
static GPrivate thread_context = G_PRIVATE_INIT(g_free);

void
base_log_init(const char *program, LogLevel level)
{
    g_strlcpy(program_name, program, sizeof(program_name));
    under_journal = g_getenv("JOURNAL_STREAM") != NULL;
    base_log_set_level(level);
}

gboolean
base_log_level_from_name(const char *name, LogLevel *ret_level)
{
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *ret_level = (LogLevel)i;
            return TRUE;
        }
    }
    return FALSE;
}

void
base_log_set_level(LogLevel level)
{
    g_atomic_int_set(&lowest_level, (int)level);
}

void
base_log_set_context(const char *context)
{
    g_private_replace(&thread_context, g_strdup(context));
}

static void
append_time(GString *line)
{
    struct timespec now;
    struct tm fields;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &fields);
    g_string_append_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ ", fields.tm_year + 1900,
                           fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec,
                           now.tv_nsec / 1000000);
}

/* Control bytes would let a peer's text start a line of its own or steer a terminal. */
static void
flatten(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((guchar)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
}

static void
write_line(const char *line, gsize length)
{
    while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
        continue;
}

void
base_log(LogLevel level, const char *format, ...)
{
    va_list args;

    if ((int)level < g_atomic_int_get(&lowest_level))
        return;

    int saved_errno = errno;
    g_autoptr(GString) line = g_string_sized_new(256);
    if (under_journal)
        g_string_append_printf(line, "<%c>", levels[level].priority);
    else
        append_time(line);
    g_string_append_printf(line, "%s %s", levels[level].name, program_name);

    const char *context = g_private_get(&thread_context);
    if (context != NULL && *context != '\0')
        g_string_append_printf(line, " %s", context);
    g_string_append(line, ": ");

    errno = saved_errno; /* for %m in @format */
    va_start(args, format);
    g_string_append_vprintf(line, format, args);
    va_end(args);

    if (line->len > LINE_MAX_BYTES) {
        g_string_truncate(line, LINE_MAX_BYTES - 4);
        g_string_append(line, "...");
    }
    flatten(line->str);
    g_string_append_c(line, '\n');
    write_line(line->str, line->len);
    errno = saved_errno;
}
