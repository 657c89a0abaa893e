/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions of a directory's users follow what the directory and the subjects say. The directory is a few
 * variables here. */
#include "auth/external.h"

#include "model/api_error.h"
#include "model/classes.h"
#include <string.h>

typedef struct FakeDirectory {
    Directory directory; /* first */
    int fails_with;      /* a DirectoryError, or -1 */
    gboolean is_disabled;
    gboolean is_in_group;
} FakeDirectory;

typedef struct Fixture {
    Db *db;
    Sessions *sessions;
    External *external;
    FakeDirectory *fake;
    char *role_ref;
} Fixture;

static gboolean
may_answer(Directory *directory, GError **error)
{
    int code = ((FakeDirectory *)directory)->fails_with;
    if (code >= 0)
        g_set_error(error, DIRECTORY_ERROR, code, "the fake fails");
    return code < 0;
}

static char *
fake_authenticate(Directory *directory, const char *user, const char *password, GError **error)
{
    if (!may_answer(directory, error))
        return NULL;
    if (g_str_equal(password, "right"))
        return g_strconcat("sid-", user, NULL);
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_REFUSED, "wrong");
    return NULL;
}

static Value *
fake_describe(Directory *directory, const char *identifier, GError **error)
{
    if (!may_answer(directory, error))
        return NULL;
    Value *map = value_map_new(2);
    value_map_set(map, "subject-name", value_string(identifier + strlen("sid-")));
    value_map_set(map, "subject-account-disabled",
                  value_string(((FakeDirectory *)directory)->is_disabled ? "true" : "false"));
    return map;
}

static char **
fake_groups(Directory *directory, const char *identifier, GError **error)
{
    if (!may_answer(directory, error))
        return NULL;
    return g_strsplit(((FakeDirectory *)directory)->is_in_group ? "sid-group" : "", ",", 0);
}

static void
fake_free(Directory *directory)
{
    g_free(directory);
}

static const DirectoryKind fake_kind = {.auth_type = "fake",
                                        .authenticate = fake_authenticate,
                                        .describe = fake_describe,
                                        .groups = fake_groups,
                                        .free = fake_free};

static gboolean
check_local(gpointer data, const char *user, const char *password, GError **error)
{
    return api_error_set(error, "SESSION_AUTHENTICATION_FAILED", (const char *const[]){user, "local", NULL});
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->sessions = sessions_new(fixture->db, check_local, NULL);
    fixture->external = external_new(fixture->db);
    sessions_set_external(fixture->sessions, fixture->external);
    fixture->fake = g_new0(FakeDirectory, 1);
    fixture->fake->directory.kind = &fake_kind;
    g_atomic_ref_count_init(&fixture->fake->directory.references);
    fixture->fake->fails_with = -1;
    fixture->fake->is_in_group = TRUE;
    external_use(fixture->external, &fixture->fake->directory);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    fixture->role_ref = g_strdup(db_txn_insert(txn, CLASS_ROLE, NULL));
    db_txn_set_string(txn, CLASS_ROLE, fixture->role_ref, ROLE_NAME_LABEL, "vm-admin");
    g_assert_true(db_txn_commit(txn, NULL, NULL));
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    external_free(fixture->external);
    directory_unref(&fixture->fake->directory);
    sessions_free(fixture->sessions);
    db_close(fixture->db);
    g_free(fixture->role_ref);
}

static char *
add_subject(Fixture *fixture, const char *identifier)
{
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    char *ref = g_strdup(db_txn_insert(txn, CLASS_SUBJECT, NULL));
    db_txn_set_string(txn, CLASS_SUBJECT, ref, SUBJECT_SUBJECT_IDENTIFIER, identifier);
    db_txn_set_add(txn, CLASS_SUBJECT, ref, SUBJECT_ROLES, value_string(fixture->role_ref));
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    return ref;
}

static Session *
log_in(Fixture *fixture, const char *user, const char *password, GError **error)
{
    return sessions_login(fixture->sessions, user, password, "", FALSE, error);
}

static Session *
log_in_well(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    Session *session = log_in(fixture, "joe", "right", &error);
    g_assert_no_error(error);
    return session;
}

static gboolean
is_live(Fixture *fixture, const Session *session)
{
    g_autoptr(Session) found = sessions_find(fixture->sessions, session->ref, NULL);
    return found != NULL;
}

