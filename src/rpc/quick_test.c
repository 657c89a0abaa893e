/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that take time but wait for nobody: how many may be waiting, and whose turn it is. */
#include "http/test_kit.h"
#include "model/classes.h"
#include "model/messages.h"
#include "rpc/internal.h"

#include <string.h>

/* Enough for each kind of refusal, few enough for a test. */
static const WorkersLimits limits = {
    .n_threads = 1, .share = 1, .n_reserved = 0, .owner_queue = 3, .queue = 5};

typedef struct Fixture {
    Db *db;
    EventHub *events;
    Sessions *sessions;
    Tasks *tasks;
    RpcHandler *handlers;
    Rpc *rpc;
    KitServer *server;
    GPtrArray *clients;
} Fixture;

static GMutex gate; /* held: no call ends */
static GString *order;

static gboolean
check_nothing(gpointer data, const char *user, const char *password, GError **error)
{
    return FALSE;
}

/* Notes the label that the call came with. */
static gboolean
wait_at_gate(ApiCall *call, Value *const *params, Value **ret_value, GError **error)
{
    g_mutex_lock(&gate);
    g_string_append(order, value_get_string(params[0]));
    g_mutex_unlock(&gate);
    *ret_value = value_string("OpaqueRef:NULL");
    return TRUE;
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->events = event_hub_new(fixture->db);
    fixture->sessions = sessions_new(fixture->db, check_nothing, NULL);
    fixture->tasks = tasks_new(fixture->db);
    fixture->handlers = g_new0(RpcHandler, model_n_messages);
    fixture->handlers[MSG_TASK_CREATE] = wait_at_gate;
    fixture->rpc =
        rpc_new(fixture->db, fixture->events, fixture->sessions, fixture->tasks, fixture->handlers, NULL, 1);
    rpc_limit_quick(fixture->rpc, &limits);
    const HttpRoute routes[] = {{"POST", "/", RPC_BODY_MAX_BYTES, rpc_http_handler, fixture->rpc}};
    fixture->server = kit_server_new(routes, 1);
    fixture->clients = g_ptr_array_new_with_free_func((GDestroyNotify)kit_client_free);
    order = g_string_new(NULL);
    g_mutex_lock(&gate);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_ptr_array_unref(fixture->clients);
    kit_server_free(fixture->server);
    rpc_free(fixture->rpc);
    event_hub_free(fixture->events);
    sessions_free(fixture->sessions);
    tasks_free(fixture->tasks);
    db_close(fixture->db);
    g_free(fixture->handlers);
    g_string_free(order, TRUE);
}

static Session *
log_in(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    Session *session = sessions_login(fixture->sessions, "root", "", "quick test", TRUE, &error);
    g_assert_no_error(error);
    return session;
}

/* A call on a connection of its own. */
static KitClient *
call(Fixture *fixture, const Session *session, const char *label)
{
    g_autofree char *body =
        g_strdup_printf("<methodCall><methodName>task.create</methodName><params><param><value>%s</value></"
                        "param><param><value>%s"
                        "</value></param><param><value></value></param></params></methodCall>",
                        session->ref, label);
    KitClient *client = kit_client_new(fixture->server, KIT_UNIX);
    g_ptr_array_add(fixture->clients, client);
    kit_client_post(client, body);
    return client;
}

static void
assert_answer(KitClient *client, const char *text)
{
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_nonnull(strstr(reply->body, text));
}

/* Until so many wait; what is sent is there at once, but on another thread. */
static void
await_waiting(Fixture *fixture, guint n)
{
    while (workers_count_waiting(fixture->rpc->quick) < n)
        g_thread_yield();
}

/* Calls of one session until one is refused; it has been answered then. */
static guint
fill(Fixture *fixture, const Session *session, const char *label, guint n_before)
{
    guint n = 0;
    for (; n < limits.owner_queue && n_before + n < limits.queue; n++) {
        call(fixture, session, label);
        await_waiting(fixture, n_before + n + 1);
    }
    assert_answer(call(fixture, session, label), "TOO_BUSY");
    return n_before + n;
}

static void
test_too_many_are_refused(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) first = log_in(fixture), second = log_in(fixture), third = log_in(fixture);
    KitClient *running = call(fixture, first, "r");
    while (workers_count_busy(fixture->rpc->quick) == 0)
        g_thread_yield();
    guint n = fill(fixture, first, "a", 0);
    g_assert_cmpuint(n, ==, limits.owner_queue);
    n = fill(fixture, second, "b", n);
    g_assert_cmpuint(n, ==, limits.queue);
    assert_answer(call(fixture, third, "c"), "TOO_BUSY");

    g_mutex_unlock(&gate);
    assert_answer(running, "Success");
    while (workers_count_waiting(fixture->rpc->quick) > 0 || workers_count_busy(fixture->rpc->quick) > 0)
        g_thread_yield();
    g_assert_cmpstr(order->str, ==, "rababa"); /* they took turns */
    assert_answer(call(fixture, first, "d"), "Success");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/rpc/quick/too-many-are-refused-and-the-others-take-turns", Fixture, NULL, set_up,
               test_too_many_are_refused, tear_down);
    return g_test_run();
}
