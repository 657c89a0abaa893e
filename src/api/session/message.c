/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages: notes about objects for people, kept until somebody destroys them. */
#include "api/services.h"

#include "base/text.h"
#include "rpc/where.h"

/* Source: the peer's limit */
#define MESSAGES_MAX 10000

typedef gboolean (*MessageFilter)(const DbRow *row, gconstpointer data);

static Value *
records(Db *db, MessageFilter filter, gconstpointer data)
{
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_MESSAGE);
    Value *map = value_map_new(rows->len);
    for (guint i = 0; i < rows->len; i++) {
        const DbRow *row = g_ptr_array_index(rows, i);
        if (filter == NULL || filter(row, data))
            value_map_set(map, row->ref, db_row_record(db, row));
    }
    return map;
}

static gboolean
is_since(const DbRow *row, const char *since)
{
    gint64 then = 0, asked = 0;
    base_time_from_wire(db_row_string(row, MESSAGE_TIMESTAMP), &then, NULL);
    base_time_from_wire(since, &asked, NULL);
    return then >= asked;
}

static gboolean
filter_since(const DbRow *row, gconstpointer since)
{
    return is_since(row, since);
}

static gboolean
filter_object(const DbRow *row, gconstpointer data)
{
    const MessageGetArgs *args = data;
    return g_str_equal(db_row_string(row, MESSAGE_CLS), cls_name(args->cls)) &&
           g_str_equal(db_row_string(row, MESSAGE_OBJ_UUID), args->obj_uuid) && is_since(row, args->since);
}

typedef struct WhereFilter {
    const Where *where;
    Db *db;
} WhereFilter;

static gboolean
filter_where(const DbRow *row, gconstpointer data)
{
    const WhereFilter *filter = data;
    return where_matches(filter->where, filter->db, row);
}

/* The class that a message says its object is of, by the member of enum cls. */
static const int classes[] = {
    [CLS_VM] = CLASS_VM,     [CLS_HOST] = CLASS_HOST, [CLS_SR] = CLASS_SR,
    [CLS_POOL] = CLASS_POOL, [CLS_VMPP] = CLASS_VMPP,
};

/* Source: the peer's Xapi_message.create: an object that is not there has no messages */
static gboolean
check_object(Db *db, Cls cls, const char *uuid, GError **error)
{
    g_autoptr(DbRow) row = db_get_by_uuid(db, classes[cls], uuid);
    return row != NULL || api_error_uuid_invalid(error, cls_name(cls), uuid);
}

/* Somebody else may have destroyed it meanwhile. */
static gboolean
delete_step(DbTxn *txn, gpointer ref, GError **error)
{
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_MESSAGE, ref);
    if (row != NULL)
        db_txn_delete(txn, CLASS_MESSAGE, ref);
    return TRUE;
}

/* The oldest make room for new ones, many at a time so that each costs little. */
static void
make_room(DbTxn *txn, Db *db)
{
    if (db_count(db, CLASS_MESSAGE) < MESSAGES_MAX)
        return;
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_MESSAGE);
    for (guint i = 0; i < MIN(rows->len, MESSAGES_MAX / 10); i++)
        db_txn_step(txn, delete_step, g_strdup(((DbRow *)g_ptr_array_index(rows, i))->ref), g_free);
}

gboolean
api_message__create(ApiCall *call, const MessageCreateArgs *args, Value **ret_value, GError **error)
{
    if (!check_object(call->db, args->cls, args->obj_uuid, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    make_room(txn, call->db);
    const char *ref = db_txn_insert(txn, CLASS_MESSAGE, NULL);
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_NAME, args->name);
    db_txn_set_int(txn, CLASS_MESSAGE, ref, MESSAGE_PRIORITY, args->priority);
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_CLS, cls_name(args->cls));
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_OBJ_UUID, args->obj_uuid);
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_BODY, args->body);
    db_txn_set(txn, CLASS_MESSAGE, ref, MESSAGE_TIMESTAMP, value_datetime(base_now_us() / G_USEC_PER_SEC));
    g_autoptr(Value) result = value_string(ref);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

gboolean
api_message__destroy(ApiCall *call, const MessageDestroyArgs *args, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_delete(txn, CLASS_MESSAGE, args->self.id);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_message__get(ApiCall *call, const MessageGetArgs *args, Value **ret_value, GError **error)
{
    *ret_value = records(call->db, filter_object, args);
    return TRUE;
}

gboolean
api_message__get_since(ApiCall *call, const MessageGetSinceArgs *args, Value **ret_value, GError **error)
{
    *ret_value = records(call->db, filter_since, args->since);
    return TRUE;
}

gboolean
api_message__get_all_records(ApiCall *call, Value **ret_value, GError **error)
{
    *ret_value = records(call->db, NULL, NULL);
    return TRUE;
}

gboolean
api_message__get_all(ApiCall *call, Value **ret_value, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_all(call->db, CLASS_MESSAGE);
    Value *refs = value_array_new(rows->len);
    for (guint i = 0; i < rows->len; i++)
        value_array_add(refs, value_string(((DbRow *)g_ptr_array_index(rows, i))->ref));
    *ret_value = refs;
    return TRUE;
}

gboolean
api_message__get_record(ApiCall *call, const MessageGetRecordArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(DbRow) row = db_require(call->db, CLASS_MESSAGE, args->self.id, error);
    if (row == NULL)
        return FALSE;
    *ret_value = db_row_record(call->db, row);
    return TRUE;
}

gboolean
api_message__get_by_uuid(ApiCall *call, const MessageGetByUuidArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(DbRow) row = db_get_by_uuid(call->db, CLASS_MESSAGE, args->uuid);
    if (row == NULL)
        return api_error_uuid_invalid(error, "message", args->uuid);
    *ret_value = value_string(row->ref);
    return TRUE;
}

gboolean
api_message__get_all_records_where(ApiCall *call, const MessageGetAllRecordsWhereArgs *args,
                                   Value **ret_value, GError **error)
{
    g_autoptr(Where) where = where_parse(&model_classes[CLASS_MESSAGE], args->expr, error);
    if (where == NULL)
        return FALSE;
    WhereFilter filter = {where, call->db};
    *ret_value = records(call->db, filter_where, &filter);
    return TRUE;
}
