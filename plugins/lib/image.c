/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads image headers and runs qemu-img. Headers come from disks that others may have written: every number
 * is checked. */
#include "lib/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "lib/driver.h"

#define QEMU_IMG_TIMEOUT_MS (10 * 60 * 1000)
#define COPY_MAX_BYTES      (64 * 1024 * 1024)

/* Offsets and bounds of the qcow2 header; all numbers are big-endian. Source: QEMU docs, interop/qcow2. */
enum {
    HEADER_BYTES = 104, /* of version 3; version 2 ends at 72 */
    HEADER_V2_BYTES = 72,
    AT_VERSION = 4,
    AT_BACKING_OFFSET = 8,
    AT_BACKING_LENGTH = 16,
    AT_CLUSTER_BITS = 20,
    AT_SIZE = 24,
    AT_CRYPT_METHOD = 32,
    AT_L1_ENTRIES = 36,
    AT_L1_OFFSET = 40,
    AT_N_SNAPSHOTS = 60,
    AT_INCOMPATIBLE = 72,
    BACKING_MAX_BYTES = 1023,
    CLUSTER_BITS_MIN = 9,
    CLUSTER_BITS_MAX = 21,
    L1_MAX_BYTES = 32 * 1024 * 1024,
};
#define INCOMPATIBLE_CORRUPT       (G_GUINT64_CONSTANT(1) << 1)
#define INCOMPATIBLE_EXTERNAL_DATA (G_GUINT64_CONSTANT(1) << 2)
#define INCOMPATIBLE_KNOWN         G_GUINT64_CONSTANT(0x1f)

static const char *const format_names[IMAGE_FORMAT_N] = {
    [IMAGE_FORMAT_QCOW2] = "qcow2",
    [IMAGE_FORMAT_RAW] = "raw",
};

const char *
image_format_name(ImageFormat format)
{
    return format_names[format];
}

void
image_info_clear(ImageInfo *info)
{
    g_clear_pointer(&info->backing, g_free);
}

/* ---- Headers ---- */

static guint32
get32(const guint8 *bytes)
{
    guint32 number;
    memcpy(&number, bytes, sizeof(number));
    return GUINT32_FROM_BE(number);
}

static guint64
get64(const guint8 *bytes)
{
    guint64 number;
    memcpy(&number, bytes, sizeof(number));
    return GUINT64_FROM_BE(number);
}

