/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a message's parameters from the words of a command, calls it, prints what it answers. */
#include "cli/message.h"

#include <string.h>

#include "base/text.h"
#include "cli/host_report.h"
#include "cli/print.h"
#include "cli/select.h"
#include "cli/task.h"
#include "cli/text.h"
#include "model/api_error.h"
#include "model/classes.h"

#define NULL_REF   "OpaqueRef:NULL"
#define FORCE_TEXT "This can lose data, and is done with --force only"

/* -- Parameters
 * ------------------------------------------------------------------------------------------------------- */

/* A row's ref as a value, the row given up. NULL stays NULL. */
static Value *
take_ref(DbRow *row)
{
    g_autoptr(DbRow) owned = row;
    return owned == NULL ? NULL : value_string(owned->ref);
}

static Value *
default_object(CliCall *call, const char *name, GError **error)
{
    if (strcmp(name, "@null") == 0)
        return value_string(NULL_REF);
    if (strcmp(name, "@master") == 0)
        return take_ref(cli_master(call, error));
    if (strcmp(name, "@pool") == 0)
        return take_ref(cli_pool(call, error));
    Value *sr = take_ref(cli_default_sr(call));
    if (sr == NULL)
        cli_error_failed(error, "The pool has no default SR: say which one");
    return sr;
}

static Value *
fallback_value(CliCall *call, const CliArgument *argument, const Type *type, GError **error)
{
    if (argument->fallback[0] == '@')
        return default_object(call, argument->fallback, error);
    const char *name = argument->key == NULL ? "" : argument->key;
    return cli_text_parse(call, type, name, argument->fallback, argument->kind == CLI_ARGUMENT_SIZE, error);
}

/* "tags:red=..." gives the members of a set by their keys. */
static Value *
keys_of(Value *map)
{
    Value *set = value_array_new(value_size(map));
    for (gsize i = 0; i < value_size(map); i++)
        value_array_add(set, value_string(value_map_key(map, i)));
    return set;
}

/* Files of the user, under "key:file=NAME": their content, under the key alone. */
static Value *
load_files(CliCall *call, Value *map, GError **error)
{
    g_autoptr(Value) loaded = value_map_new(value_size(map));
    for (gsize i = 0; i < value_size(map); i++) {
        const char *key = value_map_key(map, i);
        if (!g_str_has_suffix(key, ":file")) {
            value_map_set(loaded, key, value_ref(value_map_value(map, i)));
            continue;
        }
        g_autofree char *plain = g_strndup(key, strlen(key) - strlen(":file"));
        g_autofree char *text = cli_load_file(call, value_get_string(value_map_value(map, i)), error);
        if (text == NULL)
            return NULL;
        value_map_set(loaded, plain, value_string(text));
    }
    return g_steal_pointer(&loaded);
}

static Value *
prefixed_value(CliCall *call, const CliArgument *argument, const Type *type, GError **error)
{
    g_autoptr(Value) map = cli_arguments_prefixed(call->arguments, argument->key);
    if (type->kind == TYPE_SET)
        return keys_of(map);
    return load_files(call, map, error);
}

static Value *
file_value(CliCall *call, const char *name, GError **error)
{
    g_autofree char *text = cli_load_file(call, name, error);
    return text == NULL ? NULL : value_string(text);
}

static Value *
encoded_value(CliCall *call, const char *name, GError **error)
{
    g_autoptr(GString) bytes = cli_load_bytes(call, name, error);
    if (bytes == NULL)
        return NULL;
    g_autofree char *text = g_base64_encode((const guchar *)bytes->str, bytes->len);
    return value_string(text);
}

/* {key: value}, or an empty map. */
static Value *
entry_value(CliCall *call, const char *key)
{
    Value *map = value_map_new(1);
    if (cli_get(call, key) != NULL)
        value_map_set(map, key, value_string(cli_get(call, key)));
    return map;
}

static Value *
basename_value(const char *name)
{
    g_autofree char *base = g_path_get_basename(name);
    return value_string(base);
}

