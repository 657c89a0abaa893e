/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads and changes fields of one object. Changes go through the API's messages, with all their checks.
 * Source: protocol notes 7.3. */
#include "cli/param.h"

#include <string.h>

#include "cli/database.h"
#include "cli/list.h"
#include "cli/print.h"
#include "cli/text.h"
#include "model/api_error.h"

static DbRow *
find_object(CliCall *call, const CliClass *cli_class, GError **error)
{
    if (!cli_check_role(call, cli_class->role, cli_class->name, error))
        return NULL;
    return cli_row_by_key(call, cli_class->class_id, "uuid", error);
}

/* The field param-name= names. */
static const CliField *
find_field(CliCall *call, const CliClass *cli_class, GError **error)
{
    const char *name = cli_require(call, "param-name", error);
    const CliField *field = name == NULL ? NULL : cli_field_find(cli_class, name);
    if (name != NULL && field == NULL) {
        /* A code of no table: the client prints it as it is. Source: protocol notes 7.4. */
        const char *params[] = {name, NULL};
        api_error_set(error, "Missing parameter", params);
    }
    return field;
}

static gboolean
invoke_setter(CliCall *call, int message, const DbRow *row, Value *value, GError **error)
{
    return cli_do(call, model_messages[message].name, error, value_string(row->ref), value, NULL);
}

gboolean
cli_param_list(CliCall *call, const CliClass *cli_class, GError **error)
{
    DbRow *row = cli_database_check(call, error) ? find_object(call, cli_class, error) : NULL;
    if (row == NULL)
        return FALSE;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    g_ptr_array_add(rows, row);
    return cli_list_rows(call, cli_class, rows, NULL, NULL, TRUE, error);
}

gboolean
cli_param_get(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(DbRow) row = cli_database_check(call, error) ? find_object(call, cli_class, error) : NULL;
    const CliField *field = row == NULL ? NULL : find_field(call, cli_class, error);
    if (field == NULL || !cli_check_role(call, field->role, field->name, error))
        return FALSE;

    const char *key = cli_get(call, "param-key");
    gboolean is_one_key = key != NULL && field->kind == CLI_KIND_MAP;
    g_autofree char *text =
        is_one_key ? cli_field_map_get(call, field, row, key) : cli_field_text(call, field, row);
    if (text == NULL)
        return cli_error_failed(error, "Key %s not found in map", key);
    cli_print_line(call, text);
    return TRUE;
}

/* -- Setting
 * ----------------------------------------------------------------------------------------------------------
 */

static gboolean
set_whole(CliCall *call, const CliField *field, const DbRow *row, const char *text, GError **error)
{
    if (field->setter < 0 || field->kind == CLI_KIND_MAP) {
        if (field->kind == CLI_KIND_MAP && cli_field_is_writable(field))
            return cli_error_failed(error, "Field '%s' is a map or set. use the 'name:key=value' syntax.",
                                    field->name);
        return cli_error_failed(error, "Field '%s' is read-only.", field->name);
    }
    const Type *type = model_messages[field->setter].params[1].type;
    Value *value = cli_text_parse(call, type, field->name, text, (field->flags & CLI_FIELD_SIZE) != 0, error);
    return value != NULL && invoke_setter(call, field->setter, row, value, error);
}

/* The wire's spelling of a map's key. */
static Value *
parse_key(CliCall *call, int message, const char *name, const char *key, GError **error)
{
    return cli_text_parse(call, model_messages[message].params[1].type, name, key, FALSE, error);
}

static gboolean
remove_key(CliCall *call, const CliField *field, const DbRow *row, const char *key, GError **error)
{
    Value *wire_key = parse_key(call, field->remover, field->name, key, error);
    return wire_key != NULL && invoke_setter(call, field->remover, row, wire_key, error);
}

static gboolean
add_key(CliCall *call, const CliField *field, const DbRow *row, const char *key, const char *text,
        GError **error)
{
    const ModelMessage *message = &model_messages[field->adder];
    g_autoptr(Value) wire_key = parse_key(call, field->adder, field->name, key, error);
    g_autoptr(Value) value =
        wire_key == NULL ? NULL
                         : cli_text_parse(call, message->params[2].type, field->name, text, FALSE, error);
    return value != NULL && cli_do(call, message->name, error, value_string(row->ref), value_ref(wire_key),
                                   value_ref(value), NULL);
}

static gboolean
set_key(CliCall *call, const CliField *field, DbRow *row, const char *key, const char *text, GError **error)
{
    if (field->put >= 0)
        return cli_do(call, model_messages[field->put].name, error, value_string(row->ref), value_string(key),
                      value_string(text), NULL);
    if (field->adder < 0 || field->remover < 0)
        return cli_error_failed(error, "Map field '%s' is read-only.", field->name);
    g_autofree char *old = cli_field_map_get(call, field, row, key);
    return (old == NULL || remove_key(call, field, row, key, error)) &&
           add_key(call, field, row, key, text, error);
}

/* Keys of a map that is only set as a whole: gathered, then set once. */
static gboolean
gather_key(GHashTable *wholes, const CliField *field, const char *key, const char *text)
{
    Value *map = g_hash_table_lookup(wholes, field);
    if (map == NULL) {
        map = value_map_new(1);
        g_hash_table_insert(wholes, (gpointer)field, map);
    }
    value_map_set(map, key, value_string(text));
    return TRUE;
}