/* All of @length bytes at @offset, or FALSE. */
static gboolean
read_at(int fd, void *buffer, gsize length, guint64 offset)
{
    gsize done = 0;
    while (done < length) {
        ssize_t got = pread(fd, (guint8 *)buffer + done, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FALSE;
        done += (gsize)got;
    }
    return TRUE;
}

/* Versions before 3 have no feature bits; what lies there is not ours to read. */
static guint64
incompatible_features(const guint8 *header)
{
    return get32(header + AT_VERSION) >= 3 ? get64(header + AT_INCOMPATIBLE) : 0;
}

/* Says what is wrong with a header, or NULL. */
static const char *
header_complaint(const guint8 *header)
{
    guint32 version = get32(header + AT_VERSION);
    guint32 cluster_bits = get32(header + AT_CLUSTER_BITS);

    if (memcmp(header, "QFI\xfb", 4) != 0)
        return "is no qcow2 image";
    if (version != 2 && version != 3)
        return "has an unknown version";
    if (cluster_bits < CLUSTER_BITS_MIN || cluster_bits > CLUSTER_BITS_MAX)
        return "has a wrong cluster size";
    if (get64(header + AT_SIZE) > IMAGE_MAX_BYTES)
        return "is larger than 64 TiB";
    if ((guint64)get32(header + AT_L1_ENTRIES) * 8 > L1_MAX_BYTES ||
        get64(header + AT_L1_OFFSET) > G_MAXINT64 / 2)
        return "has a wrong cluster table";
    if (get32(header + AT_BACKING_LENGTH) > BACKING_MAX_BYTES ||
        get64(header + AT_BACKING_OFFSET) >> cluster_bits != 0)
        return "has a wrong backing file name";
    if ((incompatible_features(header) & ~INCOMPATIBLE_KNOWN) != 0)
        return "needs features that are not known";
    if ((incompatible_features(header) & INCOMPATIBLE_CORRUPT) != 0)
        return "is marked corrupt";
    return NULL;
}

static gboolean
read_backing(int fd, const guint8 *header, char **ret_backing)
{
    guint64 offset = get64(header + AT_BACKING_OFFSET);
    guint32 length = get32(header + AT_BACKING_LENGTH);

    *ret_backing = NULL;
    if (offset == 0 || length == 0)
        return TRUE;
    g_autofree char *backing = g_malloc0(length + 1);
    if (!read_at(fd, backing, length, offset))
        return FALSE;
    *ret_backing = g_steal_pointer(&backing);
    return TRUE;
}

/* An image whose first-level table is empty holds no cluster. Its internal snapshots would have tables of
 * their own. */
static gboolean
read_has_data(int fd, const guint8 *header, gboolean *ret_has_data)
{
    gsize length = (gsize)get32(header + AT_L1_ENTRIES) * 8;
    g_autofree guint8 *table = g_try_malloc(length + 1);
    if (table == NULL || !read_at(fd, table, length, get64(header + AT_L1_OFFSET)))
        return FALSE;

    gboolean has_data = get32(header + AT_N_SNAPSHOTS) != 0;
    for (gsize i = 0; i < length && !has_data; i++)
        has_data = table[i] != 0;
    *ret_has_data = has_data;
    return TRUE;
}

static gboolean
read_qcow2(int fd, const char *path, ImageInfo *info, GError **error)
{
    guint8 header[HEADER_BYTES] = {0};

    if (!read_at(fd, header, HEADER_V2_BYTES, 0))
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' is too short", path);
    if (get32(header + AT_VERSION) >= 3 && !read_at(fd, header, HEADER_BYTES, 0))
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' is too short", path);
    const char *complaint = header_complaint(header);
    if (complaint != NULL)
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' %s", path, complaint);
    if (!read_has_data(fd, header, &info->has_data) || !read_backing(fd, header, &info->backing))
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' is cut off", path);

    info->virtual_size = get64(header + AT_SIZE);
    info->is_plain = get32(header + AT_CRYPT_METHOD) == 0 &&
                     (incompatible_features(header) & INCOMPATIBLE_EXTERNAL_DATA) == 0;
    return TRUE;
}

gboolean
image_read(const char *path, ImageFormat format, ImageInfo *ret_info, GError **error)
{
    struct stat status;
    g_auto(ImageInfo) info = {.format = format};

    /* Not blocking: a FIFO under an image's name must not hold us. */
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return driver_fault(error, DRIVER_ERROR_VDI_MISSING, "'%s'", path);
    if (fd < 0 || fstat(fd, &status) < 0)
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "open '%s': %s", path, g_strerror(errno));
    if (!S_ISREG(status.st_mode))
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' is no regular file", path);

    info.allocated = (guint64)status.st_blocks * 512;
    if (format == IMAGE_FORMAT_RAW) {
        info.virtual_size = ((guint64)status.st_size + 511) / 512 * 512; /* QEMU adds zeros up to a sector */
        info.has_data = TRUE;
        info.is_plain = TRUE;
    } else if (!read_qcow2(fd, path, &info, error)) {
        return FALSE;
    }
    *ret_info = info;
    info.backing = NULL;
    return TRUE;
}

gboolean
image_round_size(guint64 size_bytes, guint64 *ret_size_bytes, GError **error)
{
    if (size_bytes == 0 || size_bytes > IMAGE_MAX_BYTES)
        return driver_fault(error, DRIVER_ERROR_VDI_SIZE,
                            "%" G_GUINT64_FORMAT " bytes; 1 byte to 64 TiB can be had", size_bytes);
    *ret_size_bytes = (size_bytes + IMAGE_UNIT_BYTES - 1) / IMAGE_UNIT_BYTES * IMAGE_UNIT_BYTES;
    return TRUE;
}

/* ---- qemu-img ---- */