static Value *
word_value(CliCall *call, const CliArgument *argument, const Type *type, const char *text, GError **error)
{
    switch (argument->kind) {
    case CLI_ARGUMENT_NAMED:
        return take_ref(cli_row_by_name(call, type->class_id, text, error));
    case CLI_ARGUMENT_FILE:
        return file_value(call, text, error);
    case CLI_ARGUMENT_ENCODED:
        return encoded_value(call, text, error);
    case CLI_ARGUMENT_BASENAME:
        return basename_value(text);
    case CLI_ARGUMENT_TEMPLATE:
        return take_ref(cli_template_row(call, argument->key, error));
    default:
        return cli_text_parse(call, type, argument->key, text, argument->kind == CLI_ARGUMENT_SIZE, error);
    }
}

/* One parameter. *@ret_is_absent instead, for an optional key without default that was not given. */
static Value *
make_argument(CliCall *call, const CliArgument *argument, const Type *type, const DbRow *selected,
              gboolean *ret_is_absent, GError **error)
{
    switch (argument->kind) {
    case CLI_ARGUMENT_SELECTED:
        return value_string(selected->ref);
    case CLI_ARGUMENT_CONSTANT:
        return fallback_value(call, argument, type, error);
    case CLI_ARGUMENT_PREFIX:
        return prefixed_value(call, argument, type, error);
    case CLI_ARGUMENT_SNAPSHOT:
        return take_ref(cli_snapshot_row(call, error));
    case CLI_ARGUMENT_ENTRY:
        return entry_value(call, argument->key);
    default:
        break;
    }
    const char *text = cli_get(call, argument->key);
    if (text != NULL)
        return word_value(call, argument, type, text, error);
    if (argument->fallback != NULL)
        return fallback_value(call, argument, type, error);
    *ret_is_absent = TRUE;
    return NULL;
}

Value *
cli_message_record(int class_id)
{
    const ModelClass *model_class = &model_classes[class_id];
    Value *record = value_map_new(model_class->n_fields);
    for (gsize i = 0; i < model_class->n_fields; i++) {
        const ModelField *field = &model_class->fields[i];
        if (field->qualifier == FIELD_RORUN || field->is_derived)
            continue;
        Value *value =
            field->default_value != NULL ? value_ref(field->default_value) : type_default(field->type);
        value_map_set(record, field->name, value);
    }
    return record;
}

static Value *
make_record(CliCall *call, const CliMessage *message, const Type *type, const DbRow *selected, GError **error)
{
    g_autoptr(Value) record = cli_message_record(type->class_id);
    for (gsize i = 0; i < message->n_record; i++) {
        const ModelField *field = &model_classes[type->class_id].fields[message->record[i].field];
        gboolean is_absent = FALSE;
        Value *value =
            make_argument(call, &message->record[i].argument, field->type, selected, &is_absent, error);
        if (value == NULL && !is_absent)
            return NULL;
        if (value != NULL)
            value_map_set(record, field->name, value);
    }
    return g_steal_pointer(&record);
}

static Value *
make_params(CliCall *call, const CliMessage *message, const DbRow *selected, GError **error)
{
    const ModelMessage *model = &model_messages[message->message];
    g_autoptr(Value) params = value_array_new(model->n_params);
    if (message->n_record > 0) {
        Value *record = make_record(call, message, model->params[0].type, selected, error);
        if (record == NULL)
            return NULL;
        value_array_add(params, record);
    }
    for (gsize i = 0; i < message->n_arguments; i++) {
        const CliArgument *argument = &message->arguments[i];
        gboolean is_absent = FALSE;
        Value *value = make_argument(call, argument, model->params[i].type, selected, &is_absent, error);
        if (is_absent)
            cli_error_usage(error, "Required parameter not found: %s", argument->key);
        if (value == NULL)
            return NULL;
        value_array_add(params, value);
    }
    return g_steal_pointer(&params);
}

/* -- Results
 * ------------------------------------------------------------------------------------------------------------
 */

