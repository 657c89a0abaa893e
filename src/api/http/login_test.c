/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Headers with a name and password, and what roles may. */
#include "api/http/login.h"

#include "model/api_error.h"

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

static void
role_decides(void)
{
    for (ModelRole role = 0; role < ROLE_N; role++) {
        Session session = {.ref = "OpaqueRef:x", .user_name = "anna", .role = role};
        const HttpLogin login = {.session = &session};
        g_autoptr(GError) error = NULL;
        gboolean may = http_login_require(&login, "get_system_status", ROLE_POOL_OPERATOR, &error);
        g_assert_cmpint(may, ==, role <= ROLE_POOL_OPERATOR);
        if (may)
            continue;
        g_assert_true(api_error_is(error, "RBAC_PERMISSION_DENIED"));
        g_assert_cmpstr(api_error_params(error)[0], ==, "http/get_system_status");
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/http/login/basic-header-is-read", basic_header_is_read);
    g_test_add_func("/api/http/login/role-decides", role_decides);
    return g_test_run();
}
