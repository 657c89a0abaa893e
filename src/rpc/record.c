/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks values from clients against the model's types, one by one or as the record of a new object. */
#include "rpc/record.h"

#include "model/errors.h"

Value *
rpc_coerce(const Type *type, Value *value, const char *name, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    Value *coerced = type_coerce(type, value, &wrong);
    if (coerced != NULL)
        return coerced;
    if (g_error_matches(wrong, TYPE_ERROR, TYPE_ERROR_VALUE)) {
        api_error_invalid_value(error, name, wrong->message);
    } else if (g_error_matches(wrong, TYPE_ERROR, TYPE_ERROR_NOT_UTF8)) {
        api_error_invalid_value(error, "Invalid UTF-8 string in parameter", wrong->message);
    } else {
        g_autofree char *text = g_strdup_printf("parameter %s: %s", name, wrong->message);
        api_error_internal_error(error, text);
    }
    return NULL;
}

Value *
rpc_record_field(int class_id, int field, const Value *record, GError **error)
{
    const ModelField *model_field = &model_classes[class_id].fields[field];
    Value *given = value_map_get(record, model_field->name);
    if (given != NULL)
        return rpc_coerce(model_field->type, given, model_field->name, error);
    if (model_field->is_optional)
        return value_ref(model_field->default_value);
    g_autofree char *text = g_strdup_printf("field %s is missing from the record of class %s",
                                            model_field->name, model_classes[class_id].name);
    api_error_internal_error(error, text);
    return NULL;
}

gboolean
rpc_record_insert(DbTxn *txn, int class_id, const Value *record, const char **ret_ref, GError **error)
{
    const ModelClass *model_class = &model_classes[class_id];
    const char *ref = db_txn_insert(txn, class_id, NULL);
    for (gsize i = 0; i < model_class->n_fields; i++) {
        if (model_class->fields[i].qualifier == FIELD_RORUN || model_class->fields[i].is_derived)
            continue;
        Value *value = rpc_record_field(class_id, (int)i, record, error);
        if (value == NULL)
            return FALSE;
        db_txn_set(txn, class_id, ref, (int)i, value);
    }
    *ret_ref = ref;
    return TRUE;
}
