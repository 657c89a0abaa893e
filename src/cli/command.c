/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds commands. Those of classes are made here from the field tables. */
#include "cli/command.h"

#include <string.h>

#include "cli/field.h"
#include "cli/list.h"
#include "cli/message.h"
#include "cli/param.h"

/* Said in the help of commands that exist elsewhere. */
#define LACKING_NOTE " (This server does not have it.)"

/* Fields a verb is about: those it may name. */
typedef gboolean (*FieldTest)(const CliField *field);

static gboolean
is_any(const CliField *field)
{
    return TRUE;
}

static gboolean
is_writable(const CliField *field)
{
    return cli_field_is_writable(field) || (field->flags & CLI_FIELD_WRITABLE) != 0;
}

static gboolean
is_member_writable(const CliField *field)
{
    return field->kind != CLI_KIND_STRING && (field->adder >= 0 || (field->flags & CLI_FIELD_WRITABLE) != 0);
}

/* Sets and maps have the command also where they are read-only: it says that they are. */
static gboolean
is_clearable(const CliField *field)
{
    return field->kind != CLI_KIND_STRING || is_writable(field);
}

/* clang-format off */
/* One command of each class that has a field the test is true of. */
static const struct Verb {
    const char *suffix;
    const char *required; /* comma-separated */
    const char *optional; /* comma-separated; "+": the class's fields, in the verb's own way */
    FieldTest test;
    CliClassHandler handler;
    const char *help;     /* %s: the class's plural */
} verbs[] = {
    {"list", "", "params,database:,+", is_any, cli_list_run,
     "List all the %s, or those with the field values given: field=value, map:key=value, set:contains=value. params=all or params=a,b choose what is shown."},
    {"param-list", "uuid", "database:", is_any, cli_param_list,
     "Show all fields of the object (%s) with this uuid."},
    {"param-get", "uuid,param-name", "param-key,database:", is_any, cli_param_get,
     "Show one field of an object (%s); of a map, with param-key, the value of one key."},
    {"param-set", "uuid", "+", is_writable, cli_param_set,
     "Change fields of an object (%s): field=value, or map:key=value for one key of a map."},
    {"param-add", "uuid,param-name", "param-key", is_member_writable, cli_param_add,
     "Add a member to a set of an object (%s) with param-key=member, or keys to a map with key=value."},
    {"param-remove", "uuid,param-name,param-key", "", is_member_writable, cli_param_remove,
     "Remove a member from a set, or a key from a map, of an object (%s)."},
    {"param-clear", "uuid,param-name", "", is_clearable, cli_param_clear,
     "Empty a field of an object (%s)."},
};
/* clang-format on */

static gboolean
has_field(const CliClass *cli_class, FieldTest test)
{
    for (gsize i = 0; i < cli_class->n_fields; i++) {
        if ((cli_class->fields[i].flags & CLI_FIELD_HIDDEN) == 0 && test(&cli_class->fields[i]))
            return TRUE;
    }
    return FALSE;
}

static void
add_word(GPtrArray *words, const char *name, const char *suffix)
{
    g_ptr_array_add(words, g_strconcat(name, suffix, NULL));
}

/* What a list filters on, and what may be set: maps by their keys. */
static void
add_fields(const CliClass *cli_class, const struct Verb *verb, GPtrArray *words)
{
    gboolean is_list = verb->handler == cli_list_run;
    for (gsize i = 0; i < cli_class->n_fields; i++) {
        const CliField *field = &cli_class->fields[i];
        gboolean is_named =
            is_list || field->kind != CLI_KIND_SET || (field->flags & CLI_FIELD_SETTABLE) != 0;
        if ((field->flags & CLI_FIELD_HIDDEN) != 0 || !verb->test(field) || !is_named)
            continue;
        add_word(words, field->name, !is_list && field->kind == CLI_KIND_MAP ? ":" : "");
    }
    for (gsize i = 0; is_list && i < cli_class->n_fields; i++) {
        const CliField *field = &cli_class->fields[i];
        if ((field->flags & CLI_FIELD_HIDDEN) == 0 && field->kind == CLI_KIND_SET)
            add_word(words, field->name, ":contains");
    }
}

