/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gathers logs, the database and what the kernel says of the machine. Nothing in here is a secret: the
 * database is dumped for others to read, and logs hold none. */
#include "api/http/report.h"

#include <string.h>

#include "api/http/database.h"
#include "base/file.h"
#include "base/process.h"

#define LOG_MAX_BYTES     (64 * 1024 * 1024)
#define FILE_MAX_BYTES    (4 * 1024 * 1024)
#define PROGRAM_MAX_BYTES (32 * 1024 * 1024)
#define PROGRAM_TIMEOUT_S 30
#define LOG_DEPTH_MAX     4 /* folders below the state directory */

typedef struct Report {
    const ApiServices *services;
    Bundle *bundle;
    GCancellable *cancellable; /* ends programs */
} Report;

/* ---- Sources ---- */

/* Files of the kernel have no size before they are read. One that is not there says so by its absence. */
static gboolean
add_files(Report *report, const char *key, const char *const *paths, GError **error)
{
    for (; *paths != NULL; paths++) {
        g_autofree char *text = NULL;
        gsize length = 0;
        if (!base_file_read(*paths, FILE_MAX_BYTES, &text, &length, NULL))
            continue;
        g_autofree char *flat = g_strdelimit(g_strdup(*paths + 1), "/", '-');
        g_autofree char *name = g_strdup_printf("%s/%s", key, flat);
        if (!bundle_add(report->bundle, name, text, length, error))
            return FALSE;
    }
    return TRUE;
}

/* What a program prints; what went wrong with it instead. */
static gboolean
add_program(Report *report, const char *name, const char *const *argv, GError **error)
{
    const ProcessSpec spec = {.argv = argv,
                              .timeout_ms = PROGRAM_TIMEOUT_S * 1000,
                              .output_max_bytes = PROGRAM_MAX_BYTES,
                              .cancellable = report->cancellable};
    g_autofree char *output = NULL;
    g_autoptr(GError) failure = NULL;
    if (!base_process_try(&spec, &output, &failure))
        output = g_strconcat(failure->message, "\n", NULL);
    return bundle_add(report->bundle, name, output, strlen(output), error);
}

static gboolean
is_log(const char *name)
{
    return g_str_has_suffix(name, ".log") || strstr(name, ".log.") != NULL;
}

static gboolean
add_logs_below(Report *report, const char *folder, const char *prefix, int depth, GError **error)
{
    g_autoptr(GDir) dir = depth < LOG_DEPTH_MAX ? g_dir_open(folder, 0, NULL) : NULL;
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *member = g_strdup_printf("%s/%s", prefix, name);
        gboolean is_folder =
            g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK);
        if (is_folder && !add_logs_below(report, path, member, depth + 1, error))
            return FALSE;
        if (!is_folder && is_log(name) &&
            !bundle_add_file(report->bundle, member, path, LOG_MAX_BYTES, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- Entries ---- */

static gboolean
write_logs(Report *report, GError **error)
{
    static const char *const journal[] = {"journalctl",    "--quiet",        "--no-pager", "--lines=50000",
                                          "--unit=xylemd", "--unit=xenopsd", NULL};
    if (!add_logs_below(report, report->services->state_directory, "xenserver-logs", 0, error))
        return FALSE;
    return !g_file_test("/run/systemd/system", G_FILE_TEST_IS_DIR) ||
           add_program(report, "xenserver-logs/journal.txt", journal, error);
}

static gboolean
write_databases(Report *report, GError **error)
{
    g_autoptr(GString) text = database_dump(report->services->db, TRUE);
    return bundle_add(report->bundle, "xenserver-databases/xapi-db.xml", text->str, text->len, error);
}

static gboolean
write_kernel(Report *report, GError **error)
{
    static const char *const paths[] = {"/proc/version", "/proc/cmdline", "/proc/modules",   "/proc/uptime",
                                        "/proc/loadavg", "/proc/stat",    "/etc/os-release", NULL};
    return add_files(report, "kernel-info", paths, error);
}

static gboolean
write_hardware(Report *report, GError **error)
{
    static const char *const paths[] = {"/proc/cpuinfo", "/proc/meminfo", "/proc/interrupts", "/proc/iomem",
                                        NULL};
    return add_files(report, "hardware-info", paths, error);
}

static gboolean
write_disks(Report *report, GError **error)
{
    static const char *const paths[] = {"/proc/mounts", "/proc/partitions", "/proc/diskstats", "/proc/mdstat",
                                        NULL};
    return add_files(report, "disk-info", paths, error);
}

static gboolean
write_network(Report *report, GError **error)
{
    static const char *const paths[] = {"/proc/net/dev",     "/proc/net/route",  "/proc/net/if_inet6",
                                        "/proc/net/bonding", "/etc/resolv.conf", NULL};
    return add_files(report, "network-status", paths, error);
}

/* Without arguments, which may be anything. */
static gboolean
write_processes(Report *report, GError **error)
{
    static const char *const ps[] = {"ps", "-eo", "pid,ppid,user,stat,nlwp,rss,etime,comm", NULL};
    return add_program(report, "process-list/ps.txt", ps, error);
}

/* clang-format off */
static const struct Entry {
    const char *key;
    const char *pii; /* whether it tells of persons: "no", "maybe", "yes" */
    gboolean (*write)(Report *report, GError **error);
} entries[] = {
    {"disk-info",           "maybe", write_disks    },
    {"hardware-info",       "maybe", write_hardware },
    {"kernel-info",         "maybe", write_kernel   },
    {"network-status",      "yes",   write_network  },
    {"process-list",        "yes",   write_processes},
    {"xenserver-databases", "yes",   write_databases},
    {"xenserver-logs",      "maybe", write_logs     },
};
/* clang-format on */

char *
report_capabilities(void)
{
    GString *xml = g_string_new("<?xml version=\"1.0\" ?><system-status-capabilities version=\"1.0\">");
    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++)
        g_string_append_printf(xml,
                               "<capability content-type=\"text/plain\" default-checked=\"yes\" key=\"%s\" "
                               "max-size=\"-1\" max-time=\"-1\" min-size=\"-1\" min-time=\"-1\" pii=\"%s\"/>",
                               entries[i].key, entries[i].pii);
    g_string_append(xml, "</system-status-capabilities>");
    return g_string_free(xml, FALSE);
}

gboolean
report_is_entry(const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++)
        if (g_str_equal(entries[i].key, key))
            return TRUE;
    return FALSE;
}

gboolean
report_write(const ApiServices *services, Bundle *bundle, const char *const *keys, GCancellable *cancellable,
             GError **error)
{
    Report report = {services, bundle, cancellable};
    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++)
        if ((keys == NULL || g_strv_contains(keys, entries[i].key)) && !entries[i].write(&report, error))
            return FALSE;
    return TRUE;
}

gboolean
report_write_logs(const ApiServices *services, Bundle *bundle, GCancellable *cancellable, GError **error)
{
    Report report = {services, bundle, cancellable};
    return write_logs(&report, error);
}
