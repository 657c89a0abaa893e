/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads an expression into a tree and evaluates it on rows. Values are compared as the peer's database spells
 * them. */
#include "rpc/where.h"

#include "model/errors.h"
#include <string.h>

#define MAX_DEPTH 64
#define MAX_TERMS 1000 /* in all; evaluation goes this deep */

typedef enum WhereKind { WHERE_TRUE, WHERE_FALSE, WHERE_NOT, WHERE_AND, WHERE_OR, WHERE_EQUAL } WhereKind;

/* One side of an equation. */
typedef struct Operand {
    char *text; /* NULL: the field's value */
    int field;
} Operand;

struct Where {
    WhereKind kind;
    Where *left;         /* NOT, AND, OR */
    Where *right;        /* AND, OR */
    Operand operands[2]; /* EQUAL */
};

typedef struct Parser {
    const ModelClass *model_class;
    const char *text; /* all of it, for messages */
    const char *at;
    guint depth;
    guint n_terms;
} Parser;

void
where_free(Where *where)
{
    if (where == NULL)
        return;
    where_free(where->left);
    where_free(where->right);
    g_free(where->operands[0].text);
    g_free(where->operands[1].text);
    g_free(where);
}

/* ---- Reading
 * ------------------------------------------------------------------------------------------------------ */

static Where *
refuse(const Parser *parser, const char *reason, GError **error)
{
    api_error_set(error, "INVALID_VALUE", (const char *const[]){parser->text, reason, NULL});
    return NULL;
}

static void
skip_space(Parser *parser)
{
    while (g_ascii_isspace(*parser->at))
        parser->at++;
}

/* A word ends where no letter follows, so that "notes" is not "not". */
static gboolean
take_word(Parser *parser, const char *word)
{
    gsize length = strlen(word);
    skip_space(parser);
    if (strncmp(parser->at, word, length) != 0)
        return FALSE;
    if (g_ascii_isalpha(word[0]) && (g_ascii_isalnum(parser->at[length]) || parser->at[length] == '_'))
        return FALSE;
    parser->at += length;
    return TRUE;
}

static char *
take_quoted(Parser *parser)
{
    skip_space(parser);
    const char *end = *parser->at == '"' ? strchr(parser->at + 1, '"') : NULL;
    if (end == NULL)
        return NULL;
    char *text = g_strndup(parser->at + 1, (gsize)(end - parser->at - 1));
    parser->at = end + 1;
    return text;
}

/* Fields that stand in a group there, by how their names begin. Source: the peer's data model, namespaces */
static const struct {
    const char *class_name;
    const char *prefix; /* as on the wire */
} groups[] = {
    {"VM", "memory_"},        {"VM", "VCPUs_"},
    {"VM", "actions_"},       {"VM", "PV_"},
    {"VM", "HVM_"},           {"VM_metrics", "memory_"},
    {"VM_metrics", "VCPUs_"}, {"host", "API_version_"},
    {"host", "memory_"},      {"host_metrics", "memory_"},
    {"VBD", "qos_"},          {"VIF", "qos_"},
    {"VBD_metrics", "io_"},   {"VIF_metrics", "io_"},
    {"PIF_metrics", "io_"},
};

/* "name" is a group in every class that has a name_label. */
static const char *
group_of(const ModelClass *model_class, const char *name)
{
    if (g_str_equal(name, "name_label") || g_str_equal(name, "name_description"))
        return "name_";
    for (gsize i = 0; i < G_N_ELEMENTS(groups); i++)
        if (g_str_equal(groups[i].class_name, model_class->name) && g_str_has_prefix(name, groups[i].prefix))
            return groups[i].prefix;
    return NULL;
}

char *
where_field_name(const ModelClass *model_class, int field)
{
    const char *name = model_class->fields[field].name;
    const char *group = group_of(model_class, name);
    return group != NULL ? g_strconcat(group, "_", name + strlen(group), NULL) : g_strdup(name);
}

/* The peer joins a field's path with two underscores where the wire has one. */
static int
find_field(const ModelClass *model_class, const char *name)
{
    int field = model_field_by_name(model_class, name);
    if (field >= 0)
        return field;
    g_auto(GStrv) parts = g_strsplit(name, "__", -1);
    g_autofree char *joined = g_strjoinv("_", parts);
    return model_field_by_name(model_class, joined);
}

static gboolean
take_operand(Parser *parser, Operand *operand, GError **error)
{
    gboolean is_field = take_word(parser, "field");
    g_autofree char *text = take_quoted(parser);
    if (text == NULL)
        return refuse(parser, "expected text in double quotes", error) != NULL;
    if (is_field) {
        operand->field = find_field(parser->model_class, text);
        return operand->field >= 0 || refuse(parser, "there is no such field", error) != NULL;
    }
    operand->text = g_steal_pointer(&text);
    return TRUE;
}

static Where *
new_node(WhereKind kind, Where *left, Where *right)
{
    Where *where = g_new0(Where, 1);
    where->kind = kind;
    where->left = left;
    where->right = right;
    return where;
}

static Where *
parse_equation(Parser *parser, GError **error)
{
    g_autoptr(Where) where = new_node(WHERE_EQUAL, NULL, NULL);
    if (!take_operand(parser, &where->operands[0], error))
        return NULL;
    if (!take_word(parser, "="))
        return refuse(parser, "expected =", error);
    if (!take_operand(parser, &where->operands[1], error))
        return NULL;
    return g_steal_pointer(&where);
}

