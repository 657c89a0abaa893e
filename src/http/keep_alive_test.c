/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of connections that carry several requests: kept alive, pipelined, parked, and left by their peers.
 */
#include <string.h>
#include <sys/socket.h>

#include "http/test_kit.h"

/* ---- handlers ---- */

static void
handle_echo(HttpRequest *request, gpointer data)
{
    gsize length;
    const char *body = http_request_body(request, &length);
    http_request_reply(request, 200, "text/xml", g_string_new_len(body, length), NULL);
}

static GAsyncQueue *parked; /* of HttpRequest, a reference each */

static void
handle_park(HttpRequest *request, gpointer data)
{
    g_async_queue_push(parked, http_request_ref(request));
}

static gpointer
answer_from_thread(gpointer data)
{
    HttpRequest *request = data;
    http_request_reply(request, 200, "text/xml", g_string_new(http_request_body(request, NULL)), NULL);
    http_request_unref(request);
    return NULL;
}

/* Answers while the handler may still be running, or may just have returned: the race of parking. */
static void
handle_race(HttpRequest *request, gpointer data)
{
    g_thread_unref(g_thread_new("race", answer_from_thread, http_request_ref(request)));
}

static void
handle_drop(HttpRequest *request, gpointer data)
{
}

static const HttpRoute routes[] = {
    {"POST", "/", 300 * 1024, handle_echo, NULL}, {"POST", "/park", 1000, handle_park, NULL},
    {"POST", "/race", 1000, handle_race, NULL},   {"POST", "/drop", 1000, handle_drop, NULL},
    {"GET", "/", 0, handle_echo, NULL},
};

static KitServer *
new_server(void)
{
    return kit_server_new(routes, G_N_ELEMENTS(routes));
}

/* ---- tests ---- */

static void
connections_are_kept(gconstpointer data)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    for (int i = 0; i < 100; i++) {
        g_autofree char *body = g_strdup_printf("request %d", i);
        kit_client_post(client, body);
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpuint(reply->status, ==, 200);
        g_assert_cmpstr(reply->body, ==, body);
    }
    kit_client_say(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    g_autoptr(KitReply) last = kit_client_reply(client);
    g_assert_cmpuint(last->body_length, ==, 0);
    g_assert_true(kit_client_is_at_end(client));
}

static void
pipelined_requests_are_answered_in_order(gconstpointer data)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    g_autoptr(GString) all = g_string_new(NULL);
    for (int i = 0; i < 200; i++)
        g_string_append_printf(all, "POST /%s HTTP/1.1\r\nContent-Length: 5\r\n\r\n%05d",
                               i % 7 == 3 ? "race" : "", i);
    kit_client_send(client, all->str, all->len);
    for (int i = 0; i < 200; i++) {
        g_autofree char *expected = g_strdup_printf("%05d", i);
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpstr(reply->body, ==, expected);
    }
}

static void
http_1_0_closes_unless_asked_not_to(gconstpointer data)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(client, "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi");
    g_autoptr(KitReply) kept = kit_client_reply(client);
    g_assert_cmpstr(kept->body, ==, "hi");
    kit_client_say(client, "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nho");
    g_autoptr(KitReply) closed = kit_client_reply(client);
    g_assert_cmpstr(closed->body, ==, "ho");
    g_assert_true(kit_client_is_at_end(client));
}

static void
bodies_come_whole_however_they_are_cut(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, KIT_PLAIN);
    g_autofree char *body = g_strnfill(300 * 1024, 'b');
    kit_client_post(client, body);
    g_autoptr(KitReply) large = kit_client_reply(client);
    g_assert_cmpstr(large->body, ==, body);

    const char *text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n1;x=y\r\nd\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n";
    for (const char *byte = text; *byte != '\0'; byte++)
        kit_client_send(client, byte, 1);
    g_autoptr(KitReply) chunked = kit_client_reply(client);
    g_assert_cmpstr(chunked->body, ==, "abcd0123456789abcdef");

    g_autoptr(GString) chunks = g_string_new("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 300; i++)
        g_string_append_printf(chunks, "400\r\n%.1024s\r\n", body);
    g_string_append(chunks, "0\r\n\r\n");
    kit_client_send(client, chunks->str, chunks->len);
    g_autoptr(KitReply) many = kit_client_reply(client);
    g_assert_cmpstr(many->body, ==, body);
}

