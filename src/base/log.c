/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines. Each leaves in one write(), or one datagram to the journal, so those of several threads never
 * mix. */
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log_journal.h"

#define SECRET_NAME_LENGTH 12
#define MESSAGE_MAX_BYTES                                                                                    \
    8192 /* longer messages are cut: they come from errors that quote what others sent */

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
static int journal_fd = -1; /* never closed: other threads may be logging */
static int lowest_level = LOG_LEVEL_INFO;
static GPrivate thread_context = G_PRIVATE_INIT(g_free);

/* Control bytes would let a peer's text start a line of its own or steer a terminal. */
static void
flatten(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((guchar)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
}

void
base_log_init(const char *program, LogLevel level)
{
    g_strlcpy(program_name, program, sizeof(program_name));
    under_journal = log_journal_is_stderr();
    if (under_journal && journal_fd < 0)
        journal_fd = log_journal_open(LOG_JOURNAL_SOCKET);
    base_log_set_level(level);
}

const char *
base_log_level_name(LogLevel level)
{
    return levels[level].name;
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

LogLevel
base_log_get_level(void)
{
    return (LogLevel)g_atomic_int_get(&lowest_level);
}

char *
base_log_secret_name(const char *secret)
{
    char *name = g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
    name[SECRET_NAME_LENGTH] = '\0';
    return name;
}

void
base_log_set_context(const char *context)
{
    char *copy = g_strdup(context);
    if (copy != NULL) {
        flatten(copy);
    }
    g_private_replace(&thread_context, copy);
}

char *
base_log_context(void)
{
    return g_strdup(g_private_get(&thread_context));
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

static void
write_line(LogLevel level, const char *context, const char *message)
{
    g_autoptr(GString) line = g_string_sized_new(256);
    if (under_journal)
        g_string_append_printf(line, "<%c>", levels[level].priority);
    else
        append_time(line);
    g_string_append_printf(line, "%s %s", levels[level].name, program_name);
    if (context != NULL && *context != '\0')
        g_string_append_printf(line, " %s", context);
    g_string_append_printf(line, ": %s\n", message);
    while (write(STDERR_FILENO, line->str, line->len) < 0 && errno == EINTR)
        continue;
}

void
base_log(LogLevel level, const char *format, ...)
{
    va_list args;

    if ((int)level < g_atomic_int_get(&lowest_level))
        return;

    int saved_errno = errno; /* for %m in @format */
    g_autoptr(GString) message = g_string_sized_new(256);
    va_start(args, format);
    errno = saved_errno;
    g_string_append_vprintf(message, format, args);
    va_end(args);
    if (message->len > MESSAGE_MAX_BYTES) {
        g_string_truncate(message, MESSAGE_MAX_BYTES - 4);
        g_string_append(message, "...");
    }
    flatten(message->str);

    const char *context = g_private_get(&thread_context);
    if (journal_fd < 0 ||
        !log_journal_send(journal_fd, levels[level].priority, program_name, context, message->str))
        write_line(level, context, message->str);
    errno = saved_errno;
}
