/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layout of records and of --minimal. */
#include "cli/print.h"

#define MAX_CELLS 4

/* clang-format off */
static const struct LayoutCase {
    const char *name;
    CliCell cells[MAX_CELLS];
    gsize n_cells;
    const char *wanted;
} layouts[] = {
    {"two-fields", {{"uuid ( RO)", "5d2e"}, {"name-label ( RW)", "web1"}}, 2,
     "uuid ( RO)          : 5d2e\n"
     "    name-label ( RW): web1\n"},
    {"first-is-longest", {{"name-label ( RW)", "web1"}, {"uuid ( RO)", "5d2e"}}, 2,
     "name-label ( RW)    : web1\n"
     "          uuid ( RO): 5d2e\n"},
    {"one-field", {{"uuid ( RO)", "5d2e"}}, 1,
     "uuid ( RO)    : 5d2e\n"},
    {"tags", {{"tags (SRW)", "a, b"}, {"other-config (MRW)", "k: v; k2: v2"}, {"parent ( RO) [DEPRECATED]", ""}}, 3,
     "tags (SRW)                   : a, b\n"
     "           other-config (MRW): k: v; k2: v2\n"
     "    parent ( RO) [DEPRECATED]: \n"},
    {"nothing", {{NULL, NULL}}, 0, ""},
};

static const struct EscapeCase {
    const char *text, *wanted;
} escapes[] = {
    {"", ""}, {"plain", "plain"}, {"a,b", "a\\,b"}, {"a\\b", "a\\\\b"}, {",\\,", "\\,\\\\\\,"}, {"a; b: c", "a; b: c"},
};
/* clang-format on */

static void
test_layout(gconstpointer data)
{
    const struct LayoutCase *one = data;
    g_autoptr(GString) out = g_string_new(NULL);
    cli_layout_record(out, one->cells, one->n_cells);
    g_assert_cmpstr(out->str, ==, one->wanted);
}

static void
test_escapes(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(escapes); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        cli_escape_minimal(out, escapes[i].text);
        g_assert_cmpstr(out->str, ==, escapes[i].wanted);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autofree char *name = g_strdup_printf("/cli/print/%s-are-laid-out", layouts[i].name);
        g_test_add_data_func(name, &layouts[i], test_layout);
    }
    g_test_add_func("/cli/print/minimal-escapes-commas-and-backslashes", test_escapes);
    return g_test_run();
}
