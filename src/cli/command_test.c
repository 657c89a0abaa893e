/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of commands and fields, walked whole. */
#include "cli/command.h"

#include <string.h>

#include "cli/field.h"
#include "cli/text.h"
#include "model/classes.h"

static void
test_every_command_is_found(void)
{
    GPtrArray *all = cli_commands();
    g_assert_cmpuint(all->len, >, 300);
    for (guint i = 0; i < all->len; i++) {
        const CliCommand *command = all->pdata[i];
        g_assert_true(cli_command_find(command->name) == command);
        g_assert_cmpstr(command->help, !=, "");
        g_assert_true((command->row != NULL) != (command->cli_class != NULL));
        if (i > 0)
            g_assert_cmpstr(((const CliCommand *)all->pdata[i - 1])->name, <, command->name);
    }
    g_assert_null(cli_command_find("vm-no-such"));
    g_assert_null(cli_command_find(""));
}

/* The class of the next step of a path; -1 when this one is no reference. */
static int
next_class(const Type *type)
{
    const Type *reached = type->kind == TYPE_SET ? type->element : type;
    return reached->kind == TYPE_REF ? reached->class_id : -1;
}

static void
test_every_path_follows_the_model(void)
{
    for (gsize i = 0; i < cli_n_classes; i++) {
        for (gsize j = 0; j < cli_classes[i].n_fields; j++) {
            int class_id = cli_classes[i].class_id;
            for (const int *step = cli_classes[i].fields[j].path; step != NULL && *step >= 0; step++) {
                g_assert_cmpint(class_id, >=, 0);
                g_assert_cmpint(*step, <, (int)model_classes[class_id].n_fields);
                class_id = next_class(model_classes[class_id].fields[*step].type);
            }
        }
    }
}

static void
check_setter(int message_id, gsize n_params, int class_id)
{
    if (message_id < 0)
        return;
    const ModelMessage *message = &model_messages[message_id];
    g_assert_cmpuint(message->n_params, ==, n_params);
    g_assert_cmpint(message->params[0].type->class_id, ==, class_id);
}

static void
test_every_setter_takes_the_object_first(void)
{
    for (gsize i = 0; i < cli_n_classes; i++) {
        for (gsize j = 0; j < cli_classes[i].n_fields; j++) {
            const CliField *field = &cli_classes[i].fields[j];
            check_setter(field->setter, 2, cli_classes[i].class_id);
            check_setter(field->adder, field->kind == CLI_KIND_MAP ? 3 : 2, cli_classes[i].class_id);
            check_setter(field->remover, 2, cli_classes[i].class_id);
            check_setter(field->put, 3, cli_classes[i].class_id);
            check_setter(field->whole, 2, cli_classes[i].class_id);
        }
    }
}

static void
check_message(const CliMessage *message)
{
    const ModelMessage *model = &model_messages[message->message];
    if (message->n_record > 0) {
        g_assert_cmpint(model->params[0].type->kind, ==, TYPE_RECORD);
        return;
    }
    g_assert_cmpuint(message->n_arguments, ==, model->n_params);
}

static void
test_every_row_fits_its_message(void)
{
    for (gsize i = 0; i < cli_n_rows; i++) {
        if (cli_rows[i].message == NULL)
            continue;
        check_message(cli_rows[i].message);
        for (gsize j = 0; j < cli_rows[i].n_alternatives; j++)
            check_message(&cli_rows[i].alternatives[j].message);
    }
}

/* Constants and defaults of rows are texts: that they can be read shows only here. */
static void
check_fallback(const CliArgument *argument, const Type *type)
{
    CliCall call = {0};
    g_autoptr(GError) error = NULL;
    if (argument->fallback == NULL || argument->fallback[0] == '@')
        return;
    g_autoptr(Value) value =
        cli_text_parse(&call, type, "x", argument->fallback, argument->kind == CLI_ARGUMENT_SIZE, &error);
    g_assert_no_error(error);
    g_assert_nonnull(value);
}

