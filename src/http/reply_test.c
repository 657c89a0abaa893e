/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of what replies look like on the wire. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "http/test_kit.h"

static KitReply *
get(const KitServer *kit, KitKind kind, const char *method)
{
    g_autoptr(KitClient) client = kit_client_new(kit, kind);
    kit_client_say(client, "%s / HTTP/1.1\r\nHost: x\r\n\r\n", method);
    return kit_client_reply(client);
}

static void
handle_xml(HttpRequest *request, gpointer data)
{
    static const char *const headers[] = {"Access-Control-Allow-Origin: *", "X-Two:second", NULL};
    http_request_reply(request, 200, "text/xml", g_string_new("<x/>"), headers);
}

static void
headers_are_exact(void)
{
    static const HttpRoute routes[] = {{"GET", "/", 0, handle_xml, NULL}};
    static const struct {
        const char *name, *value;
    } expected[] = {
        {"Content-Type", "text/xml"}, {"Cache-Control", "no-cache, no-store"},
        {"Content-Length", "4"},      {"Access-Control-Allow-Origin", "*"},
        {"X-Two", "second"},          {"Transfer-Encoding", NULL},
    };
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    g_autoptr(KitReply) reply = get(kit, KIT_PLAIN, "GET");
    g_assert_true(g_str_has_prefix(reply->head, "HTTP/1.1 200 OK\r\n"));
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autofree char *value = kit_reply_header(reply, expected[i].name);
        g_assert_cmpstr(value, ==, expected[i].value);
    }
    g_assert_cmpstr(reply->body, ==, "<x/>");
}

static void
handle_odd(HttpRequest *request, gpointer data)
{
    static const char *const headers[] = {"cache-control: max-age=60", "X-Bad: a\r\nX-Injected: b", NULL};
    http_request_reply(request, 302, NULL, NULL, headers);
}

static void
headers_can_be_replaced_but_not_injected(void)
{
    static const HttpRoute routes[] = {{"GET", "/", 0, handle_odd, NULL}};
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    g_autoptr(KitReply) reply = get(kit, KIT_PLAIN, "GET");
    g_assert_cmpuint(reply->status, ==, 302);
    g_autofree char *cache = kit_reply_header(reply, "Cache-Control");
    g_assert_cmpstr(cache, ==, "max-age=60");
    g_assert_null(strstr(reply->head, "no-store"));
    g_assert_null(strstr(reply->head, "Injected"));
    g_assert_null(strstr(reply->head, "Content-Type"));
    g_assert_cmpuint(reply->body_length, ==, 0);
}

static void
handle_large(HttpRequest *request, gpointer data)
{
    GString *body = g_string_new(NULL);
    while (body->len < 8 * 1024 * 1024)
        g_string_append_printf(body, "%zu,", body->len);
    http_request_reply(request, 200, "text/plain", body, NULL);
}

static void
large_bodies_arrive_whole(void)
{
    static const HttpRoute routes[] = {{"GET", "/", 0, handle_large, NULL}};
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    for (int kind = 0; kind < KIT_N; kind++) {
        g_autoptr(KitReply) reply = get(kit, kind, "GET");
        const char *at = reply->body;
        while (*at != '\0') {
            char *end;
            g_assert_cmpuint(g_ascii_strtoull(at, &end, 10), ==, at - reply->body);
            at = end + 1;
        }
        g_assert_cmpuint(reply->body_length, >=, 8 * 1024 * 1024);
    }
}

/* What a reply in pieces is made of, and how many of its keepers have been let go. */
#define N_PIECES 20000
static const char kept_text[] = "kept,";
static gint n_released;

static void
count_release(gpointer keeper)
{
    g_atomic_int_inc((gint *)keeper);
}

static void
handle_pieces(HttpRequest *request, gpointer data)
{
    HttpBody *body = http_body_new(&n_released, count_release);
    for (guint i = 0; i < N_PIECES; i++) {
        g_string_append_printf(http_body_text(body), "%u,", i);
        http_body_borrow(body, kept_text, strlen(kept_text));
        http_body_borrow(body, kept_text, i % 2 == 0 ? 0 : strlen(kept_text));
    }
    g_string_append(http_body_text(body), "end");
    http_request_reply_body(request, 200, "text/plain", body, NULL);
    http_request_reply_body(request, 200, NULL, http_body_new(&n_released, count_release), NULL);
}

