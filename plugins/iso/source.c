/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads device_config; mounting is lib/mount.h's. Everything is mounted for reading only. */
#include "iso/source.h"

#include <string.h>

#include "lib/mount.h"

typedef enum SourceKind { SOURCE_LOCAL, SOURCE_NFS, SOURCE_CIFS } SourceKind;

static gboolean
is_true(const char *text)
{
    return g_ascii_strcasecmp(text, "true") == 0;
}

/* "\\server\share" is "//server/share". */
static char *
slashed(const char *location)
{
    return g_strdelimit(g_strdup(location), "\\", '/');
}

/* legacy_mode has always meant a folder of the host; a path that begins with one slash can be nothing else.
 */
static gboolean
find_kind(const DriverRequest *request, SourceKind *ret_kind, GError **error)
{
    const char *location = driver_config(request, "location", "");
    const char *type = driver_config(request, "type", "");
    g_autofree char *path = slashed(location);

    if (g_str_equal(type, "cifs") || g_str_has_prefix(path, "//"))
        *ret_kind = SOURCE_CIFS;
    else if (is_true(driver_config(request, "legacy_mode", "false")) || g_path_is_absolute(location))
        *ret_kind = SOURCE_LOCAL;
    else
        *ret_kind = SOURCE_NFS;

    gboolean is_usable = *ret_kind == SOURCE_CIFS    ? g_str_has_prefix(path, "//")
                         : *ret_kind == SOURCE_LOCAL ? g_path_is_absolute(location)
                                                     : strstr(location, ":/") > location;
    return is_usable ||
           driver_fault(error, DRIVER_ERROR_INVALID_ARG,
                        "location '%s' is no folder, no server:/path and no //server/share", location);
}

char *
iso_locate(const DriverRequest *request, GError **error)
{
    SourceKind kind;
    if (!find_kind(request, &kind, error))
        return NULL;
    return kind == SOURCE_LOCAL ? g_strdup(driver_config(request, "location", ""))
                                : driver_mount_point(request->sr_uuid);
}

/* What of an ISO SR is to be mounted. */
typedef struct Source {
    SourceKind kind;
    char *path;
    char *options;
    char *user;
    char *password;
} Source;

static void
source_clear(Source *source)
{
    g_free(source->path);
    g_free(source->options);
    g_free(source->user);
    g_free(source->password);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Source, source_clear)

static void
add_option(GString *options, const char *name, const char *value)
{
    if (*value != '\0')
        g_string_append_printf(options, ",%s%s", name, value);
}

static gboolean
read_source(const DriverRequest *request, Source *source, GError **error)
{
    if (!find_kind(request, &source->kind, error))
        return FALSE;

    const char *location = driver_config(request, "location", "");
    g_autoptr(GString) options = g_string_new("ro");
    if (source->kind == SOURCE_NFS) {
        g_string_append(options,
                        ",soft,timeo=200"); /* a server that is gone must not hold a guest's CD for ever */
        add_option(options, "vers=", driver_config(request, "nfsversion", ""));
    } else {
        add_option(options, "vers=", driver_config(request, "vers", ""));
    }
    add_option(options, "", driver_config(request, "options", ""));
    source->path = source->kind == SOURCE_CIFS ? slashed(location) : g_strdup(location);
    source->options = g_strdup(options->str);
    /* Source: mount.cifs(8): the environment variables USER and PASSWD. */
    source->user = g_strconcat("USER=", driver_config(request, "username", "guest"), NULL);
    source->password = g_strconcat("PASSWD=", driver_config(request, "cifspassword", ""), NULL);
    return TRUE;
}

static gboolean
check_folder(const char *path, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    return dir != NULL || driver_fault_from(error, DRIVER_ERROR_ISO_MOUNT_FAILURE);
}

/* Mounts it for others to see, or only for this call to look at. */
static gboolean
mount_source(const DriverRequest *request, gboolean is_visit, GError **error)
{
    g_auto(Source) source = {0};
    if (!read_source(request, &source, error))
        return FALSE;
    if (source.kind == SOURCE_LOCAL)
        return check_folder(request->folder, error);

    const char *secrets[] = {source.user, source.password, NULL};
    DriverMount spec = {
        .type = source.kind == SOURCE_CIFS ? "cifs" : "nfs",
        .source = source.path,
        .options = source.options,
        .folder = request->folder,
        .environment = source.kind == SOURCE_CIFS ? secrets : NULL,
    };
    g_autofree char *visited = NULL;
    return is_visit ? driver_visit(&spec, DRIVER_ERROR_ISO_MOUNT_FAILURE, &visited, error)
                    : driver_mount(&spec, DRIVER_ERROR_ISO_MOUNT_FAILURE, error);
}

gboolean
iso_try(const DriverRequest *request, GError **error)
{
    return mount_source(request, TRUE, error);
}

gboolean
iso_mount(const DriverRequest *request, GError **error)
{
    return mount_source(request, FALSE, error);
}

gboolean
iso_unmount(const DriverRequest *request, GError **error)
{
    SourceKind kind;
    if (!find_kind(request, &kind, error))
        return FALSE;
    return kind == SOURCE_LOCAL || driver_unmount(request->folder, DRIVER_ERROR_ISO_UNMOUNT_FAILURE, error);
}
