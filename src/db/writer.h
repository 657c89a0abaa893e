/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one thread that changes the database. */
#pragma once

#include "db/txn.h"

/* Transactions made durable by one sync, at most. */
#define DB_BATCH_MAX 512

/* How far ahead of the last generation the store is asked to promise. */
#define DB_RESERVE_AHEAD 1000000

typedef struct DbWriter DbWriter;

DbWriter *db_writer_new(Db *db);
/** db_writer_free: commits what is queued, then ends the thread. NULL is fine. */
void db_writer_free(DbWriter *writer);

/** db_writer_queue: from any thread. Owns an asynchronous transaction from here on, borrows one that is
 * waited for. */
void db_writer_queue(DbWriter *writer, DbTxn *txn);

/** db_writer_is_current: whether the caller is the writer thread. */
gboolean db_writer_is_current(const DbWriter *writer);
