/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thousand regular messages, answered from the field tables: getters, setters, adders, removers, get_all,
 * get_record(s), get_by_*, stock create and destroy. Reads answer at once; writes answer when the database
 * says they are durable. */
#include "rpc/internal.h"

#include "model/errors.h"
#include "rpc/record.h"
#include "rpc/where.h"

/* More rows than this are not encoded on a server thread. */
#define MANY_ROWS 200

static const char *
param_text(const RpcJob *job, gsize index)
{
    return value_get_string(job->params[index]);
}

/* ---- Reads: each makes a Value
 * --------------------------------------------------------------------------------- */

static Value *
read_getter(RpcJob *job, GError **error)
{
    g_autoptr(DbRow) row = db_require(job->rpc->db, job->message->class_id, param_text(job, 0), error);
    return row != NULL ? db_row_get(job->rpc->db, row, job->message->field) : NULL;
}

static Value *
read_record(RpcJob *job, GError **error)
{
    g_autoptr(DbRow) row = db_require(job->rpc->db, job->message->class_id, param_text(job, 0), error);
    return row != NULL ? db_row_record(job->rpc->db, row) : NULL;
}

static Value *
refs_of(GPtrArray *rows)
{
    Value *refs = value_array_new(rows->len);
    for (guint i = 0; i < rows->len; i++)
        value_array_add(refs, value_string(((DbRow *)g_ptr_array_index(rows, i))->ref));
    return refs;
}

static Value *
read_all(RpcJob *job, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_all(job->rpc->db, job->message->class_id);
    return refs_of(rows);
}

static Value *
records_of(RpcJob *job, GPtrArray *rows)
{
    Value *records = value_map_new(rows->len);
    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = g_ptr_array_index(rows, i);
        value_map_set(records, row->ref, db_row_record(job->rpc->db, row));
    }
    return records;
}

static Value *
read_all_records(RpcJob *job, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_all(job->rpc->db, job->message->class_id);
    return records_of(job, rows);
}

/* Rows of which the expression in the first parameter is true. */
static GPtrArray *
matching_rows(RpcJob *job, GError **error)
{
    g_autoptr(Where) where = where_parse(&model_classes[job->message->class_id], param_text(job, 0), error);
    if (where == NULL)
        return NULL;
    g_autoptr(GPtrArray) rows = db_get_all(job->rpc->db, job->message->class_id);
    GPtrArray *matching = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = g_ptr_array_index(rows, i);
        if (where_matches(where, job->rpc->db, row))
            g_ptr_array_add(matching, db_row_ref(row));
    }
    return matching;
}

static Value *
read_all_where(RpcJob *job, GError **error)
{
    g_autoptr(GPtrArray) rows = matching_rows(job, error);
    return rows != NULL ? refs_of(rows) : NULL;
}

static Value *
read_all_records_where(RpcJob *job, GError **error)
{
    g_autoptr(GPtrArray) rows = matching_rows(job, error);
    return rows != NULL ? records_of(job, rows) : NULL;
}

static Value *
read_by_uuid(RpcJob *job, GError **error)
{
    const ModelClass *model_class = &model_classes[job->message->class_id];
    g_autoptr(DbRow) row = db_get_by_uuid(job->rpc->db, job->message->class_id, param_text(job, 0));
    if (row != NULL)
        return value_string(row->ref);
    api_error_uuid_invalid(error, model_class->name, param_text(job, 0));
    return NULL;
}

static Value *
read_by_name(RpcJob *job, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_by_name(job->rpc->db, job->message->class_id, param_text(job, 0));
    return refs_of(rows);
}

/* ---- Writes: each records steps
 * -------------------------------------------------------------------------------- */

static gboolean
write_setter(RpcJob *job, DbTxn *txn, Value **ret_value, GError **error)
{
    db_txn_set(txn, job->message->class_id, param_text(job, 0), job->message->field,
               value_ref(job->params[1]));
    return TRUE;
}

static gboolean
write_adder(RpcJob *job, DbTxn *txn, Value **ret_value, GError **error)
{
    const ModelMessage *message = job->message;
    if (model_classes[message->class_id].fields[message->field].type->kind == TYPE_MAP)
        db_txn_map_add(txn, message->class_id, param_text(job, 0), message->field, param_text(job, 1),
                       value_ref(job->params[2]));
    else
        db_txn_set_add(txn, message->class_id, param_text(job, 0), message->field, value_ref(job->params[1]));
    return TRUE;
}

static gboolean
write_remover(RpcJob *job, DbTxn *txn, Value **ret_value, GError **error)
{
    const ModelMessage *message = job->message;
    if (model_classes[message->class_id].fields[message->field].type->kind == TYPE_MAP)
        db_txn_map_remove(txn, message->class_id, param_text(job, 0), message->field, param_text(job, 1));
    else
        db_txn_set_remove(txn, message->class_id, param_text(job, 0), message->field, param_text(job, 1));
    return TRUE;
}

static gboolean
write_create(RpcJob *job, DbTxn *txn, Value **ret_value, GError **error)
{
    const char *ref = NULL;
    if (!rpc_record_insert(txn, job->message->class_id, job->params[0], &ref, error))
        return FALSE;
    *ret_value = value_string(ref);
    return TRUE;
}

static gboolean
write_destroy(RpcJob *job, DbTxn *txn, Value **ret_value, GError **error)
{
    db_txn_delete(txn, job->message->class_id, param_text(job, 0));
    return TRUE;
}

/* ---- The table
 * -------------------------------------------------------------------------------------------------- */

