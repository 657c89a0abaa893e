/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /audit_log: who did what, as the server has kept it: "audit.log" in the state directory and the files
 * it was before, "audit.log.1" the youngest. Source: protocol notes 4 */
#include "api/http/entry.h"

#include <stdio.h>
#include <string.h>

#include "auth/audit.h"
#include "base/text.h"

#define FILES_MAX     100
#define TIMESTAMP_MAX 40

/* Oldest first. */
static GPtrArray *
log_files(const char *state_directory)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *current = g_build_filename(state_directory, "audit.log", NULL);
    for (int number = FILES_MAX; number > 0; number--) {
        g_autofree char *path = g_strdup_printf("%s.%d", current, number);
        if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(paths, g_steal_pointer(&path));
    }
    if (g_file_test(current, G_FILE_TEST_IS_REGULAR))
        g_ptr_array_add(paths, g_steal_pointer(&current));
    return paths;
}

/* A line begins with its time, maybe in a bracket; FALSE for one that goes on from the line before. */
static gboolean
time_of(const char *line, gint64 *ret_seconds)
{
    const char *begin = *line == '[' ? line + 1 : line;
    gsize length = strspn(begin, "0123456789T:-+.Z");
    if (length < strlen("20230305T18:18:29") || length > TIMESTAMP_MAX)
        return FALSE;
    g_autofree char *text = g_strndup(begin, length);
    return base_time_from_wire(text, ret_seconds, NULL);
}

static gboolean
send_lines(HttpStream *stream, const char *path, gint64 since, gboolean *is_wanted, GError **error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return TRUE; /* it was rotated away in this moment */
    char *line = NULL;
    size_t size = 0;
    gssize length;
    gboolean is_sent = TRUE;
    while (is_sent && (length = getline(&line, &size, file)) > 0) {
        gint64 then = 0;
        if (time_of(line, &then))
            *is_wanted = then >= since;
        if (*is_wanted)
            is_sent = http_stream_write_all(stream, line, (gsize)length, error);
    }
    free(line);
    fclose(file);
    return is_sent;
}

gboolean
http_get_audit_log(HttpCall *call, Value **ret_result, GError **error)
{
    const char *text = http_request_param(call->request, "since");
    gint64 since = G_MININT64;
    if (text != NULL && *text != '\0' && !base_time_from_wire(text, &since, NULL))
        return http_call_refuse(call, 400, error, "since is no date");
    HttpStream *stream = http_call_stream(call, "text/plain", NULL, error);
    if (stream == NULL)
        return FALSE;
    AuditTrail *audit = sessions_audit(call->services->sessions);
    if (audit != NULL)
        audit_trail_flush(audit);
    g_autoptr(GPtrArray) paths = log_files(call->services->state_directory);
    gboolean is_wanted = since == G_MININT64;
    for (guint i = 0; i < paths->len; i++)
        if (!send_lines(stream, g_ptr_array_index(paths, i), since, &is_wanted, error))
            return FALSE;
    return TRUE;
}
