/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions are opened by a password or trust, and end by logout, disuse, or when there are too many. */
#include "auth/internal.h"

#include "auth/password.h"
#include "auth/permission.h"
#include "base/text.h"
#include "model/api_error.h"
#include "model/classes.h"

#define HOUR_US        ((gint64)60 * 60 * G_USEC_PER_SEC)
#define MINUTE_US      ((gint64)60 * G_USEC_PER_SEC)
#define MAX_PER_CLIENT 500
#define LONG_DELAY_MS  (60 * 60 * 1000)

typedef struct Fixture {
    Db *db;
    Sessions *sessions;
    guint n_checks;
    GPtrArray *ended; /* refs that on_logout was told */
} Fixture;

static gboolean
check(gpointer data, const char *user, const char *password, GError **error)
{
    Fixture *fixture = data;
    g_atomic_int_inc(&fixture->n_checks);
    return g_str_equal(password, "right") || password_refuse(user, error);
}

static void
note_end(gpointer data, const char *ref)
{
    g_ptr_array_add(((Fixture *)data)->ended, g_strdup(ref));
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->sessions = sessions_new(fixture->db, check, fixture);
    fixture->ended = g_ptr_array_new_with_free_func(g_free);
    sessions_on_logout(fixture->sessions, note_end, fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    sessions_free(fixture->sessions);
    db_close(fixture->db);
    g_ptr_array_unref(fixture->ended);
}

static Session *
login(Fixture *fixture, const char *originator)
{
    g_autoptr(GError) error = NULL;
    Session *session = sessions_login(fixture->sessions, "root", "right", originator, FALSE, &error);
    g_assert_no_error(error);
    return session;
}

static gboolean
has_row(Fixture *fixture, const char *ref)
{
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_SESSION, ref);
    return row != NULL;
}

static gboolean
is_live_at(Fixture *fixture, const char *ref, gint64 now_us)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) session = sessions_find_at(fixture->sessions, ref, now_us, &error);
    g_assert_true((session == NULL) == api_error_is(error, "SESSION_INVALID"));
    if (session == NULL)
        g_assert_cmpstr(api_error_params(error)[0], ==, ref);
    return session != NULL;
}

static gboolean
is_live(Fixture *fixture, const char *ref)
{
    return is_live_at(fixture, ref, g_get_monotonic_time());
}

static void
test_login_opens(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) session = login(fixture, "a client");
    g_assert_true(g_str_has_prefix(session->ref, "OpaqueRef:"));
    g_assert_cmpstr(session->user_name, ==, "root");
    g_assert_cmpint(session->role, ==, ROLE_POOL_ADMIN);
    g_assert_true(is_live(fixture, session->ref));
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_SESSION, session->ref);
    g_assert_cmpstr(db_row_string(row, SESSION_ORIGINATOR), ==, "a client");
}

static void
test_wrong_password(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sessions_login(fixture->sessions, "root", "wrong", "", FALSE, &error));
    g_assert_true(api_error_is(error, "SESSION_AUTHENTICATION_FAILED"));
    g_assert_cmpstr(api_error_params(error)[0], ==, "root");
    g_assert_cmpuint(db_count(fixture->db, CLASS_SESSION), ==, 0);
}

static void
test_trusted(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) session = sessions_login(fixture->sessions, "root", "wrong", "", TRUE, NULL);
    g_assert_nonnull(session);
    g_assert_cmpuint(fixture->n_checks, ==, 0);
}

static void
test_logout(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) session = login(fixture, "");
    g_autoptr(Session) other = login(fixture, "");
    g_assert_true(sessions_logout(fixture->sessions, session->ref, &error));
    g_assert_no_error(error);
    g_assert_false(is_live(fixture, session->ref));
    g_assert_false(has_row(fixture, session->ref));
    g_assert_cmpuint(fixture->ended->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(fixture->ended, 0), ==, session->ref);
    g_assert_false(sessions_logout(fixture->sessions, session->ref, &error));
    g_assert_true(api_error_is(error, "SESSION_INVALID"));
    g_assert_true(is_live(fixture, other->ref));
}