static void
parked_requests_are_answered_from_any_thread(gconstpointer data)
{
    g_autoptr(KitServer) kit = new_server();
    KitClient *clients[200];
    HttpRequest *requests[200];
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        clients[i] = kit_client_new(kit, GPOINTER_TO_INT(data));
        kit_client_say(clients[i], "POST /park HTTP/1.1\r\nContent-Length: 3\r\n\r\n%03zu", i);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(requests); i++)
        requests[i] = g_async_queue_pop(parked);

    /* Nobody waits for them. */
    g_autoptr(KitClient) other = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_post(other, "hello");
    g_autoptr(KitReply) hello = kit_client_reply(other);
    g_assert_cmpstr(hello->body, ==, "hello");

    GThread *threads[200];
    for (gsize i = 0; i < G_N_ELEMENTS(requests); i++)
        threads[i] = g_thread_new("answer", answer_from_thread, requests[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_autofree char *expected = g_strdup_printf("%03zu", i);
        g_autoptr(KitReply) reply = kit_client_reply(clients[i]);
        g_assert_cmpstr(reply->body, ==, expected);
        kit_client_post(clients[i], "again");
        g_autoptr(KitReply) again = kit_client_reply(clients[i]);
        g_assert_cmpstr(again->body, ==, "again");
        kit_client_free(clients[i]);
        g_thread_join(threads[i]);
    }
}

static void
a_reply_may_race_with_parking(gconstpointer data)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    for (int i = 0; i < 1000; i++) {
        kit_client_say(client, "POST /race HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpstr(reply->body, ==, "x");
    }
}

