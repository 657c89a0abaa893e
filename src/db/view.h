/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a running transaction sees: the tables, under the transactions before it in the batch, under its own
 * changes.
 *
 * Two layers of pending changes lie over the tables: that of the batch, and that of the transaction now
 * running, which is dropped when it fails and merged into the batch's when it succeeds. Writer thread only.
 */
#pragma once

#include "db/internal.h"
#include "db/layer.h"

typedef struct DbView {
    Db *db;
    DbLayer *batch;
    DbLayer *txn;
    guint64 last_order;
} DbView;

DbView *db_view_new(Db *db);
void db_view_free(DbView *view);

/** db_view_row: the row as the running transaction sees it; NULL for none. Borrowed until the next change. */
DbRow *db_view_row(const DbView *view, int class_id, Value *ref);

/** db_view_uuid_taken: by a row other than @ref. */
gboolean db_view_uuid_taken(const DbView *view, int class_id, const char *uuid, const char *ref);

/** db_view_insert: takes over @row; there must be none of its ref. */
void db_view_insert(DbView *view, int class_id, DbRow *row);
/** db_view_set: takes over @value; the row must exist. An equal value changes nothing. */
void db_view_set(DbView *view, int class_id, Value *ref, int field, Value *value);
/** db_view_touch: a new version. */
void db_view_touch(DbView *view, int class_id, Value *ref);
/** db_view_delete: the row must exist; what names it is the caller's business. */
void db_view_delete(DbView *view, int class_id, Value *ref);

/* A row that names another, in a list made by db_view_referrers(). */
typedef struct DbReferrer {
    const DbRelation *relation;
    Value *source;
    guint64 sequence; /* for the order of creation */
} DbReferrer;

/** db_view_referrers: (element-type DbReferrer): who names the row now; only by @relation unless that is
 * NULL. In order of creation. */
GArray *db_view_referrers(const DbView *view, int class_id, Value *ref, const DbRelation *relation);

/** db_view_commit_txn: moves the transaction's layer into the batch's. */
void db_view_commit_txn(DbView *view);
/** db_view_drop_txn: forgets it. */
void db_view_drop_txn(DbView *view);

/** db_view_touch_peers: a new version, in the batch's layer, of rows whose derived fields change by it. */
void db_view_touch_peers(DbView *view);
