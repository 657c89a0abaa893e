/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who uses which disk on this host, kept in one small file per disk. Internal to this folder.
 *
 * The files outlive this process, not the host: what was attached before a reboot is attached no more, so
 * they carry the boot's id and need no fsync. Work on one disk is serial by its lock (storage/lock.h); the
 * list as a whole has a mutex of its own. */
#pragma once

#include "storage/storage.h"

/* Use of one disk by one datapath. */
typedef struct StorageDatapathUse {
    char *dp;
    gboolean is_writable;
    gboolean is_activated;
    gboolean is_pending; /* the plugin was called to attach and has not answered */
    gboolean is_left;    /* by an earlier process, and its user has not shown up in this one */
} StorageDatapathUse;

/* All uses of one disk. Changed only under the disk's lock and the list's mutex. */
typedef struct StorageDatapathVdi {
    char *sr_uuid;
    char *vdi_uuid;
    StorageAttachment *attachment; /* NULL: not attached, as far as known */
    GPtrArray *uses;               /* StorageDatapathUse */
    gboolean is_restored;          /* from an earlier process, which may have ended in the middle of a call */
} StorageDatapathVdi;

typedef struct StorageDatapaths StorageDatapaths;

/** storage_datapaths_open: reads @directory, made if missing. Errors: BASE_ERROR_IO. Files of another boot
 * are removed. */
StorageDatapaths *storage_datapaths_open(const char *directory, GError **error);
void storage_datapaths_free(StorageDatapaths *datapaths); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageDatapaths, storage_datapaths_free)

/** storage_datapaths_acquire: the disk's entry, made empty if there is none; the caller holds the disk's lock
 * until release. */
StorageDatapathVdi *storage_datapaths_acquire(StorageDatapaths *datapaths, const char *sr_uuid,
                                              const char *vdi_uuid);

/** storage_datapaths_release: an entry without uses is dropped; @vdi is not used any more. */
void storage_datapaths_release(StorageDatapaths *datapaths, StorageDatapathVdi *vdi);

/** storage_datapaths_use: the use by @dp, or NULL. */
StorageDatapathUse *storage_datapaths_use(const StorageDatapathVdi *vdi, const char *dp);

/** storage_datapaths_add: a pending use by @dp, which has none. Not saved. */
StorageDatapathUse *storage_datapaths_add(StorageDatapaths *datapaths, StorageDatapathVdi *vdi,
                                          const char *dp, gboolean is_writable);

/** storage_datapaths_mark: changes the state of a use. Not saved. */
void storage_datapaths_mark(StorageDatapaths *datapaths, StorageDatapathUse *use, gboolean is_pending,
                            gboolean is_activated);

/** storage_datapaths_take_up: the user of @use is there: it is left no more. */
void storage_datapaths_take_up(StorageDatapaths *datapaths, StorageDatapathUse *use);

/** storage_datapaths_remove: forgets the use by @dp. Not saved. */
void storage_datapaths_remove(StorageDatapaths *datapaths, StorageDatapathVdi *vdi, const char *dp);

/** storage_datapaths_save: writes the disk's file, or removes it when no use is left. Errors: BASE_ERROR_IO.
 */
gboolean storage_datapaths_save(StorageDatapaths *datapaths, StorageDatapathVdi *vdi, GError **error);

/** storage_datapaths_count_vdi: uses of one disk. */
guint storage_datapaths_count_vdi(StorageDatapaths *datapaths, const char *sr_uuid, const char *vdi_uuid);

/** storage_datapaths_count_sr: uses of all disks of an SR. */
guint storage_datapaths_count_sr(StorageDatapaths *datapaths, const char *sr_uuid);

/** storage_datapaths_list: StorageDatapath, sorted; of one SR or of all for NULL. (transfer full) */
GPtrArray *storage_datapaths_list(StorageDatapaths *datapaths, const char *sr_uuid);
