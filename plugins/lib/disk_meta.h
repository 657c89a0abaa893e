/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a disk beside its image: the sidecar file <uuid>.json. */
#pragma once

#include "lib/report.h"

typedef struct DiskMeta {
    char *name_label;
    char *name_description;
    char *type;          /* member of vdi_type */
    char *snapshot_of;   /* uuid or "" */
    char *snapshot_time; /* wire form; the epoch for none */
    gboolean is_read_only;
    gboolean is_sharable;
    gboolean is_a_snapshot;
    gboolean is_hidden; /* base of others, no disk of its own any more */
    Value *sm_config;   /* map of strings */
} DiskMeta;

/** disk_meta_init: an unnamed user disk. */
void disk_meta_init(DiskMeta *meta);

/** disk_meta_init_base: a hidden base. */
void disk_meta_init_base(DiskMeta *meta);
void disk_meta_clear(DiskMeta *meta); /* twice is harmless */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DiskMeta, disk_meta_clear)

/** disk_meta_copy: @ret_meta is written over. */
void disk_meta_copy(const DiskMeta *meta, DiskMeta *ret_meta);

/** disk_meta_read: Errors: BASE_ERROR_NOT_FOUND, BASE_ERROR_INVALID, BASE_ERROR_IO. */
gboolean disk_meta_read(const char *path, DiskMeta *ret_meta, GError **error);

/** disk_meta_write: durable when it returns. Errors: BASE_ERROR_IO. */
gboolean disk_meta_write(const char *path, const DiskMeta *meta, GError **error);

/**
 * disk_meta_prepare:
 *
 * The same, but for its name, which the caller's next base_dir_sync() of the folder makes durable: a sync is
 * a large part of what making a disk costs.
 */
gboolean disk_meta_prepare(const char *path, const DiskMeta *meta, GError **error);
