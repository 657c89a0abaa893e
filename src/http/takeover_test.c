/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of taken-over connections: whatever comes after the header, and whenever, reaches the new owner; on
 * every kind of listener. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "http/test_kit.h"

/* ---- handlers ---- */

typedef struct Job {
    HttpRequest *request;
    HttpStream *stream;
} Job;

/* Threads that have a stream; joined by the test. */
static GMutex threads_lock;
static GSList *threads;

static void
start_owner(HttpRequest *request, GThreadFunc function)
{
    Job *job = g_new0(Job, 1);
    job->request = http_request_ref(request);
    job->stream = http_take_over(request);
    g_mutex_lock(&threads_lock);
    threads = g_slist_prepend(threads, g_thread_new("owner", function, job));
    g_mutex_unlock(&threads_lock);
}

static void
join_owners(void)
{
    g_mutex_lock(&threads_lock);
    GSList *list = g_steal_pointer(&threads);
    g_mutex_unlock(&threads_lock);
    for (GSList *link = list; link != NULL; link = link->next)
        g_thread_join(link->data);
    g_slist_free(list);
}

static void
job_free(Job *job)
{
    http_stream_close(job->stream);
    http_request_unref(job->request);
    g_free(job);
}

/* Writes a status line of its own, then back what it reads until "." or the end. */
static gpointer
echo(gpointer data)
{
    Job *job = data;
    const char *hello = "HTTP/1.1 200 OK\r\n\r\n";
    char buffer[4096];
    gssize n;
    if (http_stream_write_all(job->stream, hello, strlen(hello), NULL))
        while ((n = http_stream_read(job->stream, buffer, sizeof(buffer), 0, NULL)) > 0) {
            if (!http_stream_write_all(job->stream, buffer, n, NULL) || memchr(buffer, '.', n) != NULL)
                break;
        }
    job_free(job);
    return NULL;
}

static void
handle_echo(HttpRequest *request, gpointer data)
{
    start_owner(request, echo);
}

/* The body by its Content-Length, answered with its checksum; what else is asked of the request still works.
 */
static gpointer
upload(gpointer data)
{
    Job *job = data;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize left = g_ascii_strtoull(http_request_header(job->request, "content-length"), NULL, 10);
    char buffer[16384];
    while (left > 0) {
        gssize n = http_stream_read(job->stream, buffer, MIN(left, sizeof(buffer)), 0, NULL);
        g_assert_cmpint(n, >, 0);
        g_checksum_update(checksum, (guchar *)buffer, n);
        left -= n;
    }
    g_autofree char *reply =
        g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n%s", g_checksum_get_string(checksum));
    g_assert_cmpstr(http_request_query(job->request, "name"), ==, "a b");
    g_assert_null(http_request_header(job->request, "Expect"));
    g_assert_null(http_request_header(job->request, "Transfer-Encoding"));
    g_assert_true(http_stream_write_all(job->stream, reply, strlen(reply), NULL));
    job_free(job);
    return NULL;
}

static void
handle_upload(HttpRequest *request, gpointer data)
{
    start_owner(request, upload);
}

/* Decides on another thread, while the request is parked. */
static gpointer
decide_later(gpointer data)
{
    HttpRequest *request = data;
    start_owner(request, echo);
    http_request_unref(request);
    return NULL;
}

static void
handle_later(HttpRequest *request, gpointer data)
{
    g_thread_unref(g_thread_new("later", decide_later, http_request_ref(request)));
}

static void
handle_refused(HttpRequest *request, gpointer data)
{
    http_request_reply_error(request, 401, "Who are you?");
}

static void
handle_page(HttpRequest *request, gpointer data)
{
    http_request_reply(request, 200, "text/plain", g_string_new("page"), NULL);
}

static const HttpRoute routes[] = {
    {"CONNECT", "/echo", 0, handle_echo, NULL},    {"PUT", "/echo", 0, handle_echo, NULL},
    {"POST", "/echo", 0, handle_echo, NULL},       {"GET", "/get_echo", 0, handle_echo, NULL},
    {"PUT", "/upload", 0, handle_upload, NULL},    {"CONNECT", "/later", 0, handle_later, NULL},
    {"PUT", "/refused", 0, handle_refused, NULL},  {"GET", "/", 0, handle_page, NULL},
    {"GET", "/echo_by_get", 0, handle_echo, NULL}, {"GET", "/get_later", 0, handle_later, NULL},
    {"POST", "/", 100, handle_page, NULL},
};

