/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ISOSR: the images of CDs in a folder, to be read. The files are the administrator's: nothing here makes,
 * changes or removes one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "iso/source.h"
#include "lib/report.h"

#define SUFFIX    ".iso"
#define MAX_FILES 65536
#define NO_TIME   "19700101T00:00:00Z"

/* ---- One image ---- */

static gboolean
has_suffix(const char *name)
{
    gsize length = strlen(name);
    return length > strlen(SUFFIX) && g_ascii_strcasecmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

/* The same in every scan: made from the SR's uuid and the name, in the form of a uuid made from a hash. */
static char *
uuid_of(const char *sr_uuid, const char *name)
{
    g_autofree char *text = g_strconcat(sr_uuid, "/", name, NULL);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    return g_strdup_printf("%.8s-%.4s-8%.3s-a%.3s-%.12s", hash, hash + 8, hash + 13, hash + 17, hash + 20);
}

/* Only a regular file: a link on somebody's server could lead to any file of this host. */
static gboolean
look_at(const char *folder, const char *name, struct stat *ret_status, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (!has_suffix(name))
        return driver_fault(error, DRIVER_ERROR_ISO_MUST_HAVE_ISO_EXTENSION, "%s", name);
    if (lstat(path, ret_status) < 0)
        return driver_fault(error, errno == ENOENT ? DRIVER_ERROR_VDI_MISSING : DRIVER_ERROR_VDI_LOAD,
                            "'%s': %s", path, g_strerror(errno));
    return S_ISREG(ret_status->st_mode) ||
           driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' is no regular file", path);
}

static Value *
image_value(const DriverRequest *request, const char *name, const struct stat *status)
{
    g_autofree char *uuid = uuid_of(request->sr_uuid, name);
    DriverVdi vdi = {
        .uuid = uuid,
        .location = name,
        .virtual_size = (guint64)status->st_size,
        .physical_utilisation = (guint64)status->st_blocks * 512,
        .name_label = name,
        .type = "user",
        .is_read_only = TRUE,
        .is_sharable = TRUE,
        .snapshot_time = NO_TIME,
    };
    return driver_vdi_value(&vdi);
}

/* ---- Calls on SRs ---- */

static Value *
sr_create(const DriverRequest *request, GError **error)
{
    return iso_try(request, error) ? value_nil() : NULL;
}

static Value *
sr_delete(const DriverRequest *request, GError **error)
{
    /* What the SR made is a mount, and detaching has removed it; the images are not its own. */
    return iso_unmount(request, error) ? value_nil() : NULL;
}

static Value *
sr_attach(const DriverRequest *request, GError **error)
{
    return iso_mount(request, error) ? value_nil() : NULL;
}

static Value *
sr_detach(const DriverRequest *request, GError **error)
{
    return iso_unmount(request, error) ? value_nil() : NULL;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that two scans of the same folder give the same answer. */
static GPtrArray *
list_names(const char *folder, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    if (dir == NULL) {
        driver_fault_from(error, DRIVER_ERROR_SR_SCAN);
        return NULL;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        if (!has_suffix(name) || !base_path_is_safe_name(name) || !base_utf8_is_valid(name, strlen(name)))
            continue;
        if (names->len == MAX_FILES) {
            driver_fault(error, DRIVER_ERROR_SR_SCAN, "'%s' has more than %d images", folder, MAX_FILES);
            return NULL;
        }
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static gboolean
read_images(const DriverRequest *request, DriverSizes *sizes, Value *vdis, GError **error)
{
    struct statvfs volume;
    g_autoptr(GPtrArray) names = list_names(request->folder, error);
    if (names == NULL)
        return FALSE;
    if (statvfs(request->folder, &volume) < 0)
        return driver_fault(error, DRIVER_ERROR_SR_SCAN, "'%s': %s", request->folder, g_strerror(errno));

    *sizes = (DriverSizes){.physical_size = (guint64)volume.f_blocks * volume.f_frsize};
    for (guint i = 0; i < names->len; i++) {
        struct stat status;
        if (!look_at(request->folder, names->pdata[i], &status, NULL))
            continue; /* no regular file, or gone since */
        sizes->physical_utilisation += (guint64)status.st_blocks * 512;
        sizes->virtual_allocation += (guint64)status.st_size;
        value_array_add(vdis, image_value(request, names->pdata[i], &status));
    }
    return TRUE;
}

static Value *
sr_scan(const DriverRequest *request, GError **error)
{
    DriverSizes sizes;
    g_autoptr(Value) vdis = value_array_new(16);
    if (!read_images(request, &sizes, vdis, error))
        return NULL;
    Value *result = driver_sizes_value(&sizes);
    value_map_set(result, "vdis", g_steal_pointer(&vdis));
    return result;
}

static Value *
sr_update(const DriverRequest *request, GError **error)
{
    DriverSizes sizes;
    g_autoptr(Value) vdis = value_array_new(16);
    return read_images(request, &sizes, vdis, error) ? driver_sizes_value(&sizes) : NULL;
}

static Value *
sr_content_type(const DriverRequest *request, GError **error)
{
    return driver_content_type("iso");
}

/* ---- Calls on images ---- */

static Value *
vdi_introduce(const DriverRequest *request, GError **error)
{
    struct stat status;
    if (!look_at(request->folder, request->vdi_location, &status, error))
        return NULL;
    return image_value(request, request->vdi_location, &status);
}

static Value *
vdi_attach(const DriverRequest *request, GError **error)
{
    struct stat status;
    if (!look_at(request->folder, request->vdi_location, &status, error))
        return NULL;
    if (g_ascii_strcasecmp(driver_arg(request, 0, "false"), "true") == 0) {
        driver_fault(error, DRIVER_ERROR_VDI_UNAVAILABLE, "%s is read-only", request->vdi_location);
        return NULL;
    }
    g_autofree char *path = g_build_filename(request->folder, request->vdi_location, NULL);
    return driver_attachment_value(path, "raw");
}

static Value *
vdi_detach(const DriverRequest *request, GError **error)
{
    /* Attaching keeps nothing, so there is nothing to undo. */
    return value_nil();
}

/* ---- Tables ---- */

static const char *const capabilities[] = {
    "SR_CREATE", "SR_DELETE",     "SR_ATTACH",  "SR_DETACH",  "SR_SCAN",
    "SR_UPDATE", "VDI_INTRODUCE", "VDI_ATTACH", "VDI_DETACH", NULL,
};

static const char *const image_formats[] = {"raw", NULL};

static const DriverConfigKey config[] = {
    {"location", "the folder of images: a path on the host, server:/path for NFS or //server/share for CIFS",
     DRIVER_ERROR_ISO_DCONF_MISSING_LOCATION},
    {"legacy_mode", "true: location is a path on the host"},
    {"type", "nfs_iso or cifs, where location leaves it open"},
    {"nfsversion", "NFS: the version to speak, such as 3 or 4.2"},
    {"username", "CIFS: the user, guest without one"},
    {"cifspassword", "CIFS: the user's password"},
    {"vers", "CIFS: the version to speak, such as 3.0"},
    {"options", "further options of the mount, comma separated"},
    {NULL},
};

/* clang-format off */
static const DriverCall calls[] = {
    {"sr_create",       sr_create      },
    {"sr_delete",       sr_delete      },
    {"sr_attach",       sr_attach      },
    {"sr_detach",       sr_detach      },
    {"sr_scan",         sr_scan        },
    {"sr_update",       sr_update      },
    {"sr_content_type", sr_content_type},
    {"vdi_introduce",   vdi_introduce  },
    {"vdi_attach",      vdi_attach     },
    {"vdi_detach",      vdi_detach     },
    {NULL},
};
/* clang-format on */

static const DriverInfo info = {
    .program = "ISOSR",
    .name = "Images of CDs",
    .description =
        "The .iso files of a folder on the host or on a server, as read-only disks under their names.",
    .capabilities = capabilities,
    .image_formats = image_formats,
    .config = config,
    .calls = calls,
    .locates_by_name = TRUE,
    .locate = iso_locate,
};

int
main(int argc, char **argv)
{
    return driver_main(&info, argc, argv);
}
