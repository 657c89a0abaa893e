/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sources are told apart as clients can be, and none takes the room of others. */
#include "auth/login_source.h"

#include "model/api_error.h"

static void
test_names(void)
{
    static const char *const names[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::/64"},
        {"2001:db8:0:0:ffff::1", "2001:db8::/64"},
        {"2001:db8:0:1::1", "2001:db8:0:1::/64"},
        {"unix", "unix"},
        {NULL, ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *source = login_source(names[i][0]);
        g_assert_cmpstr(source, ==, names[i][1]);
    }
}

static gboolean
enters(LoginSources *sources, const char *peer)
{
    g_autoptr(GError) error = NULL;
    gboolean has_room = login_sources_enter(sources, peer, &error);
    g_assert_true(has_room || api_error_is(error, "TOO_BUSY"));
    return has_room;
}

static void
test_one_source(void)
{
    g_autoptr(LoginSources) sources = login_sources_new(2, 10);
    g_assert_true(enters(sources, "2001:db8::1"));
    g_assert_true(enters(sources, "2001:db8::2"));
    g_assert_false(enters(sources, "2001:db8::3"));
    g_assert_true(enters(sources, "192.0.2.1"));
    login_sources_leave(sources, "2001:db8::1");
    g_assert_true(enters(sources, "2001:db8::3"));
}

static void
test_all_sources(void)
{
    g_autoptr(LoginSources) sources = login_sources_new(2, 3);
    g_assert_true(enters(sources, "192.0.2.1"));
    g_assert_true(enters(sources, "192.0.2.2"));
    g_assert_true(enters(sources, "192.0.2.3"));
    g_assert_false(enters(sources, "192.0.2.4"));
    login_sources_leave(sources, "192.0.2.2");
    g_assert_true(enters(sources, "192.0.2.4"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/auth/login-source/ipv6-counts-by-network", test_names);
    g_test_add_func("/auth/login-source/one-source-has-a-share", test_one_source);
    g_test_add_func("/auth/login-source/all-together-are-bounded", test_all_sources);
    return g_test_run();
}
