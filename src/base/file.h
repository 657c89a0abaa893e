/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole files and directories, with bounds and durable writes. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/** base_file_read: the whole of @path, NUL-terminated. Errors: BASE_ERROR_NOT_FOUND, _IO, _TOO_LARGE (over
 * @max_bytes). */
gboolean base_file_read(const char *path, gsize max_bytes, char **ret_text, gsize *ret_length,
                        GError **error);

/**
 * base_file_write:
 *
 * Replaces @path in one step (temporary file beside it, fsync, rename, fsync of the folder): after a crash
 * there is the old content or the new. @mode holds from the first moment on.
 */
gboolean base_file_write(const char *path, const void *data, gsize length, mode_t mode, GError **error);

/**
 * base_file_write_unsynced:
 *
 * The same without waiting for the disk: whole whoever is killed, but a power failure may leave the old
 * content, the new or an empty file. For what means nothing after a reboot.
 */
gboolean base_file_write_unsynced(const char *path, const void *data, gsize length, mode_t mode,
                                  GError **error);

/** base_dir_make: @path and its missing parents, with @mode; an existing folder is fine. */
gboolean base_dir_make(const char *path, mode_t mode, GError **error);

/** base_dir_sync: makes created, renamed and removed entries of @path durable. */
gboolean base_dir_sync(const char *path, GError **error);

/** base_file_remove: unlinks @path; a missing one is fine. Not durable until base_dir_sync(). */
gboolean base_file_remove(const char *path, GError **error);

/** base_path_is_safe_name: one path component: not empty, no '/', not "." or "..", at most 255 bytes, no
 * control bytes. */
gboolean base_path_is_safe_name(const char *name);
