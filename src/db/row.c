/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One version of one object: an array of shared values, counted references, and its encoded forms once they
 * were asked for. */
#include "db/row.h"

#include <string.h>

/* All encoded forms together stay below this; rows beyond it are encoded anew each time. */
#define ENCODED_MAX_BYTES ((gssize)512 * 1024 * 1024)

static gssize encoded_bytes; /* atomic */

typedef struct RowImpl {
    DbRow row;       /* first: a DbRow pointer is a RowImpl pointer */
    gint references; /* atomic */
    Value *ref_value;
    DbEncoded *encoded[DB_ENCODING_N]; /* atomic, set once */
    Value *fields[];
} RowImpl;

static DbRow *
row_alloc(const ModelClass *model_class, Value *ref)
{
    RowImpl *impl = g_malloc0(sizeof(RowImpl) + model_class->n_fields * sizeof(Value *));

    impl->references = 1;
    impl->ref_value = value_ref(ref);
    impl->row.model_class = model_class;
    impl->row.ref = value_get_string(ref);
    impl->row.fields = impl->fields;
    return &impl->row;
}

DbRow *
db_row_new(const DbClassInfo *info, Value *ref, gboolean is_volatile)
{
    DbRow *row = row_alloc(info->model_class, ref);

    row->is_volatile = is_volatile || !info->model_class->is_persistent;
    for (gsize i = 0; i < info->model_class->n_fields; i++)
        if (info->defaults[i] != NULL)
            row->fields[i] = value_ref(info->defaults[i]);
    return row;
}

DbRow *
db_row_new_with(const DbClassInfo *info, Value *ref, Value **fields)
{
    DbRow *row = row_alloc(info->model_class, ref);

    memcpy(row->fields, fields, info->model_class->n_fields * sizeof(Value *));
    return row;
}

DbRow *
db_row_copy(const DbRow *row)
{
    DbRow *copy = row_alloc(row->model_class, ((const RowImpl *)row)->ref_value);

    copy->created = row->created;
    copy->changed = row->changed;
    copy->is_volatile = row->is_volatile;
    for (gsize i = 0; i < row->model_class->n_fields; i++)
        if (row->fields[i] != NULL)
            copy->fields[i] = value_ref(row->fields[i]);
    return copy;
}

DbRow *
db_row_ref(DbRow *row)
{
    g_atomic_int_inc(&((RowImpl *)row)->references);
    return row;
}

void
db_row_unref(DbRow *row)
{
    RowImpl *impl = (RowImpl *)row;

    if (row == NULL || !g_atomic_int_dec_and_test(&impl->references))
        return;
    for (gsize i = 0; i < row->model_class->n_fields; i++)
        value_unref(row->fields[i]);
    for (int i = 0; i < DB_ENCODING_N; i++) {
        if (impl->encoded[i] == NULL)
            continue;
        g_atomic_pointer_add(&encoded_bytes, -(gssize)impl->encoded[i]->length);
        g_free(impl->encoded[i]);
    }
    value_unref(impl->ref_value);
    g_free(impl);
}

gboolean
db_row_is_shared(const DbRow *row)
{
    return g_atomic_int_get(&((RowImpl *)row)->references) > 1;
}

Value *
db_row_ref_value(const DbRow *row)
{
    return ((const RowImpl *)row)->ref_value;
}

void
db_row_set_field(DbRow *row, int field, Value *value)
{
    Value *old = row->fields[field];

    row->fields[field] = value;
    value_unref(old);
}

const DbEncoded *
db_row_encoded(const DbRow *row, DbEncoding encoding)
{
    return g_atomic_pointer_get(&((RowImpl *)row)->encoded[encoding]);
}

void
db_row_keep_encoded(DbRow *row, DbEncoding encoding, const char *text, gsize length)
{
    if ((gssize)g_atomic_pointer_get(&encoded_bytes) > ENCODED_MAX_BYTES)
        return;
    DbEncoded *encoded = g_malloc(sizeof(DbEncoded) + length);
    encoded->length = length;
    memcpy(encoded->text, text, length);
    if (g_atomic_pointer_compare_and_exchange(&((RowImpl *)row)->encoded[encoding], NULL, encoded))
        g_atomic_pointer_add(&encoded_bytes, (gssize)length);
    else
        g_free(encoded);
}

/* -- Shorthand -- */

const char *
db_row_string(const DbRow *row, int field)
{
    return value_get_string(row->fields[field]);
}

gint64
db_row_int(const DbRow *row, int field)
{
    return value_get_int(row->fields[field]);
}

gboolean
db_row_bool(const DbRow *row, int field)
{
    return value_get_bool(row->fields[field]);
}

double
db_row_float(const DbRow *row, int field)
{
    return value_get_float(row->fields[field]);
}

const char *
db_row_map_string(const DbRow *row, int field, const char *key, const char *fallback)
{
    return value_map_get_string(row->fields[field], key, fallback);
}