static void
test_every_default_can_be_read(void)
{
    for (gsize i = 0; i < cli_n_rows; i++) {
        const CliMessage *message = cli_rows[i].message;
        for (gsize j = 0; message != NULL && j < message->n_arguments; j++)
            check_fallback(&message->arguments[j], model_messages[message->message].params[j].type);
        for (gsize j = 0; message != NULL && j < message->n_record; j++) {
            int class_id = model_messages[message->message].params[0].type->class_id;
            check_fallback(&message->record[j].argument,
                           model_classes[class_id].fields[message->record[j].field].type);
        }
    }
}

static void
test_spellings_are_in_order(void)
{
    for (gsize i = 0; i < cli_n_spellings; i++) {
        g_assert_cmpstr(cli_text_spelling(cli_spellings[i].enumeration, cli_spellings[i].member), ==,
                        cli_spellings[i].text);
        if (i > 0)
            g_assert_cmpint(strcmp(cli_spellings[i - 1].enumeration, cli_spellings[i].enumeration), <=, 0);
    }
    g_assert_cmpstr(cli_text_spelling("vm_power_state", "Nonsense"), ==, "Nonsense");
    g_assert_cmpstr(cli_text_spelling("aaa", "x"), ==, "x");
}

/* clang-format off */
static const struct FilterCase {
    const char *cli_class, *word, *field;
    CliKind kind;
    const char *key, *problem;
} filters[] = {
    {"vm", "name-label",               "name-label",         CLI_KIND_STRING, NULL,       NULL},
    {"vm", "other-config:a:b",         "other-config",       CLI_KIND_MAP,    "a:b",      NULL},
    {"vm", "other-config-key",         "other-config",       CLI_KIND_MAP,    "key",      NULL},
    {"vm", "tags:contains",            "tags",               CLI_KIND_SET,    "contains", NULL},
    {"vm", "tags-contains",            "tags",               CLI_KIND_SET,    "contains", NULL},
    {"vm", "tags:red",                 NULL,                 CLI_KIND_SET,    NULL,       "'tags:red': what a set holds is asked as tags:contains=value"},
    {"vm", "name-label:x",             NULL,                 CLI_KIND_STRING, NULL,       "Field 'name-label' is not a set or map"},
    {"vm", "nonsense",                 NULL,                 CLI_KIND_STRING, NULL,       "Unknown field 'nonsense'"},
    {"vm", "nonsense:x",               NULL,                 CLI_KIND_STRING, NULL,       "Unknown field 'nonsense:x'"},
};
/* clang-format on */

static void
test_filters(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
        CliFilter filter = {0};
        g_autoptr(GError) error = NULL;
        gboolean is_read =
            cli_filter_parse(cli_class_by_name(filters[i].cli_class), filters[i].word, "v", &filter, &error);
        g_assert_cmpint(is_read, ==, filters[i].problem == NULL);
        if (!is_read) {
            g_assert_cmpstr(error->message, ==, filters[i].problem);
            continue;
        }
        g_assert_cmpstr(filter.field->name, ==, filters[i].field);
        g_assert_cmpint(filter.kind, ==, filters[i].kind);
        g_assert_cmpstr(filter.key, ==, filters[i].key);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add_func("/cli/command/every-one-is-found-by-its-name-and-explained", test_every_command_is_found);
    g_test_add_func("/cli/command/every-row-fits-its-message", test_every_row_fits_its_message);
    g_test_add_func("/cli/command/every-default-can-be-read", test_every_default_can_be_read);
    g_test_add_func("/cli/field/every-path-follows-the-model", test_every_path_follows_the_model);
    g_test_add_func("/cli/field/every-setter-takes-the-object-first",
                    test_every_setter_takes_the_object_first);
    g_test_add_func("/cli/field/spellings-are-in-order", test_spellings_are_in_order);
    g_test_add_func("/cli/field/filters-are-read-in-all-forms", test_filters);
    return g_test_run();
}
