/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options from the command line, XE_EXTRA_ARGS and ~/.xe. */
#include "cli/client/options.h"

#include <glib/gstdio.h>

#include "base/error.h"
#include "cli/client/client.h"

static XeOptions
parse(const char *line, const XeSources *sources)
{
    g_auto(GStrv) words = *line == '\0' ? g_new0(char *, 1) : g_strsplit(line, " ", -1);
    XeOptions options = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(xe_options_parse((const char *const *)words, sources, &options, &error));
    g_assert_no_error(error);
    return options;
}

static void
assert_arguments(const XeOptions *options, const char *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < options->arguments->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", (const char *)options->arguments->pdata[i]);
    g_assert_cmpstr(text->str, ==, wanted);
}

static void
test_defaults(void)
{
    g_auto(XeOptions) options = parse("vm-list", &(XeSources){0});
    g_assert_cmpstr(options.server, ==, "127.0.0.1");
    g_assert_cmpstr(options.user, ==, "root");
    g_assert_cmpstr(options.password, ==, "null");
    g_assert_cmpint(options.port, ==, 0);
    g_assert_false(options.is_plain);
    assert_arguments(&options, "vm-list");
}

static void
test_switches(void)
{
    g_auto(XeOptions) options =
        parse("-s h1 -p 8443 -u me -pw secret --nossl --debug vm-list --minimal --force params=all",
              &(XeSources){0});
    g_assert_cmpstr(options.server, ==, "h1");
    g_assert_cmpint(options.port, ==, 8443);
    g_assert_cmpstr(options.user, ==, "me");
    g_assert_cmpstr(options.password, ==, "secret");
    g_assert_true(options.is_plain);
    g_assert_true(options.shows_debug);
    assert_arguments(&options, "vm-list --minimal --force params=all");
}

static void
test_keys(void)
{
    g_auto(XeOptions) options =
        parse("vm-list server=h2 port=99 username=u2 password=a=b nossl=yes debugonfail=1", &(XeSources){0});
    g_assert_cmpstr(options.server, ==, "h2");
    g_assert_cmpint(options.port, ==, 99);
    g_assert_cmpstr(options.user, ==, "u2");
    g_assert_cmpstr(options.password, ==, "a=b");
    g_assert_true(options.is_plain);
    g_assert_true(options.shows_debug_on_failure);
    assert_arguments(&options, "vm-list");
}

static void
test_precedence(void)
{
    XeSources sources = {
        .file_text = "server=file\nport=1\nusername=file\n\nparams=all\n",
        .extra = "server=extra,port=2,is-a-snapshot=false,name-label=a\\,b",
    };
    g_auto(XeOptions) options = parse("vm-list server=line", &sources);
    g_assert_cmpstr(options.server, ==, "line");
    g_assert_cmpint(options.port, ==, 2);
    g_assert_cmpstr(options.user, ==, "file");
    assert_arguments(&options, "vm-list is-a-snapshot=false name-label=a,b params=all");
}

static void
test_bad_file_is_void(void)
{
    g_auto(XeOptions) options = parse("vm-list", &(XeSources){.file_text = "server=file\nnonsense\n"});
    g_assert_cmpstr(options.server, ==, "127.0.0.1");
}

static void
test_extra_split(void)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {{"", ""}, {"a", "a"}, {"a,b", "a|b"}, {"a\\,b,c\\\\", "a,b|c\\"}, {"-u,root", "-u|root"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) words = xe_split_extra(cases[i].text);
        g_autofree char *joined = g_strjoinv("|", words);
        g_assert_cmpstr(joined, ==, cases[i].wanted);
    }
}