GStrv
cli_result_uuids(CliCall *call, const Type *type, const Value *result)
{
    g_autoptr(GStrvBuilder) uuids = g_strv_builder_new();
    if (value_kind(result) == VALUE_ARRAY) {
        for (gsize i = 0; i < value_size(result); i++) {
            g_autofree char *uuid = cli_text_scalar(call, type->element, value_array_get(result, i));
            g_strv_builder_add(uuids, uuid);
        }
    } else {
        g_autofree char *uuid = cli_text_scalar(call, type, result);
        g_strv_builder_add(uuids, uuid);
    }
    return g_strv_builder_end(uuids);
}

static void
print_lines(CliCall *call, const Type *type, const Value *result)
{
    g_auto(GStrv) lines = cli_result_uuids(call, type, result);
    for (char **line = lines; *line != NULL; line++)
        cli_print_line(call, *line);
}

/* Objects a table is about, for people: "uuid (name)". */
static char *
table_key(CliCall *call, const Type *type, const char *key)
{
    if (type->kind != TYPE_MAP || type->key->kind != TYPE_REF)
        return g_strdup(key);
    g_autoptr(DbRow) row = db_get(call->db, type->key->class_id, key);
    if (row == NULL)
        return g_strdup(CLI_MISSING);
    return g_strdup_printf("%s (%s)", cli_row_uuid(row), cli_row_name(row));
}

static void
add_cell(GArray *cells, GPtrArray *texts, char *label, char *value)
{
    CliCell cell = {label, value};
    g_ptr_array_add(texts, label);
    g_ptr_array_add(texts, value);
    g_array_append_val(cells, cell);
}

/* A map, or a struct of the wire, as one record. */
static void
print_map(CliCall *call, const Type *type, const Value *map)
{
    const CliRow *row = call->row;
    g_autoptr(GArray) cells = g_array_new(FALSE, FALSE, sizeof(CliCell));
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    if (row->heading != NULL)
        add_cell(cells, texts, g_strdup(row->heading[0]), g_strdup(row->heading[1]));
    for (gsize i = 0; value_kind(map) == VALUE_MAP && i < value_size(map); i++) {
        const char *key = value_map_key(map, i);
        if (row->keys != NULL && !g_strv_contains(row->keys, key))
            continue;
        /* The fields of a struct say themselves what they are. */
        const Type *element = type->kind == TYPE_MAP ? type->element : type;
        add_cell(cells, texts, table_key(call, type, key),
                 cli_text_value(call, element, value_map_value(map, i), row->heading != NULL ? " " : "; "));
    }
    cli_print_record(call, (const CliCell *)(gpointer)cells->data, cells->len);
}

static void
print_field(CliCall *call, const Type *type, const Value *result)
{
    g_autoptr(DbRow) row = db_get(call->db, type->class_id, value_get_string(result));
    if (row == NULL)
        return;
    g_autoptr(Value) value = db_row_get(call->db, row, call->row->print_field);
    print_lines(call, row->model_class->fields[call->row->print_field].type, value);
}

static void
print_result(CliCall *call, const Type *type, const Value *result)
{
    g_autofree char *text = NULL;
    switch (call->row->print) {
    case CLI_PRINT_NONE:
        break;
    case CLI_PRINT_UUID:
    case CLI_PRINT_VALUE:
        print_lines(call, type, result);
        break;
    case CLI_PRINT_TEXT:
        text = cli_text_value(call, type, result, "; ");
        cli_print_text(call, "%s", text);
        break;
    case CLI_PRINT_TABLE:
        print_map(call, type, result);
        break;
    case CLI_PRINT_RECORDS:
        for (gsize i = 0; value_kind(result) == VALUE_ARRAY && i < value_size(result); i++)
            print_map(call, type->element, value_array_get(result, i));
        break;
    case CLI_PRINT_FIELD:
        print_field(call, type, result);
        break;
    }
}