static void
test_grant(Fixture *fixture, gconstpointer data)
{
    g_autofree char *group = add_subject(fixture, "sid-group");
    g_autoptr(Session) session = log_in_well(fixture);
    g_assert_cmpstr(session->user_name, ==, "joe");
    g_assert_cmpstr(session->user_sid, ==, "sid-joe");
    g_assert_cmpstr(session->subject, ==, group);
    g_assert_cmpint(session->role, ==, ROLE_VM_ADMIN);
    g_assert_false(session->is_local_superuser);
    g_autofree char *own = add_subject(fixture, "sid-joe");
    g_autoptr(Session) second = log_in_well(fixture);
    g_assert_cmpstr(second->subject, ==, own);
}

static void
assert_refused(Fixture *fixture, const char *user, const char *password, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(log_in(fixture, user, password, &error));
    g_assert_true(api_error_is(error, "SESSION_AUTHENTICATION_FAILED"));
    g_assert_cmpstr(api_error_params(error)[0], ==, user);
    g_assert_cmpstr(api_error_params(error)[1], ==, why);
}

static void
test_refusals(Fixture *fixture, gconstpointer data)
{
    assert_refused(fixture, "joe", "right", "no subject of this pool lets this user in");
    g_autofree char *group = add_subject(fixture, "sid-group");
    assert_refused(fixture, "joe", "wrong", "wrong");
    assert_refused(fixture, "root", "right", "local");
    fixture->fake->fails_with = DIRECTORY_ERROR_UNAVAILABLE;
    assert_refused(fixture, "joe", "right", "the fake fails");
    external_use(fixture->external, NULL);
    assert_refused(fixture, "joe", "right", "local");
}

static void
test_revalidation(Fixture *fixture, gconstpointer data)
{
    g_autofree char *group = add_subject(fixture, "sid-group");
    g_autoptr(Session) session = log_in_well(fixture);
    external_revalidate(fixture->external, fixture->sessions);
    g_assert_true(is_live(fixture, session));
    fixture->fake->is_in_group = FALSE;
    fixture->fake->fails_with = DIRECTORY_ERROR_UNAVAILABLE;
    external_revalidate(fixture->external, fixture->sessions);
    g_assert_true(is_live(fixture, session)); /* no answer is no reason */
    fixture->fake->fails_with = -1;
    external_revalidate(fixture->external, fixture->sessions);
    g_assert_false(is_live(fixture, session));
}

/* The thread that asks every so often is told to ask more often while it waits for tomorrow. */
static void
test_period(Fixture *fixture, gconstpointer data)
{
    g_autofree char *group = add_subject(fixture, "sid-group");
    external_start(fixture->external, fixture->sessions, 24 * 60 * 60);
    g_autoptr(Session) session = log_in_well(fixture);
    fixture->fake->is_disabled = TRUE;
    external_set_period(fixture->external, 1);
    while (is_live(fixture, session))
        g_thread_yield();
    external_stop(fixture->external);
}

static void
test_gone_users(Fixture *fixture, gconstpointer data)
{
    g_autofree char *group = add_subject(fixture, "sid-group");
    g_autoptr(Session) first = log_in_well(fixture);
    fixture->fake->is_disabled = TRUE;
    external_revalidate(fixture->external, fixture->sessions);
    g_assert_false(is_live(fixture, first));
    fixture->fake->is_disabled = FALSE;
    g_autoptr(Session) second = log_in_well(fixture);
    fixture->fake->fails_with = DIRECTORY_ERROR_NOT_FOUND;
    external_revalidate(fixture->external, fixture->sessions);
    g_assert_false(is_live(fixture, second));
}

static void
test_logout(Fixture *fixture, gconstpointer data)
{
    g_autofree char *group = add_subject(fixture, "sid-group");
    g_autoptr(Session) first = log_in_well(fixture);
    g_autoptr(Session) second = log_in_well(fixture);
    g_autoptr(Session) other = log_in(fixture, "ann", "right", NULL);
    external_logout(fixture->sessions, "sid-joe", second->ref);
    g_assert_false(is_live(fixture, first));
    g_assert_true(is_live(fixture, second));
    g_assert_true(is_live(fixture, other));
    external_use(fixture->external, NULL);
    external_review(fixture->external, fixture->sessions);
    g_assert_false(is_live(fixture, second));
    g_assert_false(is_live(fixture, other));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer data);
    } cases[] = {
        {"/auth/external/subjects-say-what-a-user-may", test_grant},
        {"/auth/external/others-stay-out-and-are-told-why", test_refusals},
        {"/auth/external/who-left-the-group-is-out-unless-nobody-answers", test_revalidation},
        {"/auth/external/period-changes-while-it-waits", test_period},
        {"/auth/external/who-is-disabled-or-gone-is-out", test_gone_users},
        {"/auth/external/logout-is-by-user", test_logout},
    };
    g_test_init(&argc, &argv, NULL);
    model_init();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add(cases[i].name, Fixture, NULL, set_up, cases[i].run, tear_down);
    return g_test_run();
}
