/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots and clones by external overlays.
 *
 *     D  ──────►  D   N      D's file becomes the hidden base B; D and N are empty overlays on it.
 *                  \ /
 *                   B
 *
 * If D holds nothing of its own, N is made beside D on what D reads from, and D stays: so a chain grows only
 * when something was written.
 *
 * The order of the steps is what makes it safe: until the rename in step 5, D's name is D's file; from then
 * on B's is, and D reads from it. What is left by a crash is listed in repair.c. */
#include "lib/folder/fork.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/driver.h"

#define NEW_SUFFIX ".new"

/* One fork under way. Names are without the folder. */
typedef struct Fork {
    const FolderStore *store;
    ImageInfo source; /* D */
    char *source_name;
    char *target_name; /* D's name as an overlay: <uuid>.qcow2 */
    char *new_name;    /* N */
    char *base_uuid;   /* B */
    char *base_name;
    char *target_temporary;
    char *new_temporary;
} Fork;

static void
fork_clear(Fork *fork)
{
    image_info_clear(&fork->source);
    g_free(fork->source_name);
    g_free(fork->target_name);
    g_free(fork->new_name);
    g_free(fork->base_uuid);
    g_free(fork->base_name);
    g_free(fork->target_temporary);
    g_free(fork->new_temporary);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fork, fork_clear)

static void
name_files(Fork *fork, const char *uuid, const char *new_uuid)
{
    fork->source_name = folder_store_image_name(uuid, fork->source.format);
    fork->target_name = folder_store_image_name(uuid, IMAGE_FORMAT_QCOW2);
    fork->new_name = folder_store_image_name(new_uuid, IMAGE_FORMAT_QCOW2);
    fork->base_uuid = base_uuid_new();
    fork->base_name = folder_store_image_name(fork->base_uuid, fork->source.format);
    fork->target_temporary = g_strconcat(fork->target_name, NEW_SUFFIX, NULL);
    fork->new_temporary = g_strconcat(fork->new_name, NEW_SUFFIX, NULL);
}

static gboolean
prepare_meta(const FolderStore *store, const char *uuid, const DiskMeta *meta, GError **error)
{
    g_autofree char *path = folder_store_path(store, uuid, "json");
    return disk_meta_prepare(path, meta, error);
}

static gboolean
link_in(const FolderStore *store, const char *from, const char *to, GError **error)
{
    g_autofree char *source = g_build_filename(store->path, from, NULL);
    g_autofree char *target = g_build_filename(store->path, to, NULL);
    if (link(source, target) < 0)
        return base_error_errno(error, errno, "link '%s' to '%s'", source, to);
    return TRUE;
}

static void
unlink_in(const FolderStore *store, const char *name)
{
    g_autofree char *path = g_build_filename(store->path, name, NULL);
    unlink(path);
}

static void
remove_sidecar(const FolderStore *store, const char *uuid)
{
    g_autofree char *name = g_strconcat(uuid, ".json", NULL);
    unlink_in(store, name);
}

/* N is taken back; D is whole, as an overlay or as it was. */
static void
remove_new(const Fork *fork, const char *new_uuid)
{
    unlink_in(fork->store, fork->new_name);
    unlink_in(fork->store, fork->new_temporary);
    remove_sidecar(fork->store, new_uuid);
}

/* ---- D holds nothing of its own ---- */

/* The format of the base that an overlay names: its suffix says so. */
static gboolean
base_format(const char *backing, ImageFormat *ret_format, GError **error)
{
    g_autofree char *uuid = NULL;
    if (folder_store_parse_image_name(backing, &uuid, ret_format))
        return TRUE;
    return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "'%s' is no base of this SR", backing);
}

static ImageJob *
start_sibling(const Fork *fork, GError **error)
{
    const char *folder = fork->store->path;
    ImageFormat format;

    if (fork->source.backing == NULL)
        return image_create(folder, fork->new_temporary, fork->source.virtual_size);
    if (!base_format(fork->source.backing, &format, error))
        return NULL;
    return image_create_overlay(folder, fork->new_temporary, fork->source.backing, format,
                                fork->source.virtual_size);
}

