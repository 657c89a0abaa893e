/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which stored rows have been shown with something that the store does not know: what a start after the
 * process was killed tells clients again.
 *
 * A file that is written but never forced to the disk: it outlives the process, not the machine. It names the
 * boot it belongs to; after another one, or without it, nobody knows, and more is told than need be. Writer
 * thread only. */
#pragma once

#include <glib.h>

typedef struct DbNotes DbNotes;

/** db_notes_read: the notes of whoever had the database open last: a set of keys as db_notes_key() makes
 * them. @generation: what the store knows to have been reserved. NULL: there are none to rely on. */
GHashTable *db_notes_read(const char *path, guint64 generation);
/** db_notes_key: the caller frees it. */
char *db_notes_key(const char *class_name, const char *ref);

/** db_notes_new: begins anew. @generation: what this start has reserved. Never NULL; one that cannot write
 * removes the file and keeps nothing. */
DbNotes *db_notes_new(const char *path, guint64 generation);
/** db_notes_free: @is_settled: the store knows all: the file goes. NULL is fine. */
void db_notes_free(DbNotes *notes, gboolean is_settled);

/** db_notes_add: to be written by db_notes_flush(). */
void db_notes_add(DbNotes *notes, const char *class_name, const char *ref);
/** db_notes_flush: before what was added is shown. */
void db_notes_flush(DbNotes *notes);
/** db_notes_is_long: it holds much that may be of rows that are gone: add all that is true still between
 * db_notes_rewrite_begin() and db_notes_rewrite_end(). */
gboolean db_notes_is_long(const DbNotes *notes);
/** db_notes_rewrite_begin: see db_notes_is_long(). */
void db_notes_rewrite_begin(DbNotes *notes);
/** db_notes_rewrite_end: the old file stays until the new one is whole. */
void db_notes_rewrite_end(DbNotes *notes);
