/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file: "xylem-shown BOOT GENERATION", then a line "CLASS REF" for each row. */
#include "db/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"

#define MAGIC         "xylem-shown"
#define BOOT_PATH     "/proc/sys/kernel/random/boot_id"
#define BOOT_MAX      64
#define FILE_MAX      (256u * 1024 * 1024) /* a longer one is not ours */
#define REWRITE_BYTES (1024 * 1024)

struct DbNotes {
    char *path;
    char *boot;
    guint64 generation;
    int fd; /* -1: given up, or none */
    GString *pending;
    gsize length;  /* of the file */
    gsize rewrite; /* length from which it is worth to begin anew */
};

/* NULL where it cannot be told. */
static char *
read_boot(void)
{
    char *text = NULL;

    if (!base_file_read(BOOT_PATH, BOOT_MAX, &text, NULL, NULL))
        return NULL;
    return g_strchomp(text);
}

char *
db_notes_key(const char *class_name, const char *ref)
{
    return g_strdup_printf("%s %s", class_name, ref);
}

/* -- Reading -- */

/* Whether the first line is of this boot, and of no other database than the one that has @generation. */
static gboolean
is_ours(const char *line, guint64 generation)
{
    g_autofree char *boot = read_boot();
    g_auto(GStrv) words = g_strsplit(line, " ", 4);
    guint64 begun = 0;

    return boot != NULL && g_strv_length(words) == 3 && strcmp(words[0], MAGIC) == 0 &&
           strcmp(words[1], boot) == 0 &&
           g_ascii_string_to_unsigned(words[2], 10, 0, G_MAXUINT64, &begun, NULL) && begun <= generation;
}

GHashTable *
db_notes_read(const char *path, guint64 generation)
{
    g_autofree char *text = NULL;

    if (!base_file_read(path, FILE_MAX, &text, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint n_lines = g_strv_length(lines);
    if (n_lines < 2 || !is_ours(lines[0], generation))
        return NULL;
    GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    /* The last one is empty, or was not whole when the process ended: then its row had not been shown yet. */
    for (guint i = 1; i + 1 < n_lines; i++)
        g_hash_table_add(keys, g_strdup(lines[i]));
    return keys;
}

/* -- Writing -- */

static void
give_up(DbNotes *notes, const char *what)
{
    log_warning("database: %s '%s': %s; after a crash clients will be told more than need be", what,
                notes->path, g_strerror(errno));
    unlink(notes->path);
    base_fd_clear(&notes->fd);
    g_string_truncate(notes->pending, 0);
}

static gboolean
write_all(int fd, const GString *text)
{
    for (gsize done = 0; done < text->len;) {
        ssize_t n = write(fd, text->str + done, text->len - done);
        if (n < 0 && errno != EINTR)
            return FALSE;
        done += n > 0 ? (gsize)n : 0;
    }
    return TRUE;
}

void
db_notes_flush(DbNotes *notes)
{
    if (notes->fd < 0 || notes->pending->len == 0)
        return;
    if (!write_all(notes->fd, notes->pending)) {
        give_up(notes, "cannot write");
        return;
    }
    notes->length += notes->pending->len;
    g_string_truncate(notes->pending, 0);
}

void
db_notes_add(DbNotes *notes, const char *class_name, const char *ref)
{
    if (notes->fd >= 0)
        g_string_append_printf(notes->pending, "%s %s\n", class_name, ref);
}

gboolean
db_notes_is_long(const DbNotes *notes)
{
    return notes->fd >= 0 && notes->length > notes->rewrite;
}

void
db_notes_rewrite_begin(DbNotes *notes)
{
    g_string_printf(notes->pending, MAGIC " %s %" G_GUINT64_FORMAT "\n", notes->boot, notes->generation);
}

void
db_notes_rewrite_end(DbNotes *notes)
{
    g_autofree char *path = g_strconcat(notes->path, ".new", NULL);
    auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || !write_all(fd, notes->pending) || rename(path, notes->path) < 0) {
        give_up(notes, "cannot renew");
        unlink(path);
        return;
    }
    base_fd_clear(&notes->fd);
    notes->fd = base_fd_steal(&fd);
    notes->length = notes->pending->len;
    notes->rewrite = MAX(REWRITE_BYTES, notes->length * 2);
    g_string_truncate(notes->pending, 0);
}

DbNotes *
db_notes_new(const char *path, guint64 generation)
{
    DbNotes *notes = g_new0(DbNotes, 1);

    notes->path = g_strdup(path);
    notes->boot = read_boot();
    notes->generation = generation;
    notes->fd = -1;
    notes->pending = g_string_new(NULL);
    if (notes->boot == NULL) {
        unlink(path); /* an old one would be believed */
        return notes;
    }
    db_notes_rewrite_begin(notes);
    db_notes_rewrite_end(notes);
    return notes;
}

void
db_notes_free(DbNotes *notes, gboolean is_settled)
{
    if (notes == NULL)
        return;
    if (is_settled)
        unlink(notes->path);
    base_fd_clear(&notes->fd);
    g_string_free(notes->pending, TRUE);
    g_free(notes->boot);
    g_free(notes->path);
    g_free(notes);
}
