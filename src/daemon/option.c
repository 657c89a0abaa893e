/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a daemon's options from its command line and its configuration file. */
#include "daemon/option.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#define DOC_WIDTH 96

/* One value as it was given. */
typedef struct Given {
    const Option *option;
    char *text;
    char *origin; /* "--port", or "file:12: port" */
} Given;

/* What the parser of the command line collects. */
typedef struct Line {
    const OptionTable *table;
    GPtrArray *given; /* (element-type Given) */
} Line;

static void
given_free(gpointer data)
{
    Given *given = data;
    g_free(given->text);
    g_free(given->origin);
    g_free(given);
}

static void
add_given(GPtrArray *list, const Option *option, const char *text, char *origin)
{
    Given *given = g_new0(Given, 1);
    *given = (Given){option, g_strdup(text), origin};
    g_ptr_array_add(list, given);
}

static const Option *
find(const OptionTable *table, const char *name)
{
    for (gsize i = 0; i < table->n_options; i++) {
        if (strcmp(table->options[i].name, name) == 0)
            return &table->options[i];
    }
    return NULL;
}

/* ---- Values */

static gpointer
place(const Option *option, gpointer target)
{
    return (char *)target + option->offset;
}

static gboolean
set_text(const Given *given, char **text, GError **error)
{
    if (*given->text == '\0')
        return base_error_set(error, BASE_ERROR_INVALID, "%s needs a value", given->origin);
    g_free(*text);
    *text = g_strdup(given->text);
    return TRUE;
}

static gboolean
set_number(const Given *given, int *number, GError **error)
{
    const Option *option = given->option;
    gint64 value = 0;
    if (!base_int_parse(given->text, &value) || value < option->min || value > option->max)
        return base_error_set(error, BASE_ERROR_INVALID, "%s is a number from %d to %d, not '%s'",
                              given->origin, option->min, option->max, given->text);
    *number = (int)value;
    return TRUE;
}

static gboolean
set_choice(const Given *given, char **text, GError **error)
{
    g_auto(GStrv) choices = g_strsplit(given->option->choices, "|", -1);
    if (g_strv_contains((const char *const *)choices, given->text))
        return set_text(given, text, error);
    g_autofree char *list = g_strjoinv(", ", choices);
    return base_error_set(error, BASE_ERROR_INVALID, "%s is one of %s, not '%s'", given->origin, list,
                          given->text);
}

static gboolean
add_to_list(const Given *given, char ***list, GError **error)
{
    guint length = *list == NULL ? 0 : g_strv_length(*list);
    if (*given->text == '\0')
        return base_error_set(error, BASE_ERROR_INVALID, "%s needs a value", given->origin);
    *list = g_renew(char *, *list, length + 2);
    (*list)[length] = g_strdup(given->text);
    (*list)[length + 1] = NULL;
    return TRUE;
}

static gboolean
set_value(const Given *given, gpointer target, GError **error)
{
    gpointer value = place(given->option, target);
    switch (given->option->kind) {
    case OPTION_TEXT:
    case OPTION_PATH:
        return set_text(given, value, error);
    case OPTION_NUMBER:
        return set_number(given, value, error);
    case OPTION_CHOICE:
        return set_choice(given, value, error);
    case OPTION_LIST:
        return add_to_list(given, value, error);
    case OPTION_ACTION:
        *(gboolean *)value = TRUE;
        return TRUE;
    }
    g_assert_not_reached();
}

static void
clear_value(const Option *option, gpointer target)
{
    gpointer value = place(option, target);
    if (option->kind == OPTION_LIST)
        g_clear_pointer((char ***)value, g_strfreev);
    else if (option->kind != OPTION_NUMBER && option->kind != OPTION_ACTION)
        g_clear_pointer((char **)value, g_free);
}

/* Values of one source, over what is there; a list it has replaces the one of the sources before. */
static gboolean
apply(GPtrArray *list, gpointer target, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < list->len; i++) {
        const Given *given = list->pdata[i];
        if (g_hash_table_add(seen, (gpointer)given->option))
            clear_value(given->option, target);
        if (!set_value(given, target, error))
            return FALSE;
    }
    return TRUE;
}

