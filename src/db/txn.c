/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recording the steps of a transaction. Nothing is looked at here: apply.c runs them in the writer thread. */
#include "db/txn.h"

#include "base/text.h"
#include "db/internal.h"
#include "db/writer.h"

static void
step_clear(gpointer data)
{
    Step *step = data;

    value_unref(step->ref);
    value_unref(step->value);
    g_free(step->key);
    if (step->free_data != NULL)
        step->free_data(step->data);
}

GArray *
db_steps_new(void)
{
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(Step));

    g_array_set_clear_func(steps, step_clear);
    return steps;
}

static void
unref_value(gpointer value)
{
    value_unref(value);
}

DbTxn *
db_txn_new(Db *db, const DbActor *actor)
{
    DbTxn *txn = g_new0(DbTxn, 1);

    txn->db = db;
    txn->task = g_strdup(actor != NULL ? actor->task : NULL);
    txn->user = g_strdup(actor != NULL ? actor->user : NULL);
    txn->steps = db_steps_new();
    txn->refs = g_ptr_array_new_with_free_func(unref_value);
    g_mutex_init(&txn->mutex);
    g_cond_init(&txn->cond);
    return txn;
}

void
db_txn_free(DbTxn *txn)
{
    if (txn == NULL)
        return;
    g_array_unref(txn->steps);
    g_ptr_array_unref(txn->refs);
    g_clear_error(&txn->error);
    g_mutex_clear(&txn->mutex);
    g_cond_clear(&txn->cond);
    g_free(txn->task);
    g_free(txn->user);
    g_free(txn);
}

static void
record(DbTxn *txn, Step step)
{
    g_array_append_val(txn->nested != NULL ? txn->nested : txn->steps, step);
}

static const char *
record_insert(DbTxn *txn, StepKind kind, int class_id, const char *ref)
{
    Step step = {.kind = kind, .class_id = class_id};

    if (ref != NULL) {
        step.ref = value_string(ref);
    } else {
        g_autofree char *id = base_uuid_new();
        step.ref = value_string_printf("OpaqueRef:%s", id);
    }
    if (model_classes[class_id].uuid_field >= 0)
        step.key = base_uuid_new();
    g_ptr_array_add(txn->refs, value_ref(step.ref));
    record(txn, step);
    return value_get_string(step.ref);
}

const char *
db_txn_insert(DbTxn *txn, int class_id, const char *ref)
{
    return record_insert(txn, STEP_INSERT, class_id, ref);
}

const char *
db_txn_insert_volatile(DbTxn *txn, int class_id, const char *ref)
{
    return record_insert(txn, STEP_INSERT_VOLATILE, class_id, ref);
}

/* All other steps that name a field. Takes over @value. */
static void
record_field(DbTxn *txn, StepKind kind, int class_id, const char *ref, int field, const char *key,
             Value *value)
{
    record(txn, (Step){.kind = kind,
                       .class_id = class_id,
                       .field = field,
                       .ref = value_string(ref),
                       .key = g_strdup(key),
                       .value = value});
}

void
db_txn_set(DbTxn *txn, int class_id, const char *ref, int field, Value *value)
{
    record_field(txn, STEP_SET, class_id, ref, field, NULL, value);
}

void
db_txn_set_string(DbTxn *txn, int class_id, const char *ref, int field, const char *text)
{
    db_txn_set(txn, class_id, ref, field, value_string(text));
}

void
db_txn_set_int(DbTxn *txn, int class_id, const char *ref, int field, gint64 number)
{
    db_txn_set(txn, class_id, ref, field, value_int(number));
}

void
db_txn_set_bool(DbTxn *txn, int class_id, const char *ref, int field, gboolean truth)
{
    db_txn_set(txn, class_id, ref, field, value_bool(truth));
}

void
db_txn_map_add(DbTxn *txn, int class_id, const char *ref, int field, const char *key, Value *value)
{
    record_field(txn, STEP_MAP_ADD, class_id, ref, field, key, value);
}

void
db_txn_map_put(DbTxn *txn, int class_id, const char *ref, int field, const char *key, Value *value)
{
    record_field(txn, STEP_MAP_PUT, class_id, ref, field, key, value);
}

void
db_txn_map_remove(DbTxn *txn, int class_id, const char *ref, int field, const char *key)
{
    record_field(txn, STEP_MAP_REMOVE, class_id, ref, field, key, NULL);
}

void
db_txn_set_add(DbTxn *txn, int class_id, const char *ref, int field, Value *member)
{
    record_field(txn, STEP_SET_ADD, class_id, ref, field, NULL, member);
}

void
db_txn_set_remove(DbTxn *txn, int class_id, const char *ref, int field, const char *member)
{
    record_field(txn, STEP_SET_REMOVE, class_id, ref, field, member, NULL);
}

void
db_txn_touch(DbTxn *txn, int class_id, const char *ref)
{
    record_field(txn, STEP_TOUCH, class_id, ref, -1, NULL, NULL);
}

void
db_txn_delete(DbTxn *txn, int class_id, const char *ref)
{
    record_field(txn, STEP_DELETE, class_id, ref, -1, NULL, NULL);
}

void
db_txn_step(DbTxn *txn, DbTxnStep step, gpointer data, GDestroyNotify free_data)
{
    record(txn, (Step){.kind = STEP_CALL, .call = step, .data = data, .free_data = free_data});
}

/* -- Committing -- */

/* A read-only database, and the writer thread's own callbacks, which would wait for themselves. */
static gboolean
check_may_commit(const DbTxn *txn, GError **error)
{
    if (txn->db->writer == NULL)
        return db_internal_error(error, "the database is open for reading only");
    if (txn->done == NULL && db_writer_is_current(txn->db->writer))
        return db_internal_error(error, "commit on the writer thread");
    return TRUE;
}

gboolean
db_txn_commit(DbTxn *txn, guint64 *ret_generation, GError **error)
{
    if (!check_may_commit(txn, error))
        return FALSE;
    db_writer_queue(txn->db->writer, txn);
    g_mutex_lock(&txn->mutex);
    while (!txn->is_done)
        g_cond_wait(&txn->cond, &txn->mutex);
    g_mutex_unlock(&txn->mutex);

    if (txn->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&txn->error));
        return FALSE;
    }
    if (ret_generation != NULL)
        *ret_generation = txn->generation;
    return TRUE;
}

static void
ignore_outcome(gpointer data, guint64 generation, const GError *error)
{
}

void
db_txn_commit_async(DbTxn *txn, DbCommitDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;

    txn->done = done != NULL ? done : ignore_outcome;
    txn->done_data = data;
    if (check_may_commit(txn, &error)) {
        db_writer_queue(txn->db->writer, txn);
        return;
    }
    txn->done(txn->done_data, 0, error);
    db_txn_free(txn);
}