static const struct RegularKind {
    Value *(*read)(RpcJob *job, GError **error);
    gboolean (*write)(RpcJob *job, DbTxn *txn, Value **ret_value, GError **error);
} kinds[] = {
    [MESSAGE_CUSTOM] = {NULL, NULL},
    [MESSAGE_GETTER] = {read_getter, NULL},
    [MESSAGE_SETTER] = {NULL, write_setter},
    [MESSAGE_ADDER] = {NULL, write_adder},
    [MESSAGE_REMOVER] = {NULL, write_remover},
    [MESSAGE_GET_BY_UUID] = {read_by_uuid, NULL},
    [MESSAGE_GET_BY_NAME_LABEL] = {read_by_name, NULL},
    [MESSAGE_GET_RECORD] = {read_record, NULL},
    [MESSAGE_GET_ALL] = {read_all, NULL},
    [MESSAGE_GET_ALL_RECORDS] = {read_all_records, NULL},
    [MESSAGE_GET_ALL_WHERE] = {read_all_where, NULL},
    [MESSAGE_GET_ALL_RECORDS_WHERE] = {read_all_records_where, NULL},
    [MESSAGE_CREATE] = {NULL, write_create},
    [MESSAGE_DESTROY] = {NULL, write_destroy},
};

static gboolean
is_regular(const RpcJob *job)
{
    const struct RegularKind *kind = &kinds[job->message->kind];
    gboolean has_handler = job->rpc->handlers[model_message_id(job->message)] != NULL;
    return !has_handler && !job->message->is_handled && (kind->read != NULL || kind->write != NULL);
}

gboolean
regular_can_answer(const RpcJob *job)
{
    return !job->is_async && job->origin.task_id == NULL && is_regular(job);
}

gboolean
regular_can_run(const RpcJob *job)
{
    return is_regular(job);
}

gboolean
regular_is_long(const RpcJob *job)
{
    MessageKind kind = job->message->kind;
    gboolean reads_all = kind == MESSAGE_GET_ALL_RECORDS || kind == MESSAGE_GET_ALL ||
                         kind == MESSAGE_GET_ALL_WHERE || kind == MESSAGE_GET_ALL_RECORDS_WHERE;
    return reads_all && db_count(job->rpc->db, job->message->class_id) > MANY_ROWS;
}

/* ---- Answers
 * ---------------------------------------------------------------------------------------------------- */

/* Lists of records are put together from each row's kept text, without a Value in between, and sent from
 * there: the reply is never one buffer. */
static void
answer_all_records(RpcJob *job)
{
    const RpcCodec *codec = job->codec;
    GPtrArray *rows = db_get_all(job->rpc->db, job->message->class_id);
    HttpBody *body = http_body_new(rows, (GDestroyNotify)g_ptr_array_unref);
    GString *out = http_body_text(body);
    codec->success_begin(job, out);
    codec->map_begin(out);
    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = g_ptr_array_index(rows, i);
        codec->map_key(out, row->ref, i == 0);
        gsize length;
        const char *kept = db_row_kept_record(row, codec->encoding, &length);
        if (kept != NULL)
            http_body_borrow(body, kept, length);
        else
            db_row_write_record(job->rpc->db, row, codec->encoding, out);
        codec->map_key_end(out);
    }
    codec->map_end(out);
    codec->success_end(job, out);
    job_answer_body(job, body);
}

static void
answer_record(RpcJob *job)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbRow) row = db_require(job->rpc->db, job->message->class_id, param_text(job, 0), &error);
    if (row == NULL) {
        job_fail(job, error);
        return;
    }
    GString *body = g_string_sized_new(4096);
    job->codec->success_begin(job, body);
    db_row_write_record(job->rpc->db, row, job->codec->encoding, body);
    job->codec->success_end(job, body);
    job_answer_text(job, body);
}

static void
answer_read(RpcJob *job)
{
    g_autoptr(GError) error = NULL;
    Value *value = kinds[job->message->kind].read(job, &error);
    if (value != NULL)
        job_answer(job, value);
    else
        job_fail(job, error);
}

typedef struct PendingWrite {
    RpcJob *job;
    Value *result;
} PendingWrite;

static void
write_done(gpointer data, guint64 generation, const GError *error)
{
    PendingWrite *write = data;
    if (error == NULL) {
        job_answer(write->job, g_steal_pointer(&write->result));
    } else {
        job_fail(write->job, error);
        value_unref(write->result);
    }
    g_free(write);
}

static void
answer_write(RpcJob *job)
{
    g_autoptr(GError) error = NULL;
    DbActor actor = job_actor(job);
    g_autoptr(DbTxn) txn = db_txn_new(job->rpc->db, &actor);
    Value *result = NULL;
    if (!kinds[job->message->kind].write(job, txn, &result, &error)) {
        job_fail(job, error);
        return;
    }
    PendingWrite *write = g_new(PendingWrite, 1);
    *write = (PendingWrite){job, result};
    db_txn_commit_async(g_steal_pointer(&txn), write_done, write);
}

gboolean
regular_run(RpcJob *job, const DbActor *actor, Value **ret_value, GError **error)
{
    if (kinds[job->message->kind].read != NULL) {
        *ret_value = kinds[job->message->kind].read(job, error);
        return *ret_value != NULL;
    }
    g_autoptr(DbTxn) txn = db_txn_new(job->rpc->db, actor);
    g_autoptr(Value) result = NULL;
    if (!kinds[job->message->kind].write(job, txn, &result, error) || !db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

void
regular_answer(RpcJob *job)
{
    if (kinds[job->message->kind].write != NULL)
        answer_write(job);
    else if (job->request != NULL && job->message->kind == MESSAGE_GET_ALL_RECORDS)
        answer_all_records(job);
    else if (job->request != NULL && job->message->kind == MESSAGE_GET_RECORD)
        answer_record(job);
    else
        answer_read(job);
}
