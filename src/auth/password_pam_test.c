/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PAM as it is, with pam_matrix as its only module: libpam_wrapper, loaded before all else, has services read
 * from a directory of ours. */
#include "auth/password.h"

#include "model/api_error.h"
#include <glib/gstdio.h>

/* user:password:service; pam_matrix keeps accounts of another service out. */
static const char passdb[] = "alice:right:xylem\nchanger:before:xylem\nlocked:right:another-service\n";

typedef struct Fixture {
    char *directory;
    char *passdb_path;
    char *service_path;
} Fixture;

static void
set_up(Fixture *fixture)
{
    fixture->directory = g_dir_make_tmp("xylem-pam-XXXXXX", NULL);
    fixture->passdb_path = g_build_filename(fixture->directory, "passdb", NULL);
    fixture->service_path = g_build_filename(fixture->directory, "xylem", NULL);
    g_autofree char *service = g_strdup_printf("auth required %s passdb=%s\naccount required %s passdb=%s\n"
                                               "password required %s passdb=%s\n",
                                               PAM_MATRIX, fixture->passdb_path, PAM_MATRIX,
                                               fixture->passdb_path, PAM_MATRIX, fixture->passdb_path);
    g_assert_true(g_file_set_contents(fixture->passdb_path, passdb, -1, NULL));
    g_assert_true(g_file_set_contents(fixture->service_path, service, -1, NULL));
}

static void
tear_down(Fixture *fixture)
{
    g_unlink(fixture->passdb_path);
    g_unlink(fixture->service_path);
    g_rmdir(fixture->directory);
    g_free(fixture->passdb_path);
    g_free(fixture->service_path);
    g_free(fixture->directory);
}

static const struct PamCase {
    const char *name;
    const char *service;
    const char *user;
    const char *password;
    gboolean is_right;
} cases[] = {
    {"/auth/pam/right-password-opens", "xylem", "alice", "right", TRUE},
    {"/auth/pam/wrong-password-is-refused", "xylem", "alice", "wrong", FALSE},
    {"/auth/pam/empty-password-is-refused", "xylem", "alice", "", FALSE},
    {"/auth/pam/unknown-user-is-refused", "xylem", "nobody-here", "right", FALSE},
    {"/auth/pam/locked-account-is-refused", "xylem", "locked", "right", FALSE},
};

static void
run_case(gconstpointer data)
{
    const struct PamCase *test = data;
    g_autoptr(GError) error = NULL;
    gboolean is_right = password_pam_check((gpointer)test->service, test->user, test->password, &error);
    g_assert_cmpint(is_right, ==, test->is_right);
    if (is_right)
        return;
    g_assert_true(api_error_is(error, "SESSION_AUTHENTICATION_FAILED"));
    g_assert_cmpstr(api_error_params(error)[0], ==, test->user);
}

static gboolean
opens(const char *user, const char *password)
{
    return password_pam_check("xylem", user, password, NULL);
}

/* The module asks for the old password first unless the program runs as root. */
static void
test_change(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(password_pam_change("xylem", "changer", "before", "after", &error));
    g_assert_no_error(error);
    g_assert_true(opens("changer", "after"));
    g_assert_false(opens("changer", "before"));
    g_assert_true(opens("alice", "right"));
}

static void
test_refused_change(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(password_pam_change("xylem", "nobody-here", "", "after", &error));
    g_assert_true(api_error_is(error, "CHANGE_PASSWORD_REJECTED"));
}

/* A sanitizer wants to be loaded first, which does not matter to a wrapper of PAM alone, and no library bound
 * to its own symbols. */
static char **
wrapped_environment(const Fixture *fixture)
{
    char **environment = g_get_environ();
    g_autofree char *sanitizer =
        g_strconcat("verify_asan_link_order=0:", g_environ_getenv(environment, "ASAN_OPTIONS"), NULL);
    environment = g_environ_setenv(environment, "ASAN_OPTIONS", sanitizer, TRUE);
    environment = g_environ_setenv(environment, "LD_PRELOAD", PAM_WRAPPER, TRUE);
    environment = g_environ_setenv(environment, "PAM_WRAPPER", "1", TRUE);
    environment = g_environ_setenv(environment, "UID_WRAPPER_DISABLE_DEEPBIND", "1", TRUE);
    return g_environ_setenv(environment, "PAM_WRAPPER_SERVICE_DIR", fixture->directory, TRUE);
}

/* The wrapper can only be loaded at the start of a program: this one starts once more, with it. */
static int
run_wrapped(char **argv)
{
    g_autoptr(GError) error = NULL;
    Fixture fixture;
    int status = 1;
    set_up(&fixture);
    g_auto(GStrv) environment = wrapped_environment(&fixture);
    if (!g_spawn_sync(NULL, argv, environment, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status,
                      &error))
        g_printerr("%s\n", error->message);
    tear_down(&fixture);
    return status == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (g_getenv("PAM_WRAPPER") == NULL)
        return run_wrapped(argv);
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add_data_func(cases[i].name, &cases[i], run_case);
    g_test_add_func("/auth/pam/change-replaces-the-password", test_change);
    g_test_add_func("/auth/pam/change-for-unknown-user-is-rejected", test_refused_change);
    return g_test_run();
}
