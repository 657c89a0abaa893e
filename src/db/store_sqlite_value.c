/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as columns, in a form an administrator can read and write: text, numbers, and JSON for sets and
 * maps. */
#include "db/store_sqlite.h"

#include "base/text.h"
#include "value/json.h"
#include <math.h>
#include <string.h>

/* How many different values of a column are remembered; more are not worth it unless some come again. */
#define SEEN_MAX 256

static void
bind_text(sqlite3_stmt *statement, int index, const char *text, gsize length, gsize max_length,
          sqlite3_destructor_type lifetime)
{
    if (max_length == 0 || length <= max_length) {
        sqlite3_bind_text64(statement, index, text, length, lifetime, SQLITE_UTF8);
        return;
    }
    const char *end = g_utf8_find_prev_char(text, text + max_length);
    g_autofree char *cut = g_strdup_printf("%.*s...", (int)(end - text), text);
    sqlite3_bind_text(statement, index, cut, -1, SQLITE_TRANSIENT);
}

/* SQLite keeps no NaN: it would come back as NULL. */
static void
bind_float(sqlite3_stmt *statement, int index, double number)
{
    if (isnan(number))
        sqlite3_bind_text(statement, index, "nan", -1, SQLITE_STATIC);
    else
        sqlite3_bind_double(statement, index, number);
}

void
sqlite_bind(SqliteStore *store, sqlite3_stmt *statement, int index, const Value *value, gsize max_length)
{
    switch (value_kind(value)) {
    case VALUE_NIL:
        sqlite3_bind_null(statement, index);
        break;
    case VALUE_STRING:
    case VALUE_DATETIME:
        bind_text(statement, index, value_get_string(value), value_get_string_length(value), max_length,
                  SQLITE_STATIC);
        break;
    case VALUE_INT:
    case VALUE_COUNT:
        sqlite3_bind_int64(statement, index, value_get_int(value));
        break;
    case VALUE_BOOL:
        sqlite3_bind_int(statement, index, value_get_bool(value));
        break;
    case VALUE_FLOAT:
        bind_float(statement, index, value_get_float(value));
        break;
    case VALUE_ARRAY:
    case VALUE_MAP:
        g_string_truncate(store->scratch, 0);
        json_write_value(store->scratch, value);
        bind_text(statement, index, store->scratch->str, store->scratch->len, max_length, SQLITE_TRANSIENT);
        break;
    }
}

/* -- Reading -- */

static void
unref_value(gpointer value)
{
    value_unref(value);
}

void
sqlite_column_init(SqliteColumn *column, const ModelField *field)
{
    column->field = field;
    column->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_value);
    column->n_hits = 0;
}

void
sqlite_column_clear(SqliteColumn *column)
{
    g_clear_pointer(&column->seen, g_hash_table_unref);
}

static Value *
parse_container(const Type *type, const char *text, gsize length)
{
    g_autoptr(Value) read = json_read(text, length, NULL);

    return read != NULL ? type_coerce(type, read, NULL) : NULL;
}

/* NULL when @text is none of @type. */
static Value *
parse_text(const Type *type, const char *text, gsize length)
{
    gint64 number;
    double real;

    switch (type->kind) {
    case TYPE_STRING:
    case TYPE_ENUM:
        return value_string_sized(text, length);
    case TYPE_REF:
        return length > 0 ? value_string_sized(text, length) : value_string("OpaqueRef:NULL");
    case TYPE_DATETIME:
        return base_time_from_wire(text, &number, NULL) ? value_datetime_text(text) : NULL;
    case TYPE_INT:
        return base_int_parse(text, &number) ? value_int(number) : NULL;
    case TYPE_FLOAT:
        return base_float_parse(text, &real) ? value_float(real) : NULL;
    case TYPE_SET:
    case TYPE_MAP:
    case TYPE_RECORD:
        return parse_container(type, text, length);
    default:
        return NULL;
    }
}

static Value *
make_value(const Type *type, const char *text, gsize length)
{
    if (!g_utf8_validate(text, (gssize)length, NULL))
        return value_nil();
    Value *value = parse_text(type, text, length);
    return value != NULL ? value : value_string_sized(text, length);
}

static Value *
read_text(SqliteColumn *column, sqlite3_stmt *statement, int index)
{
    const char *text = (const char *)sqlite3_column_text(statement, index);
    gsize length = (gsize)sqlite3_column_bytes(statement, index);

    if (text == NULL) /* out of memory */
        return value_nil();
    if (column->seen == NULL || strlen(text) != length)
        return make_value(column->field->type, text, length);
    Value *value = g_hash_table_lookup(column->seen, text);
    if (value != NULL) {
        column->n_hits++;
        return value_ref(value);
    }
    value = make_value(column->field->type, text, length);
    if (g_hash_table_size(column->seen) < SEEN_MAX)
        g_hash_table_insert(column->seen, g_strdup(text), value_ref(value));
    else if (column->n_hits < SEEN_MAX)
        g_clear_pointer(&column->seen, g_hash_table_unref);
    return value;
}

Value *
sqlite_column_read(SqliteColumn *column, sqlite3_stmt *statement, int index)
{
    TypeKind kind = column->field->type->kind;
    int storage = sqlite3_column_type(statement, index);

    if (storage == SQLITE_NULL)
        return NULL;
    if (storage == SQLITE_INTEGER && kind == TYPE_INT)
        return value_int(sqlite3_column_int64(statement, index));
    if (storage == SQLITE_INTEGER && kind == TYPE_BOOL)
        return value_bool(sqlite3_column_int64(statement, index) != 0);
    if ((storage == SQLITE_INTEGER || storage == SQLITE_FLOAT) && kind == TYPE_FLOAT)
        return value_float(sqlite3_column_double(statement, index));
    return read_text(column, statement, index);
}