static void
pieces_arrive_in_order(void)
{
    static const HttpRoute routes[] = {{"GET", "/", 0, handle_pieces, NULL}};
    g_autoptr(GString) expected = g_string_new(NULL);
    for (guint i = 0; i < N_PIECES; i++)
        g_string_append_printf(expected, "%u,%s%s", i, kept_text, i % 2 == 0 ? "" : kept_text);
    g_string_append(expected, "end");
    g_atomic_int_set(&n_released, 0);
    KitServer *kit = kit_server_new(routes, 1);
    for (int kind = 0; kind < KIT_N; kind++) {
        g_autoptr(KitReply) reply = get(kit, kind, "GET");
        g_assert_cmpuint(reply->body_length, ==, expected->len);
        g_assert_cmpstr(reply->body, ==, expected->str);
    }
    kit_server_free(kit);
    /* Also the second answer's, which was dropped. */
    g_assert_cmpint(g_atomic_int_get(&n_released), ==, 2 * KIT_N);
}

static void
handle_empty(HttpRequest *request, gpointer data)
{
    http_request_reply_body(request, 200, "text/plain", http_body_new(NULL, NULL), NULL);
}

static void
no_pieces_make_an_empty_body(void)
{
    static const HttpRoute routes[] = {{"GET", "/", 0, handle_empty, NULL}};
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    g_autoptr(KitReply) reply = get(kit, KIT_PLAIN, "GET");
    g_autofree char *length = kit_reply_header(reply, "Content-Length");
    g_assert_cmpstr(length, ==, "0");
}

static void
handle_error(HttpRequest *request, gpointer data)
{
    http_request_reply_error(request, 404, "no <such> thing");
}

static void
error_pages_are_escaped(void)
{
    static const HttpRoute routes[] = {{"GET", "/", 0, handle_error, NULL}};
    g_autoptr(KitServer) kit = kit_server_new(routes, 1);
    g_autoptr(KitReply) reply = get(kit, KIT_PLAIN, "GET");
    g_assert_cmpuint(reply->status, ==, 404);
    g_assert_nonnull(strstr(reply->body, "HTTP 404 Not Found"));
    g_assert_nonnull(strstr(reply->body, "no &lt;such&gt; thing"));
}

static void
handle_file(HttpRequest *request, gpointer data)
{
    g_autoptr(GError) error = NULL;
    const char *folder = *(const char **)data;
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_assert_false(http_request_reply_file(request, folder, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(http_request_reply_file(request, "/nonexistent", NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_true(http_request_reply_file(request, path, "text/css", NULL, &error));
}

static void
files_are_sent(void)
{
    const char *folder;
    const HttpRoute routes[] = {{"GET", "/", 0, handle_file, &folder},
                                {"HEAD", "/", 0, handle_file, &folder}};
    g_autoptr(KitServer) kit = kit_server_new(routes, 2);
    folder = kit->folder;
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_autofree char *content = g_strnfill(1000000, 'f');
    g_assert_true(g_file_set_contents(path, content, -1, NULL));
    for (int kind = 0; kind < KIT_N; kind++) {
        g_autoptr(KitReply) reply = get(kit, kind, "GET");
        g_autofree char *type = kit_reply_header(reply, "Content-Type");
        g_assert_cmpstr(type, ==, "text/css");
        g_assert_cmpstr(reply->body, ==, content);
    }
    g_autoptr(KitClient) client = kit_client_new(kit, KIT_PLAIN);
    kit_client_say(client, "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
    g_autoptr(GString) head = kit_client_read_end(client);
    g_assert_nonnull(strstr(head->str, "Content-Length: 1000000\r\n"));
    g_assert_true(g_str_has_suffix(head->str, "\r\n\r\n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/reply/headers-are-exact", headers_are_exact);
    g_test_add_func("/http/reply/headers-can-be-replaced-but-not-injected",
                    headers_can_be_replaced_but_not_injected);
    g_test_add_func("/http/reply/large-bodies-arrive-whole", large_bodies_arrive_whole);
    g_test_add_func("/http/reply/pieces-arrive-in-order", pieces_arrive_in_order);
    g_test_add_func("/http/reply/no-pieces-make-an-empty-body", no_pieces_make_an_empty_body);
    g_test_add_func("/http/reply/error-pages-are-escaped", error_pages_are_escaped);
    g_test_add_func("/http/reply/files-are-sent", files_are_sent);
    return g_test_run();
}
