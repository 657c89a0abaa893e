/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the client, against the server. */
#include "http/client.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "http/test_kit.h"
#include "http/tls.h"

static GAsyncQueue *parked; /* of HttpRequest, a reference each */

static void
handle_park(HttpRequest *request, gpointer data)
{
    g_async_queue_push(parked, http_request_ref(request));
}

static void
handle_echo(HttpRequest *request, gpointer data)
{
    gsize length;
    const char *body = http_request_body(request, &length);
    GString *reply = g_string_new(http_request_header(request, "Content-Type"));
    g_string_append_c(reply, '|');
    g_string_append_len(reply, body, length);
    http_request_reply(request, 200, "text/plain", reply, NULL);
}

static void
handle_teapot(HttpRequest *request, gpointer data)
{
    http_request_reply(request, 418, "text/plain", g_string_new("short and stout"), NULL);
}

static const HttpRoute routes[] = {
    {"POST", "/", 1000000, handle_echo, NULL},
    {"POST", "/park", 1000, handle_park, NULL},
    {"POST", "/teapot", 1000, handle_teapot, NULL},
};

static KitServer *
new_server(void)
{
    return kit_server_new(routes, G_N_ELEMENTS(routes));
}

static HttpClient *
new_client(const KitServer *kit, KitKind kind, const char *ca_path)
{
    if (kind == KIT_UNIX)
        return http_client_new("http://localhost", kit->socket_path, NULL);
    g_autofree char *url = kind == KIT_TLS ? g_strdup_printf("https://localhost:%u", kit->tls_port)
                                           : g_strdup_printf("http://127.0.0.1:%u", kit->port);
    return http_client_new(url, NULL, ca_path);
}

static gboolean
post(HttpClient *client, const char *path, const char *body, GString **ret_body, GError **error)
{
    return http_client_post(client, path, "text/xml", body, strlen(body), 0, 1000000, NULL, NULL, ret_body,
                            error);
}

static void
posts_are_answered(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(HttpClient) client = new_client(kit, kind, kind == KIT_TLS ? kit->certificate : NULL);
    g_autofree char *large = g_strnfill(900000, 'l');
    const char *const bodies[] = {"", "hello", large};
    for (gsize i = 0; i < 30; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) reply = NULL;
        post(client, "/", bodies[i % 3], &reply, &error);
        g_assert_no_error(error);
        g_assert_true(g_str_has_prefix(reply->str, "text/xml|"));
        g_assert_cmpstr(reply->str + 9, ==, bodies[i % 3]);
    }
}

