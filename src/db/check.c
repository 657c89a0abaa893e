/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks every row and says what the model does not allow: for a database that was edited by hand or damaged.
 * Changes nothing. */
#include "db/db.h"

#include "base/text.h"
#include "db/internal.h"
#include <stdarg.h>

typedef struct Check {
    Db *db;
    void (*report)(gpointer data, const char *line);
    gpointer data;
    guint n_violations;
    const DbRow *row; /* at hand */
    const ModelField *field;
} Check;

static void complain(Check *check, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
complain(Check *check, const char *format, ...)
{
    g_autoptr(GString) line = g_string_new(NULL);
    va_list args;

    g_string_printf(line, "%s %s: %s: ", check->row->model_class->name, check->row->ref, check->field->name);
    va_start(args, format);
    g_string_append_vprintf(line, format, args);
    va_end(args);
    check->n_violations++;
    check->report(check->data, line->str);
}

static void
check_ref(Check *check, const Type *type, const char *ref)
{
    if (type->class_id < 0 || g_str_equal(ref, DB_NULL_REF))
        return;
    g_autoptr(DbRow) target = db_get(check->db, type->class_id, ref);
    if (target == NULL)
        complain(check, "names the %s %s, which does not exist", model_classes[type->class_id].name, ref);
}

static void check_value(Check *check, const Type *type, const Value *value);

static void
check_members(Check *check, const Type *type, const Value *value)
{
    for (gsize i = 0; i < value_size(value); i++)
        check_value(check, type->element, value_array_get(value, i));
}

/* Keys are kept as text, whatever their type. */
static void
check_key(Check *check, const Type *type, const char *key)
{
    gint64 number;

    if (type->kind == TYPE_REF)
        check_ref(check, type, key);
    if (type->kind == TYPE_ENUM && type_enum_index(type->enumeration, key) < 0)
        complain(check, "the key \"%s\" is no %s", key, type->enumeration->name);
    if (type->kind == TYPE_INT && !base_int_parse(key, &number))
        complain(check, "the key \"%s\" is no number", key);
}

static void
check_entries(Check *check, const Type *type, const Value *value)
{
    for (gsize i = 0; i < value_size(value); i++) {
        check_key(check, type->key, value_map_key(value, i));
        check_value(check, type->element, value_map_value(value, i));
    }
}

static void
check_value(Check *check, const Type *type, const Value *value)
{
    if (value_kind(value) != db_kind_of_type(type)) {
        complain(check, "is no %s", type->name);
        return;
    }
    switch (type->kind) {
    case TYPE_REF:
        check_ref(check, type, value_get_string(value));
        break;
    case TYPE_ENUM:
        if (type_enum_index(type->enumeration, value_get_string(value)) < 0)
            complain(check, "\"%s\" is no %s", value_get_string(value), type->enumeration->name);
        break;
    case TYPE_DATETIME:
        if (!base_time_from_wire(value_get_string(value), &(gint64){0}, NULL))
            complain(check, "\"%s\" is no date", value_get_string(value));
        break;
    case TYPE_SET:
        check_members(check, type, value);
        break;
    case TYPE_MAP:
        check_entries(check, type, value);
        break;
    default:
        break;
    }
}

static void
check_row(Check *check, const DbRow *row, GHashTable *uuids)
{
    const ModelClass *model_class = row->model_class;

    check->row = row;
    for (gsize i = 0; i < model_class->n_fields; i++) {
        check->field = &model_class->fields[i];
        if (check->field->is_derived)
            continue;
        check_value(check, check->field->type, row->fields[i]);
        if ((int)i != model_class->uuid_field || value_kind(row->fields[i]) != VALUE_STRING)
            continue;
        const char *uuid = value_get_string(row->fields[i]);
        const char *other = g_hash_table_lookup(uuids, uuid);
        if (other != NULL)
            complain(check, "%s has the same, %s", other, uuid);
        else
            g_hash_table_insert(uuids, (gpointer)uuid, (gpointer)row->ref);
    }
}

guint
db_check(Db *db, void (*report)(gpointer data, const char *line), gpointer data)
{
    Check check = {.db = db, .report = report, .data = data};

    for (gsize i = 0; i < db->schema->n_classes; i++) {
        g_autoptr(GPtrArray) rows = db_get_all(db, (int)i);
        g_autoptr(GHashTable) uuids = g_hash_table_new(db_text_hash, g_str_equal);
        for (guint j = 0; j < rows->len; j++)
            check_row(&check, rows->pdata[j], uuids);
    }
    return check.n_violations;
}
