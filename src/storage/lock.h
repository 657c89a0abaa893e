/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which calls to plugins may run at the same time.
 *
 * Source: storage document, "Ordering, Concurrency, and Locking": creation and deletion are serial in the SR,
 * scan is serial with everything in the SR, other calls are serial per disk only. */
#pragma once

#include <gio/gio.h>

/*             none  vdi   change  sr
 *   none                                  never waits
 *   vdi             (*)           waits   one call on a disk; waits for the same disk only (*)
 *   change          (*)   waits   waits   makes or removes disks: one per SR
 *   sr              waits waits   waits   alone in its SR */
typedef enum StorageLockMode {
    STORAGE_LOCK_NONE,
    STORAGE_LOCK_VDI,
    STORAGE_LOCK_CHANGE,
    STORAGE_LOCK_SR,
    STORAGE_LOCK_N,
} StorageLockMode;

/* The queues of all SRs. */
typedef struct StorageLocks StorageLocks;

StorageLocks *storage_locks_new(void);
void storage_locks_free(StorageLocks *locks); /* nothing may be held */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageLocks, storage_locks_free)

/* Held until freed. */
typedef struct StorageLock StorageLock;

/**
 * storage_lock_acquire:
 * @sr_uuid: (nullable): NULL with STORAGE_LOCK_NONE only
 * @vdi_uuid: (nullable): the disk it works on; NULL where there is none yet
 * @cancellable: (nullable): ends the wait
 *
 * Waits in order of arrival, so that a scan is not starved by a stream of attaches. Returns NULL when
 * cancelled (G_IO_ERROR_CANCELLED).
 */
StorageLock *storage_lock_acquire(StorageLocks *locks, StorageLockMode mode, const char *sr_uuid,
                                  const char *vdi_uuid, GCancellable *cancellable, GError **error);

/** storage_lock_release: NULL is fine. */
void storage_lock_release(StorageLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StorageLock, storage_lock_release)

/** storage_locks_count: requests that hold or wait, for tests. */
guint storage_locks_count(StorageLocks *locks, const char *sr_uuid);