static void
test_password_file(void)
{
    g_autofree char *folder = g_dir_make_tmp("xe-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "pw", NULL);
    g_assert_true(g_file_set_contents(path, "admin\nse cret\n", -1, NULL));
    const char *words[] = {"-pwf", path, "vm-list", NULL};
    g_auto(XeOptions) options = {0};
    g_assert_true(xe_options_parse(words, &(XeSources){0}, &options, NULL));
    g_assert_cmpstr(options.user, ==, "admin");
    g_assert_cmpstr(options.password, ==, "se cret");
    g_unlink(path);
    g_rmdir(folder);
}

static void
test_refusals(void)
{
    static const char *const cases[] = {"vm-list -s",         "vm-list -p",       "-p x vm-list",
                                        "-p 0 vm-list",       "-p 70000 vm-list", "nossl=maybe vm-list",
                                        "vm-param-set a=b\nc"};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) words = g_strsplit(cases[i], " ", -1);
        XeOptions options = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(xe_options_parse((const char *const *)words, &(XeSources){0}, &options, &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    }
}

static void
test_usage_and_version(void)
{
    g_auto(XeOptions) nothing = parse("", &(XeSources){.file_text = "params=all\n"});
    g_auto(XeOptions) help = parse("--help", &(XeSources){0});
    g_auto(XeOptions) version = parse("-version", &(XeSources){0});
    g_assert_true(nothing.wants_usage);
    g_assert_true(help.wants_usage);
    g_assert_true(version.wants_version);
    g_assert_false(version.wants_usage);
}

/* -- Where to look for the server
 * --------------------------------------------------------------------------------------- */

static const char *const sockets[] = {"/run/a", "/run/b", NULL};

/* clang-format off */
static const struct EndpointCase {
    const char *name, *line, *environment, *wanted;
} endpoint_cases[] = {
    {"local",              "vm-list",                       NULL,   "/run/a|/run/b|127.0.0.1 port 443|127.0.0.1 port 80 (not encrypted)"},
    {"local-plain",        "--nossl vm-list",               NULL,   "/run/a|/run/b|127.0.0.1 port 80 (not encrypted)"},
    {"environment-socket", "vm-list",                       "/e",   "/e"},
    {"socket-option",      "--socket /o vm-list",           "/e",   "/o"},
    {"socket-key",         "socket=/o vm-list",             NULL,   "/o"},
    {"port-over-env",      "-p 8443 vm-list",               "/e",   "127.0.0.1 port 8443"},
    {"port-plain",         "-p 8080 --nossl vm-list",       NULL,   "127.0.0.1 port 8080 (not encrypted)"},
    {"remote",             "-s far vm-list",                "/e",   "far port 443"},
    {"remote-plain",       "-s far --nossl vm-list",        NULL,   "far port 80 (not encrypted)"},
};
/* clang-format on */

static void
test_endpoints(gconstpointer data)
{
    const struct EndpointCase *one = data;
    g_auto(XeOptions) options = parse(one->line, &(XeSources){.socket = one->environment});
    g_autoptr(GPtrArray) endpoints = xe_client_endpoints(&options, sockets);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < endpoints->len; i++) {
        g_autofree char *name = xe_endpoint_describe(endpoints->pdata[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? "|" : "", name);
    }
    g_assert_cmpstr(text->str, ==, one->wanted);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/options/without-any-defaults-hold", test_defaults);
    g_test_add_func("/cli/options/switches-are-taken-and-other-words-stay", test_switches);
    g_test_add_func("/cli/options/keys-are-taken-too", test_keys);
    g_test_add_func("/cli/options/command-line-wins-over-extra-over-file", test_precedence);
    g_test_add_func("/cli/options/bad-line-voids-the-file", test_bad_file_is_void);
    g_test_add_func("/cli/options/extra-words-split-at-commas-without-backslash", test_extra_split);
    g_test_add_func("/cli/options/password-file-has-user-and-password", test_password_file);
    g_test_add_func("/cli/options/bad-values-are-refused", test_refusals);
    g_test_add_func("/cli/options/usage-and-version-are-recognised", test_usage_and_version);
    for (gsize i = 0; i < G_N_ELEMENTS(endpoint_cases); i++) {
        g_autofree char *name = g_strdup_printf("/cli/endpoints/%s", endpoint_cases[i].name);
        g_test_add_data_func(name, &endpoint_cases[i], test_endpoints);
    }
    return g_test_run();
}