static void
test_idle_die(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) session = login(fixture, "");
    gint64 now_us = g_get_monotonic_time();
    sessions_expire(fixture->sessions, now_us + 23 * HOUR_US);
    g_assert_true(has_row(fixture, session->ref));
    g_assert_false(is_live_at(fixture, session->ref, now_us + 25 * HOUR_US));
    sessions_expire(fixture->sessions, now_us + 25 * HOUR_US);
    g_assert_false(has_row(fixture, session->ref));
    g_assert_cmpuint(fixture->ended->len, ==, 1);
}

static void
test_used_live_on(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) session = login(fixture, "");
    gint64 now_us = g_get_monotonic_time();
    g_assert_true(is_live_at(fixture, session->ref, now_us + 23 * HOUR_US));
    sessions_expire(fixture->sessions, now_us + 46 * HOUR_US);
    g_assert_true(is_live_at(fixture, session->ref, now_us + 46 * HOUR_US));
}

static void
test_internal_stay(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) plugins = sessions_login_internal(fixture->sessions, "__sm__backend", TRUE, NULL);
    gint64 much_later_us = g_get_monotonic_time() + 1000 * HOUR_US;
    sessions_expire(fixture->sessions, much_later_us);
    g_assert_true(is_live_at(fixture, plugins->ref, much_later_us));
}

static Session *
open_as(Fixture *fixture, const char *user, const char *originator)
{
    g_autoptr(GError) error = NULL;
    const SessionSpec spec = {.user_name = user, .originator = originator, .role = ROLE_READ_ONLY};
    Session *session = sessions_open(fixture->sessions, &spec, &error);
    g_assert_no_error(error);
    return session;
}

static const struct GroupCase {
    const char *name;
    const char *user, *originator;             /* of those that are too many */
    const char *other_user, *other_originator; /* of one that has a group of its own */
    guint max;
} group_cases[] = {
    {"/auth/session/oldest-anonymous-ones-make-room", "root", "", "root", "another client", 400},
    {"/auth/session/oldest-of-an-originator-make-room", "root", "a client", "root", "another client", 500},
    {"/auth/session/oldest-of-a-user-make-room", "alice", "", "bob", "", 500},
    {"/auth/session/users-and-originators-do-not-mix", "alice", "root", "root", "root", 500},
};

/* The one that was used longest ago goes, not the one that was opened first. */
static void
test_oldest_make_room(Fixture *fixture, gconstpointer data)
{
    const struct GroupCase *test = data;
    g_autoptr(Session) stranger = open_as(fixture, test->other_user, test->other_originator);
    g_autoptr(Session) first = open_as(fixture, test->user, test->originator);
    g_autoptr(Session) second = open_as(fixture, test->user, test->originator);
    g_autoptr(Session) third = open_as(fixture, test->user, test->originator);
    for (guint i = 3; i < test->max; i++)
        session_unref(open_as(fixture, test->user, test->originator));
    g_assert_cmpuint(fixture->ended->len, ==, 0);
    gint64 now_us = g_get_monotonic_time();
    g_assert_true(is_live_at(fixture, first->ref, now_us + MINUTE_US));
    g_autoptr(Session) newcomer = open_as(fixture, test->user, test->originator);
    g_assert_cmpuint(fixture->ended->len, ==, 1);
    g_assert_false(is_live(fixture, second->ref));
    g_assert_false(has_row(fixture, second->ref));
    g_assert_true(is_live(fixture, first->ref));
    g_assert_true(is_live(fixture, third->ref));
    g_assert_true(is_live(fixture, stranger->ref));
    g_assert_true(is_live(fixture, newcomer->ref));
}

static char *
begin_task(Fixture *fixture, const Session *session)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    const char *ref = db_txn_insert(txn, CLASS_TASK, NULL);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_SESSION, session->ref);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_STATUS, "pending");
    char *copy = g_strdup(ref);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    return copy;
}

static void
end_task(Fixture *fixture, const char *task)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_set_string(txn, CLASS_TASK, task, TASK_STATUS, "success");
    g_assert_true(db_txn_commit(txn, NULL, NULL));
}

