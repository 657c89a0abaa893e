/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of a command as they come over the wire. */
#include "cli/arguments.h"

#include <string.h>

#include "cli/error.h"

/* clang-format off */
static const struct ParseCase {
    const char *name;
    const char *body;
    const char *wanted; /* "session|command|key=value|..."; NULL: refused, then: */
    const char *message;
} cases[] = {
    {"keys",             "vm-start\nuuid=x\nusername=root\npassword=", "-|vm-start|uuid=x|username=root|password=", NULL},
    {"split-at-first",   "vm-param-set\na=b=c",             "-|vm-param-set|a=b=c", NULL},
    {"carriage-returns", "vm-list\r\na=b\r\n",              "-|vm-list|a=b", NULL},
    {"long-switch",      "vm-list\n--minimal",              "-|vm-list|minimal=true", NULL},
    {"long-with-value",  "vm-list\n--minimal=false",        "-|vm-list|--minimal=false", NULL},
    {"short-switch",     "vm-list\n-u\nme\n-pw\np",         "-|vm-list|username=me|password=p", NULL},
    {"session",          "session_id=OpaqueRef:1\nvm-list", "OpaqueRef:1|vm-list", NULL},
    {"help-topic",       "help\nvm-start\n--all",           "-|help|vm-start=|all=true", NULL},
    {"repeated",         "x\na=1\na=2",                     "-|x|a=1|a=2", NULL},
    {"empty",            "",                                NULL, "Syntax error: command name is missing"},
    {"key-first",        "uuid=x\nvm-start",                NULL, "Syntax error: command name is missing"},
    {"session-only",     "session_id=x",                    NULL, "Syntax error: command name is missing"},
    {"unknown-switch",   "vm-list\n-z\n1",                  NULL, "Syntax error: Unknown switch -z"},
    {"switch-at-end",    "vm-list\n-u",                     NULL, "Syntax error: Switch -u needs a value"},
    {"plain-word",       "vm-list\nfoo",                    NULL, "Syntax error: 'foo' is not of the form key=value"},
};

static const struct TruthCase {
    const char *text;
    int truth; /* -1: neither */
} truths[] = {
    {"true", 1}, {"T", 1}, {"Yes", 1}, {"y", 1}, {"1", 1}, {"FALSE", 0}, {"f", 0}, {"no", 0}, {"N", 0}, {"0", 0},
    {"", -1}, {"maybe", -1}, {"2", -1}, {"truee", -1},
};
/* clang-format on */

static char *
shown(const CliArguments *arguments)
{
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%s|%s", arguments->session_ref == NULL ? "-" : arguments->session_ref,
                    arguments->command);
    for (guint i = 0; i < arguments->words->len; i++) {
        const CliWord *word = &g_array_index(arguments->words, CliWord, i);
        g_string_append_printf(text, "|%s=%s", word->key, word->value);
    }
    return g_string_free(text, FALSE);
}

static void
test_parse(gconstpointer data)
{
    const struct ParseCase *one = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(CliArguments) arguments = cli_arguments_parse(one->body, strlen(one->body), &error);
    if (one->wanted == NULL) {
        g_assert_null(arguments);
        g_assert_error(error, CLI_ERROR, CLI_ERROR_USAGE);
        g_assert_cmpstr(error->message, ==, one->message);
        return;
    }
    g_assert_no_error(error);
    g_autofree char *text = shown(arguments);
    g_assert_cmpstr(text, ==, one->wanted);
}

static void
test_first_value_counts(void)
{
    const char *body = "x\na=1\na=2";
    g_autoptr(CliArguments) arguments = cli_arguments_parse(body, strlen(body), NULL);
    g_assert_cmpstr(cli_arguments_get(arguments, "a"), ==, "1");
    g_assert_null(cli_arguments_get(arguments, "b"));
}

static void
test_prefixed(void)
{
    const char *body = "sr-create\ndevice-config:device=/dev/"
                       "sdb\ndevice-config-target=t\ndevice-configs=x\ndevice-config:=y\ndevice=z";
    g_autoptr(CliArguments) arguments = cli_arguments_parse(body, strlen(body), NULL);
    g_autoptr(Value) map = cli_arguments_prefixed(arguments, "device-config");
    g_assert_cmpuint(value_size(map), ==, 2);
    g_assert_cmpstr(value_map_get_string(map, "device", ""), ==, "/dev/sdb");
    g_assert_cmpstr(value_map_get_string(map, "target", ""), ==, "t");
}

static void
test_truths(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(truths); i++) {
        gboolean truth = FALSE;
        g_assert_cmpint(cli_truth_parse(truths[i].text, &truth), ==, truths[i].truth >= 0);
        if (truths[i].truth >= 0)
            g_assert_cmpint(truth, ==, truths[i].truth);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/cli/arguments/%s-%s", cases[i].name,
                                                cases[i].wanted == NULL ? "is-refused" : "is-read");
        g_test_add_data_func(name, &cases[i], test_parse);
    }
    g_test_add_func("/cli/arguments/first-of-a-repeated-key-counts", test_first_value_counts);
    g_test_add_func("/cli/arguments/maps-are-read-in-both-forms", test_prefixed);
    g_test_add_func("/cli/arguments/truths-in-any-case-and-nothing-else", test_truths);
    return g_test_run();
}
