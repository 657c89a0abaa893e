/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads fields of rows: along their paths, from calls, from data sources. */
#include "cli/field.h"

#include <string.h>

#include "cli/text.h"
#include "model/api_error.h"

#define UNKNOWN "<unknown>"

/* What a path leads to: one value, or through a set of references several. Never both empty and not missing.
 */
typedef struct Found {
    GPtrArray *values;   /* (element-type Value) */
    const Type *type;    /* of each */
    gboolean is_many;    /* a set of references lies on the way */
    gboolean is_missing; /* the way ends at a reference to nothing */
} Found;

static void
found_clear(Found *found)
{
    g_clear_pointer(&found->values, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

const CliClass *
cli_class_by_name(const char *name)
{
    for (gsize i = 0; i < cli_n_classes; i++) {
        if (cli_classes[i].lacks == NULL && strcmp(cli_classes[i].name, name) == 0)
            return &cli_classes[i];
    }
    return NULL;
}

const CliField *
cli_field_find(const CliClass *cli_class, const char *name)
{
    for (gsize i = 0; i < cli_class->n_fields; i++) {
        if (strcmp(cli_class->fields[i].name, name) == 0)
            return &cli_class->fields[i];
    }
    return NULL;
}

gboolean
cli_field_is_writable(const CliField *field)
{
    return field->setter >= 0 || field->adder >= 0 || field->put >= 0 || field->whole >= 0;
}

/* -- Values
 * -----------------------------------------------------------------------------------------------------------
 */

static void follow(CliCall *call, const int *path, DbRow *row, Found *found);

static void
follow_ref(CliCall *call, const int *path, int class_id, const char *ref, Found *found)
{
    g_autoptr(DbRow) next = db_get(call->db, class_id, ref);
    if (next == NULL)
        found->is_missing = TRUE;
    else
        follow(call, path, next, found);
}

static void
follow(CliCall *call, const int *path, DbRow *row, Found *found)
{
    const Type *type = row->model_class->fields[*path].type;
    g_autoptr(Value) value = db_row_get(call->db, row, *path);
    if (path[1] < 0) {
        found->type = type;
        g_ptr_array_add(found->values, g_steal_pointer(&value));
        return;
    }
    if (type->kind == TYPE_REF) {
        follow_ref(call, path + 1, type->class_id, value_get_string(value), found);
        return;
    }
    found->is_many = TRUE;
    for (gsize i = 0; i < value_size(value); i++)
        follow_ref(call, path + 1, type->element->class_id, value_get_string(value_array_get(value, i)),
                   found);
}

/* The value of a field that a message answers; NULL with the problem in words. */
static Value *
ask(CliCall *call, const CliField *field, DbRow *row, char **ret_problem)
{
    const ModelMessage *message = &model_messages[field->call];
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) params = value_array_new(1);
    if (message->n_params > 0)
        value_array_add(params, value_string(row->ref));
    Value *value = cli_invoke_array(call, message->name, params, &error);
    if (value == NULL)
        *ret_problem = !g_error_matches(error, CLI_ERROR, CLI_ERROR_GONE) && error->domain == API_ERROR
                           ? g_strdup_printf("<%s>", api_error_code(error))
                           : g_strdup(UNKNOWN);
    return value;
}

static Found
find_values(CliCall *call, const CliField *field, DbRow *row, char **ret_problem)
{
    Found found = {.values = g_ptr_array_new_with_free_func((GDestroyNotify)value_unref)};
    if (field->call >= 0) {
        Value *value = ask(call, field, row, ret_problem);
        found.type = model_messages[field->call].result;
        found.is_missing = value == NULL;
        if (value != NULL)
            g_ptr_array_add(found.values, value);
    } else if (field->path != NULL) {
        follow(call, field->path, row, &found);
    }
    return found;
}

/* Appends the members of one value: itself, of a set each, of a map its values or pairs. */
static void
add_members(CliCall *call, const CliField *field, const Type *type, const Value *value, GPtrArray *texts)
{
    ValueKind kind = value_kind(value);
    if (kind == VALUE_ARRAY) {
        for (gsize i = 0; i < value_size(value); i++)
            g_ptr_array_add(texts, cli_text_scalar(call, type->element, value_array_get(value, i)));
    } else if (kind == VALUE_MAP && (field->kind == CLI_KIND_SET || (field->flags & CLI_FIELD_VALUES) != 0)) {
        for (gsize i = 0; i < value_size(value); i++)
            g_ptr_array_add(texts, cli_text_scalar(call, type->element, value_map_value(value, i)));
    } else if (kind == VALUE_MAP && value_size(value) > 0) {
        g_ptr_array_add(texts, cli_text_value(call, type, value, "; "));
    } else if (kind != VALUE_MAP) {
        g_ptr_array_add(texts, cli_text_scalar(call, type, value));
    }
}

static char *
join(GPtrArray *texts, const char *separator)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < texts->len; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? separator : "", (const char *)texts->pdata[i]);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* @shape with each {} replaced by what its path leads to; NULL when one leads nowhere. */
static char *
fill_shape(CliCall *call, const char *shape, const int *const *parts, DbRow *row)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (const char *next = shape; *next != '\0'; next++) {
        if (next[0] != '{' || next[1] != '}') {
            g_string_append_c(out, *next);
            continue;
        }
        g_auto(Found) found = {.values = g_ptr_array_new_with_free_func((GDestroyNotify)value_unref)};
        follow(call, *parts++, row, &found);
        if (found.values->len == 0)
            return NULL;
        g_autofree char *text = cli_text_value(call, found.type, found.values->pdata[0], "; ");
        g_string_append(out, text);
        next++;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* A measurement of the object at the field's path, or of the row itself. */
static char *
measure(CliCall *call, const CliField *field, DbRow *row)
{
    g_autofree char *source = fill_shape(call, field->source, field->parts, row);
    const Type *type = field->path == NULL ? NULL : row->model_class->fields[field->path[0]].type;
    int class_id = type == NULL ? model_class_id(row->model_class) : type->class_id;
    const char *ref = type == NULL ? row->ref : db_row_string(row, field->path[0]);
    g_autofree char *method = g_strdup_printf("%s.query_data_source", model_classes[class_id].name);
    g_autoptr(Value) value =
        source == NULL ? NULL : cli_invoke(call, method, NULL, value_string(ref), value_string(source), NULL);
    if (value == NULL || value_kind(value) != VALUE_FLOAT)
        return g_strdup(UNKNOWN);
    return g_strdup_printf("%.3f", value_get_float(value) / field->scale);
}

/* Most fields: one value of the row itself. NULL when it is not that simple. */
static char *
plain_text(CliCall *call, const CliField *field, DbRow *row)
{
    if (field->path == NULL || field->path[1] >= 0 || field->source != NULL || field->blank != NULL)
        return NULL;
    const Type *type = row->model_class->fields[field->path[0]].type;
    if (type->kind == TYPE_SET || type->kind == TYPE_MAP)
        return NULL;
    g_autoptr(Value) value = db_row_get(call->db, row, field->path[0]);
    return cli_text_scalar(call, type, value);
}

char *
cli_field_text(CliCall *call, const CliField *field, DbRow *row)
{
    char *plain = plain_text(call, field, row);
    if (plain != NULL)
        return plain;
    const char *missing = field->missing == NULL ? CLI_MISSING : field->missing;
    if (field->special != NULL)
        return field->special(call, row);
    if (field->source != NULL)
        return measure(call, field, row);
    if (field->template != NULL) {
        char *text = fill_shape(call, field->template, field->parts, row);
        return text != NULL ? text : g_strdup(missing);
    }

    char *problem = NULL;
    g_auto(Found) found = find_values(call, field, row, &problem);
    if (problem != NULL)
        return problem;
    if (found.is_missing && !found.is_many)
        return g_strdup(missing);

    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < found.values->len; i++)
        add_members(call, field, found.type, found.values->pdata[i], texts);
    char *text = join(texts, field->separator == NULL ? "; " : field->separator);
    if (*text != '\0' || field->blank == NULL)
        return text;
    g_free(text);
    return g_strdup(field->blank);
}

