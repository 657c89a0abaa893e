/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object database: one table of immutable rows per class, in memory, durable through a store.
 *
 * Readers take a reference to a row and never wait for a commit. All changes go through one writer thread,
 * which takes what is queued together, checks each transaction on top of the ones before it, makes them
 * durable in one sync, then shows them at once. Permissions are checked above (auth). Errors are the API's:
 * HANDLE_INVALID, MAP_DUPLICATE_KEY, INTERNAL_ERROR, ... */
#pragma once

#include "db/store.h"
#include "model/model.h"

typedef struct Db Db;
typedef struct DbTxn DbTxn;

/* One version of one object. Never changes; a change makes a new row. */
typedef struct DbRow {
    const ModelClass *model_class;
    const char *ref;      /* "OpaqueRef:<uuid>" */
    guint64 created;      /* generation that inserted it */
    guint64 changed;      /* generation of this version */
    gboolean is_volatile; /* not stored: gone after a restart */
    Value **fields;       /* by field index; derived ones are NULL: read through db_row_get() */
} DbRow;

DbRow *db_row_ref(DbRow *row);
void db_row_unref(DbRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbRow, db_row_unref)

/**
 * db_open:
 * @store: (transfer full): where rows rest; see db_store_sqlite_open()
 *
 * Reads all rows, upgrades the stored schema to the model's, starts the writer. Errors: API_ERROR
 * INTERNAL_ERROR, BASE_ERROR (newer schema, damaged rows: says what to do).
 */
Db *db_open(DbStore *store, GError **error);
/** db_close: commits what is queued, then closes. NULL is fine. */
void db_close(Db *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Db, db_close)

/* -- Reading, from any thread -- */

/** db_get: (transfer full) (nullable): NULL if there is none; no error. */
DbRow *db_get(Db *db, int class_id, const char *ref);
/** db_require: db_get(), where absence is HANDLE_INVALID [class, ref]. */
DbRow *db_require(Db *db, int class_id, const char *ref, GError **error);
/** db_get_by_uuid: (transfer full) (nullable) */
DbRow *db_get_by_uuid(Db *db, int class_id, const char *uuid);
/** db_get_by_name: (transfer full) (element-type DbRow): all rows with this name_label; maybe empty. */
GPtrArray *db_get_by_name(Db *db, int class_id, const char *name_label);
/** db_get_all: (transfer full) (element-type DbRow): every row, as of one generation, in order of creation.
 */
GPtrArray *db_get_all(Db *db, int class_id);
/** db_count: rows of the class now. */
gsize db_count(Db *db, int class_id);

/** db_row_get: (transfer full): a field's value; derived fields are read from the index as they are now. */
Value *db_row_get(Db *db, const DbRow *row, int field);
/**
 * DbCompute: what allowed_operations of @row are: a function of the row and of rows whose changes make a new
 * version of it, so that it is true of every version without being written. From any thread, with no lock
 * held. (transfer full)
 */
typedef Value *(*DbCompute)(Db *db, const DbRow *row);
/** db_set_allowed_operations: from then on allowed_operations read as @compute says. Before the first reader.
 */
void db_set_allowed_operations(Db *db, DbCompute compute);

/** db_row_record: (transfer full): the map of all fields: get_record's shape. */
Value *db_row_record(Db *db, const DbRow *row);

/* Encoded forms kept with the row, so that lists of records are made by concatenation. */
typedef enum DbEncoding { DB_ENCODING_XMLRPC, DB_ENCODING_JSON, DB_ENCODING_N } DbEncoding;
/** db_row_write_record: appends the record's encoded value ("<value><struct>..." or "{...}"). */
void db_row_write_record(Db *db, DbRow *row, DbEncoding encoding, GString *out);
/** db_row_kept_record: the same text where it is kept already, else NULL. Lives as long as @row. */
const char *db_row_kept_record(const DbRow *row, DbEncoding encoding, gsize *ret_length);