static void
a_dropped_request_is_answered_500(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, KIT_PLAIN);
    kit_client_say(client, "POST /drop HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    g_autoptr(KitReply) in_handler = kit_client_reply(client);
    g_assert_cmpuint(in_handler->status, ==, 500);
    kit_client_say(client, "POST /park HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    HttpRequest *request = g_async_queue_pop(parked);
    /* A reply through the other route shows that this thread has left the handler; or the drop is seen there.
     */
    http_request_unref(request);
    g_autoptr(KitReply) later = kit_client_reply(client);
    g_assert_cmpuint(later->status, ==, 500);
}

static void
only_the_first_answer_counts(void)
{
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, KIT_PLAIN);
    kit_client_say(client, "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    g_autoptr(HttpRequest) request = g_async_queue_pop(parked);
    http_request_reply(request, 200, "text/plain", g_string_new("first"), NULL);
    http_request_reply(request, 200, "text/plain", g_string_new("second"), NULL);
    g_autoptr(HttpStream) stream = http_take_over(request);
    g_assert_false(http_stream_write_all(stream, "third", 5, NULL));
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_cmpstr(reply->body, ==, "first");
    kit_client_post(client, "next");
    g_autoptr(KitReply) next = kit_client_reply(client);
    g_assert_cmpstr(next->body, ==, "next");
    g_assert_null(http_request_header(request, "Content-Length"));
    g_assert_cmpstr(http_request_path(request), ==, "/park");
}

/* ---- peers that go ---- */

typedef struct Gone {
    GAsyncQueue *events; /* of literals */
} Gone;

static void
note_gone(gpointer data)
{
    g_async_queue_push(((Gone *)data)->events, (gpointer) "gone");
}

static void
note_destroyed(gpointer data)
{
    g_async_queue_push(((Gone *)data)->events, (gpointer) "destroyed");
}

static void
a_gone_peer_is_noticed(gconstpointer data)
{
    Gone gone = {.events = g_async_queue_new()};
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(client, "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    HttpRequest *request = g_async_queue_pop(parked);
    http_request_on_gone(request, note_gone, &gone, note_destroyed);
    g_clear_pointer(&client, kit_client_free);
    g_assert_cmpstr(g_async_queue_pop(gone.events), ==, "gone");
    g_assert_cmpstr(g_async_queue_pop(gone.events), ==, "destroyed");
    http_request_reply(request, 200, "text/plain", g_string_new("nobody reads this"), NULL);
    http_request_unref(request);
    g_async_queue_unref(gone.events);
}

static void
an_answer_ends_the_watch(gconstpointer data)
{
    Gone gone = {.events = g_async_queue_new()};
    g_autoptr(KitServer) kit = new_server();
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    for (int i = 0; i < 3; i++) {
        kit_client_say(client, "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        g_autoptr(HttpRequest) request = g_async_queue_pop(parked);
        http_request_on_gone(request, note_gone, &gone, note_destroyed);
        http_request_reply(request, 200, "text/plain", NULL, NULL);
        g_assert_cmpstr(g_async_queue_try_pop(gone.events), ==, "destroyed");
        http_request_on_gone(request, note_gone, &gone, note_destroyed); /* too late */
        g_assert_cmpstr(g_async_queue_try_pop(gone.events), ==, "destroyed");
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpuint(reply->status, ==, 200);
    }
    g_clear_pointer(&client, kit_client_free);
    g_clear_pointer(&kit, kit_server_free);
    g_assert_null(g_async_queue_try_pop(gone.events));
    g_async_queue_unref(gone.events);
}

static void
many_gone_peers_are_noticed(void)
{
    Gone gone = {.events = g_async_queue_new()};
    g_autoptr(KitServer) kit = new_server();
    KitClient *clients[100];
    HttpRequest *requests[100];
    for (int i = 0; i < 100; i++) {
        clients[i] = kit_client_new(kit, i % KIT_N);
        kit_client_say(clients[i], "POST /park HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        requests[i] = g_async_queue_pop(parked);
        http_request_on_gone(requests[i], note_gone, &gone, NULL);
    }
    for (int i = 0; i < 100; i++)
        kit_client_free(clients[i]);
    for (int i = 0; i < 100; i++) {
        g_async_queue_pop(gone.events);
        http_request_reply(requests[i], 200, NULL, NULL, NULL);
        http_request_unref(requests[i]);
    }
    g_async_queue_unref(gone.events);
}

static void
add_for_all_kinds(const char *name, GTestDataFunc function)
{
    static const char *const kinds[KIT_N] = {[KIT_PLAIN] = "plain", [KIT_TLS] = "tls", [KIT_UNIX] = "unix"};
    for (int kind = 0; kind < KIT_N; kind++) {
        g_autofree char *path = g_strdup_printf("/http/keep_alive/%s/%s", kinds[kind], name);
        g_test_add_data_func(path, GINT_TO_POINTER(kind), function);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    parked = g_async_queue_new();
    add_for_all_kinds("connections-are-kept", connections_are_kept);
    add_for_all_kinds("pipelined-requests-are-answered-in-order", pipelined_requests_are_answered_in_order);
    add_for_all_kinds("http-1-0-closes-unless-asked-not-to", http_1_0_closes_unless_asked_not_to);
    add_for_all_kinds("parked-requests-are-answered-from-any-thread",
                      parked_requests_are_answered_from_any_thread);
    add_for_all_kinds("a-reply-may-race-with-parking", a_reply_may_race_with_parking);
    add_for_all_kinds("a-gone-peer-is-noticed", a_gone_peer_is_noticed);
    add_for_all_kinds("an-answer-ends-the-watch", an_answer_ends_the_watch);
    g_test_add_func("/http/keep_alive/bodies-come-whole-however-they-are-cut",
                    bodies_come_whole_however_they_are_cut);
    g_test_add_func("/http/keep_alive/a-dropped-request-is-answered-500", a_dropped_request_is_answered_500);
    g_test_add_func("/http/keep_alive/only-the-first-answer-counts", only_the_first_answer_counts);
    g_test_add_func("/http/keep_alive/many-gone-peers-are-noticed", many_gone_peers_are_noticed);
    int result = g_test_run();
    g_async_queue_unref(parked);
    return result;
}
