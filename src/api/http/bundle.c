/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Archives over libarchive, written to a connection. */
#include "api/http/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define BUFFER_BYTES (64 * 1024)

struct Bundle {
    HttpStream *stream;
    struct archive *archive;
    char *folder;
    GError *error; /* of the connection; libarchive carries no errors of ours */
};

/* Never fails: libarchive leaks its compressor once it has seen a failure. What cannot be sent is dropped,
 * and the error kept until somebody asks. */
static la_ssize_t
send_block(struct archive *archive, void *data, const void *block, size_t length)
{
    Bundle *bundle = data;
    if (bundle->error == NULL)
        http_stream_write_all(bundle->stream, block, length, &bundle->error);
    return (la_ssize_t)length;
}

/* After each call of libarchive's: whether it, and the connection until now, did well. */
static gboolean
check(const Bundle *bundle, gboolean is_done, GError **error)
{
    if (bundle->error != NULL) {
        g_propagate_error(error, g_error_copy(bundle->error));
        return FALSE;
    }
    return is_done ||
           base_error_set(error, BASE_ERROR_IO, "archive: %s", archive_error_string(bundle->archive));
}

static int
set_format(struct archive *archive, BundleFormat format)
{
    if (format == BUNDLE_ZIP)
        return archive_write_set_format_zip(archive);
    if (format == BUNDLE_TAR_GZIP && archive_write_add_filter_gzip(archive) != ARCHIVE_OK)
        return ARCHIVE_FATAL;
    if (format == BUNDLE_TAR_BZIP2 && archive_write_add_filter_bzip2(archive) != ARCHIVE_OK)
        return ARCHIVE_FATAL;
    return archive_write_set_format_pax_restricted(archive);
}

Bundle *
bundle_new(HttpStream *stream, BundleFormat format, const char *folder, GError **error)
{
    g_autoptr(Bundle) bundle = g_new0(Bundle, 1);
    bundle->stream = stream;
    bundle->folder = g_strdup(folder);
    bundle->archive = archive_write_new();
    gboolean is_open = set_format(bundle->archive, format) == ARCHIVE_OK &&
                       archive_write_set_bytes_in_last_block(bundle->archive, 1) == ARCHIVE_OK &&
                       archive_write_open(bundle->archive, bundle, NULL, send_block, NULL) == ARCHIVE_OK;
    return check(bundle, is_open, error) ? g_steal_pointer(&bundle) : NULL;
}

void
bundle_free(Bundle *bundle)
{
    if (bundle == NULL)
        return;
    archive_write_free(bundle->archive); /* may still write */
    g_clear_error(&bundle->error);
    g_free(bundle->folder);
    g_free(bundle);
}

static gboolean
begin_member(Bundle *bundle, const char *name, guint64 length, time_t when, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s", bundle->folder, name);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_size(entry, (la_int64_t)length);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, when, 0);
    int status = archive_write_header(bundle->archive, entry);
    archive_entry_free(entry);
    return check(bundle, status >= ARCHIVE_WARN, error);
}

static gboolean
add_data(Bundle *bundle, const void *data, gsize length, GError **error)
{
    return check(bundle, length == 0 || archive_write_data(bundle->archive, data, length) >= 0, error);
}

gboolean
bundle_add(Bundle *bundle, const char *name, const void *data, gsize length, GError **error)
{
    return begin_member(bundle, name, length, time(NULL), error) && add_data(bundle, data, length, error);
}

/* Exactly @length bytes, unless the file ends before: then libarchive fills up. */
static gboolean
copy(Bundle *bundle, int fd, guint64 length, GError **error)
{
    g_autofree char *buffer = g_malloc(BUFFER_BYTES);
    while (length > 0) {
        gssize n = read(fd, buffer, (gsize)MIN(length, BUFFER_BYTES));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return TRUE;
        if (!add_data(bundle, buffer, (gsize)n, error))
            return FALSE;
        length -= (guint64)n;
    }
    return TRUE;
}

gboolean
bundle_add_file(Bundle *bundle, const char *name, const char *path, guint64 max_bytes, GError **error)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        return TRUE;
    guint64 length = MIN((guint64)info.st_size, max_bytes);
    if (lseek(fd, info.st_size - (off_t)length, SEEK_SET) < 0)
        return TRUE;
    return begin_member(bundle, name, length, info.st_mtime, error) && copy(bundle, fd, length, error);
}

gboolean
bundle_end(Bundle *bundle, GError **error)
{
    return check(bundle, archive_write_close(bundle->archive) == ARCHIVE_OK, error);
}