static Where *parse_expression(Parser *parser, GError **error);

static Where *
parse_term(Parser *parser, GError **error)
{
    if (parser->depth >= MAX_DEPTH)
        return refuse(parser, "nested too deeply", error);
    if (take_word(parser, "true"))
        return new_node(WHERE_TRUE, NULL, NULL);
    if (take_word(parser, "false"))
        return new_node(WHERE_FALSE, NULL, NULL);
    g_autoptr(Where) inner = NULL;
    gboolean is_not = take_word(parser, "not");
    if (!is_not && !take_word(parser, "("))
        return parse_equation(parser, error);
    parser->depth++;
    inner = is_not ? parse_term(parser, error) : parse_expression(parser, error);
    parser->depth--;
    if (inner == NULL)
        return NULL;
    if (is_not)
        return new_node(WHERE_NOT, g_steal_pointer(&inner), NULL);
    return take_word(parser, ")") ? g_steal_pointer(&inner) : refuse(parser, "expected )", error);
}

static Where *
parse_expression(Parser *parser, GError **error)
{
    g_autoptr(Where) left = parse_term(parser, error);
    while (left != NULL) {
        if (++parser->n_terms > MAX_TERMS)
            return refuse(parser, "too long", error);
        gboolean is_and = take_word(parser, "and");
        if (!is_and && !take_word(parser, "or"))
            return g_steal_pointer(&left);
        Where *right = parse_term(parser, error);
        if (right == NULL)
            return NULL;
        left = new_node(is_and ? WHERE_AND : WHERE_OR, g_steal_pointer(&left), right);
    }
    return NULL;
}

Where *
where_parse(const ModelClass *model_class, const char *text, GError **error)
{
    Parser parser = {model_class, text, text, 0, 0};
    g_autoptr(Where) where = parse_expression(&parser, error);
    if (where == NULL)
        return NULL;
    skip_space(&parser);
    return *parser.at == '\0' ? g_steal_pointer(&where) : refuse(&parser, "text after the expression", error);
}

/* ---- Evaluation
 * ---------------------------------------------------------------------------------------------------- */

static void append_text(GString *out, const Value *value, gboolean is_inner);

static void
append_quoted(GString *out, const char *text)
{
    g_string_append_c(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
    g_string_append_c(out, '\'');
}

static void
append_map(GString *out, const Value *map)
{
    for (gsize i = 0; i < value_size(map); i++) {
        g_string_append(out, i > 0 ? " (" : "(");
        append_quoted(out, value_map_key(map, i));
        g_string_append_c(out, ' ');
        append_text(out, value_map_value(map, i), TRUE);
        g_string_append_c(out, ')');
    }
}

static void
append_array(GString *out, const Value *array)
{
    for (gsize i = 0; i < value_size(array); i++) {
        if (i > 0)
            g_string_append_c(out, ' ');
        append_text(out, value_array_get(array, i), TRUE);
    }
}

static void
append_collection(GString *out, const Value *value)
{
    g_string_append_c(out, '(');
    if (value_kind(value) == VALUE_MAP)
        append_map(out, value);
    else
        append_array(out, value);
    g_string_append_c(out, ')');
}

/* Sets and maps as s-expressions, everything else as bare text. */
static void
append_text(GString *out, const Value *value, gboolean is_inner)
{
    g_autofree char *text = NULL;
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    switch (value_kind(value)) {
    case VALUE_ARRAY:
    case VALUE_MAP:
        append_collection(out, value);
        return;
    case VALUE_INT:
    case VALUE_COUNT:
        text = g_strdup_printf("%" G_GINT64_FORMAT, value_get_int(value));
        break;
    case VALUE_BOOL:
        text = g_strdup(value_get_bool(value) ? "true" : "false");
        break;
    case VALUE_FLOAT:
        text = g_strdup(g_ascii_formatd(number, sizeof number, "%.16g", value_get_float(value)));
        break;
    default:
        text = g_strdup(value_kind(value) == VALUE_NIL ? "" : value_get_string(value));
    }
    if (is_inner)
        append_quoted(out, text);
    else
        g_string_append(out, text);
}

void
where_append_value(GString *out, const Value *value)
{
    append_text(out, value, FALSE);
}

static char *
operand_text(const Operand *operand, Db *db, const DbRow *row)
{
    if (operand->text != NULL)
        return g_strdup(operand->text);
    g_autoptr(Value) value = db_row_get(db, row, operand->field);
    GString *out = g_string_new(NULL);
    append_text(out, value, FALSE);
    return g_string_free(out, FALSE);
}

static gboolean
is_equal(const Where *where, Db *db, const DbRow *row)
{
    g_autofree char *left = operand_text(&where->operands[0], db, row);
    g_autofree char *right = operand_text(&where->operands[1], db, row);
    return g_str_equal(left, right);
}

gboolean
where_matches(const Where *where, Db *db, const DbRow *row)
{
    switch (where->kind) {
    case WHERE_TRUE:
        return TRUE;
    case WHERE_FALSE:
        return FALSE;
    case WHERE_NOT:
        return !where_matches(where->left, db, row);
    case WHERE_AND:
        return where_matches(where->left, db, row) && where_matches(where->right, db, row);
    case WHERE_OR:
        return where_matches(where->left, db, row) || where_matches(where->right, db, row);
    case WHERE_EQUAL:
        return is_equal(where, db, row);
    }
    return FALSE;
}
