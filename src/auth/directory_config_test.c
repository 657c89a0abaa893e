/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings of a directory: defaults follow from few, and what is wrong is named. */
#include "auth/directory_config.h"

#include "auth/directory.h"
#include <string.h>

#define MAX_SETTINGS 8

static Value *
map_of(const char *const *settings)
{
    Value *map = value_map_new(MAX_SETTINGS);
    for (gsize i = 0; settings[i] != NULL; i += 2)
        value_map_set(map, settings[i], value_string(settings[i + 1]));
    return map;
}

static DirectoryConfig *
read_config(const char *service, gboolean is_active_directory, const char *const *settings, GError **error)
{
    g_autoptr(Value) map = map_of(settings);
    return directory_config_read(service, map, is_active_directory, error);
}

static void
test_active_directory(void)
{
    static const char *const settings[] = {"user", "admin", "pass", "secret", "disable_modules",
                                           "x",    "ou",    "y",    NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(DirectoryConfig) config = read_config("Corp.Example.com", TRUE, settings, &error);
    g_assert_no_error(error);
    g_assert_null(config->uri);
    g_assert_cmpstr(config->base_dn, ==, "dc=Corp,dc=Example,dc=com");
    g_assert_cmpstr(config->bind_name, ==, "admin@Corp.Example.com");
    g_assert_cmpstr(config->password, ==, "secret");
    g_assert_cmpstr(config->workgroup, ==, "CORP");
    g_assert_cmpstr(config->user_attribute, ==, "sAMAccountName");
    g_assert_true(config->starts_tls);
}

static void
test_plain(void)
{
    static const char *const settings[] = {NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(DirectoryConfig) config = read_config("ldap.example.com", FALSE, settings, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->uri, ==, "ldap://ldap.example.com");
    g_assert_null(config->base_dn);
    g_assert_null(config->bind_name);
    g_assert_cmpstr(config->user_attribute, ==, "uid");
    g_assert_cmpstr(config->group_attribute, ==, "cn");
    g_assert_true(config->starts_tls);
    g_assert_cmpuint(config->timeout_s, ==, 10);
}

static const struct WrongCase {
    const char *name;
    const char *named; /* the setting that the error names */
    const char *settings[MAX_SETTINGS];
} wrong[] = {
    {"unknown-key", "'ca_file'", {"ca_file", "/x"}},
    {"name-without-password", "'pass'", {"user", "cn=admin"}},
    {"name-with-an-empty-password", "'pass'", {"user", "cn=admin", "pass", ""}},
    {"password-without-name", "'user'", {"pass", "x"}},
    {"name-given-twice", "'bind-dn'", {"user", "cn=a", "bind-dn", "cn=b", "pass", "x"}},
    {"uri-of-another-kind", "'uri'", {"uri", "gopher://ldap.example.com"}},
    {"uris-of-two-kinds", "'uri'", {"uri", "ldaps://a ldap://b"}},
    {"uri-and-server", "'server'", {"uri", "ldap://a", "server", "b"}},
    {"server-with-a-path", "'server'", {"server", "a/b"}},
    {"tls-that-is-neither", "'tls'", {"tls", "maybe"}},
    {"timeout-of-nothing", "'timeout'", {"timeout", "0"}},
    {"timeout-too-long", "'timeout'", {"timeout", "61"}},
    {"timeout-no-number", "'timeout'", {"timeout", "soon"}},
    {"ca-file-not-absolute", "'ca-file'", {"ca-file", "ca.crt"}},
    {"attribute-with-a-filter-in-it", "'user-attribute'", {"user-attribute", "uid=*)(cn"}},
};

static void
run_wrong(gconstpointer data)
{
    const struct WrongCase *test = data;
    g_autoptr(GError) error = NULL;
    g_assert_null(read_config("ldap.example.com", FALSE, test->settings, &error));
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, test->named));
}

static void
test_wrong_domain(void)
{
    static const char *const settings[] = {NULL};
    g_autoptr(GError) error = NULL;
    g_assert_null(read_config("not a domain", TRUE, settings, &error));
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED);
}

static void
test_split(void)
{
    static const struct {
        const char *name;
        const char *local;
        gboolean is_ours;
    } names[] = {
        {"joe", "joe", TRUE},         {"CORP\\joe", "joe", TRUE},
        {"corp\\joe", "joe", TRUE},   {"corp.example.com\\joe", "joe", TRUE},
        {"OTHER\\joe", "joe", FALSE}, {"joe@Corp.Example.Com", "joe", TRUE},
        {"joe@corp", "joe", TRUE},    {"joe@elsewhere", "joe@elsewhere", FALSE},
        {"a@b@corp", "a@b", TRUE},    {"", "", TRUE},
        {"CORP\\", "", TRUE},
    };
    static const char *const settings[] = {NULL};
    g_autoptr(DirectoryConfig) config = read_config("corp.example.com", TRUE, settings, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        gboolean is_ours = FALSE;
        g_autofree char *local = directory_config_split(config, names[i].name, &is_ours);
        g_assert_cmpstr(local, ==, names[i].local);
        g_assert_cmpint(is_ours, ==, names[i].is_ours);
    }
}

static void
test_kinds(void)
{
    g_assert_true(directory_kind("AD") == &directory_ldap_ad);
    g_assert_true(directory_kind("LDAP") == &directory_ldap);
    g_assert_null(directory_kind("ad"));
    g_assert_null(directory_kind(""));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/auth/directory-config/active-directory-needs-a-domain-only", test_active_directory);
    g_test_add_func("/auth/directory-config/plain-needs-a-server-only", test_plain);
    g_test_add_func("/auth/directory-config/domain-is-a-host-name", test_wrong_domain);
    g_test_add_func("/auth/directory-config/names-may-have-the-domain", test_split);
    g_test_add_func("/auth/directory-config/kinds-are-found-by-their-name", test_kinds);
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *path = g_strconcat("/auth/directory-config/refuses/", wrong[i].name, NULL);
        g_test_add_data_func(path, &wrong[i], run_wrong);
    }
    return g_test_run();
}
