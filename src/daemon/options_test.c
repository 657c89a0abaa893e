/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both daemons' tables of options: that they are whole, and that what --print-config prints can be read. */
#include <glib/gstdio.h>
#include <string.h>

#include "daemon/domain_options.h"
#include "daemon/options.h"

static const OptionTable *const tables[] = {&xylemd_options, &xenopsd_options};

static void
test_rows(gconstpointer data)
{
    const OptionTable *table = data;
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (gsize i = 0; i < table->n_options; i++) {
        const Option *option = &table->options[i];
        g_assert_true(g_hash_table_add(names, (gpointer)option->name));
        g_assert_true(g_str_has_suffix(option->doc, "."));
        g_assert_cmpint(option->kind == OPTION_ACTION, ==, option->argument == NULL);
        g_assert_cmpint(option->kind == OPTION_CHOICE, ==, option->choices != NULL);
        g_assert_cmpint(option->kind == OPTION_NUMBER, ==, option->min != option->max);
    }
    g_assert_true(g_hash_table_contains(names, "config"));
    g_assert_true(g_hash_table_contains(names, "log-level"));
}

static char *
printed_config(const OptionTable *table)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    option_print_config(table, out);
    fclose(out);
    return text;
}

/* Every key that is no action stands in the file, and nothing else; with all defaults uncommented it is read.
 */
static void
test_printed(gconstpointer data)
{
    const OptionTable *table = data;
    g_autofree char *text = printed_config(table);
    g_autoptr(GString) active = g_string_new(NULL);
    for (gsize i = 0; i < table->n_options; i++) {
        const Option *option = &table->options[i];
        gboolean is_key = option->kind != OPTION_ACTION && !option->is_for_line_only;
        g_autofree char *pattern = g_strdup_printf("(?m)^#?%s =( .*)?$", option->name);
        g_assert_cmpint(g_regex_match_simple(pattern, text, 0, 0), ==, is_key);
        if (is_key && (option->fallback != NULL || option->installed != NULL))
            g_string_append_printf(active, "%s = %s\n", option->name,
                                   option->installed != NULL ? option->installed : option->fallback);
    }
    g_autofree char *folder = g_dir_make_tmp("options-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "conf", NULL);
    const char *files[] = {text, active->str};
    const char *argv[] = {"prog", "--config", path, NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_assert_true(g_file_set_contents(path, files[i], -1, NULL));
        g_autofree gpointer target = g_malloc0(sizeof(XylemdOptions) + sizeof(XenopsdOptions));
        g_autoptr(GError) error = NULL;
        option_read(table, target, argv, &error);
        g_assert_no_error(error);
        option_clear(table, target);
    }
    g_unlink(path);
    g_rmdir(folder);
}

static void
test_sockets_below_the_state(void)
{
    const char *argv[] = {"xylemd", "--state", "/s", "--socket", "/run/a", NULL};
    XylemdOptions options;
    g_assert_true(options_read(&options, argv, NULL));
    g_assert_cmpstr(options.socket_path, ==, "/run/a");
    g_assert_cmpstr(options.domain_socket_path, ==, "/s/xenopsd.sock");
    g_assert_cmpstr(options.storage_socket_path, ==, "/s/storage.sock");
    options_clear(&options);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *rows_name = g_strdup_printf("/daemon/options/%s-rows-are-whole", tables[i]->program);
        g_autofree char *file_name =
            g_strdup_printf("/daemon/options/%s-file-has-every-key", tables[i]->program);
        g_test_add_data_func(rows_name, tables[i], test_rows);
        g_test_add_data_func(file_name, tables[i], test_printed);
    }
    g_test_add_func("/daemon/options/sockets-are-below-the-state", test_sockets_below_the_state);
    return g_test_run();
}