GPtrArray *
cli_field_members(CliCall *call, const CliField *field, DbRow *row)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *problem = NULL;
    g_auto(Found) found = find_values(call, field, row, &problem);
    for (guint i = 0; i < found.values->len; i++)
        add_members(call, field, found.type, found.values->pdata[i], texts);
    return texts;
}

/* The map a field of kind map holds, or NULL. */
static Value *
find_map(CliCall *call, const CliField *field, DbRow *row, const Type **ret_type)
{
    g_autofree char *problem = NULL;
    g_auto(Found) found = find_values(call, field, row, &problem);
    if (found.values->len != 1 || value_kind(found.values->pdata[0]) != VALUE_MAP)
        return NULL;
    *ret_type = found.type;
    return value_ref(found.values->pdata[0]);
}

char *
cli_field_map_get(CliCall *call, const CliField *field, DbRow *row, const char *key)
{
    const Type *type = NULL;
    g_autoptr(Value) map = find_map(call, field, row, &type);
    for (gsize i = 0; map != NULL && i < value_size(map); i++) {
        const char *found = value_map_key(map, i);
        gboolean is_it = (field->flags & CLI_FIELD_FOLDED) != 0 ? g_ascii_strcasecmp(found, key) == 0
                                                                : strcmp(found, key) == 0;
        if (is_it)
            return cli_text_scalar(call, type->element, value_map_value(map, i));
    }
    return NULL;
}

GStrv
cli_field_map_keys(CliCall *call, const CliField *field, DbRow *row)
{
    const Type *type = NULL;
    g_autoptr(GStrvBuilder) keys = g_strv_builder_new();
    g_autoptr(Value) map = find_map(call, field, row, &type);
    for (gsize i = 0; map != NULL && i < value_size(map); i++)
        g_strv_builder_add(keys, value_map_key(map, i));
    return g_strv_builder_end(keys);
}