static GPtrArray *
fallbacks(const OptionTable *table)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(given_free);
    for (gsize i = 0; i < table->n_options; i++) {
        const Option *option = &table->options[i];
        if (option->fallback != NULL)
            add_given(list, option, option->fallback, g_strdup(option->name));
    }
    return list;
}

/* ---- Configuration file */

static gboolean
read_pair(const OptionTable *table, const char *place_name, char *line, GPtrArray *list, GError **error)
{
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "%s: '%s' is not of the form key = value",
                              place_name, line);
    *equals = '\0';
    const char *key = g_strstrip(line);
    const char *value = g_strstrip(equals + 1);
    const Option *option = find(table, key);
    if (option == NULL || option->is_for_line_only || option->kind == OPTION_ACTION)
        return base_error_set(error, BASE_ERROR_INVALID, "%s: unknown key '%s'", place_name, key);
    for (guint i = 0; i < list->len && option->kind != OPTION_LIST; i++) {
        if (((const Given *)list->pdata[i])->option == option)
            return base_error_set(error, BASE_ERROR_INVALID, "%s: '%s' stands here a second time", place_name,
                                  key);
    }
    add_given(list, option, value, g_strdup_printf("%s: %s", place_name, key));
    return TRUE;
}

static gboolean
read_header(const OptionTable *table, const char *place_name, const char *line, GError **error)
{
    g_autofree char *wanted = g_strdup_printf("[%s]", table->program);
    return strcmp(line, wanted) == 0 ||
           base_error_set(error, BASE_ERROR_INVALID, "%s: '%s' is not '%s'", place_name, line, wanted);
}

static GPtrArray *
read_file(const OptionTable *table, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!base_file_read(path, OPTION_FILE_MAX_BYTES, &text, &length, error))
        return NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(given_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        char *line = g_strstrip(lines[i]);
        g_autofree char *place_name = g_strdup_printf("%s:%u", path, i + 1);
        if (*line == '\0' || *line == '#' || *line == ';')
            continue;
        gboolean is_read = *line == '[' ? read_header(table, place_name, line, error)
                                        : read_pair(table, place_name, line, list, error);
        if (!is_read)
            return NULL;
    }
    return g_steal_pointer(&list);
}

/* ---- Command line */

static gboolean
take_switch(const char *name, const char *value, gpointer data, GError **error)
{
    Line *line = data;
    const Option *option = find(line->table, name + strspn(name, "-"));
    add_given(line->given, option, value == NULL ? "" : value, g_strdup_printf("--%s", option->name));
    return TRUE;
}

/* For --help: (element-type utf8), as long as the parser may need them. */
static const char *
describe(const Option *option, GPtrArray *texts)
{
    char *text = option->fallback == NULL ? g_strdup(option->doc)
                                          : g_strdup_printf("%s (%s)", option->doc, option->fallback);
    g_ptr_array_add(texts, text);
    return text;
}

static GArray *
make_entries(const OptionTable *table, GPtrArray *texts)
{
    GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    for (gsize i = 0; i < table->n_options; i++) {
        const Option *option = &table->options[i];
        GOptionEntry entry = {
            .long_name = option->name,
            .flags = G_OPTION_FLAG_FILENAME | (option->kind == OPTION_ACTION ? G_OPTION_FLAG_NO_ARG : 0),
            .arg = G_OPTION_ARG_CALLBACK,
            .arg_data = (gpointer)take_switch,
            .description = describe(option, texts),
            .arg_description = option->argument,
        };
        g_array_append_val(entries, entry);
    }
    return entries;
}

static GPtrArray *
read_line(const OptionTable *table, const char *const *argv, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(given_free);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) entries = make_entries(table, texts);
    Line line = {table, list};
    GOptionGroup *group = g_option_group_new("main", "", "", &line, NULL);
    g_option_group_add_entries(group, (const GOptionEntry *)(gpointer)entries->data);
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_summary(context, table->summary);
    g_option_context_set_main_group(context, group);

    g_auto(GStrv) words = g_strdupv((GStrv)argv);
    if (!g_option_context_parse_strv(context, &words, error))
        return NULL;
    if (words[0] != NULL && words[1] != NULL) {
        base_error_set(error, BASE_ERROR_INVALID, "'%s' is not understood; see --help", words[1]);
        return NULL;
    }
    return g_steal_pointer(&list);
}

