/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole files and directories, with bounds and durable writes. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* Reads to the end of @fd. @room: a guess at the length, which files in /proc and growing files prove wrong.
 */
static char *
read_to_end(int fd, gsize room, gsize max_bytes, const char *path, gsize *ret_length, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;

    for (;;) {
        char *larger = g_try_realloc(text, room + 1);
        if (larger == NULL) {
            base_error_set(error, BASE_ERROR_TOO_LARGE, "read '%s': no memory for %" G_GSIZE_FORMAT " bytes",
                           path, room);
            return NULL;
        }
        text = larger;

        ssize_t got = read(fd, text + length, room + 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            base_error_errno(error, errno, "read '%s'", path);
            return NULL;
        }
        length += (gsize)got;
        if (length > max_bytes) {
            base_error_set(error, BASE_ERROR_TOO_LARGE, "'%s' is larger than %" G_GSIZE_FORMAT " bytes", path,
                           max_bytes);
            return NULL;
        }
        if (got == 0)
            break;
        if (length > room)
            room = MIN(room * 2 + 4096, max_bytes);
    }
    text[length] = '\0';
    *ret_length = length;
    return g_steal_pointer(&text);
}

gboolean
base_file_read(const char *path, gsize max_bytes, char **ret_text, gsize *ret_length, GError **error)
{
    struct stat info;
    gsize length;

    g_return_val_if_fail(max_bytes < G_MAXSSIZE, FALSE);
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0)
        return base_error_errno(error, errno, "open '%s'", path);
    if (info.st_size > 0 && (guint64)info.st_size > max_bytes)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "'%s' is larger than %" G_GSIZE_FORMAT " bytes",
                              path, max_bytes);

    char *text = read_to_end(fd, (gsize)info.st_size, max_bytes, path, &length, error);
    if (text == NULL)
        return FALSE;
    *ret_text = text;
    if (ret_length != NULL)
        *ret_length = length;
    return TRUE;
}

static gboolean
fill(int fd, const void *data, gsize length, mode_t mode, gboolean is_durable, const char *path,
     GError **error)
{
    if (fchmod(fd, mode) < 0)
        return base_error_errno(error, errno, "set mode of '%s'", path);
    if (!base_fd_write_all(fd, data, length, error)) {
        g_prefix_error(error, "'%s': ", path);
        return FALSE;
    }
    if (is_durable && fsync(fd) < 0)
        return base_error_errno(error, errno, "sync '%s'", path);
    return TRUE;
}

/* Content and mode are there before the name is: a crash never shows a half-written file under its final
 * name. */
static gboolean
replace(const char *path, const void *data, gsize length, mode_t mode, gboolean is_durable, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *temporary = g_build_filename(folder, ".write-XXXXXX", NULL);

    auto_fd fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, (int)(mode & 0777));
    if (fd < 0)
        return base_error_errno(error, errno, "create a file in '%s'", folder);
    if (!fill(fd, data, length, mode, is_durable, path, error)) {
        unlink(temporary);
        return FALSE;
    }
    if (rename(temporary, path) < 0) {
        int errnum = errno;
        unlink(temporary);
        return base_error_errno(error, errnum, "rename to '%s'", path);
    }
    return !is_durable || base_dir_sync(folder, error);
}

gboolean
base_file_write(const char *path, const void *data, gsize length, mode_t mode, GError **error)
{
    return replace(path, data, length, mode, TRUE, error);
}

gboolean
base_file_write_unsynced(const char *path, const void *data, gsize length, mode_t mode, GError **error)
{
    return replace(path, data, length, mode, FALSE, error);
}

gboolean
base_dir_make(const char *path, mode_t mode, GError **error)
{
    if (g_mkdir_with_parents(path, (int)mode) < 0)
        return base_error_errno(error, errno, "create folder '%s'", path);
    return TRUE;
}

gboolean
base_dir_sync(const char *path, GError **error)
{
    auto_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return base_error_errno(error, errno, "open folder '%s'", path);
    if (fsync(fd) < 0)
        return base_error_errno(error, errno, "sync folder '%s'", path);
    return TRUE;
}

gboolean
base_file_remove(const char *path, GError **error)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return base_error_errno(error, errno, "remove '%s'", path);
    return TRUE;
}

gboolean
base_path_is_safe_name(const char *name)
{
    if (*name == '\0' || strlen(name) > 255 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return FALSE;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '/' || (guchar)*c < 0x20 || *c == 0x7f)
            return FALSE;
    }
    return TRUE;
}
