/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the route table. */
#include "http/internal.h"

static const HttpRoute routes[] = {
    {"POST", "/", 1024, NULL, NULL},
    {"POST", "/json", 2048, NULL, NULL},
    {"POST", "/jsonrpc", 4096, NULL, NULL},
    {"POST", "/cli", 0, NULL, NULL},
    {"GET", "/", 0, NULL, NULL},
    {"GET", "/export", 0, NULL, NULL},
    {"PUT", "/import", 0, NULL, NULL},
    {"CONNECT", "/console", 0, NULL, NULL},
};

typedef struct FindCase {
    const char *method;
    const char *path;
    const char *prefix; /* what is found; NULL for nothing */
    gboolean is_known_method;
} FindCase;

static const FindCase find_cases[] = {
    {"POST", "/", "/", TRUE},
    {"POST", "/xmlrpc", "/", TRUE},
    {"POST", "/json", "/json", TRUE},
    {"POST", "/jsonx", "/json", TRUE},
    {"POST", "/jsonrpc", "/jsonrpc", TRUE},
    {"POST", "*", NULL, TRUE},
    {"GET", "/json", "/", TRUE},
    {"GET", "/export/x", "/export", TRUE},
    {"PUT", "/impor", NULL, TRUE},
    {"PUT", "", NULL, TRUE},
    {"DELETE", "/", NULL, FALSE},
    {"POS", "/", NULL, FALSE},
};

static void
longest_prefix_wins(void)
{
    HttpRouteTable *table = http_route_table_new(routes, G_N_ELEMENTS(routes));
    for (gsize i = 0; i < G_N_ELEMENTS(find_cases); i++) {
        const FindCase *expected = &find_cases[i];
        gboolean is_known_method;
        const HttpRoute *route = http_route_find(table, expected->method, expected->path, &is_known_method);
        g_assert_cmpstr(route != NULL ? route->prefix : NULL, ==, expected->prefix);
        g_assert_cmpint(is_known_method, ==, expected->is_known_method);
        if (route != NULL)
            g_assert_cmpstr(route->method, ==, expected->method);
    }
    http_route_table_free(table);
}

static void
open_paths_are_known_by_path_alone(void)
{
    HttpRouteTable *table = http_route_table_new(routes, G_N_ELEMENTS(routes));
    g_assert_true(http_route_path_is_open(table, "/import?vdi=1"));
    g_assert_true(http_route_path_is_open(table, "/import_raw_vdi"));
    g_assert_true(http_route_path_is_open(table, "/cli"));
    g_assert_true(http_route_path_is_open(table, "/console?ref=x"));
    g_assert_false(http_route_path_is_open(table, "/"));
    g_assert_false(http_route_path_is_open(table, "/json"));
    g_assert_false(http_route_path_is_open(table, "/export"));
    g_assert_false(http_route_path_is_open(table, ""));
    http_route_table_free(table);
}

static void
an_empty_table_knows_nothing(void)
{
    HttpRouteTable *table = http_route_table_new(NULL, 0);
    gboolean is_known_method = TRUE;
    g_assert_null(http_route_find(table, "GET", "/", &is_known_method));
    g_assert_false(is_known_method);
    g_assert_false(http_route_path_is_open(table, "/"));
    http_route_table_free(table);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/route/longest-prefix-wins", longest_prefix_wins);
    g_test_add_func("/http/route/open-paths-are-known-by-path-alone", open_paths_are_known_by_path_alone);
    g_test_add_func("/http/route/an-empty-table-knows-nothing", an_empty_table_knows_nothing);
    return g_test_run();
}