/* Calls on the object just made, for the keys that were given. */
static gboolean
run_then(CliCall *call, const Value *result, GError **error)
{
    for (gsize i = 0; i < call->row->n_then; i++) {
        const CliThen *then = &call->row->then[i];
        const ModelMessage *message = &model_messages[then->message];
        const char *text = cli_get(call, then->key);
        if (text == NULL)
            continue;
        Value *value = cli_text_parse(call, message->params[1].type, then->key, text, FALSE, error);
        if (value == NULL ||
            !cli_do(call, message->name, error, value_string(value_get_string(result)), value, NULL))
            return FALSE;
    }
    return TRUE;
}

/* -- The whole
 * ---------------------------------------------------------------------------------------------------------
 */

static gboolean
run_one(CliCall *call, DbRow *selected, gpointer data, GError **error)
{
    const CliMessage *message = data;
    const ModelMessage *model = &model_messages[message->message];
    g_autoptr(GError) problem = NULL;
    g_autoptr(Value) params = make_params(call, message, selected, error);
    if (params == NULL)
        return FALSE;

    gboolean shows_progress = cli_get(call, "progress") != NULL && model->has_async;
    g_autoptr(Value) result = shows_progress ? cli_task_invoke(call, model, params, &problem)
                                             : cli_invoke_array(call, model->name, params, &problem);
    if (result == NULL) {
        if ((call->row->flags & CLI_FLAG_REPORTS_HOSTS) != 0 && problem->domain == API_ERROR &&
            api_error_is(problem, "NO_HOSTS_AVAILABLE"))
            cli_host_report(call, selected);
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!run_then(call, result, error))
        return FALSE;
    print_result(call, model->result, result);
    return TRUE;
}

/* The row's message, or the alternative its words ask for. */
static const CliMessage *
choose_message(CliCall *call, GError **error)
{
    for (gsize i = 0; i < call->row->n_alternatives; i++) {
        const CliAlternative *alternative = &call->row->alternatives[i];
        gboolean is_true = cli_get(call, alternative->key) != NULL;
        if (alternative->if_true && !cli_get_truth(call, alternative->key, FALSE, &is_true, error))
            return NULL;
        if (is_true)
            return &alternative->message;
    }
    return call->row->message;
}

static gboolean
check_one_of(CliCall *call, GError **error)
{
    guint count = 0;
    if (call->row->one_of == NULL)
        return TRUE;
    for (const char *const *key = call->row->one_of; *key != NULL; key++)
        count += cli_get(call, *key) != NULL;
    if (count == 1)
        return TRUE;
    g_autofree char *keys = g_strjoinv(", ", (char **)call->row->one_of);
    return cli_error_failed(error, "Give exactly one of these: %s", keys);
}

/* What a dangerous command wants to hear first. */
static gboolean
check_force(CliCall *call, GError **error)
{
    gboolean is_forced = FALSE;
    if (!cli_get_truth(call, "force", FALSE, &is_forced, error))
        return FALSE;
    if (is_forced)
        return TRUE;
    if ((call->row->flags & CLI_FLAG_NEEDS_FORCE) != 0)
        return cli_error_failed(error, FORCE_TEXT);
    if (call->row->warn == NULL)
        return TRUE;
    for (const char *const *line = call->row->warn; *line != NULL; line++)
        cli_print_always(call, "%s", *line);
    return cli_confirm(call, error);
}

/* Some commands are flagged as selecting, for help, but name their object. */
static gboolean
takes_selected(const CliMessage *message)
{
    for (gsize i = 0; i < message->n_arguments; i++) {
        if (message->arguments[i].kind == CLI_ARGUMENT_SELECTED)
            return TRUE;
    }
    return FALSE;
}

gboolean
cli_message_run(CliCall *call, GError **error)
{
    const CliMessage *message = choose_message(call, error);
    if (message == NULL || !check_one_of(call, error) || !check_force(call, error))
        return FALSE;
    if (takes_selected(message))
        return cli_for_selected(call, run_one, (gpointer)message, error);
    return run_one(call, NULL, (gpointer)message, error);
}
