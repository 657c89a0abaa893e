/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of listeners, of time-outs, and of the server's end. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "http/internal.h"
#include "http/test_kit.h"

static GAsyncQueue *parked; /* of HttpRequest, a reference each */

static void
handle_park(HttpRequest *request, gpointer data)
{
    g_async_queue_push(parked, http_request_ref(request));
}

static void
handle_hello(HttpRequest *request, gpointer data)
{
    http_request_reply(request, 200, "text/plain", g_string_new("hello"), NULL);
}

static const HttpRoute routes[] = {
    {"POST", "/", 1000, handle_hello, NULL},
    {"POST", "/park", 1000, handle_park, NULL},
    {"PUT", "/open", 0, handle_park, NULL},
};

static HttpServer *
new_server(void)
{
    return http_server_new(routes, G_N_ELEMENTS(routes), 1);
}

/* ---- listeners ---- */

static void
is_served(KitClient *client)
{
    kit_client_post(client, "x");
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_cmpuint(reply->status, ==, 200);
}

static void
connections_beyond_the_bound_are_closed(void)
{
    enum { MAX = 8, NETWORK_MAX = 7 };
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    KitClient *clients[MAX];
    kit->server->connections_max = MAX;
    for (gsize i = 0; i < MAX; i++) {
        clients[i] = kit_client_new(kit, i < NETWORK_MAX ? i % KIT_UNIX : KIT_UNIX);
        is_served(clients[i]);
        if (i + 1 == NETWORK_MAX) { /* what is left is for the machine's own users */
            g_autoptr(KitClient) refused = kit_client_new(kit, KIT_PLAIN);
            g_assert_true(kit_client_is_at_end(refused));
        }
    }
    g_autoptr(KitClient) refused = kit_client_new(kit, KIT_UNIX);
    g_assert_true(kit_client_is_at_end(refused));
    for (gsize i = 0; i < MAX; i++) { /* the others never noticed */
        is_served(clients[i]);
        kit_client_free(clients[i]);
    }
}