static void
test_busy_stay(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) busy = open_as(fixture, "alice", "");
    g_autoptr(Session) idle = open_as(fixture, "alice", "");
    g_autofree char *task = begin_task(fixture, busy);
    gint64 later_us = g_get_monotonic_time() + 25 * HOUR_US;
    for (guint i = 2; i < MAX_PER_CLIENT + 1; i++)
        session_unref(open_as(fixture, "alice", ""));
    g_assert_false(is_live(fixture, idle->ref));
    g_assert_true(has_row(fixture, busy->ref));
    sessions_expire(fixture->sessions, later_us);
    g_assert_true(is_live_at(fixture, busy->ref, later_us));
    end_task(fixture, task);
    sessions_expire(fixture->sessions, later_us);
    g_assert_false(is_live_at(fixture, busy->ref, later_us));
}

static void
test_row(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    g_autofree char *subject = g_strdup(db_txn_insert(txn, CLASS_SUBJECT, NULL));
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    const SessionSpec spec = {.user_name = "alice",
                              .originator = "a client",
                              .user_sid = "S-1-5-21-1",
                              .subject = subject,
                              .role = ROLE_VM_ADMIN};
    g_autoptr(Session) session = sessions_open(fixture->sessions, &spec, &error);
    g_assert_no_error(error);
    g_assert_cmpint(session->role, ==, ROLE_VM_ADMIN);
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_SESSION, session->ref);
    g_assert_cmpstr(db_row_string(row, SESSION_AUTH_USER_NAME), ==, "alice");
    g_assert_cmpstr(db_row_string(row, SESSION_AUTH_USER_SID), ==, "S-1-5-21-1");
    g_assert_cmpstr(db_row_string(row, SESSION_SUBJECT), ==, subject);
    g_assert_cmpstr(db_row_string(row, SESSION_ORIGINATOR), ==, "a client");
    g_assert_false(db_row_bool(row, SESSION_IS_LOCAL_SUPERUSER));
    g_autoptr(Value) permissions = permission_names(ROLE_VM_ADMIN);
    g_assert_true(value_equal(row->fields[SESSION_RBAC_PERMISSIONS], permissions));
}

static void
test_long_originator(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *longest = g_strnfill(SESSION_ORIGINATOR_MAX, 'x');
    g_autofree char *too_long = g_strnfill(SESSION_ORIGINATOR_MAX + 1, 'x');
    session_unref(login(fixture, longest));
    g_assert_null(sessions_login(fixture->sessions, "root", "right", too_long, FALSE, &error));
    g_assert_true(api_error_is(error, "INVALID_VALUE"));
}

static void
test_local(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sessions_login_local(fixture->sessions, "root", "wrong", FALSE, &error));
    g_assert_true(api_error_is(error, "SESSION_AUTHENTICATION_FAILED"));
    g_clear_error(&error);
    g_autoptr(Session) local = sessions_login_local(fixture->sessions, "root", "right", FALSE, &error);
    g_assert_true(local->is_local && local->is_local_superuser);
    g_autoptr(Session) ordinary = login(fixture, "");
    g_assert_false(sessions_logout_local(fixture->sessions, ordinary, &error));
    g_assert_true(api_error_is(error, "SESSION_INVALID"));
    g_assert_true(is_live(fixture, ordinary->ref));
    g_assert_true(sessions_logout_local(fixture->sessions, local, NULL));
    g_assert_false(is_live(fixture, local->ref));
}

static gboolean
change(gpointer data, const char *user, const char *old_password, const char *new_password, GError **error)
{
    g_autofree char *text = g_strjoin(" ", user, old_password, new_password, NULL);
    return api_error_set(error, "CHANGE_PASSWORD_REJECTED", (const char *const[]){text, NULL});
}

static void
test_change(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) alice = open_as(fixture, "alice", "");
    g_assert_false(sessions_change_password(fixture->sessions, alice, "old", "new", &error));
    g_assert_true(api_error_is(error, "NOT_IMPLEMENTED"));
    g_clear_error(&error);
    sessions_set_change(fixture->sessions, change);
    g_assert_false(sessions_change_password(fixture->sessions, alice, "old", "new", &error));
    g_assert_cmpstr(api_error_params(error)[0], ==, "alice old new");
    g_clear_error(&error);
    g_autoptr(Session) nameless = open_as(fixture, "", ""); /* over the Unix socket */
    g_assert_false(sessions_change_password(fixture->sessions, nameless, "", "new", &error));
    g_assert_cmpstr(api_error_params(error)[0], ==, "root  new");
}

