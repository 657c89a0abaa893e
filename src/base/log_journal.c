/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal's native protocol: one datagram an entry, lines FIELD=value. Source: systemd's documentation,
 * JOURNAL_NATIVE_PROTOCOL and systemd.exec(5) for JOURNAL_STREAM. */
#include "base/log_journal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/unix_socket.h"

#define FIELD_PREFIX   "XYLEM_"
#define FIELD_NAME_MAX 64 /* the journal's own bound */

gboolean
log_journal_is_stderr(void)
{
    const char *stream = g_getenv("JOURNAL_STREAM");
    struct stat status;
    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
        return FALSE;
    g_autofree char *ours = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                            (guint64)status.st_dev, (guint64)status.st_ino);
    return strcmp(stream, ours) == 0;
}

int
log_journal_open(const char *socket_path)
{
    auto_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || base_unix_connect(fd, socket_path) < 0)
        return -1;
    return base_fd_steal(&fd);
}

/* Field names are capitals, digits and underscores. */
static void
append_field(GString *entry, const char *key, gsize key_length, const char *value)
{
    g_string_append(entry, FIELD_PREFIX);
    for (gsize i = 0; i < MIN(key_length, FIELD_NAME_MAX - strlen(FIELD_PREFIX)); i++)
        g_string_append_c(entry, g_ascii_isalnum(key[i]) ? g_ascii_toupper(key[i]) : '_');
    g_string_append_printf(entry, "=%s\n", value);
}

static void
append_context(GString *entry, const char *context)
{
    g_auto(GStrv) words = g_strsplit(context, " ", -1);
    for (char **word = words; *word != NULL; word++) {
        const char *equals = strchr(*word, '=');
        if (equals != NULL && equals != *word)
            append_field(entry, *word, (gsize)(equals - *word), equals + 1);
    }
}

gboolean
log_journal_send(int fd, char priority, const char *program, const char *context, const char *message)
{
    g_autoptr(GString) entry = g_string_sized_new(512);
    g_string_append_printf(entry, "PRIORITY=%c\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n", priority, program,
                           message);
    if (context != NULL)
        append_context(entry, context);

    gssize count;
    do
        count = send(fd, entry->str, entry->len, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count == (gssize)entry->len;
}