/* -- Conditions
 * ------------------------------------------------------------------------------------------------------- */

static gboolean
unknown_field(const char *word, GError **error)
{
    return cli_error_failed(error, "Unknown field '%s'", word);
}

/* "other-config-key", as older scripts write: the longest map whose name it starts with, else the longest
 * set. */
static const CliField *
find_by_old_form(const CliClass *cli_class, const char *word, CliKind kind)
{
    const CliField *best = NULL;
    for (gsize i = 0; i < cli_class->n_fields; i++) {
        const CliField *field = &cli_class->fields[i];
        gsize length = strlen(field->name);
        if (field->kind == kind && g_str_has_prefix(word, field->name) && word[length] == '-' &&
            (best == NULL || length > strlen(best->name)))
            best = field;
    }
    return best;
}

gboolean
cli_filter_parse(const CliClass *cli_class, const char *word, const char *value, CliFilter *ret_filter,
                 GError **error)
{
    CliFilter filter = {.field = cli_field_find(cli_class, word), .kind = CLI_KIND_STRING, .value = value};
    const char *colon = strchr(word, ':');
    if (filter.field == NULL && colon != NULL) {
        g_autofree char *name = g_strndup(word, (gsize)(colon - word));
        filter.field = cli_field_find(cli_class, name);
        if (filter.field != NULL && filter.field->kind == CLI_KIND_STRING)
            return cli_error_failed(error, "Field '%s' is not a set or map", name);
    } else if (filter.field == NULL) {
        filter.field = find_by_old_form(cli_class, word, CLI_KIND_MAP);
        if (filter.field == NULL)
            filter.field = find_by_old_form(cli_class, word, CLI_KIND_SET);
    }
    if (filter.field == NULL)
        return unknown_field(word, error);
    if (strlen(word) > strlen(filter.field->name)) {
        filter.kind = filter.field->kind;
        filter.key = word + strlen(filter.field->name) + 1;
    }
    if (filter.kind == CLI_KIND_SET && strcmp(filter.key, "contains") != 0)
        return cli_error_failed(error, "'%s': what a set holds is asked as %s:contains=value", word,
                                filter.field->name);
    *ret_filter = filter;
    return TRUE;
}

static gboolean
is_same(const CliField *field, const char *text, const char *value)
{
    return (field->flags & CLI_FIELD_FOLDED) != 0 ? g_ascii_strcasecmp(text, value) == 0
                                                  : strcmp(text, value) == 0;
}

gboolean
cli_filter_matches(CliCall *call, const CliFilter *filter, DbRow *row)
{
    if (filter->kind == CLI_KIND_SET) {
        g_autoptr(GPtrArray) members = cli_field_members(call, filter->field, row);
        for (guint i = 0; i < members->len; i++) {
            if (is_same(filter->field, members->pdata[i], filter->value))
                return TRUE;
        }
        return FALSE;
    }
    g_autofree char *text = filter->kind == CLI_KIND_MAP
                                ? cli_field_map_get(call, filter->field, row, filter->key)
                                : cli_field_text(call, filter->field, row);
    return text != NULL && is_same(filter->field, text, filter->value);
}

/* Rows that one filter leaves, where an index answers it; NULL otherwise. */
static GPtrArray *
rows_by_index(CliCall *call, const CliClass *cli_class, const CliFilter *filter)
{
    const ModelClass *model_class = &model_classes[cli_class->class_id];
    int field = filter->field->path == NULL || filter->field->path[1] >= 0 ? -1 : filter->field->path[0];
    if (filter->kind != CLI_KIND_STRING || field < 0)
        return NULL;
    if (field == model_class->name_label_field)
        return db_get_by_name(call->db, cli_class->class_id, filter->value);
    if (field != model_class->uuid_field)
        return NULL;
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    DbRow *row = db_get_by_uuid(call->db, cli_class->class_id, filter->value);
    if (row != NULL)
        g_ptr_array_add(rows, row);
    return rows;
}

GPtrArray *
cli_rows_matching(CliCall *call, const CliClass *cli_class, const CliFilter *filters, gsize n_filters)
{
    g_autoptr(GPtrArray) rows = NULL;
    for (gsize i = 0; i < n_filters && rows == NULL; i++)
        rows = rows_by_index(call, cli_class, &filters[i]);
    if (rows == NULL)
        rows = db_get_all(call->db, cli_class->class_id);

    GPtrArray *matching = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);
    for (guint i = 0; i < rows->len; i++) {
        gboolean is_matching = TRUE;
        for (gsize j = 0; j < n_filters && is_matching; j++)
            is_matching = cli_filter_matches(call, &filters[j], rows->pdata[i]);
        if (is_matching)
            g_ptr_array_add(matching, db_row_ref(rows->pdata[i]));
    }
    return matching;
}
