/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of transfers, and heads of replies. */
#include "cli/client/http.h"

#include <string.h>

#include "base/error.h"

/* clang-format off */
static const struct UrlCase {
    const char *url, *endpoint, *path; /* endpoint NULL: refused */
} url_cases[] = {
    {"/export?ref=x",                "/sock",                          "/export?ref=x"},
    {"https://two.example/import?a=b%20c",    "two.example port 443",                    "/import?a=b%20c"},
    {"https://10.0.0.2:8443/x",      "10.0.0.2 port 8443",             "/x"},
    {"http://three.example",                    "three.example port 80 (not encrypted)",     "/"},
    {"ftp://one.example/x",                    NULL,                             NULL},
    {"export",                       NULL,                             NULL},
    {"/a b",                         NULL,                             NULL},
    {"/a\r\nX: y",                   NULL,                             NULL},
};
/* clang-format on */

static void
test_urls(void)
{
    g_autoptr(XeEndpoint) home = xe_endpoint_new_unix("/sock");
    for (gsize i = 0; i < G_N_ELEMENTS(url_cases); i++) {
        g_autoptr(XeEndpoint) endpoint = NULL;
        g_autofree char *path = NULL;
        g_autoptr(GError) error = NULL;
        gboolean is_fine = xe_url_split(url_cases[i].url, home, &endpoint, &path, &error);
        g_assert_cmpint(is_fine, ==, url_cases[i].endpoint != NULL);
        if (!is_fine)
            continue;
        g_autofree char *name = xe_endpoint_describe(endpoint);
        g_assert_cmpstr(name, ==, url_cases[i].endpoint);
        g_assert_cmpstr(path, ==, url_cases[i].path);
    }
}

static gssize
read_text(gpointer data, void *buffer, gsize length, GError **error)
{
    GString *left = data;
    gsize count = MIN(length, left->len);
    memcpy(buffer, left->str, count);
    g_string_erase(left, 0, (gssize)count);
    return (gssize)count;
}

static void
test_head_leaves_the_body(void)
{
    g_autoptr(GString) text = g_string_new("HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\nbody");
    CliTransport transport = {.read = read_text, .data = text};
    g_auto(XeReply) reply = {0};
    g_assert_true(xe_http_read_head(&transport, &reply, NULL));
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_cmpstr(text->str, ==, "body");
}

static void
test_head_has_location(void)
{
    g_autoptr(GString) text = g_string_new("HTTP/1.1 302 Found\nlocation:  https://one.example/x \n\n");
    CliTransport transport = {.read = read_text, .data = text};
    g_auto(XeReply) reply = {0};
    g_assert_true(xe_http_read_head(&transport, &reply, NULL));
    g_assert_cmpint(reply.status, ==, 302);
    g_assert_cmpstr(reply.location, ==, "https://one.example/x");
}

static void
test_bad_heads(void)
{
    g_autofree char *endless = g_strnfill(20000, 'x');
    const char *cases[] = {"", "HTTP/1.1 200 OK\r\n", "hello\r\n\r\n", endless};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new(cases[i]);
        CliTransport transport = {.read = read_text, .data = text};
        XeReply reply = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(xe_http_read_head(&transport, &reply, &error));
        g_assert_nonnull(error);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/http/addresses-are-paths-here-or-whole-elsewhere", test_urls);
    g_test_add_func("/cli/http/head-is-read-and-the-body-left", test_head_leaves_the_body);
    g_test_add_func("/cli/http/redirect-has-a-location", test_head_has_location);
    g_test_add_func("/cli/http/cut-foreign-and-endless-heads-are-refused", test_bad_heads);
    return g_test_run();
}
