/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the kernel and blkid(8) about block devices. */
#include "lib/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "lib/driver.h"

#define BLKID_TIMEOUT_MS (60 * 1000)
#define BLKID_NOTHING    2 /* Source: blkid(8), exit status */
#define WIPE_FIRST_BYTES (G_GUINT64_CONSTANT(1) << 20)
/* Source: SM API, sr_delete: at least 100 MB from the start of the disk. */
#define WIPE_BYTES (G_GUINT64_CONSTANT(100) << 20)

gboolean
driver_device_check(const char *path, GError **error)
{
    struct stat status;
    if (!g_path_is_absolute(path))
        return driver_fault(error, DRIVER_ERROR_CONFIG_DEVICE_INVALID, "'%s' is no absolute path", path);
    if (stat(path, &status) < 0)
        return driver_fault(error, DRIVER_ERROR_CONFIG_DEVICE_INVALID, "'%s': %s", path, g_strerror(errno));
    return S_ISBLK(status.st_mode) ||
           driver_fault(error, DRIVER_ERROR_CONFIG_DEVICE_INVALID, "'%s' is no block device", path);
}

/* Whether the root file system is on the device or on a partition of it: that is below the disk in sysfs. */
static gboolean
is_root_device(const char *path)
{
    struct stat root, device;
    if (stat("/", &root) < 0 || stat(path, &device) < 0)
        return FALSE;
    g_autofree char *of_root =
        g_strdup_printf("/sys/dev/block/%u:%u", major(root.st_dev), minor(root.st_dev));
    g_autofree char *of_device =
        g_strdup_printf("/sys/dev/block/%u:%u", major(device.st_rdev), minor(device.st_rdev));
    g_autofree char *real_root = realpath(of_root, NULL);
    g_autofree char *real_device = realpath(of_device, NULL);
    if (real_root == NULL || real_device == NULL)
        return FALSE;
    g_autofree char *below = g_strconcat(real_device, "/", NULL);
    return g_str_equal(real_root, real_device) || g_str_has_prefix(real_root, below);
}

/* The kernel refuses O_EXCL while a file system, volume group or the like has the device or a part of it. */
static gboolean
open_alone(const char *path, int *ret_fd, GError **error)
{
    auto_fd fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
    if (fd < 0 && errno == EBUSY)
        return driver_fault(error, is_root_device(path) ? DRIVER_ERROR_ROOTDEV : DRIVER_ERROR_SR_IN_USE,
                            "'%s' is in use", path);
    if (fd < 0)
        return driver_fault(error, DRIVER_ERROR_CONFIG_DEVICE_INVALID, "open '%s': %s", path,
                            g_strerror(errno));
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}

gboolean
driver_device_check_free(const char *path, GError **error)
{
    auto_fd fd = -1;
    return open_alone(path, &fd, error);
}

/* ---- What is on it ---- */

void
device_content_clear(DeviceContent *content)
{
    g_clear_pointer(&content->type, g_free);
    g_clear_pointer(&content->uuid, g_free);
    g_clear_pointer(&content->label, g_free);
}

static void
take_line(DeviceContent *content, const char *line)
{
    const struct {
        const char *key;
        char **member;
    } members[] = {
        {"TYPE=", &content->type},
        {"PTTYPE=", &content->type},
        {"UUID=", &content->uuid},
        {"LABEL=", &content->label},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        if (g_str_has_prefix(line, members[i].key) && *members[i].member == NULL)
            *members[i].member = g_strdup(line + strlen(members[i].key));
    }
}

gboolean
driver_device_read(const char *path, DeviceContent *ret_content, GError **error)
{
    const char *argv[] = {"blkid", "-p", "-c", "/dev/null", "-o", "export", "--", path, NULL};
    ProcessSpec spec = {.argv = argv, .timeout_ms = BLKID_TIMEOUT_MS};
    g_auto(ProcessResult) result = {0};
    if (!base_process_run(&spec, &result, error))
        return driver_fault_from(error, DRIVER_ERROR_CONFIG_DEVICE_INVALID);
    if (result.exit_status != 0 && result.exit_status != BLKID_NOTHING)
        return driver_fault(error, DRIVER_ERROR_CONFIG_DEVICE_INVALID, "blkid '%s': %s", path, result.errors);

    *ret_content = (DeviceContent){0};
    g_auto(GStrv) lines = g_strsplit(result.output, "\n", 0);
    for (guint i = 0; lines[i] != NULL; i++)
        take_line(ret_content, lines[i]);
    return TRUE;
}

gboolean
driver_device_check_blank(const char *path, GError **error)
{
    g_auto(DeviceContent) content = {0};
    if (!driver_device_read(path, &content, error))
        return FALSE;
    return content.type == NULL || driver_fault(error, DRIVER_ERROR_SR_EXISTS,
                                                "'%s' holds %s; wipefs(8) removes it", path, content.type);
}

static gboolean
write_zeros(int fd, const char *path, guint64 from, guint64 to, GError **error)
{
    guint64 range[2] = {from, to - from};
    if (to <= from || (ioctl(fd, BLKZEROOUT, range) == 0 && fsync(fd) == 0))
        return TRUE;
    return driver_fault(error, DRIVER_ERROR_EIO, "wipe '%s': %s", path, g_strerror(errno));
}

gboolean
driver_device_wipe(const char *path, GError **error)
{
    guint64 size = 0;
    auto_fd fd = -1;
    if (!open_alone(path, &fd, error))
        return FALSE;
    if (ioctl(fd, BLKGETSIZE64, &size) < 0)
        return driver_fault(error, DRIVER_ERROR_EIO, "size of '%s': %s", path, g_strerror(errno));
    return write_zeros(fd, path, 0, MIN(size, WIPE_FIRST_BYTES), error) &&
           write_zeros(fd, path, WIPE_FIRST_BYTES, MIN(size, WIPE_BYTES), error);
}
