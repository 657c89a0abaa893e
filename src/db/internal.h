/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The database from the inside, shared by the files of this folder only. */
#pragma once

#include "db/notes.h"
#include "db/table.h"
#include <pthread.h>

struct Db {
    DbStore *store;
    DbSchema *schema;

    /* Guards the tables and the generation. Held shared by readers for look-ups and pointer copies, alone by
     * the writer thread to show a batch. The writer thread is the only one to change them, so it reads them
     * without. */
    pthread_rwlock_t lock;
    DbTable **tables;      /* by class id */
    guint64 generation;    /* of the last visible commit */
    guint64 last_sequence; /* of the last row made */
    guint64 last_order;    /* of the last change */
    guint64 reserved;      /* writer thread: generations up to this may be shown without asking the store */

    GMutex hook_mutex; /* held while the hook runs, so that it can be taken away */
    DbCommitHook hook;
    gpointer hook_data;

    DbCompute allowed_operations; /* NULL: as stored */

    DbNotes *notes;          /* NULL where the store has no place for them */
    struct DbWriter *writer; /* NULL for a read-only store */
};

/** db_lock_shared, db_unlock_shared: around a reader's look at the tables; never around anything that waits.
 */
void db_lock_shared(Db *db);
/** db_unlock_shared: see db_lock_shared(). */
void db_unlock_shared(Db *db);

/** db_not_found: sets HANDLE_INVALID [class, ref]. Returns FALSE. */
gboolean db_not_found(int class_id, const char *ref, GError **error);
/** db_internal_error: sets INTERNAL_ERROR [text]. Returns FALSE. */
gboolean db_internal_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** db_load: fills empty tables from the store. */
gboolean db_load(Db *db, GError **error);

/** db_has_volatile_content: whether a field that is not stored holds anything but its default. */
gboolean db_has_volatile_content(const DbClassInfo *info, const DbRow *row);

/** db_settle: at the end, on the closing thread: stores what events need over a restart. Returns the last
 * generation shown. */
guint64 db_settle(Db *db);
