/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of what a handler is told about its request. */
#include <string.h>

#include "http/test_kit.h"

typedef struct ParamCase {
    const char *target;
    const char *cookie; /* header value; NULL for none */
    const char *key;
    const char *query; /* what each accessor answers */
    const char *cookie_value;
    const char *param;
} ParamCase;

static const ParamCase cases[] = {
    {"/", NULL, "a", NULL, NULL, NULL},
    {"/?a=1", NULL, "a", "1", NULL, "1"},
    {"/?a=1&a=2", NULL, "a", "1", NULL, "1"},
    {"/?b=1,2", NULL, "b", "1,2", NULL, "1,2"},
    {"/?b=a%20b+c%2Bd", NULL, "b", "a b c+d", NULL, "a b c+d"},
    {"/?%61=x", NULL, "a", "x", NULL, "x"},
    {"/?a", NULL, "a", "", NULL, ""},
    {"/?a=", NULL, "a", "", NULL, ""},
    {"/?a=b=c", NULL, "a", "b=c", NULL, "b=c"},
    {"/?=x&&a=1&", NULL, "a", "1", NULL, "1"},
    {"/?a=%zz", NULL, "a", "%zz", NULL, "%zz"},
    {"/?a=%00x", NULL, "a", "%00x", NULL, "%00x"},
    {"/?a=1", "a=2", "a", "1", "2", "2"},
    {"/", "a=2; b=3", "b", NULL, "3", "3"},
    {"/", "a=2&b=3", "b", NULL, "3", "3"},
    {"/", "a=2&b=3;c=4", "a", NULL, "2&b=3", "2&b=3"},
    {"/", "session_id=OpaqueRef%3Ax", "session_id", NULL, "OpaqueRef:x", "OpaqueRef:x"},
    {"/", "a=1+2", "a", NULL, "1+2", "1+2"},
    {"/", "  ", "a", NULL, NULL, NULL},
    {"/", ";;=;a", "a", NULL, "", ""},
};

static void
handle_param(HttpRequest *request, gpointer data)
{
    const ParamCase *expected = *(const ParamCase **)data;
    g_assert_cmpstr(http_request_query(request, expected->key), ==, expected->query);
    g_assert_cmpstr(http_request_cookie(request, expected->key), ==, expected->cookie_value);
    g_assert_cmpstr(http_request_param(request, expected->key), ==, expected->param);
    http_request_reply(request, 200, NULL, NULL, NULL);
}

static void
parameters_are_decoded(void)
{
    const ParamCase *current;
    const HttpRoute routes[] = {{"GET", "/", 0, handle_param, &current}};
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    g_autoptr(KitClient) client = kit_client_new(kit, KIT_PLAIN);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        current = &cases[i];
        kit_client_say(client, "GET %s HTTP/1.1\r\n%s%s%s\r\n", cases[i].target,
                       cases[i].cookie != NULL ? "cOOkie: " : "",
                       cases[i].cookie != NULL ? cases[i].cookie : "", cases[i].cookie != NULL ? "\r\n" : "");
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpuint(reply->status, ==, 200);
    }
}

static void
handle_description(HttpRequest *request, gpointer data)
{
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%s|%s|%s|%s|%s|%d|%d", http_request_method(request), http_request_path(request),
                    http_request_query_text(request), http_request_header(request, "X-Test"),
                    http_request_peer(request), http_request_is_trusted(request),
                    http_request_is_tls(request));
    http_request_reply(request, 200, "text/plain", text, NULL);
}

static void
a_request_says_where_it_came_from(void)
{
    static const HttpRoute routes[] = {{"POST", "/", 100, handle_description, NULL}};
    static const char *const expected[KIT_N] = {
        [KIT_PLAIN] = "POST|/a%20b//c|x=%20&y|one|127.0.0.1|0|0",
        [KIT_TLS] = "POST|/a%20b//c|x=%20&y|one|127.0.0.1|0|1",
        [KIT_UNIX] = "POST|/a%20b//c|x=%20&y|one|unix|1|0",
    };
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    for (int kind = 0; kind < KIT_N; kind++) {
        g_autoptr(KitClient) client = kit_client_new(kit, kind);
        kit_client_say(client, "POST /a%%20b//c?x=%%20&y HTTP/1.1\r\nx-test: one\r\nX-TEST: two\r\n\r\n");
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpstr(reply->body, ==, expected[kind]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/param/parameters-are-decoded", parameters_are_decoded);
    g_test_add_func("/http/param/a-request-says-where-it-came-from", a_request_says_where_it_came_from);
    return g_test_run();
}