static void
wait_for_writer(Fixture *fixture)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_insert(txn, CLASS_SESSION, NULL);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
}

static guint64
row_version(Fixture *fixture, const char *ref)
{
    wait_for_writer(fixture);
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_SESSION, ref);
    return row->changed;
}

static void
set_last_active(Fixture *fixture, const char *ref, gint64 unix_seconds)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_set(txn, CLASS_SESSION, ref, SESSION_LAST_ACTIVE, value_datetime(unix_seconds));
    g_assert_true(db_txn_commit(txn, NULL, NULL));
}

static void
test_last_active(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Session) session = login(fixture, "");
    gint64 now_us = g_get_monotonic_time();
    set_last_active(fixture, session->ref, 1); /* so that a second write of the same second shows */
    guint64 before = row_version(fixture, session->ref);
    is_live_at(fixture, session->ref, now_us + 9 * MINUTE_US);
    g_assert_cmpuint(row_version(fixture, session->ref), ==, before);
    is_live_at(fixture, session->ref, now_us + 11 * MINUTE_US);
    guint64 written = row_version(fixture, session->ref);
    g_assert_cmpuint(written, >, before);
    set_last_active(fixture, session->ref, 1);
    written = row_version(fixture, session->ref);
    is_live_at(fixture, session->ref, now_us + 20 * MINUTE_US);
    g_assert_cmpuint(row_version(fixture, session->ref), ==, written);
}

static gpointer
log_in_wrongly(gpointer data)
{
    g_autoptr(GError) error = NULL;
    Fixture *fixture = data;
    g_assert_null(sessions_login(fixture->sessions, "root", "wrong", "", FALSE, &error));
    return g_strdup(api_error_code(error));
}

static void
test_stop_ends_delays(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    sessions_set_refusal_delay(fixture->sessions, LONG_DELAY_MS);
    GThread *thread = g_thread_new("login", log_in_wrongly, fixture);
    while (g_atomic_int_get(&fixture->n_checks) == 0)
        g_thread_yield();
    g_autoptr(Session) session = login(fixture, ""); /* one who waits holds up nobody else */
    sessions_stop(fixture->sessions);
    g_autofree char *code = g_thread_join(thread);
    g_assert_cmpstr(code, ==, "SESSION_AUTHENTICATION_FAILED");
    g_assert_null(sessions_login(fixture->sessions, "root", "right", "", FALSE, &error));
    g_assert_true(api_error_is(error, "INTERNAL_ERROR"));
}

static void
test_refusal_comes(Fixture *fixture, gconstpointer data)
{
    sessions_set_refusal_delay(fixture->sessions, 1);
    g_autofree char *code = log_in_wrongly(fixture);
    g_assert_cmpstr(code, ==, "SESSION_AUTHENTICATION_FAILED");
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer data);
    } cases[] = {
        {"/auth/session/login-with-the-password-opens-one", test_login_opens},
        {"/auth/session/wrong-password-opens-none", test_wrong_password},
        {"/auth/session/trusted-login-looks-at-no-password", test_trusted},
        {"/auth/session/logout-ends-that-one", test_logout},
        {"/auth/session/idle-ones-die-without-a-login", test_idle_die},
        {"/auth/session/used-ones-live-on", test_used_live_on},
        {"/auth/session/internal-ones-do-not-expire", test_internal_stay},
        {"/auth/session/busy-ones-stay", test_busy_stay},
        {"/auth/session/row-tells-who-logged-in", test_row},
        {"/auth/session/originators-are-bounded", test_long_originator},
        {"/auth/session/local-ones-end-by-local-logout", test_local},
        {"/auth/session/password-is-changed-for-the-account", test_change},
        {"/auth/session/last-active-is-written-every-ten-minutes", test_last_active},
        {"/auth/session/stop-ends-delayed-refusals", test_stop_ends_delays},
        {"/auth/session/refusal-comes-after-its-delay", test_refusal_comes},
    };
    g_test_init(&argc, &argv, NULL);
    model_init();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add(cases[i].name, Fixture, NULL, set_up, cases[i].run, tear_down);
    for (gsize i = 0; i < G_N_ELEMENTS(group_cases); i++)
        g_test_add(group_cases[i].name, Fixture, &group_cases[i], set_up, test_oldest_make_room, tear_down);
    return g_test_run();
}