static void
a_port_in_use_is_said_so(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HttpServer) first = new_server();
    g_autoptr(HttpServer) second = new_server();
    guint16 port;
    g_assert_true(http_server_listen_tcp(first, "127.0.0.1", 0, NULL, NULL, &port, &error));
    g_assert_false(http_server_listen_tcp(second, "127.0.0.1", port, NULL, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_autofree char *expected = g_strdup_printf("port %u is in use", port);
    g_assert_true(g_str_has_prefix(error->message, expected));
    g_clear_error(&error);
    /* Free again at once, connections of the first one notwithstanding. */
    http_server_free(g_steal_pointer(&first));
    g_assert_true(http_server_listen_tcp(second, "127.0.0.1", port, NULL, NULL, NULL, &error));
    g_assert_no_error(error);
}

static void
a_bad_address_is_refused(void)
{
    static const char *const addresses[] = {"localhost.invalid", "300.0.0.1", "127.0.0.1:80"};
    g_autoptr(HttpServer) server = new_server();
    for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(http_server_listen_tcp(server, addresses[i], 0, NULL, NULL, NULL, &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    }
}

static void
a_certificate_must_be_one(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HttpServer) server = new_server();
    char *folder = kit_folder_new();
    g_autofree char *path = g_build_filename(folder, "pem", NULL);
    g_assert_false(http_server_listen_tcp(server, "127.0.0.1", 0, path, path, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(path, "not PEM", -1, NULL));
    g_assert_false(http_server_listen_tcp(server, "127.0.0.1", 0, path, path, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    kit_folder_free(folder);
}

static void
leave_stale_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
}

static void
a_stale_socket_is_replaced_and_a_live_one_is_not(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = kit_folder_new();
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    leave_stale_socket(path);

    HttpServer *first = new_server();
    g_assert_true(http_server_listen_unix(first, path, 0666, &error));
    g_assert_no_error(error);
    struct stat info;
    g_assert_cmpint(stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0666);

    HttpServer *second = new_server();
    g_assert_false(http_server_listen_unix(second, path, 0600, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "another process listens there"));
    http_server_free(second);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    http_server_free(first);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    kit_folder_free(folder);
}

static void
only_sockets_are_replaced(void)
{
    char *folder = kit_folder_new();
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_autofree char *overlong = g_strnfill(200, 'x');
    g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
    g_autoptr(GError) error = NULL;
    g_autoptr(HttpServer) server = new_server();
    g_assert_false(http_server_listen_unix(server, path, 0600, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_clear_error(&error);
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
    g_assert_false(http_server_listen_unix(server, overlong, 0600, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    kit_folder_free(folder);
}

/* ---- time-outs ---- */

static void
silent_connections_are_closed_and_parked_ones_are_not(void)
{
    KitServer kit = {.server = new_server()};
    kit.server->silent_timeout_s = 1;
    kit.server->keep_alive_timeout_s = 1;
    g_assert_true(http_server_listen_tcp(kit.server, "127.0.0.1", 0, NULL, NULL, &kit.port, NULL));
    g_autoptr(KitClient) waiting = kit_client_new(&kit, KIT_PLAIN);
    kit_client_say(waiting, "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    g_autoptr(HttpRequest) request = g_async_queue_pop(parked);

    static const char *const beginnings[] = {"", "POST / HT",
                                             "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
                                             "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(beginnings); i++) {
        g_autoptr(KitClient) silent = kit_client_new(&kit, KIT_PLAIN);
        kit_client_say(silent, "%s", beginnings[i]);
        GString *all = kit_client_read_end(silent); /* the end comes by itself */
        g_string_free(all, TRUE);
    }
    http_request_reply(request, 200, "text/plain", g_string_new("at last"), NULL);
    g_autoptr(KitReply) reply = kit_client_reply(waiting);
    g_assert_cmpstr(reply->body, ==, "at last");
    http_server_free(kit.server);
}

/* ---- the end ---- */

static void
what_is_parked_is_answered_503_at_the_end(void)
{
    KitServer *kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    KitClient *clients[60];
    HttpRequest *requests[60];
    for (int i = 0; i < 60; i++) {
        clients[i] = kit_client_new(kit, i % KIT_N);
        kit_client_say(clients[i], i % 2 == 0 ? "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
                                              : "PUT /open HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
        requests[i] = g_async_queue_pop(parked);
    }
    kit_server_free(kit);
    for (int i = 0; i < 60; i++) {
        g_autoptr(KitReply) reply = kit_client_reply(clients[i]);
        g_assert_cmpuint(reply->status, ==, 503);
        g_assert_true(kit_client_is_at_end(clients[i]));
        kit_client_free(clients[i]);
        /* Late answers go nowhere. */
        http_request_reply(requests[i], 200, "text/plain", g_string_new("late"), NULL);
        http_request_unref(requests[i]);
    }
}

static gpointer
answer_all(gpointer data)
{
    HttpRequest *request;
    while ((request = g_async_queue_pop(data)) != (gpointer)data) {
        http_request_reply(request, 200, "text/plain", g_string_new("answer"), NULL);
        http_request_unref(request);
    }
    return NULL;
}

static gpointer
ask_until_refused(gpointer data)
{
    KitClient *client = data;
    for (;;) {
        static const char request[] = "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        if (send(client->fd, request, strlen(request), MSG_NOSIGNAL) < 0)
            break;
        g_autoptr(KitReply) reply = kit_client_reply(client);
        if (reply == NULL || reply->status == 503)
            break;
        g_assert_cmpuint(reply->status, ==, 200);
    }
    kit_client_free(client);
    return NULL;
}

static void
answers_may_race_with_the_end(void)
{
    for (int round = 0; round < 20; round++) {
        KitServer *kit = kit_server_new(routes, G_N_ELEMENTS(routes));
        GThread *answerer = g_thread_new("answer", answer_all, parked);
        GThread *askers[8];
        for (gsize i = 0; i < G_N_ELEMENTS(askers); i++)
            askers[i] = g_thread_new("ask", ask_until_refused,
                                     kit_client_new(kit, i % 2 == 0 ? KIT_PLAIN : KIT_UNIX));
        kit_server_free(kit);
        for (gsize i = 0; i < G_N_ELEMENTS(askers); i++)
            g_thread_join(askers[i]);
        g_async_queue_push(parked, parked);
        g_thread_join(answerer);
    }
}

static void
an_unused_server_ends(void)
{
    http_server_free(NULL);
    http_server_free(new_server());
    KitServer *kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    kit_server_free(kit);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    parked = g_async_queue_new();
    g_test_add_func("/http/server/connections-beyond-the-bound-are-closed",
                    connections_beyond_the_bound_are_closed);
    g_test_add_func("/http/server/a-port-in-use-is-said-so", a_port_in_use_is_said_so);
    g_test_add_func("/http/server/a-bad-address-is-refused", a_bad_address_is_refused);
    g_test_add_func("/http/server/a-certificate-must-be-one", a_certificate_must_be_one);
    g_test_add_func("/http/server/a-stale-socket-is-replaced-and-a-live-one-is-not",
                    a_stale_socket_is_replaced_and_a_live_one_is_not);
    g_test_add_func("/http/server/only-sockets-are-replaced", only_sockets_are_replaced);
    g_test_add_func("/http/server/silent-connections-are-closed-and-parked-ones-are-not",
                    silent_connections_are_closed_and_parked_ones_are_not);
    g_test_add_func("/http/server/what-is-parked-is-answered-503-at-the-end",
                    what_is_parked_is_answered_503_at_the_end);
    g_test_add_func("/http/server/answers-may-race-with-the-end", answers_may_race_with_the_end);
    g_test_add_func("/http/server/an-unused-server-ends", an_unused_server_ends);
    int result = g_test_run();
    g_async_queue_unref(parked);
    return result;
}
