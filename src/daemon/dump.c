/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a debug dump that are the same in every daemon. */
#include "daemon/dump.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_NAME          "debug-dump.txt"
#define PROC_FILE_MAX      (16 * 1024)
#define THREADS_SHOWN      2000
#define DUMP_MAX_BYTES     (8 * 1024 * 1024)
#define STAT_STATE         0  /* fields of /proc/.../stat behind the name, from 0 */
#define STAT_USER_TICKS    11 /* Source: proc(5) */
#define STAT_KERNEL_TICKS  12
#define STAT_FIELDS_NEEDED 13

static char *
read_proc(const char *path)
{
    char *text = NULL;
    gsize length = 0;
    return base_file_read(path, PROC_FILE_MAX, &text, &length, NULL) ? text : NULL;
}

static void
dump_status(GString *out)
{
    static const char *const wanted[] = {"VmPeak", "VmRSS", "VmSwap", "Threads", "FDSize"};
    g_autofree char *text = read_proc("/proc/self/status");
    g_auto(GStrv) lines = g_strsplit(text == NULL ? "" : text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
            if (g_str_has_prefix(*line, wanted[i]))
                g_string_append_printf(out, "  %s\n", *line);
        }
    }
}

static guint
count_entries(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    guint count = 0;
    while (folder != NULL && g_dir_read_name(folder) != NULL)
        count++;
    return count;
}

/* "1234 (db-writer) S 1 ...": the name may have any bytes in it, so what follows is behind the last bracket.
 */
static void
dump_thread(GString *out, const char *id)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%s/stat", id);
    g_autofree char *wait_path = g_strdup_printf("/proc/self/task/%s/wchan", id);
    g_autofree char *stat = read_proc(path);
    g_autofree char *wait = read_proc(wait_path);
    char *name = stat == NULL ? NULL : strchr(stat, '(');
    char *end = name == NULL ? NULL : strrchr(name, ')');
    if (end == NULL)
        return; /* it has just ended */
    *end = '\0';
    g_auto(GStrv) fields = g_strsplit(g_strstrip(end + 1), " ", -1);
    if (g_strv_length(fields) < STAT_FIELDS_NEEDED)
        return;
    double ticks =
        g_ascii_strtod(fields[STAT_USER_TICKS], NULL) + g_ascii_strtod(fields[STAT_KERNEL_TICKS], NULL);
    gboolean has_wait = wait != NULL && *wait != '\0' && strcmp(wait, "0") != 0;
    g_string_append_printf(out, "  %-8s %-16s %s  %10.2f s  %s\n", id, name + 1, fields[STAT_STATE],
                           ticks / (double)sysconf(_SC_CLK_TCK), has_wait ? wait : "");
}

static void
dump_threads(GString *out)
{
    g_autoptr(GDir) folder = g_dir_open("/proc/self/task", 0, NULL);
    const char *id = NULL;
    g_string_append(out, "threads: id, name, state, processor time, where it sleeps\n");
    for (guint i = 0; folder != NULL && i < THREADS_SHOWN && (id = g_dir_read_name(folder)) != NULL; i++)
        dump_thread(out, id);
}

void
dump_process(GString *out)
{
    g_string_append_printf(out, "process %d\n", (int)getpid());
    dump_status(out);
    g_string_append_printf(out, "  open descriptors: %u\n", count_entries("/proc/self/fd"));
    dump_threads(out);
}

char *
dump_write(const char *directory, const GString *text, GError **error)
{
    g_autofree char *path = g_build_filename(directory, FILE_NAME, NULL);
    if (!base_file_write(path, text->str, MIN(text->len, DUMP_MAX_BYTES), 0600, error))
        return NULL;
    return g_steal_pointer(&path);
}
