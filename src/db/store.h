/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where rows rest: a small vtable, so that one host keeps them in SQLite and a pool can replicate them. */
#pragma once

#include "model/model.h"

typedef enum StoreChangeKind {
    STORE_PUT_ROW,    /* a new row, or all of an old one */
    STORE_SET_FIELD,  /* one field of a row */
    STORE_TOUCH_ROW,  /* only the generation of the last change moves: the reverse side of a relation changed
                       */
    STORE_DELETE_ROW, /* also for rows that were never stored: then only the deletion is remembered */
} StoreChangeKind;

/* One change of one row, in order; all of a transaction stand together, those of one row in it too. Values
 * are in canonical form. All pointers are borrowed for the time of apply(). */
typedef struct StoreChange {
    StoreChangeKind kind;
    int class_id;
    const char *ref;
    guint64 created;
    guint64 changed;
    Value *const *fields; /* the new row, by index (not for DELETE_ROW); derived ones are NULL, others that
                             are not persistent are to be left out */
    int field;            /* SET_FIELD: the one, with its old and new value */
    Value *old_value;
    Value *new_value;
    const char *task; /* for the change log; maybe NULL */
    const char *user;
} StoreChange;

/* What read_all() found besides rows. */
typedef struct StoreState {
    guint64 generation;      /* at least every generation ever shown to a client, also over crashes */
    guint64 deletions_since; /* deletions newer than this were all visited */
    gboolean
        was_closed; /* the last user closed it in order (or there was none): nothing shown is unknown here */
} StoreState;

/**
 * StoreRowVisit:
 * @fields: by index; the callee takes the references over. NULL where the store had none (a field newer than
 * the file: the caller takes the default). What could not be read as the field's type is a VALUE_STRING with
 * the text found.
 */
typedef void (*StoreRowVisit)(gpointer data, int class_id, const char *ref, guint64 created, guint64 changed,
                              Value **fields);
/* A deletion the change log still knows, oldest first. */
typedef void (*StoreDeletionVisit)(gpointer data, int class_id, const char *ref, guint64 created,
                                   guint64 deleted);

typedef struct DbStore DbStore;
typedef struct DbStoreVtable {
    /** reads everything, rows of a class in order of creation. */
    gboolean (*read_all)(DbStore *store, StoreRowVisit row, StoreDeletionVisit deletion, gpointer data,
                         StoreState *ret_state, GError **error);
    /** applies a batch as one durable unit. On failure nothing of it is stored and the store can go on. */
    gboolean (*apply)(DbStore *store, guint64 generation, const StoreChange *changes, gsize n_changes,
                      GError **error);
    /** promises durably that generations up to @generation may be shown though no apply() has named them
     * (volatile commits). */
    gboolean (*reserve)(DbStore *store, guint64 generation, GError **error);
    /** frees @store. @generation: the last one shown; or 0 when the user does not end in order. */
    void (*close)(DbStore *store, guint64 generation);
} DbStoreVtable;
struct DbStore {
    const DbStoreVtable *vtable;
    gboolean is_read_only; /* apply() and reserve() fail */
    char *notes_path;      /* where notes.h may keep its file; NULL: nowhere. The store's */
};

/**
 * db_store_sqlite_open:
 * @path: the file, made with mode 0600 if absent; or NULL for one in memory (tests)
 * @read_only: for checks: nothing is changed, not even the schema
 *
 * WAL, synchronous=FULL; one table per class with one column per persistent field in plain readable form, a
 * table "change" (generation, time, task, user, class, ref, field, old, new) with bounded retention, a table
 * "meta". A stored schema is compared with the model: added columns get defaults, removed ones stay behind
 * unused. One process at a time may have it open for writing. Errors: BASE_ERROR_INVALID for a file of a
 * newer format, or no database; BASE_ERROR_IO.
 */
DbStore *db_store_sqlite_open(const char *path, gboolean read_only, GError **error);