/* ---- tests ---- */

static const char *const openings[] = {
    "CONNECT /echo?session_id=x HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT /echo HTTP/1.0\r\n\r\n",
    "PUT /echo HTTP/1.0\r\n\r\n",
    "PUT /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\n",
    "PUT /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n",
    "POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "POST /echo HTTP/1.0\r\n\r\n",
    "GET /get_echo HTTP/1.1\r\n\r\n",
    "GET /get_later HTTP/1.1\r\n\r\n",
    "GET /echo_by_get HTTP/1.1\r\n\r\n",
    "CONNECT /later HTTP/1.1\r\n\r\n",
    "CONNECT /later HTTP/1.0\r\n\r\n",
};

static void
owner_talks_first(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    for (gsize i = 0; i < G_N_ELEMENTS(openings); i++) {
        g_autoptr(KitClient) client = kit_client_new(kit, kind);
        kit_client_say(client, "%s", openings[i]);
        kit_client_expect(client, "HTTP/1.1 200 OK\r\n\r\n");
        kit_client_say(client, "one");
        kit_client_expect(client, "one");
        kit_client_say(client, "two.");
        kit_client_expect(client, "two.");
        g_assert_true(kit_client_is_at_end(client));
    }
    join_owners();
}

static void
bytes_sent_with_the_header_come_first(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    for (gsize i = 0; i < G_N_ELEMENTS(openings); i++) {
        if (strncmp(openings[i], "GET", 3) == 0)
            continue;
        g_autoptr(KitClient) client = kit_client_new(kit, kind);
        kit_client_say(client, "%searly", openings[i]);
        kit_client_expect(client, "HTTP/1.1 200 OK\r\n\r\nearly");
        kit_client_say(client, "late.");
        kit_client_expect(client, "late.");
        g_assert_true(kit_client_is_at_end(client));
    }
    join_owners();
}

static void
zero_bytes_with_the_header_are_kept(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    static const char opening[] = "PUT /echo HTTP/1.0\r\n\r\n\0\0\0\0.";
    g_autoptr(KitClient) client = kit_client_new(kit, kind);
    kit_client_send(client, opening, sizeof(opening) - 1);
    g_autoptr(GString) all = kit_client_read_end(client);
    g_assert_cmpuint(all->len, ==, 19 + 5);
    g_assert_cmpint(memcmp(all->str + 19, "\0\0\0\0.", 5), ==, 0);
    join_owners();
}

static void
put_body(KitClient *client, const char *version, gsize length, gsize with_header)
{
    g_autofree char *body = g_malloc(length);
    for (gsize i = 0; i < length; i++)
        body[i] = (char)(i * 7 + (i >> 8));
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)body, length);
    g_autoptr(GString) first = g_string_new(NULL);
    g_string_printf(first, "PUT /upload?name=a+b HTTP/%s\r\nContent-Length: %zu\r\n\r\n", version, length);
    g_string_append_len(first, body, with_header);
    kit_client_send(client, first->str, first->len);
    kit_client_send(client, body + with_header, length - with_header);
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_cmpuint(reply->status, ==, 200);
    g_assert_cmpstr(reply->body, ==, sum);
}

static void
uploads_arrive_whole(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    /* The server's buffer holds 8 KiB at first and 16 KiB at most; a TLS record holds 16 KiB. */
    static const struct {
        gsize length, with_header;
    } cases[] = {{0, 0},         {1, 0},         {1, 1},          {100, 50},        {8192, 8192},
                 {16384, 16384}, {20000, 20000}, {3000000, 8000}, {3000000, 200000}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(KitClient) client = kit_client_new(kit, kind);
        put_body(client, i % 2 == 0 ? "1.1" : "1.0", cases[i].length, cases[i].with_header);
        g_assert_true(kit_client_is_at_end(client));
    }
    join_owners();
}

