/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VM.last_booted_record: a VM's record as text, and the message that reads it. */
#include "api/vm/boot_record.h"

#include "api/services.h"
#include "base/error.h"
#include "value/json.h"

#include <string.h>

char *
vm_boot_record_encode(Db *db, const DbRow *vm)
{
    g_autoptr(Value) record = db_row_record(db, vm);
    g_autoptr(Value) kept =
        value_map_without(record, "last_booted_record"); /* or each would hold all before it */
    g_autoptr(GString) text = g_string_new(NULL);

    json_write_value(text, kept);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* JSON has neither dates nor refs, and one kind of number. A field that the text lacks, or holds in a form
 * that is no longer valid, gets its default: the text may be from an earlier version. */
static Value *
typed_field(const Value *record, const ModelField *field)
{
    Value *stored = value_map_get(record, field->name);
    Value *typed = stored == NULL ? NULL : type_coerce(field->type, stored, NULL);

    return typed != NULL ? typed : value_ref(field->default_value);
}

Value *
vm_boot_record_decode(const char *text, GError **error)
{
    g_autoptr(Value) stored = json_read(text, strlen(text), error);
    if (stored == NULL)
        return NULL;
    if (value_kind(stored) != VALUE_MAP) {
        base_error_set(error, BASE_ERROR_INVALID, "a boot record that is no record");
        return NULL;
    }
    const ModelClass *class_ = &model_classes[CLASS_VM];
    Value *record = value_map_new(class_->n_fields);
    for (gsize i = 0; i < class_->n_fields; i++)
        value_map_set(record, class_->fields[i].name, typed_field(stored, &class_->fields[i]));
    return record;
}

gboolean
api_vm__get_boot_record(ApiCall *call, const VmGetBootRecordArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->self.id, error);
    if (vm == NULL)
        return FALSE;
    const char *text = db_row_string(vm, VM_LAST_BOOTED_RECORD);
    Value *record = *text != '\0' ? vm_boot_record_decode(text, error) : db_row_record(call->db, vm);
    if (record == NULL)
        return FALSE;
    *ret_value = record;
    return TRUE;
}
