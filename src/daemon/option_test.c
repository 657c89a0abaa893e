/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine of options, with a small table. */
#include "daemon/option.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"

typedef struct Target {
    char *config;
    char *text;
    char *path;
    char *choice;
    char **list;
    int number;
    gboolean action;
} Target;

#define AT(field) G_STRUCT_OFFSET(Target, field)

/* clang-format off */
static const Option rows[] = {
    {"config", OPTION_PATH,   AT(config), "FILE", .is_for_line_only = TRUE, .doc = "Where to read."},
    {"text",   OPTION_TEXT,   AT(text),   "TEXT", "some text", .doc = "A text."},
    {"path",   OPTION_PATH,   AT(path),   "PATH", .installed = "/there", .doc = "A path."},
    {"choice", OPTION_CHOICE, AT(choice), "WAY",  "left", .choices = "left|right", .is_live = TRUE, .doc = "A choice."},
    {"list",   OPTION_LIST,   AT(list),   "DIR",  "/a", .doc = "A list."},
    {"number", OPTION_NUMBER, AT(number), "N",    "5", .min = -1, .max = 10, .doc = "A number."},
    {"action", OPTION_ACTION, AT(action), .doc = "An action."},
};
static const OptionTable table = {"prog", "A program.", rows, G_N_ELEMENTS(rows)};

/* Words of the command line ("@" is the file's name), the file, and what comes of them: all values, or the error. */
static const struct Case {
    const char *name, *line, *file, *wanted;
} cases[] = {
    {"defaults-hold",               "", NULL, "some text,(null),left,/a,5,0"},
    {"line-is-read",                "--text=x --path /p --choice right --number -1 --action", NULL, "x,/p,right,/a,-1,1"},
    {"lists-replace-the-default",   "--list /b --list=/c", NULL, "some text,(null),left,/b /c,5,0"},
    {"file-is-read",                "--config @", "# c\n; c\n\n[prog]\n text = a = b \nnumber=7\nlist = /x\nlist = /y\n", "a = b,(null),left,/x /y,7,0"},
    {"line-wins-over-file",         "--config @ --number 1 --list /l", "number = 7\nlist = /x\ntext = t\n", "t,(null),left,/l,1,0"},
    {"empty-file-is-fine",          "--config @", "", "some text,(null),left,/a,5,0"},
    {"unknown-switch",              "--colour red", NULL, "Unknown option --colour"},
    {"argument",                    "word", NULL, "'word' is not understood; see --help"},
    {"number-in-words",             "--number six", NULL, "--number is a number from -1 to 10, not 'six'"},
    {"number-over-range",           "--number 11", NULL, "--number is a number from -1 to 10, not '11'"},
    {"number-of-many-digits",       "--number 99999999999999999999", NULL, "--number is a number from -1 to 10, not '99999999999999999999'"},
    {"choice-of-neither",           "--choice up", NULL, "--choice is one of left, right, not 'up'"},
    {"empty-text",                  "--text=", NULL, "--text needs a value"},
    {"empty-list",                  "--list=", NULL, "--list needs a value"},
    {"unknown-key",                 "--config @", "text = x\ncolour = red\n", "@:2: unknown key 'colour'"},
    {"action-is-no-key",            "--config @", "action = true\n", "@:1: unknown key 'action'"},
    {"config-is-no-key",            "--config @", "config = /x\n", "@:1: unknown key 'config'"},
    {"key-twice",                   "--config @", "text = x\n\ntext = y\n", "@:3: 'text' stands here a second time"},
    {"line-without-value",          "--config @", "text\n", "@:1: 'text' is not of the form key = value"},
    {"other-section",               "--config @", "[other]\n", "@:1: '[other]' is not '[prog]'"},
    {"bad-value-with-line",         "--config @", "[prog]\nnumber = x\n", "@:2: number is a number from -1 to 10, not 'x'"},
    {"bad-value-though-overridden", "--config @ --number 1", "number = x\n", "@:1: number is a number from -1 to 10, not 'x'"},
    {"empty-value",                 "--config @", "path =\n", "@:1: path needs a value"},
};
/* clang-format on */

static char *
show(const Target *target)
{
    g_autofree char *list = g_strjoinv(" ", target->list);
    return g_strdup_printf("%s,%s,%s,%s,%d,%d", target->text, target->path == NULL ? "(null)" : target->path,
                           target->choice, list, target->number, target->action);
}

/* @words behind the program's name, with "@" for @path. */
static GStrv
make_argv(const char *words, const char *path)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_auto(GStrv) parts = g_strsplit(words, " ", -1);
    g_strv_builder_add(argv, "prog");
    for (char **part = parts; *part != NULL; part++)
        g_strv_builder_add(argv, strcmp(*part, "@") == 0 ? path : *part);
    return g_strv_builder_end(argv);
}

static void
test_case(gconstpointer data)
{
    const struct Case *one = data;
    g_autofree char *folder = g_dir_make_tmp("option-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "conf", NULL);
    if (one->file != NULL)
        g_assert_true(g_file_set_contents(path, one->file, -1, NULL));

    g_auto(GStrv) argv = make_argv(one->line, path);
    Target target = {0};
    g_autoptr(GError) error = NULL;
    gboolean is_read = option_read(&table, &target, (const char *const *)argv, &error);
    g_autofree char *shown = is_read ? show(&target) : g_strdup(error->message);
    g_autofree char *wanted =
        one->wanted[0] == '@' ? g_strconcat(path, one->wanted + 1, NULL) : g_strdup(one->wanted);
    g_assert_cmpstr(shown, ==, wanted);
    option_clear(&table, &target);
    g_unlink(path);
    g_rmdir(folder);
}

static void
test_missing_file(void)
{
    const char *argv[] = {"prog", "--config", "/nowhere/at/all", NULL};
    Target target = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(option_read(&table, &target, argv, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    option_clear(&table, &target);
}

static void
test_differs(void)
{
    static const char *const lines[] = {"--text x",  "--path /x",  "--choice right",
                                        "--list /x", "--number 1", "--action"};
    const char *none[] = {"prog", NULL};
    Target plain = {0};
    g_assert_true(option_read(&table, &plain, none, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_auto(GStrv) argv = make_argv(lines[i], "");
        Target other = {0};
        g_assert_true(option_read(&table, &other, (const char *const *)argv, NULL));
        for (gsize row = 1; row < table.n_options; row++)
            g_assert_cmpint(option_differs(&rows[row], &plain, &other), ==, row == i + 1);
        option_clear(&table, &other);
    }
    option_clear(&table, &plain);
}

static void
test_print(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    option_print_config(&table, out);
    fclose(out);
    char *keys = strstr(text, "[prog]\n");
    g_assert_nonnull(keys);
    g_assert_cmpstr(keys, ==,
                    "[prog]\n"
                    "\n# A text. Takes a restart.\n#text = some text\n"
                    "\n# A path. Takes a restart.\npath = /there\n"
                    "\n# A choice. One of left, right. Read again on SIGHUP.\n#choice = left\n"
                    "\n# A list. May stand on several lines. Takes a restart.\n#list = /a\n"
                    "\n# A number. A number from -1 to 10. Takes a restart.\n#number = 5\n");
    free(text);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/daemon/option/%s", cases[i].name);
        g_test_add_data_func(name, &cases[i], test_case);
    }
    g_test_add_func("/daemon/option/missing-file-is-an-error", test_missing_file);
    g_test_add_func("/daemon/option/differences-are-seen", test_differs);
    g_test_add_func("/daemon/option/configuration-file-is-printed", test_print);
    return g_test_run();
}