static void
a_kept_connection_can_be_taken_over(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    g_autoptr(KitClient) client = kit_client_new(kit, kind);
    for (int i = 0; i < 3; i++) {
        kit_client_post(client, "hello");
        g_autoptr(KitReply) reply = kit_client_reply(client);
        g_assert_cmpstr(reply->body, ==, "page");
    }
    /* Pipelined behind a fourth, so that MHD has it in its buffer already. */
    kit_client_say(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\nCONNECT /echo HTTP/1.1\r\n\r\nearly.");
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_cmpstr(reply->body, ==, "page");
    kit_client_expect(client, "HTTP/1.1 200 OK\r\n\r\nearly.");
    g_assert_true(kit_client_is_at_end(client));
    join_owners();
}

static void
many_at_once(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    KitClient *clients[40];
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        clients[i] = kit_client_new(kit, kind);
        kit_client_say(clients[i], "CONNECT /%s HTTP/1.%d\r\n\r\n%s", i % 3 == 0 ? "later" : "echo",
                       (int)(i % 2), i % 4 == 0 ? "x" : "");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        kit_client_expect(clients[i], i % 4 == 0 ? "HTTP/1.1 200 OK\r\n\r\nx" : "HTTP/1.1 200 OK\r\n\r\n");
        kit_client_say(clients[i], "%zu.", i);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_autofree char *expected = g_strdup_printf("%zu.", i);
        kit_client_expect(clients[i], expected);
        g_assert_true(kit_client_is_at_end(clients[i]));
        kit_client_free(clients[i]);
    }
    join_owners();
}