/* Shorthand for fields of a row that are not derived; borrowed from the row. */
const char *db_row_string(const DbRow *row, int field);
gint64 db_row_int(const DbRow *row, int field);
gboolean db_row_bool(const DbRow *row, int field);
double db_row_float(const DbRow *row, int field);
const char *db_row_map_string(const DbRow *row, int field, const char *key, const char *fallback);

/** db_referrers: (transfer full) (element-type DbRow): rows of @class_id whose @field (a ref or set of refs)
 * holds @ref, in order of creation. */
GPtrArray *db_referrers(Db *db, int class_id, int field, const char *ref);

/** db_generation: of the last visible commit. Survives restarts and never goes back. */
guint64 db_generation(Db *db);

/* -- Changing -- */

/* Who makes a change: stands in the change log. All borrowed until the commit; NULL is fine. */
typedef struct DbActor {
    const char *task; /* ref */
    const char *user; /* name */
} DbActor;

DbTxn *db_txn_new(Db *db, const DbActor *actor);
void db_txn_free(DbTxn *txn); /* one never committed: nothing happens. NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbTxn, db_txn_free)

/* Steps of a transaction. They cannot fail when recorded; all checks happen at commit, in order. Values are
 * taken over (transfer full). */

/**
 * db_txn_insert:
 * @ref: (nullable): NULL makes one
 *
 * A new row with the model's defaults and, where the class has a uuid, a fresh one. Returns the ref, borrowed
 * from @txn. Fails at commit: INTERNAL_ERROR if the ref exists, UUID_INVALID if the uuid does.
 */
const char *db_txn_insert(DbTxn *txn, int class_id, const char *ref);
/** db_txn_insert_volatile: the same, never written to the store (the tasks of synchronous calls). */
const char *db_txn_insert_volatile(DbTxn *txn, int class_id, const char *ref);
void db_txn_set(DbTxn *txn, int class_id, const char *ref, int field, Value *value);
void db_txn_set_string(DbTxn *txn, int class_id, const char *ref, int field, const char *text);
void db_txn_set_int(DbTxn *txn, int class_id, const char *ref, int field, gint64 number);
void db_txn_set_bool(DbTxn *txn, int class_id, const char *ref, int field, gboolean truth);
/** db_txn_map_add: MAP_DUPLICATE_KEY [class, field, ref, key] if @key is there. */
void db_txn_map_add(DbTxn *txn, int class_id, const char *ref, int field, const char *key, Value *value);
/** db_txn_map_put: sets @key whether it is there or not. */
void db_txn_map_put(DbTxn *txn, int class_id, const char *ref, int field, const char *key, Value *value);
/** db_txn_map_remove: fine if absent. */
void db_txn_map_remove(DbTxn *txn, int class_id, const char *ref, int field, const char *key);
/** db_txn_set_add / db_txn_set_remove: membership; fine if already so. */
void db_txn_set_add(DbTxn *txn, int class_id, const char *ref, int field, Value *member);
void db_txn_set_remove(DbTxn *txn, int class_id, const char *ref, int field, const char *member);
/** db_txn_touch: a new version without a change: event.inject. */
void db_txn_touch(DbTxn *txn, int class_id, const char *ref);
/** db_txn_delete: and what the model's on_delete says of rows that point here. HANDLE_INVALID if absent. */
void db_txn_delete(DbTxn *txn, int class_id, const char *ref);

/**
 * DbTxnStep:
 *
 * Runs on the writer thread at its place in the transaction; sees everything before it through db_txn_read(),
 * may record further steps (run right after it, in order), and fails the whole transaction by returning
 * FALSE. Must be short: no input or output. May run a second time with the same @data, when the store refused
 * a batch and its transactions are tried one by one: do not use @data up.
 */
