/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mounting by mount(8) and umount(8); what is mounted is read from the kernel. */
#include "lib/mount.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

#define MOUNT_TIMEOUT_MS    (2 * 60 * 1000)
#define MOUNTINFO_PATH      "/proc/self/mountinfo"
#define MOUNTINFO_MAX_BYTES (16 * 1024 * 1024)
#define SYSTEM_MOUNTS       "/run/sr-mount"
#define FIELD_FOLDER        4 /* Source: proc(5), mountinfo: fields before the separator "-" */
#define FIELDS_AFTER_DASH   3 /* the dash, type, source */

/* ---- Where ---- */

char *
driver_mount_point(const char *sr_uuid)
{
    const char *place = g_getenv("SR_MOUNT_DIR");
    if (place != NULL)
        return g_build_filename(place, sr_uuid, NULL);
    if (geteuid() == 0)
        return g_build_filename(SYSTEM_MOUNTS, sr_uuid, NULL);
    return g_build_filename(g_get_user_runtime_dir(), "sr-mount", sr_uuid, NULL);
}

char *
driver_locate_mount_point(const DriverRequest *request, GError **error)
{
    return driver_mount_point(request->sr_uuid);
}

/* ---- What is mounted ---- */

/* The source if @line is about @folder. Blanks and the like are written as octal escapes. */
static char *
source_of_line(const char *line, const char *folder)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", 0);
    guint n_fields = g_strv_length(fields);
    if (n_fields <= FIELD_FOLDER)
        return NULL;
    g_autofree char *mounted = g_strcompress(fields[FIELD_FOLDER]);
    if (!g_str_equal(mounted, folder))
        return NULL;
    for (guint i = FIELD_FOLDER; i + FIELDS_AFTER_DASH <= n_fields; i++) {
        if (g_str_equal(fields[i], "-"))
            return g_strcompress(fields[i + 2]);
    }
    return NULL;
}

char *
driver_mount_source(const char *folder)
{
    g_autofree char *text = NULL;
    g_autofree char *real = realpath(folder, NULL); /* /var/run is a link on many systems */
    char *source = NULL;

    if (real == NULL || !base_file_read(MOUNTINFO_PATH, MOUNTINFO_MAX_BYTES, &text, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    for (guint i = 0; lines[i] != NULL; i++) { /* the last one is what one sees */
        char *found = source_of_line(lines[i], real);
        if (found == NULL)
            continue;
        g_free(source);
        source = found;
    }
    return source;
}

/* ---- Mounting ---- */

static gboolean
run(const char *const *argv, const char *const *extra, DriverErrorCode code, GError **error)
{
    g_autoptr(GStrvBuilder) environment = g_strv_builder_new();
    g_strv_builder_add(environment, "LC_ALL=C");
    if (extra != NULL)
        g_strv_builder_addv(environment, (const char **)extra);
    g_auto(GStrv) strings = g_strv_builder_end(environment);

    ProcessSpec spec = {
        .argv = argv,
        .environment = (const char *const *)strings,
        .timeout_ms = MOUNT_TIMEOUT_MS,
    };
    return base_process_try(&spec, NULL, error) || driver_fault_from(error, code);
}

static gboolean
check_root(DriverErrorCode code, GError **error)
{
    return geteuid() == 0 || driver_fault(error, code, "only root can mount file systems");
}

static gboolean
is_same_source(const char *a, const char *b)
{
    g_autofree char *one = realpath(a, NULL);
    g_autofree char *other = realpath(b, NULL);
    return g_strcmp0(one != NULL ? one : a, other != NULL ? other : b) == 0;
}

gboolean
driver_mount(const DriverMount *spec, DriverErrorCode code, GError **error)
{
    g_autofree char *there = driver_mount_source(spec->folder);
    if (there != NULL)
        return is_same_source(there, spec->source) ||
               driver_fault(error, code, "'%s' has '%s' mounted", spec->folder, there);

    if (!check_root(code, error))
        return FALSE;
    if (!base_dir_make(spec->folder, 0755, error))
        return driver_fault_from(error, code);
    const char *options = spec->options != NULL ? spec->options : "defaults";
    const char *argv[] = {"mount", "-t", spec->type, "-o", options, "--", spec->source, spec->folder, NULL};
    if (run(argv, spec->environment, code, error))
        return TRUE;
    rmdir(spec->folder);
    return FALSE;
}

gboolean
driver_unmount(const char *folder, DriverErrorCode code, GError **error)
{
    g_autofree char *there = driver_mount_source(folder);
    const char *argv[] = {"umount", "--", folder, NULL};

    if (there != NULL && (!check_root(code, error) || !run(argv, NULL, code, error)))
        return FALSE;
    if (rmdir(folder) < 0 && errno != ENOENT)
        return driver_fault(error, code, "remove '%s': %s", folder, g_strerror(errno));
    return TRUE;
}

/* ---- For the time of a call ---- */

static int
mount_private(void)
{
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

gboolean
driver_visit(const DriverMount *spec, DriverErrorCode code, char **ret_folder, GError **error)
{
    g_autofree char *folder = driver_mount_point("visit");
    DriverMount there = *spec;
    there.folder = folder;

    if (!check_root(code, error))
        return FALSE;
    if (unshare(CLONE_NEWNS) < 0 || mount_private() < 0)
        return driver_fault(error, code, "a name space for mounts: %s", g_strerror(errno));
    if (!driver_mount(&there, code, error))
        return FALSE;
    *ret_folder = g_steal_pointer(&folder);
    return TRUE;
}
