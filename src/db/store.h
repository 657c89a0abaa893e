/* Where rows rest: a small vtable, so that one host keeps them in SQLite and a pool can replicate them. */
#pragma once

#include "model/model.h"

typedef enum StoreChangeKind { STORE_PUT_ROW, STORE_SET_FIELD, STORE_DELETE_ROW } StoreChangeKind;

/* One change of one row, in order. Values are in canonical form; only persistent fields of persistent classes come here. */
typedef struct StoreChange {
    StoreChangeKind kind;
    int class_id;
    const char *ref;
    guint64 created;
    guint64 changed;      /* also for rows whose persistent fields did not change */
    Value *const *fields; /* PUT_ROW: all fields by index */
    int field;            /* SET_FIELD: the one, with its old and new value */
    Value *old_value;
    Value *new_value;
    const char *task; /* for the change log; maybe NULL */
    const char *user;
} StoreChange;

/* A row as read back. fields[] by index; NULL where the store had none (a field newer than the file: the caller takes the default). */
typedef void (*StoreRowVisit)(gpointer data, int class_id, const char *ref, guint64 created, guint64 changed, Value **fields);
/* A deletion the change log still knows, oldest first. */
typedef void (*StoreDeletionVisit)(gpointer data, int class_id, const char *ref, guint64 created, guint64 deleted);

typedef struct DbStore DbStore;
typedef struct DbStoreVtable {
    /** reads everything; @ret_generation is at least every generation ever shown to a client, also over crashes. */
    gboolean (*read_all)(DbStore *store, StoreRowVisit row, StoreDeletionVisit deletion, gpointer data, guint64 *ret_generation, GError **error);
    /** applies a batch as one durable unit. On failure nothing of it is stored and the store can go on. */
    gboolean (*apply)(DbStore *store, guint64 generation, const StoreChange *changes, gsize n_changes, GError **error);
    /** promises that generations up to @generation may be shown though no apply() has named them (volatile commits). */
    gboolean (*reserve)(DbStore *store, guint64 generation, GError **error);
    void (*close)(DbStore *store);
} DbStoreVtable;
struct DbStore {
    const DbStoreVtable *vtable;
};

/**
 * db_store_sqlite_open:
 * @path: the file, made with mode 0600 if absent; or NULL for one in memory (tests)
 * @read_only: for checks: nothing is changed, not even the schema
 *
 * WAL, synchronous=FULL; one table per class with one column per persistent field in plain readable form, a table "change" (generation, time, task, user,
 * class, ref, field, old, new) with bounded retention, a table "meta". A stored schema is compared with the model: added columns get
 * defaults, removed ones stay behind unused. Errors: BASE_ERROR_INVALID for a file of a newer model version, or no database.
 */
DbStore *db_store_sqlite_open(const char *path, gboolean read_only, GError **error);