static gboolean
fork_empty(const Fork *fork, const char *new_uuid, const DiskMeta *new_meta, GError **error)
{
    const FolderStore *store = fork->store;
    ImageJob *job = start_sibling(fork, error);
    if (job == NULL)
        return FALSE;

    gboolean is_written = prepare_meta(store, new_uuid, new_meta, error);
    gboolean is_made = image_job_finish(job, is_written ? error : NULL);
    gboolean is_done = is_written && is_made &&
                       folder_store_rename(store, fork->new_temporary, fork->new_name, error) &&
                       base_dir_sync(store->path, error);
    if (!is_done)
        remove_new(fork, new_uuid);
    return is_done;
}

/* ---- D becomes a base ---- */

/* Steps 1 and 2: the sidecars, then B's name for D's file, on disk before D's name leads elsewhere. */
static gboolean
make_base(const Fork *fork, const char *new_uuid, const DiskMeta *new_meta, GError **error)
{
    const FolderStore *store = fork->store;
    g_auto(DiskMeta) base_meta = {0};
    disk_meta_init_base(&base_meta);

    return prepare_meta(store, fork->base_uuid, &base_meta, error) &&
           prepare_meta(store, new_uuid, new_meta, error) &&
           link_in(store, fork->source_name, fork->base_name, error) && base_dir_sync(store->path, error);
}

/* Steps 3 and 4, at the same time as the first two: both overlays, under temporary names. They are equal, so
 * the second is a copy. */
static gboolean
prepare_fork(const Fork *fork, const char *new_uuid, const DiskMeta *new_meta, GError **error)
{
    const char *folder = fork->store->path;
    ImageJob *job = image_create_overlay(folder, fork->new_temporary, fork->base_name, fork->source.format,
                                         fork->source.virtual_size);
    gboolean is_base = make_base(fork, new_uuid, new_meta, error);
    gboolean is_made = image_job_finish(job, is_base ? error : NULL);
    return is_base && is_made && image_copy_small(folder, fork->new_temporary, fork->target_temporary, error);
}

/* Takes steps 1 to 4 back: D's name is still D's file. */
static void
undo_base(const Fork *fork, const char *new_uuid)
{
    unlink_in(fork->store, fork->base_name);
    unlink_in(fork->store, fork->target_temporary);
    unlink_in(fork->store, fork->new_temporary);
    remove_sidecar(fork->store, fork->base_uuid);
    remove_sidecar(fork->store, new_uuid);
}

/* Steps 5 to 8: D's name gets its overlay, D's old name goes if it was a raw file's, N appears. From the
 * rename on there is no way back: D reads from B, whether or not the disk has taken note of it. */
static gboolean
put_overlays(const Fork *fork, const char *new_uuid, GError **error)
{
    const FolderStore *store = fork->store;

    if (!folder_store_rename(store, fork->target_temporary, fork->target_name, error)) {
        undo_base(fork, new_uuid);
        return FALSE;
    }
    gboolean is_done = base_dir_sync(store->path, error);
    if (is_done && fork->source.format != IMAGE_FORMAT_QCOW2)
        unlink_in(store, fork->source_name);
    is_done = is_done && folder_store_rename(store, fork->new_temporary, fork->new_name, error) &&
              base_dir_sync(store->path, error);
    if (!is_done)
        remove_new(fork, new_uuid);
    return is_done;
}

static gboolean
fork_full(const Fork *fork, const char *new_uuid, const DiskMeta *new_meta, GError **error)
{
    if (!prepare_fork(fork, new_uuid, new_meta, error)) {
        undo_base(fork, new_uuid);
        return FALSE;
    }
    return put_overlays(fork, new_uuid, error);
}

gboolean
folder_fork(const FolderStore *store, const char *uuid, const char *new_uuid, const DiskMeta *new_meta,
            DriverErrorCode code, GError **error)
{
    g_auto(Fork) fork = {.store = store};
    if (!folder_store_image(store, uuid, &fork.source, error))
        return FALSE;
    if (!fork.source.is_plain)
        return driver_fault(error, DRIVER_ERROR_VDI_LOAD, "%s needs more than its own file", uuid);

    name_files(&fork, uuid, new_uuid);
    gboolean is_done = fork.source.has_data ? fork_full(&fork, new_uuid, new_meta, error)
                                            : fork_empty(&fork, new_uuid, new_meta, error);
    return is_done || driver_fault_from(error, code);
}