static void
an_open_route_can_answer_instead(gconstpointer data)
{
    KitKind kind = GPOINTER_TO_INT(data);
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    g_autoptr(KitClient) client = kit_client_new(kit, kind);
    kit_client_say(client, "PUT /refused HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_cmpuint(reply->status, ==, 401);
    g_assert_true(kit_client_is_at_end(client));
}

static void
a_chunked_body_is_refused(void)
{
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    g_autoptr(KitClient) client = kit_client_new(kit, KIT_PLAIN);
    kit_client_say(client, "PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_cmpuint(reply->status, ==, 411);
}

static void
other_methods_on_an_open_path_are_answered(void)
{
    g_autoptr(KitServer) kit = kit_server_new(routes, G_N_ELEMENTS(routes));
    g_autoptr(KitClient) getter = kit_client_new(kit, KIT_PLAIN);
    kit_client_say(getter, "GET /upload HTTP/1.1\r\nHost: x\r\n\r\n");
    g_autoptr(KitReply) page = kit_client_reply(getter);
    g_assert_cmpuint(page->status, ==, 200);
    g_autoptr(KitClient) poster = kit_client_new(kit, KIT_PLAIN);
    kit_client_say(poster, "POST /upload HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    g_autoptr(KitReply) refusal = kit_client_reply(poster);
    g_assert_cmpuint(refusal->status, ==, 403);
}

/* ---- time-outs, ends, pumps ---- */

static GAsyncQueue *taken; /* of HttpStream, for the tests that own it themselves */

static void
handle_give(HttpRequest *request, gpointer data)
{
    g_async_queue_push(taken, http_take_over(request));
}

static const HttpRoute give_routes[] = {{"CONNECT", "/", 0, handle_give, NULL}};

static void
reading_ends_in_time(gconstpointer data)
{
    g_autoptr(KitServer) kit = kit_server_new(give_routes, 1);
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(client, "CONNECT / HTTP/1.1\r\n\r\n");
    g_autoptr(HttpStream) stream = g_async_queue_pop(taken);
    g_autoptr(GError) error = NULL;
    char buffer[16];
    g_assert_cmpint(http_stream_read(stream, buffer, sizeof(buffer), 1, &error), ==, -1);
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TIMED_OUT);
    kit_client_say(client, "12345678");
    g_assert_true(http_stream_read_all(stream, buffer, 8, 0, NULL));
    g_clear_error(&error);
    g_clear_pointer(&client, kit_client_free);
    g_assert_false(http_stream_read_all(stream, buffer, 8, 0, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
}

static gpointer
read_until_failure(gpointer data)
{
    char buffer[16];
    while (http_stream_read(data, buffer, sizeof(buffer), 0, NULL) > 0)
        ;
    return NULL;
}

static void
shutdown_wakes_a_reader(gconstpointer data)
{
    g_autoptr(KitServer) kit = kit_server_new(give_routes, 1);
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(client, "CONNECT / HTTP/1.1\r\n\r\n");
    g_autoptr(HttpStream) stream = g_async_queue_pop(taken);
    GThread *reader = g_thread_new("reader", read_until_failure, stream);
    http_stream_shutdown(stream);
    g_thread_join(reader);
    g_assert_true(kit_client_is_at_end(client));
}

static void
stopping_the_server_ends_streams(gconstpointer data)
{
    KitServer *kit = kit_server_new(give_routes, 1);
    g_autoptr(KitClient) busy = kit_client_new(kit, GPOINTER_TO_INT(data));
    g_autoptr(KitClient) idle = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(busy, "CONNECT / HTTP/1.1\r\n\r\n");
    g_autoptr(HttpStream) busy_stream = g_async_queue_pop(taken);
    kit_client_say(idle, "CONNECT / HTTP/1.0\r\n\r\nx");
    g_autoptr(HttpStream) idle_stream = g_async_queue_pop(taken);
    GThread *reader = g_thread_new("reader", read_until_failure, busy_stream);
    kit_server_free(kit);
    g_thread_join(reader);
    g_assert_true(kit_client_is_at_end(busy));
    g_assert_true(kit_client_is_at_end(idle));
    g_autoptr(GError) error = NULL;
    g_assert_false(http_stream_write_all(idle_stream, "x", 1, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
}

static gpointer
write_megabytes(gpointer data)
{
    g_autofree char *text = g_strnfill(4 * 1024 * 1024, 's');
    g_assert_true(http_stream_write_all(data, text, strlen(text), NULL));
    return NULL;
}

static gpointer
read_megabytes(gpointer data)
{
    g_autofree char *text = g_malloc(4 * 1024 * 1024);
    g_assert_true(http_stream_read_all(data, text, 4 * 1024 * 1024, 0, NULL));
    for (gsize i = 0; i < 4 * 1024 * 1024; i++)
        g_assert_cmpint(text[i], ==, 'c');
    return NULL;
}

static gpointer
say_megabytes(gpointer data)
{
    g_autofree char *text = g_strnfill(4 * 1024 * 1024, 'c');
    kit_client_send(data, text, strlen(text));
    return NULL;
}

static void
both_directions_are_independent(gconstpointer data)
{
    g_autoptr(KitServer) kit = kit_server_new(give_routes, 1);
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(client, "CONNECT / HTTP/1.1\r\n\r\n");
    g_autoptr(HttpStream) stream = g_async_queue_pop(taken);
    GThread *movers[] = {
        g_thread_new("write", write_megabytes, stream),
        g_thread_new("read", read_megabytes, stream),
        g_thread_new("say", say_megabytes, client),
    };
    g_autofree char *expected = g_strnfill(4 * 1024 * 1024, 's');
    kit_client_expect(client, expected);
    for (gsize i = 0; i < G_N_ELEMENTS(movers); i++)
        g_thread_join(movers[i]);
}

typedef struct PumpJob {
    HttpStream *stream;
    int fd;
    GCancellable *cancellable;
} PumpJob;

static gpointer
pump(gpointer data)
{
    PumpJob *job = data;
    http_stream_pump(job->stream, job->fd, job->cancellable);
    return NULL;
}

static gpointer
write_much(gpointer data)
{
    g_autofree char *text = g_strnfill(1000000, 'w');
    gsize left = 1000000;
    while (left > 0) {
        gssize n = write(GPOINTER_TO_INT(data), text, left);
        g_assert_cmpint(n, >, 0);
        left -= n;
    }
    return NULL;
}

static void
a_pump_copies_both_ways(gconstpointer data)
{
    g_autoptr(KitServer) kit = kit_server_new(give_routes, 1);
    g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
    kit_client_say(client, "CONNECT / HTTP/1.1\r\n\r\nhead");
    g_autoptr(HttpStream) stream = g_async_queue_pop(taken);
    int pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    PumpJob job = {stream, pair[0], NULL};
    GThread *thread = g_thread_new("pump", pump, &job);

    char buffer[8];
    g_assert_cmpint(recv(pair[1], buffer, 4, MSG_WAITALL), ==, 4);
    g_assert_cmpint(memcmp(buffer, "head", 4), ==, 0);
    kit_client_say(client, "tail");
    g_assert_cmpint(recv(pair[1], buffer, 4, MSG_WAITALL), ==, 4);
    g_assert_cmpint(memcmp(buffer, "tail", 4), ==, 0);

    GThread *writer = g_thread_new("writer", write_much, GINT_TO_POINTER(pair[1]));
    g_autofree char *expected = g_strnfill(1000000, 'w');
    kit_client_expect(client, expected);
    g_thread_join(writer);

    g_assert_cmpint(send(pair[1], "bye", 3, 0), ==, 3);
    close(pair[1]);
    g_thread_join(thread);
    kit_client_expect(client, "bye");
    close(pair[0]);
}

static void
a_pump_ends_with_its_peer_or_by_cancelling(gconstpointer data)
{
    g_autoptr(KitServer) kit = kit_server_new(give_routes, 1);
    for (int is_cancelled = 0; is_cancelled <= 1; is_cancelled++) {
        g_autoptr(KitClient) client = kit_client_new(kit, GPOINTER_TO_INT(data));
        kit_client_say(client, "CONNECT / HTTP/1.1\r\n\r\n");
        g_autoptr(HttpStream) stream = g_async_queue_pop(taken);
        g_autoptr(GCancellable) cancellable = g_cancellable_new();
        int pair[2];
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        PumpJob job = {stream, pair[0], cancellable};
        GThread *thread = g_thread_new("pump", pump, &job);
        if (is_cancelled)
            g_cancellable_cancel(cancellable);
        else
            g_clear_pointer(&client, kit_client_free);
        g_thread_join(thread);
        close(pair[0]);
        close(pair[1]);
    }
}

static void
add_for_all_kinds(const char *name, GTestDataFunc function)
{
    static const char *const kinds[KIT_N] = {[KIT_PLAIN] = "plain", [KIT_TLS] = "tls", [KIT_UNIX] = "unix"};
    for (int kind = 0; kind < KIT_N; kind++) {
        g_autofree char *path = g_strdup_printf("/http/takeover/%s/%s", kinds[kind], name);
        g_test_add_data_func(path, GINT_TO_POINTER(kind), function);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    taken = g_async_queue_new();
    add_for_all_kinds("owner-talks-first", owner_talks_first);
    add_for_all_kinds("bytes-sent-with-the-header-come-first", bytes_sent_with_the_header_come_first);
    add_for_all_kinds("zero-bytes-with-the-header-are-kept", zero_bytes_with_the_header_are_kept);
    add_for_all_kinds("uploads-arrive-whole", uploads_arrive_whole);
    add_for_all_kinds("a-kept-connection-can-be-taken-over", a_kept_connection_can_be_taken_over);
    add_for_all_kinds("many-at-once", many_at_once);
    add_for_all_kinds("an-open-route-can-answer-instead", an_open_route_can_answer_instead);
    add_for_all_kinds("reading-ends-in-time", reading_ends_in_time);
    add_for_all_kinds("shutdown-wakes-a-reader", shutdown_wakes_a_reader);
    add_for_all_kinds("stopping-the-server-ends-streams", stopping_the_server_ends_streams);
    add_for_all_kinds("both-directions-are-independent", both_directions_are_independent);
    add_for_all_kinds("a-pump-copies-both-ways", a_pump_copies_both_ways);
    add_for_all_kinds("a-pump-ends-with-its-peer-or-by-cancelling",
                      a_pump_ends_with_its_peer_or_by_cancelling);
    g_test_add_func("/http/takeover/a-chunked-body-is-refused", a_chunked_body_is_refused);
    g_test_add_func("/http/takeover/other-methods-on-an-open-path-are-answered",
                    other_methods_on_an_open_path_are_answered);
    int result = g_test_run();
    g_async_queue_unref(taken);
    return result;
}
