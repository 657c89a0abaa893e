/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Suspend images: header and description. The state itself never passes through here. */
#include "domain/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "value/json.h"

#define MAGIC        "XYLEMSAV"
#define VERSION      1
#define BLOCK        4096
#define DIGEST_BYTES 32

/* As it lies on the disk, in one sector, so that it is never half written. */
typedef struct Header {
    char magic[8];
    guint32 version;
    guint32 is_complete;
    guint64 description_bytes;
    guint64 state_begin;
    guint64 state_end;
    guint8 digest[DIGEST_BYTES]; /* SHA-256 of the description */
} Header;
G_STATIC_ASSERT(sizeof(Header) == 72);

static void
take_digest(const char *text, gsize length, guint8 *ret_digest)
{
    gsize size = DIGEST_BYTES;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)text, (gssize)length);
    g_checksum_get_digest(checksum, ret_digest, &size);
}

/* ---- Files */

int
domain_image_open(const char *path, gboolean is_writable, GError **error)
{
    struct stat status;
    /* O_NONBLOCK: a FIFO must not hold us up; files and block devices do not heed it. */
    int flags = is_writable ? O_RDWR | O_CREAT : O_RDONLY;
    auto_fd fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0 || fstat(fd, &status) < 0) {
        base_error_errno(error, errno, "open '%s'", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        base_error_set(error, BASE_ERROR_INVALID, "'%s' is neither a file nor a block device", path);
        return -1;
    }
    if (is_writable && S_ISREG(status.st_mode) && ftruncate(fd, 0) < 0) {
        base_error_errno(error, errno, "truncate '%s'", path);
        return -1;
    }
    return base_fd_steal(&fd);
}

void
domain_image_discard(int fd)
{
    if (fd >= 0 && ftruncate(fd, 0) < 0)
        return; /* a block device keeps its size */
}

static gboolean
write_at(int fd, const void *data, gsize length, off_t offset, GError **error)
{
    if (lseek(fd, offset, SEEK_SET) < 0)
        return base_error_errno(error, errno, "seek in the suspend image");
    return base_fd_write_all(fd, data, length, error);
}

static gboolean
read_at(int fd, void *buffer, gsize length, off_t offset, GError **error)
{
    for (gsize done = 0; done < length;) {
        ssize_t got = pread(fd, (char *)buffer + done, length - done, offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return base_error_errno(error, errno, "read the suspend image");
        if (got == 0)
            return base_error_set(error, BASE_ERROR_INVALID, "the suspend image is cut off");
        done += (gsize)got;
    }
    return TRUE;
}

/* ---- Writing */

gboolean
domain_image_begin(int fd, const DomainStoreImage *image, GError **error)
{
    g_autoptr(Value) value = domain_store_image_to_value(image);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, value);
    if (text->len > DOMAIN_IMAGE_MAX_DESCRIPTION_BYTES)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "the VM's description is too long to be saved");
    guint64 state_begin = BLOCK + (text->len + BLOCK - 1) / BLOCK * BLOCK;
    Header header = {.magic = MAGIC,
                     .version = GUINT32_TO_LE(VERSION),
                     .description_bytes = GUINT64_TO_LE((guint64)text->len),
                     .state_begin = GUINT64_TO_LE(state_begin)};
    take_digest(text->str, text->len, header.digest);
    if (!write_at(fd, &header, sizeof header, 0, error) || !write_at(fd, text->str, text->len, BLOCK, error))
        return FALSE;
    if (lseek(fd, (off_t)state_begin, SEEK_SET) < 0)
        return base_error_errno(error, errno, "seek in the suspend image");
    return TRUE;
}

/* The state is on the disk before the flag that says so. */
gboolean
domain_image_end(int fd, const char *path, GError **error)
{
    Header header;
    g_autofree char *dir = g_path_get_dirname(path);
    off_t end = lseek(fd, 0, SEEK_CUR);
    if (end < 0 || fdatasync(fd) < 0)
        return base_error_errno(error, errno, "complete the suspend image");
    if (!read_at(fd, &header, sizeof header, 0, error))
        return FALSE;
    header.is_complete = GUINT32_TO_LE(1);
    header.state_end = GUINT64_TO_LE((guint64)end);
    if (!write_at(fd, &header, sizeof header, 0, error))
        return FALSE;
    if (fsync(fd) < 0)
        return base_error_errno(error, errno, "complete the suspend image");
    return base_dir_sync(dir, error);
}

/* ---- Reading */

static gboolean
check_header(const Header *header, guint64 size, GError **error)
{
    guint64 description_bytes = GUINT64_FROM_LE(header->description_bytes);
    guint64 begin = GUINT64_FROM_LE(header->state_begin);
    guint64 end = GUINT64_FROM_LE(header->state_end);
    if (memcmp(header->magic, MAGIC, sizeof header->magic) != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "this is no suspend image");
    if (GUINT32_FROM_LE(header->version) != VERSION)
        return base_error_set(error, BASE_ERROR_INVALID, "the suspend image is of another version");
    if (GUINT32_FROM_LE(header->is_complete) != 1)
        return base_error_set(error, BASE_ERROR_INVALID, "the suspend image was not completed");
    if (description_bytes > DOMAIN_IMAGE_MAX_DESCRIPTION_BYTES)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "the suspend image's description is too long");
    if (begin < BLOCK + description_bytes || end <= begin || end > size)
        return base_error_set(error, BASE_ERROR_INVALID, "the suspend image is cut off");
    return TRUE;
}

static gboolean
read_description(int fd, const Header *header, DomainStoreImage *ret_image, GError **error)
{
    gsize length = GUINT64_FROM_LE(header->description_bytes);
    guint8 digest[DIGEST_BYTES];
    g_autofree char *text = g_malloc(length + 1);
    if (!read_at(fd, text, length, BLOCK, error))
        return FALSE;
    take_digest(text, length, digest);
    if (memcmp(digest, header->digest, sizeof digest) != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "the suspend image's description is damaged");
    g_autoptr(Value) value = json_read(text, length, error);
    return value != NULL && domain_store_image_from_value(value, ret_image, error);
}

gboolean
domain_image_read(int fd, DomainStoreImage *ret_image, GError **error)
{
    Header header;
    g_auto(DomainStoreImage) image = {0};
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return base_error_errno(error, errno, "look at the suspend image");
    if (!read_at(fd, &header, sizeof header, 0, error) || !check_header(&header, (guint64)size, error) ||
        !read_description(fd, &header, &image, error))
        return FALSE;
    if (lseek(fd, (off_t)GUINT64_FROM_LE(header.state_begin), SEEK_SET) < 0)
        return base_error_errno(error, errno, "seek in the suspend image");
    *ret_image = image;
    image = (DomainStoreImage){0};
    return TRUE;
}