static gboolean
run_qemu_img(const char *directory, const char *const *argv, GError **error)
{
    const char *environment[] = {"LC_ALL=C", NULL}; /* driver_fault_from() reads the messages */
    ProcessSpec spec = {
        .argv = argv,
        .environment = environment,
        .directory = directory,
        .timeout_ms = QEMU_IMG_TIMEOUT_MS,
    };
    return base_process_try(&spec, NULL, error);
}

static gboolean
sync_file(const char *path, GError **error)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fdatasync(fd) < 0)
        return base_error_errno(error, errno, "sync '%s'", path);
    return TRUE;
}

struct ImageJob {
    char *directory;
    char *name;
    GStrv argv;
    GThread *thread;
    GError *error; /* set by the thread; read once it has ended */
};

static gpointer
make_image(gpointer data)
{
    ImageJob *job = data;
    g_autofree char *path = g_build_filename(job->directory, job->name, NULL);

    if (!run_qemu_img(job->directory, (const char *const *)job->argv, &job->error) ||
        !sync_file(path, &job->error))
        unlink(path);
    return NULL;
}

static ImageJob *
start_job(const char *directory, const char *name, const char *const *argv)
{
    ImageJob *job = g_new0(ImageJob, 1);
    job->directory = g_strdup(directory);
    job->name = g_strdup(name);
    job->argv = g_strdupv((char **)argv);
    job->thread = g_thread_new("qemu-img", make_image, job);
    return job;
}

gboolean
image_job_finish(ImageJob *job, GError **error)
{
    g_thread_join(job->thread);
    gboolean is_done = job->error == NULL;
    if (!is_done)
        g_propagate_error(error, job->error);
    g_strfreev(job->argv);
    g_free(job->name);
    g_free(job->directory);
    g_free(job);
    return is_done;
}

ImageJob *
image_create(const char *directory, const char *name, guint64 size_bytes)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, size_bytes);
    const char *argv[] = {"qemu-img",          "create", "-q", "-f", "qcow2", "-o",
                          "preallocation=off", name,     size, NULL};
    return start_job(directory, name, argv);
}

ImageJob *
image_create_overlay(const char *directory, const char *name, const char *backing, ImageFormat backing_format,
                     guint64 size_bytes)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, size_bytes);
    const char *format = image_format_name(backing_format);
    /* -u: the backing file is not opened, as it may get its name only later. */
    const char *argv[] = {"qemu-img", "create", "-q",   "-f", "qcow2", "-u", "-b",
                          backing,    "-F",     format, name, size,    NULL};
    return start_job(directory, name, argv);
}

gboolean
image_resize(const char *directory, const char *name, ImageFormat format, guint64 size_bytes, GError **error)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, size_bytes);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    const char *argv[] = {"qemu-img", "resize", "-q", "-f", image_format_name(format), name, size, NULL};

    return run_qemu_img(directory, argv, error) && sync_file(path, error);
}

static gboolean
copy_bytes(int from, int to, GError **error)
{
    char buffer[65536];
    for (gsize total = 0; total <= COPY_MAX_BYTES;) {
        ssize_t got = read(from, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return base_error_errno(error, errno, "read an image");
        if (got == 0)
            return TRUE;
        if (!base_fd_write_all(to, buffer, (gsize)got, error))
            return FALSE;
        total += (gsize)got;
    }
    return base_error_set(error, BASE_ERROR_TOO_LARGE, "the image to copy is larger than expected");
}

static gboolean
copy_file(const char *from, const char *to, GError **error)
{
    auto_fd source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return base_error_errno(error, errno, "open '%s'", from);
    auto_fd target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (target < 0)
        return base_error_errno(error, errno, "create '%s'", to);
    if (!copy_bytes(source, target, error))
        return FALSE;
    if (fdatasync(target) < 0)
        return base_error_errno(error, errno, "sync '%s'", to);
    return TRUE;
}

gboolean
image_copy_small(const char *directory, const char *from, const char *to, GError **error)
{
    g_autofree char *source = g_build_filename(directory, from, NULL);
    g_autofree char *target = g_build_filename(directory, to, NULL);

    if (copy_file(source, target, error))
        return TRUE;
    unlink(target);
    return FALSE;
}
