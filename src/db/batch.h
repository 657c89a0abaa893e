/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several transactions on their way to the store and to the readers, as one. Writer thread only. */
#pragma once

#include "db/txn.h"
#include "db/view.h"

typedef struct DbBatch {
    DbView *view;
    GArray *changes; /* of StoreChange */
    GPtrArray *kept; /* rows whose values the changes borrow */
} DbBatch;

DbBatch *db_batch_new(Db *db);
void db_batch_free(DbBatch *batch);

/** db_batch_add: runs @txn; on failure the batch is as before. */
gboolean db_batch_add(DbBatch *batch, DbTxn *txn, GError **error);

/** db_batch_is_empty: nothing has changed. */
gboolean db_batch_is_empty(const DbBatch *batch);

/** db_batch_seal: no more transactions: completes rows and StoreChanges with @generation. */
void db_batch_seal(DbBatch *batch, guint64 generation);

/** db_batch_publish: makes all visible under the database's lock, then runs the commit hook. */
void db_batch_publish(DbBatch *batch, guint64 generation);
