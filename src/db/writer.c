/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer thread: takes what is queued together, has it run, stored and shown as one batch, then tells who
 * waits. */
#include "db/writer.h"

#include "db/batch.h"

struct DbWriter {
    Db *db;
    GThread *thread;
    GMutex mutex; /* guards the queue */
    GCond cond;
    GQueue queue; /* of DbTxn */
    gboolean is_closing;
};

/* Tells who waits for @txn, which is gone or somebody else's after it. */
static void
complete(DbTxn *txn)
{
    if (txn->done != NULL) {
        txn->done(txn->done_data, txn->generation, txn->error);
        db_txn_free(txn);
        return;
    }
    g_mutex_lock(&txn->mutex);
    txn->is_done = TRUE;
    g_cond_signal(&txn->cond);
    g_mutex_unlock(&txn->mutex);
}

/* Before volatile commits are shown under @generation. */
static gboolean
ensure_reserved(Db *db, guint64 generation, GError **error)
{
    if (generation <= db->reserved)
        return TRUE;
    guint64 reserved = generation + DB_RESERVE_AHEAD;
    if (!db->store->vtable->reserve(db->store, reserved, error))
        return FALSE;
    db->reserved = reserved;
    return TRUE;
}

static gboolean
store_batch(DbBatch *batch, guint64 generation, GError **error)
{
    Db *db = batch->view->db;
    const GArray *changes = batch->changes;

    if (changes->len == 0)
        return ensure_reserved(db, generation, error);
    return db->store->vtable->apply(db->store, generation, (const StoreChange *)(gpointer)changes->data,
                                    changes->len, error);
}

static void
set_failure(DbTxn **txns, guint n, const GError *failure)
{
    for (guint i = 0; i < n; i++)
        if (txns[i]->error == NULL)
            db_internal_error(&txns[i]->error, "the database could not be written: %s", failure->message);
}

/* Runs, stores and shows @txns. FALSE when the store refuses them together: nothing has happened then. */
static gboolean
commit_together(Db *db, DbTxn **txns, guint n, GError **error)
{
    DbBatch *batch = db_batch_new(db);
    guint64 generation = db->generation;

    for (guint i = 0; i < n; i++) {
        g_clear_error(&txns[i]->error);
        db_batch_add(batch, txns[i], &txns[i]->error);
    }
    gboolean is_fine = TRUE;
    if (!db_batch_is_empty(batch)) {
        db_batch_seal(batch, ++generation);
        is_fine = store_batch(batch, generation, error);
        if (is_fine)
            db_batch_publish(batch, generation);
    }
    for (guint i = 0; i < n; i++)
        txns[i]->generation = generation;
    db_batch_free(batch);
    return is_fine;
}

static void
commit_each(Db *db, DbTxn **txns, guint n)
{
    for (guint i = 0; i < n; i++) {
        g_autoptr(GError) failure = NULL;
        if (!commit_together(db, &txns[i], 1, &failure))
            set_failure(&txns[i], 1, failure);
    }
}

static void
process(Db *db, DbTxn **txns, guint n)
{
    g_autoptr(GError) failure = NULL;

    if (!commit_together(db, txns, n, &failure)) {
        if (n > 1)
            commit_each(db, txns, n); /* so that one the store cannot take does not fail the others */
        else
            set_failure(txns, n, failure);
    }
    for (guint i = 0; i < n; i++)
        complete(txns[i]);
}

static guint
take_queued(DbWriter *writer, DbTxn **txns)
{
    guint n = 0;

    g_mutex_lock(&writer->mutex);
    while (g_queue_is_empty(&writer->queue) && !writer->is_closing)
        g_cond_wait(&writer->cond, &writer->mutex);
    while (n < DB_BATCH_MAX && !g_queue_is_empty(&writer->queue))
        txns[n++] = g_queue_pop_head(&writer->queue);
    g_mutex_unlock(&writer->mutex);
    return n;
}

static gpointer
run_thread(gpointer data)
{
    DbWriter *writer = data;
    g_autofree DbTxn **txns = g_new(DbTxn *, DB_BATCH_MAX);

    for (guint n; (n = take_queued(writer, txns)) > 0;)
        process(writer->db, txns, n);
    return NULL;
}

DbWriter *
db_writer_new(Db *db)
{
    DbWriter *writer = g_new0(DbWriter, 1);

    writer->db = db;
    g_mutex_init(&writer->mutex);
    g_cond_init(&writer->cond);
    g_queue_init(&writer->queue);
    writer->thread = g_thread_new("db-writer", run_thread, writer);
    return writer;
}

void
db_writer_free(DbWriter *writer)
{
    if (writer == NULL)
        return;
    g_mutex_lock(&writer->mutex);
    writer->is_closing = TRUE;
    g_cond_signal(&writer->cond);
    g_mutex_unlock(&writer->mutex);
    g_thread_join(writer->thread);
    g_mutex_clear(&writer->mutex);
    g_cond_clear(&writer->cond);
    g_free(writer);
}

void
db_writer_queue(DbWriter *writer, DbTxn *txn)
{
    g_mutex_lock(&writer->mutex);
    g_queue_push_tail(&writer->queue, txn);
    g_cond_signal(&writer->cond);
    g_mutex_unlock(&writer->mutex);
}

gboolean
db_writer_is_current(const DbWriter *writer)
{
    return g_thread_self() == writer->thread;
}