static GStrv
verb_words(const CliClass *cli_class, const struct Verb *verb, const char *text)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (strcmp(*part, "+") == 0)
            add_fields(cli_class, verb, words);
        else
            add_word(words, *part, "");
    }
    g_ptr_array_add(words, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

static CliCommand *
make_for_class(const CliClass *cli_class, const struct Verb *verb)
{
    CliCommand *command = g_new0(CliCommand, 1);
    command->name = g_strdup_printf("%s-%s", cli_class->name, verb->suffix);
    command->required = verb_words(cli_class, verb, verb->required);
    command->optional = verb_words(cli_class, verb, verb->optional);
    command->flags = cli_class->is_standard && verb->handler == cli_list_run ? CLI_FLAG_STANDARD : 0;
    g_auto(GStrv) halves = g_strsplit(verb->help, "%s", 2);
    command->help = g_strconcat(halves[0], cli_class->plural, halves[1],
                                cli_class->lacks == NULL ? "" : LACKING_NOTE, NULL);
    command->cli_class = cli_class;
    command->class_handler = verb->handler;
    return command;
}

static CliCommand *
make_from_row(const CliRow *row)
{
    CliCommand *command = g_new0(CliCommand, 1);
    command->name = g_strdup(row->name);
    command->required = row->required == NULL ? g_new0(char *, 1) : g_strdupv((GStrv)row->required);
    command->optional = row->optional == NULL ? g_new0(char *, 1) : g_strdupv((GStrv)row->optional);
    command->flags = row->flags;
    command->help = g_strconcat(row->help, row->lacks == NULL ? "" : LACKING_NOTE, NULL);
    command->row = row;
    return command;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const CliCommand *const *)a)->name, (*(const CliCommand *const *)b)->name);
}

static GPtrArray *
make_all(void)
{
    GPtrArray *all = g_ptr_array_new();
    for (gsize i = 0; i < cli_n_rows; i++)
        g_ptr_array_add(all, make_from_row(&cli_rows[i]));
    for (gsize i = 0; i < cli_n_classes; i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(verbs); j++) {
            if (has_field(&cli_classes[i], verbs[j].test))
                g_ptr_array_add(all, make_for_class(&cli_classes[i], &verbs[j]));
        }
    }
    g_ptr_array_sort(all, compare_names);
    return all;
}

GPtrArray *
cli_commands(void)
{
    static GPtrArray *all = NULL;
    if (g_once_init_enter(&all))
        g_once_init_leave(&all, make_all());
    return all;
}

const CliCommand *
cli_command_find(const char *name)
{
    GPtrArray *all = cli_commands();
    guint low = 0, high = all->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        int order = strcmp(name, ((const CliCommand *)all->pdata[middle])->name);
        if (order == 0)
            return all->pdata[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* What the server does not have is asked of it all the same: its answer is the command's. */
static gboolean
run_lacking(CliCall *call, const CliCommand *command, GError **error)
{
    if (command->row != NULL)
        return cli_do(call, command->row->lacks, error, NULL);
    const char *message = command->class_handler == cli_list_run ? "get_all_records" : "get_by_uuid";
    g_autofree char *method = g_strdup_printf("%s.%s", command->cli_class->lacks, message);
    return cli_do(call, method, error, NULL);
}

static gboolean
check_supported(CliCall *call, const CliRow *row, GError **error)
{
    for (const char *const *key = row->unsupported; key != NULL && *key != NULL; key++) {
        g_autoptr(Value) prefixed = cli_arguments_prefixed(call->arguments, *key);
        if (cli_get(call, *key) != NULL || value_size(prefixed) > 0)
            return cli_error_failed(error, "Parameter '%s' is not supported by this server", *key);
    }
    return TRUE;
}

gboolean
cli_command_run(CliCall *call, const CliCommand *command, GError **error)
{
    for (char **key = command->required; *key != NULL; key++) {
        if (cli_require(call, *key, error) == NULL)
            return FALSE;
    }
    call->row = command->row;
    if (command->cli_class != NULL ? command->cli_class->lacks != NULL : command->row->lacks != NULL)
        return run_lacking(call, command, error);
    if (command->row != NULL && !check_supported(call, command->row, error))
        return FALSE;
    if (command->cli_class != NULL)
        return command->class_handler(call, command->cli_class, error);
    return command->row->handler != NULL ? command->row->handler(call, error) : cli_message_run(call, error);
}