static gboolean
set_gathered(CliCall *call, GHashTable *wholes, const DbRow *row, GError **error)
{
    GHashTableIter iter;
    gpointer field, map;
    g_hash_table_iter_init(&iter, wholes);
    while (g_hash_table_iter_next(&iter, &field, &map)) {
        if (!invoke_setter(call, ((const CliField *)field)->whole, row, value_ref(map), error))
            return FALSE;
    }
    return TRUE;
}

gboolean
cli_param_set(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(DbRow) row = find_object(call, cli_class, error);
    if (row == NULL)
        return FALSE;

    g_autoptr(GHashTable) wholes = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)value_unref);
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        CliFilter target = {0};
        if (strcmp(word->key, "uuid") == 0 || cli_arguments_is_general(word->key))
            continue;
        if (!cli_filter_parse(cli_class, word->key, word->value, &target, error))
            return FALSE;
        if (target.kind == CLI_KIND_SET)
            return cli_error_failed(error, "Cannot param-set on set fields");
        gboolean is_set = target.kind != CLI_KIND_MAP ? set_whole(call, target.field, row, word->value, error)
                          : target.field->whole >= 0
                              ? gather_key(wholes, target.field, target.key, word->value)
                              : set_key(call, target.field, row, target.key, word->value, error);
        if (!is_set)
            return FALSE;
    }
    return set_gathered(call, wholes, row, error);
}

/* -- Members
 * ------------------------------------------------------------------------------------------------------------
 */

static gboolean
require_members(const CliField *field, const char *verb, const char *refusal, GError **error)
{
    if (field->kind == CLI_KIND_STRING)
        return cli_error_failed(error, "Can only %s parameters of type Set or Map", verb);
    if (field->adder < 0 || field->remover < 0)
        return cli_error_failed(error, "%s", refusal);
    return TRUE;
}

static gboolean
add_pairs(CliCall *call, const CliField *field, const DbRow *row, GError **error)
{
    static const char *const own[] = {"uuid", "param-name", "param-key", NULL};
    for (guint i = 0; i < call->arguments->words->len; i++) {
        const CliWord *word = &g_array_index(call->arguments->words, CliWord, i);
        if (g_strv_contains(own, word->key) || cli_arguments_is_general(word->key))
            continue;
        if (!add_key(call, field, row, word->key, word->value, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
cli_param_add(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(DbRow) row = find_object(call, cli_class, error);
    const CliField *field = row == NULL ? NULL : find_field(call, cli_class, error);
    if (field == NULL || !require_members(field, "add to", "Parameter is read-only", error))
        return FALSE;
    if (field->kind == CLI_KIND_MAP)
        return add_pairs(call, field, row, error);

    const char *key = cli_get(call, "param-key");
    if (key == NULL)
        return cli_error_failed(error,
                                "A member of a set is added with param-name=<name> param-key=<member>");
    Value *member = parse_key(call, field->adder, field->name, key, error);
    return member != NULL && invoke_setter(call, field->adder, row, member, error);
}

static gboolean
has_member(CliCall *call, const CliField *field, DbRow *row, const char *member)
{
    g_autoptr(GPtrArray) members = cli_field_members(call, field, row);
    return g_ptr_array_find_with_equal_func(members, member, g_str_equal, NULL);
}

gboolean
cli_param_remove(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(DbRow) row = find_object(call, cli_class, error);
    const CliField *field = row == NULL ? NULL : find_field(call, cli_class, error);
    const char *key = field == NULL ? NULL : cli_require(call, "param-key", error);
    if (key == NULL ||
        !require_members(field, "remove from", "Cannot remove parameters from read-only map", error))
        return FALSE;

    if (field->kind == CLI_KIND_SET && !has_member(call, field, row, key))
        return cli_error_failed(error, "Key %s is not in the set", key);
    g_autofree char *old =
        field->kind == CLI_KIND_MAP ? cli_field_map_get(call, field, row, key) : g_strdup("");
    if (old == NULL)
        return cli_error_failed(error, "Key %s is not in map", key);
    return remove_key(call, field, row, key, error);
}

/* One by one, where no message empties it at once. */
static gboolean
remove_all(CliCall *call, const CliField *field, DbRow *row, GError **error)
{
    g_auto(GStrv) keys = NULL;
    if (field->kind == CLI_KIND_MAP) {
        keys = cli_field_map_keys(call, field, row);
    } else {
        g_autoptr(GPtrArray) members = cli_field_members(call, field, row);
        g_ptr_array_add(members, NULL);
        keys = g_strdupv((GStrv)members->pdata);
    }
    for (char **key = keys; *key != NULL; key++) {
        if (!remove_key(call, field, row, *key, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
cli_param_clear(CliCall *call, const CliClass *cli_class, GError **error)
{
    g_autoptr(DbRow) row = find_object(call, cli_class, error);
    const CliField *field = row == NULL ? NULL : find_field(call, cli_class, error);
    if (field == NULL)
        return FALSE;
    if (!cli_field_is_writable(field))
        return cli_error_failed(error, "Can only clear RW parameters");

    int message = field->whole >= 0 ? field->whole : field->setter;
    if (message < 0 && field->remover >= 0)
        return remove_all(call, field, row, error);
    if (message < 0)
        return cli_error_failed(error, "Cannot clear this parameter");
    Value *empty = cli_text_parse(call, model_messages[message].params[1].type, field->name, "", FALSE, NULL);
    if (empty == NULL)
        return cli_error_failed(error, "Cannot clear this parameter");
    return invoke_setter(call, message, row, empty, error);
}