static void
other_states_are_errors_unless_asked_for(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(HttpClient) client = new_client(kit, KIT_UNIX, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) reply = NULL;
    g_assert_false(post(client, "/teapot", "", &reply, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_FAILED);
    g_clear_error(&error);
    guint status;
    g_assert_true(
        http_client_post(client, "/teapot", "text/xml", "", 0, 0, 100, NULL, &status, &reply, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(status, ==, 418);
    g_assert_cmpstr(reply->str, ==, "short and stout");
}

static void
a_long_reply_is_refused(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(HttpClient) client = new_client(kit, KIT_PLAIN, NULL);
    g_autofree char *body = g_strnfill(1000, 'x');
    g_autoptr(GError) error = NULL;
    g_assert_false(http_client_post(client, "/", "a/b", body, 1000, 0, 1003, NULL, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE);
    g_clear_error(&error);
    g_assert_true(http_client_post(client, "/", "a/b", body, 1000, 0, 1004, NULL, NULL, NULL, &error));
}

static void
waiting_ends_in_time(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(HttpClient) client = new_client(kit, KIT_PLAIN, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(http_client_post(client, "/park", "a/b", "", 0, 20, 100, NULL, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TIMED_OUT);
    HttpRequest *request = g_async_queue_try_pop(parked);
    g_clear_pointer(&request, http_request_unref);
}

static gpointer
cancel_when_parked(gpointer data)
{
    HttpRequest *request = g_async_queue_pop(parked);
    g_cancellable_cancel(data);
    return request;
}

static void
note_gone(gpointer data)
{
    g_async_queue_push(data, data);
}

static void
cancelling_ends_the_exchange(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(HttpClient) client = new_client(kit, KIT_UNIX, NULL);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    GThread *thread = g_thread_new("cancel", cancel_when_parked, cancellable);
    g_assert_false(http_client_post(client, "/park", "a/b", "", 0, 0, 100, cancellable, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_CANCELLED);
    g_clear_error(&error);

    /* The connection was closed, not only left. */
    HttpRequest *request = g_thread_join(thread);
    GAsyncQueue *gone = g_async_queue_new();
    http_request_on_gone(request, note_gone, gone, NULL);
    g_async_queue_pop(gone);
    http_request_unref(request);
    g_async_queue_unref(gone);

    g_assert_false(http_client_post(client, "/", "a/b", "", 0, 0, 100, cancellable, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_CANCELLED);
    g_clear_error(&error);
    g_assert_true(post(client, "/", "after", NULL, &error));
    g_assert_no_error(error);
}

static void
nobody_there_is_an_error(void)
{
    char *folder = kit_folder_new();
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    g_autoptr(HttpClient) client = http_client_new("http://localhost", path, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(post(client, "/", "", NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, path));
    kit_folder_free(folder);
}

static void
a_deep_folder_does(void)
{
    char *folder = kit_folder_new();
    g_autofree char *name = g_strnfill(200, 'd');
    g_autofree char *deep = g_build_filename(folder, name, NULL);
    g_autofree char *path = g_build_filename(deep, "socket", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir(deep, 0700), ==, 0);
    g_autoptr(HttpServer) server = http_server_new(routes, G_N_ELEMENTS(routes), 1);
    http_server_listen_unix(server, path, 0600, &error);
    g_assert_no_error(error);
    g_autoptr(HttpClient) client = http_client_new("http://localhost", path, NULL);
    post(client, "/", "hello", NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&server, http_server_free);
    g_assert_cmpint(g_rmdir(deep), ==, 0);
    kit_folder_free(folder);
}

static void
a_restarted_server_is_found_again(void)
{
    char *folder = kit_folder_new();
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    g_autoptr(HttpClient) client = http_client_new("http://localhost", path, NULL);
    for (int i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(HttpServer) server = http_server_new(routes, G_N_ELEMENTS(routes), 1);
        http_server_listen_unix(server, path, 0600, &error);
        g_assert_no_error(error);
        post(client, "/", "hello", NULL, &error);
        g_assert_no_error(error);
    }
    kit_folder_free(folder);
}

static void
certificates_are_checked(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitServer) other = new_server();
    g_autoptr(HttpClient) trusting = new_client(kit, KIT_TLS, other->certificate);
    g_autoptr(GError) error = NULL;
    g_assert_false(post(trusting, "/", "", NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_autoptr(HttpClient) careless = new_client(kit, KIT_TLS, NULL);
    g_assert_true(post(careless, "/", "", NULL, NULL));
}

static gpointer
post_many(gpointer data)
{
    for (int i = 0; i < 100; i++) {
        g_autofree char *body = g_strdup_printf("%p %d", (void *)&body, i);
        g_autoptr(GString) reply = NULL;
        g_assert_true(post(data, "/", body, &reply, NULL));
        g_assert_cmpstr(reply->str + 9, ==, body);
    }
    return NULL;
}

static void
many_threads_may_use_one_client(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(HttpClient) client = new_client(kit, KIT_UNIX, NULL);
    GThread *threads[16];
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("post", post_many, client);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    parked = g_async_queue_new();
    g_test_add_data_func("/http/client/plain/posts-are-answered", GINT_TO_POINTER(KIT_PLAIN),
                         posts_are_answered);
    g_test_add_data_func("/http/client/tls/posts-are-answered", GINT_TO_POINTER(KIT_TLS), posts_are_answered);
    g_test_add_data_func("/http/client/unix/posts-are-answered", GINT_TO_POINTER(KIT_UNIX),
                         posts_are_answered);
    g_test_add_func("/http/client/other-states-are-errors-unless-asked-for",
                    other_states_are_errors_unless_asked_for);
    g_test_add_func("/http/client/a-long-reply-is-refused", a_long_reply_is_refused);
    g_test_add_func("/http/client/waiting-ends-in-time", waiting_ends_in_time);
    g_test_add_func("/http/client/cancelling-ends-the-exchange", cancelling_ends_the_exchange);
    g_test_add_func("/http/client/nobody-there-is-an-error", nobody_there_is_an_error);
    g_test_add_func("/http/client/a-deep-folder-does", a_deep_folder_does);
    g_test_add_func("/http/client/a-restarted-server-is-found-again", a_restarted_server_is_found_again);
    g_test_add_func("/http/client/certificates-are-checked", certificates_are_checked);
    g_test_add_func("/http/client/many-threads-may-use-one-client", many_threads_may_use_one_client);
    int result = g_test_run();
    g_async_queue_unref(parked);
    return result;
}
