/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every role calls every message: refused is what its role does not hold, and nothing else. Who may call what
 * is not taken from the model, but from the facts about the reference in tests/data/roles-facts.json. */
#include "rpc/rpc.h"

#include "model/api_error.h"
#include "model/classes.h"
#include "value/json.h"
#include <string.h>

/* Messages that nobody has published a role for: storage plugins' back-calls; companions of get_all. */
#define WHERE "_where"

typedef struct Walk {
    Db *db;
    EventHub *events;
    Sessions *sessions;
    Tasks *tasks;
    RpcHandler *handlers;
    Rpc *rpc;
    Value *facts;
} Walk;

static gboolean
check_nothing(gpointer data, const char *user, const char *password, GError **error)
{
    return FALSE;
}

static Value *
read_facts(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(ROLES_FACTS, &text, &length, &error));
    Value *facts = json_read(text, length, &error);
    g_assert_no_error(error);
    return facts;
}

static void
set_up(Walk *walk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    walk->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    walk->events = event_hub_new(walk->db);
    walk->sessions = sessions_new(walk->db, check_nothing, NULL);
    walk->tasks = tasks_new(walk->db);
    walk->handlers = g_new0(RpcHandler, model_n_messages);
    walk->rpc = rpc_new(walk->db, walk->events, walk->sessions, walk->tasks, walk->handlers, NULL, 1);
    walk->facts = read_facts();
}

static void
tear_down(Walk *walk, gconstpointer data)
{
    rpc_free(walk->rpc);
    event_hub_free(walk->events);
    sessions_free(walk->sessions);
    tasks_free(walk->tasks);
    db_close(walk->db);
    g_free(walk->handlers);
    value_unref(walk->facts);
}

/* ---- The facts ---- */

static int
role_number(const char *name)
{
    for (int role = 0; role < ROLE_N; role++) {
        if (g_str_equal(model_role_names[role], name))
            return role;
    }
    g_assert_cmpstr(name, ==, "internal");
    return -1;
}

/* The least role that may call @message; -1: local superusers alone. */
static int
least_role(const Walk *walk, const ModelMessage *message)
{
    const Value *roles = value_map_get(walk->facts, "least_role");
    const char *role = value_map_get_string(roles, message->name, NULL);
    if (role != NULL)
        return role_number(role);
    if (!g_str_has_suffix(message->name, WHERE))
        return -1;
    g_autofree char *base = g_strndup(message->name, strlen(message->name) - strlen(WHERE));
    return role_number(value_map_get_string(roles, base, "internal"));
}

/* ---- Calls ---- */

static Value *
call_params(const ModelMessage *message, const Session *session)
{
    Value *params = value_array_new(message->n_params + 1);
    value_array_add(params, value_string(session->ref));
    for (gsize i = 0; i < message->n_params; i++)
        value_array_add(params, type_default(message->params[i].type));
    return params;
}

static gboolean
is_refused(Walk *walk, const Session *session, const char *method, Value *params, const char *permission)
{
    g_autoptr(GError) error = NULL;
    const RpcOrigin origin = {.peer = "test"};
    g_autoptr(Value) result = NULL;
    if (rpc_invoke(walk->rpc, &origin, method, params, &result, &error) ||
        !api_error_is(error, "RBAC_PERMISSION_DENIED"))
        return FALSE;
    g_assert_cmpstr(api_error_params(error)[0], ==, permission);
    return TRUE;
}

static void
expect(Walk *walk, const Session *session, const ModelMessage *message, gboolean is_allowed)
{
    g_autoptr(Value) params = call_params(message, session);
    g_autofree char *permission = g_ascii_strdown(message->name, -1);
    gboolean refused = is_refused(walk, session, message->name, params, permission);
    if (refused == is_allowed)
        g_error("%s %s call %s", session->user_name, is_allowed ? "may not" : "may", message->name);
}

static Session *
open_session(Walk *walk, int role, gboolean is_superuser)
{
    g_autoptr(GError) error = NULL;
    const SessionSpec spec = {.user_name = is_superuser ? "root" : model_role_names[role],
                              .role = (ModelRole)role,
                              .is_local_superuser = is_superuser};
    Session *session = sessions_open(walk->sessions, &spec, &error);
    g_assert_no_error(error);
    return session;
}

static void
test_every_message(Walk *walk, gconstpointer data)
{
    gsize n_calls = 0;
    for (int role = 0; role < ROLE_N; role++) {
        g_autoptr(Session) session = open_session(walk, role, FALSE);
        g_autoptr(Session) root = open_session(walk, role, TRUE);
        for (gsize i = 0; i < model_n_messages; i++) {
            const ModelMessage *message = &model_messages[i];
            if (!message->needs_session)
                continue;
            expect(walk, session, message, role <= least_role(walk, message));
            expect(walk, root, message, TRUE);
            n_calls++;
        }
    }
    g_test_message("%" G_GSIZE_FORMAT " pairs of role and message", n_calls);
    g_assert_cmpuint(n_calls, >, 6 * 1335);
}

/* ---- Keys of maps ---- */

static gboolean
is_key_refused(Walk *walk, const Session *session, const char *verb, const char *field, const char *pattern)
{
    g_auto(GStrv) names = g_strsplit(field, ".", 2);
    g_autofree char *method = g_strdup_printf("%s.%s_%s", names[0], verb, names[1]);
    g_autofree char *permission = g_strdup_printf("%s/key:%s", method, pattern);
    g_autofree char *lower = g_ascii_strdown(permission, -1);
    g_autofree char *key = g_strdup(pattern);
    g_autoptr(Value) params = value_array_new(4);
    g_strdelimit(key, "*", 'x');
    value_array_add(params, value_string(session->ref));
    value_array_add(params, value_string("OpaqueRef:NULL"));
    value_array_add(params, value_string(key));
    if (g_str_equal(verb, "add_to"))
        value_array_add(params, value_string("x"));
    return is_refused(walk, session, method, params, lower);
}

static void
expect_keys(Walk *walk, const Session *session, const char *field, const Value *keys)
{
    static const char *const verbs[] = {"add_to", "remove_from"};
    for (gsize i = 0; i < value_size(keys); i++) {
        int least = role_number(value_get_string(value_map_value(keys, i)));
        gboolean is_allowed = session->role <= (ModelRole)least;
        for (gsize verb = 0; verb < G_N_ELEMENTS(verbs); verb++)
            g_assert_cmpint(is_key_refused(walk, session, verbs[verb], field, value_map_key(keys, i)), ==,
                            !is_allowed);
    }
}

static void
test_every_key(Walk *walk, gconstpointer data)
{
    const Value *fields = value_map_get(walk->facts, "map_keys");
    g_assert_cmpuint(value_size(fields), ==, 8);
    for (int role = 0; role < ROLE_N; role++) {
        g_autoptr(Session) session = open_session(walk, role, FALSE);
        for (gsize i = 0; i < value_size(fields); i++)
            expect_keys(walk, session, value_map_key(fields, i), value_map_value(fields, i));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/rpc/role/every-message-is-held-by-the-right-roles", Walk, NULL, set_up, test_every_message,
               tear_down);
    g_test_add("/rpc/role/every-key-is-held-by-the-right-roles", Walk, NULL, set_up, test_every_key,
               tear_down);
    return g_test_run();
}