typedef gboolean (*DbTxnStep)(DbTxn *txn, gpointer data, GError **error);
void db_txn_step(DbTxn *txn, DbTxnStep step, gpointer data, GDestroyNotify free_data);
/** db_txn_read: (transfer full) (nullable): inside a DbTxnStep only. */
DbRow *db_txn_read(DbTxn *txn, int class_id, const char *ref);
/** db_txn_referrers: as db_referrers(), inside a DbTxnStep only. */
GPtrArray *db_txn_referrers(DbTxn *txn, int class_id, int field, const char *ref);

/**
 * db_txn_commit:
 *
 * Waits until the changes are durable and visible; all or nothing. A transaction that touches only rows and
 * fields that are not stored needs no sync of its own. Every non-null ref it wrote must exist at its end:
 * HANDLE_INVALID [class, ref]. Setting a field to what it holds changes nothing. Errors: those of the steps;
 * OPERATION_NOT_ALLOWED [reason] when a row still names what is deleted (ON_DELETE_REFUSE); INTERNAL_ERROR
 * when the store fails (disk full): then nothing has changed. *@ret_generation, if wanted: the batch's; its
 * changes have exactly this one. @txn is spent. Not from the writer thread or a commit hook.
 */
gboolean db_txn_commit(DbTxn *txn, guint64 *ret_generation, GError **error);

/** DbCommitDone: on the writer thread, after visibility; short. @error is NULL on success and borrowed. */
typedef void (*DbCommitDone)(gpointer data, guint64 generation, const GError *error);
/** db_txn_commit_async: (transfer full) @txn: queues and returns at once. */
void db_txn_commit_async(DbTxn *txn, DbCommitDone done, gpointer data);

/* -- What has changed -- */

typedef enum DbOperation { DB_ADD, DB_MOD, DB_DEL } DbOperation;

typedef struct DbChange {
    DbOperation operation;
    int class_id;
    const char *ref;
    DbRow *row; /* new version; NULL for DB_DEL. Borrowed */
} DbChange;

/** DbCommitHook: on the writer thread after each visible batch, rows in order of change; at most one entry
 * per row and batch. Short. */
typedef void (*DbCommitHook)(gpointer data, guint64 generation, const DbChange *changes, gsize n_changes);
/** db_set_commit_hook: one hook (the event layer's), NULL for none; on return the old one is not running and
 * will not run again. */
void db_set_commit_hook(Db *db, DbCommitHook hook, gpointer data);

/* What a look at changes is about: a class, or one object of it. */
typedef struct DbInterest {
    int class_id;
    const char *ref; /* NULL: all of the class */
} DbInterest;

/* One object in a DbDelta. */
typedef struct DbDeltaChange {
    DbOperation operation;
    int class_id;
    guint64 changed; /* generation of the change or deletion */
    guint64 order;   /* place among all changes */
    Value *ref;      /* string; owned */
    DbRow *row;      /* NULL for DB_DEL; owned */
} DbDeltaChange;

/* What is newer than a generation, as of one moment. */
typedef struct DbDelta {
    guint64 generation;     /* up to which this holds */
    gboolean is_lost;       /* deletions between the generation asked for and now may be missing */
    DbDeltaChange *changes; /* first DB_ADD (created after it), then DB_MOD, then DB_DEL (existed at it, gone
                               now), each in order of change */
    gsize n_changes;
    gsize *counts; /* rows of every class, by class id */
} DbDelta;

/**
 * db_delta_new:
 * @generation: 0 gives every row as DB_ADD; more than db_generation() (another database's) is lost
 *
 * At most one change per object; an object made and deleted since then is left out. Cost follows the number
 * of changes since @generation of the classes asked for; for a single object only of its class's deletions,
 * if it is gone.
 */
DbDelta *db_delta_new(Db *db, guint64 generation, const DbInterest *interests, gsize n_interests);
void db_delta_free(DbDelta *delta); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbDelta, db_delta_free)

/** db_check: walks every row: types, enum members, references, unique uuids; calls @report with one line per
 * violation. Returns their number. */
guint db_check(Db *db, void (*report)(gpointer data, const char *line), gpointer data);
