/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A row's fields as clients see them: stored ones from the row, derived ones from the index; and whole
 * records, encoded once per version. */
#include "db/db.h"

#include "db/internal.h"
#include "value/json.h"
#include "value/xmlrpc.h"

/* Called with the lock held. @target is NULL when the object is gone. */
static Value *
derived_value(Db *db, const ModelField *field, const DbRelation *relation, const DbSlot *target)
{
    const DbSlotSet *sources =
        target != NULL && relation != NULL ? db_slot_referrers(target, relation) : NULL;
    DbSlotIter iter = {.set = sources};

    if (field->type->kind == TYPE_REF) {
        DbSlot *first = db_slot_iter_next(&iter);
        return value_ref(first != NULL ? db_row_ref_value(first->row) : db->schema->null_ref);
    }
    if (sources == NULL)
        return value_array_empty();
    Value *refs = value_array_new(db_slot_set_size(sources));
    for (DbSlot *source; (source = db_slot_iter_next(&iter)) != NULL;)
        value_array_add(refs, value_ref(db_row_ref_value(source->row)));
    return refs;
}

void
db_set_allowed_operations(Db *db, DbCompute compute)
{
    db->allowed_operations = compute;
}

static gboolean
is_computed(Db *db, const ModelClass *model_class, int field)
{
    return db->allowed_operations != NULL && field >= 0 && field == model_class->allowed_operations_field;
}

Value *
db_row_get(Db *db, const DbRow *row, int field)
{
    const ModelField *model_field = &row->model_class->fields[field];

    if (is_computed(db, row->model_class, field))
        return db->allowed_operations(db, row);
    if (!model_field->is_derived)
        return value_ref(row->fields[field]);
    int class_id = model_class_id(row->model_class);
    const DbRelation *relation = db->schema->classes[class_id].derived[field];
    db_lock_shared(db);
    Value *value = derived_value(db, model_field, relation, db_table_find(db->tables[class_id], row->ref));
    db_unlock_shared(db);
    return value;
}

/* The derived fields of @row by index, all as of one moment, and the computed one; NULL elsewhere. The caller
 * frees the array and its values. */
static Value **
derived_values(Db *db, const DbRow *row)
{
    const ModelClass *model_class = row->model_class;
    int class_id = model_class_id(model_class);
    const DbRelation **derived = db->schema->classes[class_id].derived;
    Value **values = g_new0(Value *, model_class->n_fields);

    db_lock_shared(db);
    DbSlot *slot = db_table_find(db->tables[class_id], row->ref);
    for (gsize i = 0; i < model_class->n_fields; i++)
        if (model_class->fields[i].is_derived)
            values[i] = derived_value(db, &model_class->fields[i], derived[i], slot);
    db_unlock_shared(db);
    if (is_computed(db, model_class, model_class->allowed_operations_field))
        values[model_class->allowed_operations_field] = db->allowed_operations(db, row);
    return values;
}

Value *
db_row_record(Db *db, const DbRow *row)
{
    const ModelClass *model_class = row->model_class;
    g_autofree Value **derived = derived_values(db, row);
    Value *record = value_map_new(model_class->n_fields);

    for (gsize i = 0; i < model_class->n_fields; i++)
        value_map_set(record, model_class->fields[i].name,
                      derived[i] != NULL ? derived[i] : value_ref(row->fields[i]));
    return record;
}

const char *
db_row_kept_record(const DbRow *row, DbEncoding encoding, gsize *ret_length)
{
    const DbEncoded *encoded = db_row_encoded(row, encoding);
    *ret_length = encoded != NULL ? encoded->length : 0;
    return encoded != NULL ? encoded->text : NULL;
}

void
db_row_write_record(Db *db, DbRow *row, DbEncoding encoding, GString *out)
{
    gsize length;
    const char *kept = db_row_kept_record(row, encoding, &length);

    if (kept != NULL) {
        g_string_append_len(out, kept, (gssize)length);
        return;
    }
    g_autoptr(Value) record = db_row_record(db, row);
    gsize start = out->len;
    if (encoding == DB_ENCODING_XMLRPC)
        xmlrpc_write_value(out, record);
    else
        json_write_value(out, record);
    /* A row that is not yet visible could be paired with older derived fields: a change of those makes a new
     * version only when shown. */
    if (row->changed > 0)
        db_row_keep_encoded(row, encoding, out->str + start, out->len - start);
}