/* The file that --config names, with the last word. */
static const char *
config_path(GPtrArray *line)
{
    const char *path = NULL;
    for (guint i = 0; i < line->len; i++) {
        const Given *given = line->pdata[i];
        if (strcmp(given->option->name, "config") == 0)
            path = given->text;
    }
    return path;
}

gboolean
option_read(const OptionTable *table, gpointer target, const char *const *argv, GError **error)
{
    g_autoptr(GPtrArray) line = read_line(table, argv, error);
    if (line == NULL)
        return FALSE;
    const char *path = config_path(line);
    g_autoptr(GPtrArray) file = path == NULL ? g_ptr_array_new() : read_file(table, path, error);
    g_autoptr(GPtrArray) defaults = fallbacks(table);
    return file != NULL && apply(defaults, target, error) && apply(file, target, error) &&
           apply(line, target, error);
}

void
option_clear(const OptionTable *table, gpointer target)
{
    for (gsize i = 0; i < table->n_options; i++)
        clear_value(&table->options[i], target);
}

gboolean
option_differs(const Option *option, gconstpointer one, gconstpointer other)
{
    gconstpointer left = (const char *)one + option->offset, right = (const char *)other + option->offset;
    if (option->kind == OPTION_NUMBER || option->kind == OPTION_ACTION)
        return *(const int *)left != *(const int *)right;
    if (option->kind != OPTION_LIST)
        return g_strcmp0(*(char *const *)left, *(char *const *)right) != 0;
    const char *const *left_list = *(const char *const *const *)left;
    const char *const *right_list = *(const char *const *const *)right;
    if (left_list == NULL || right_list == NULL)
        return left_list != right_list;
    return !g_strv_equal(left_list, right_list);
}

/* ---- The file as it is installed */

/* Comment lines, wrapped between words. */
static void
print_comment(FILE *out, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gsize column = 0;
    for (char **word = words; *word != NULL; word++) {
        if (column > 0 && column + 1 + strlen(*word) > DOC_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += (gsize)fprintf(out, "%s%s", column == 0 ? "# " : " ", *word);
    }
    fputc('\n', out);
}

static char *
value_rule(const Option *option)
{
    switch (option->kind) {
    case OPTION_NUMBER:
        return g_strdup_printf(" A number from %d to %d.", option->min, option->max);
    case OPTION_CHOICE: {
        g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
        g_autofree char *list = g_strjoinv(", ", choices);
        return g_strdup_printf(" One of %s.", list);
    }
    case OPTION_LIST:
        return g_strdup(" May stand on several lines.");
    default:
        return g_strdup("");
    }
}

static void
print_key(FILE *out, const Option *option)
{
    g_autofree char *rule = value_rule(option);
    g_autofree char *text = g_strconcat(
        option->doc, rule, option->is_live ? " Read again on SIGHUP." : " Takes a restart.", NULL);
    const char *value = option->installed != NULL ? option->installed : option->fallback;
    fputc('\n', out);
    print_comment(out, text);
    if (value == NULL)
        fprintf(out, "#%s =\n", option->name);
    else
        fprintf(out, "%s%s = %s\n", option->installed == NULL ? "#" : "", option->name, value);
}

void
option_print_config(const OptionTable *table, FILE *out)
{
    g_autofree char *head = g_strdup_printf("Configuration of %s, read when it is started with --config and "
                                            "this file's name. Lines are key = value; "
                                            "an unknown key is an error. Each key is also an option of the "
                                            "command line (--key value), which wins. "
                                            "What is commented out below is the default.",
                                            table->program);
    print_comment(out, head);
    fprintf(out, "[%s]\n", table->program);
    for (gsize i = 0; i < table->n_options; i++) {
        const Option *option = &table->options[i];
        if (!option->is_for_line_only && option->kind != OPTION_ACTION)
            print_key(out, option);
    }
}
