/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Headers with a name and password. */
#include "api/http/login.h"

static void
basic_header_is_read(void)
{
    static const char *const bad[] = {
        NULL, "", "Basic", "Basic ", "Basic cm9vdA==", "Bearer cm9vdDpzZWNyZXQ=", "Basic AAA6AA=="};
    g_autofree char *user = NULL;
    g_autofree char *password = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(http_login_parse_basic(bad[i], &user, &password));
    g_assert_true(http_login_parse_basic("basic cm9vdDphOmI=", &user, &password));
    g_assert_cmpstr(user, ==, "root");
    g_assert_cmpstr(password, ==, "a:b");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/http/login/basic-header-is-read", basic_header_is_read);
    return g_test_run();
}
