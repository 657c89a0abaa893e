/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A queue of lines, a thread that writes them, and files that make room for each other. */
#include "auth/audit_file.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_MAX_LINES 10000 /* then those who add wait: no line is dropped for want of memory */

struct AuditFile {
    char *path;
    gsize max_bytes;
    guint n_kept;
    GThread *thread;
    GMutex lock;
    GCond changed;     /* lines came, were written, or the end is near */
    GPtrArray *lines;  /* queued, owned */
    guint64 n_added;   /* so far, like the next one */
    guint64 n_written; /* or lost to an error that the log tells */
    gboolean is_ending;
    /* The thread's own from here on. */
    int fd;
    gsize size_bytes;
    gboolean is_failing; /* told once, not with every line; like the next one */
    gboolean is_rotation_failing;
};

static char *
numbered(const AuditFile *file, guint number)
{
    return number == 0 ? g_strdup(file->path) : g_strdup_printf("%s.%u", file->path, number);
}

/* A line that a crash has cut off gets its end, so that the next one stands alone. */
static void
mend_end(int fd, gsize *size_bytes)
{
    char last;
    if (*size_bytes > 0 && pread(fd, &last, 1, (off_t)*size_bytes - 1) == 1 && last != '\n' &&
        write(fd, "\n", 1) == 1)
        ++*size_bytes;
}

static gboolean
open_file(AuditFile *file, GError **error)
{
    struct stat status;
    auto_fd fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &status) != 0)
        return base_error_errno(error, errno, "open '%s'", file->path);
    file->size_bytes = (gsize)status.st_size;
    mend_end(fd, &file->size_bytes);
    file->fd = base_fd_steal(&fd);
    return TRUE;
}

/* Every file becomes one older; the oldest goes. */
static gboolean
rotate(AuditFile *file, GError **error)
{
    for (guint number = file->n_kept; number > 0; number--) {
        g_autofree char *from = numbered(file, number - 1);
        g_autofree char *to = numbered(file, number);
        if (rename(from, to) != 0 && errno != ENOENT)
            return base_error_errno(error, errno, "rename '%s' to '%s'", from, to);
    }
    if (file->n_kept == 0 && unlink(file->path) != 0)
        return base_error_errno(error, errno, "remove '%s'", file->path);
    fdatasync(file->fd);
    base_fd_clear(&file->fd);
    return open_file(file, error);
}

/* Tells the first of a row of failures. */
static void
tell(gboolean is_failing, gboolean *was_failing, const char *what, const GError *error)
{
    if (is_failing && !*was_failing)
        log_error("audit log: %s: %s", what, error->message);
    *was_failing = is_failing;
}

static void
rotate_if_full(AuditFile *file, gsize length)
{
    g_autoptr(GError) error = NULL;
    if (file->size_bytes == 0 || file->size_bytes + length <= file->max_bytes)
        return;
    tell(!rotate(file, &error), &file->is_rotation_failing, "the file grows on", error);
}

static gboolean
write_line(AuditFile *file, const char *line, GError **error)
{
    gsize length = strlen(line);
    rotate_if_full(file, length);
    if (file->fd < 0 && !open_file(file, error))
        return FALSE;
    if (!base_fd_write_all(file->fd, line, length, error))
        return FALSE;
    file->size_bytes += length;
    return TRUE;
}

static void
write_lines(AuditFile *file, const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++) {
        g_autoptr(GError) error = NULL;
        gboolean is_written = write_line(file, g_ptr_array_index(lines, i), &error);
        tell(!is_written, &file->is_failing, "lines are being lost", error);
    }
}

static gpointer
run(gpointer data)
{
    AuditFile *file = data;
    g_mutex_lock(&file->lock);
    while (!file->is_ending || file->lines->len > 0) {
        if (file->lines->len == 0) {
            g_cond_wait(&file->changed, &file->lock);
            continue;
        }
        g_autoptr(GPtrArray) lines = file->lines;
        file->lines = g_ptr_array_new_with_free_func(g_free);
        g_mutex_unlock(&file->lock);
        write_lines(file, lines);
        g_mutex_lock(&file->lock);
        file->n_written += lines->len;
        g_cond_broadcast(&file->changed);
    }
    g_mutex_unlock(&file->lock);
    return NULL;
}

AuditFile *
audit_file_open(const char *path, gsize max_bytes, guint n_kept, GError **error)
{
    g_autoptr(AuditFile) file = g_new0(AuditFile, 1);
    file->path = g_strdup(path);
    file->max_bytes = max_bytes;
    file->n_kept = n_kept;
    file->fd = -1;
    g_mutex_init(&file->lock);
    g_cond_init(&file->changed);
    file->lines = g_ptr_array_new_with_free_func(g_free);
    if (!open_file(file, error))
        return NULL;
    file->thread = g_thread_new("audit", run, file);
    return g_steal_pointer(&file);
}

void
audit_file_free(AuditFile *file)
{
    if (file == NULL)
        return;
    g_mutex_lock(&file->lock);
    file->is_ending = TRUE;
    g_cond_broadcast(&file->changed);
    g_mutex_unlock(&file->lock);
    if (file->thread != NULL)
        g_thread_join(file->thread);
    if (file->fd >= 0)
        fdatasync(file->fd);
    base_fd_clear(&file->fd);
    g_ptr_array_unref(file->lines);
    g_cond_clear(&file->changed);
    g_mutex_clear(&file->lock);
    g_free(file->path);
    g_free(file);
}

void
audit_file_add(AuditFile *file, char *line)
{
    g_mutex_lock(&file->lock);
    while (file->lines->len >= QUEUE_MAX_LINES)
        g_cond_wait(&file->changed, &file->lock);
    g_ptr_array_add(file->lines, line);
    file->n_added++;
    g_cond_broadcast(&file->changed);
    g_mutex_unlock(&file->lock);
}

void
audit_file_flush(AuditFile *file)
{
    g_mutex_lock(&file->lock);
    guint64 wanted = file->n_added;
    while (file->n_written < wanted)
        g_cond_wait(&file->changed, &file->lock);
    g_mutex_unlock(&file->lock);
}
