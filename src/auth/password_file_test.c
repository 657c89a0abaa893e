/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The generated password: made once, private to its owner, and the only one that opens. */
#include "auth/password.h"

#include "model/api_error.h"
#include <glib/gstdio.h>
#include <string.h>

typedef struct Fixture {
    char *directory;
    char *path;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->directory = g_dir_make_tmp("xylem-password-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->directory, "password", NULL);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_unlink(fixture->path);
    g_rmdir(fixture->directory);
    g_free(fixture->path);
    g_free(fixture->directory);
}

static char *
read_password(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    g_file_get_contents(fixture->path, &text, NULL, &error);
    g_assert_no_error(error);
    return g_strchomp(text);
}

static void
write_password(Fixture *fixture, const char *text)
{
    g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
}

static gboolean
opens(Fixture *fixture, const char *user, const char *password)
{
    g_autoptr(GError) error = NULL;
    gboolean is_right = password_file_check(fixture->path, user, password, &error);
    g_assert_true(is_right == (error == NULL));
    if (!is_right) {
        g_assert_true(api_error_is(error, "SESSION_AUTHENTICATION_FAILED"));
        g_assert_cmpstr(api_error_params(error)[0], ==, user);
    }
    return is_right;
}

static void
test_made_once(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    GStatBuf status;
    g_assert_true(password_file_ensure(fixture->path, &error));
    g_assert_cmpint(g_stat(fixture->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_autofree char *first = read_password(fixture);
    g_assert_cmpuint(strlen(first), >=, 16);
    g_assert_true(password_file_ensure(fixture->path, &error));
    g_autofree char *second = read_password(fixture);
    g_assert_cmpstr(first, ==, second);
}

static void
test_only_this_one_opens(Fixture *fixture, gconstpointer data)
{
    write_password(fixture, "secret\n");
    g_assert_true(opens(fixture, "root", "secret"));
    static const char *const wrong[] = {"", "Secret", "secre", "secrets", "secret\n", " secret"};
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(opens(fixture, "root", wrong[i]));
    g_assert_false(opens(fixture, "admin", "secret"));
    g_assert_false(opens(fixture, "", "secret"));
}

static void
test_empty_opens_nothing(Fixture *fixture, gconstpointer data)
{
    write_password(fixture, "\n");
    g_assert_false(opens(fixture, "root", ""));
}

static void
test_missing_opens_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(password_file_check(fixture->path, "root", "", &error));
    g_assert_nonnull(error);
}

static void
test_change(Fixture *fixture, gconstpointer data)
{
    GStatBuf status;
    g_autoptr(GError) error = NULL;
    g_assert_true(password_file_ensure(fixture->path, NULL));
    g_autofree char *old = read_password(fixture);
    g_assert_true(password_file_change(fixture->path, "root", "whatever", "pass phrase ü", &error));
    g_assert_no_error(error);
    g_assert_true(opens(fixture, "root", "pass phrase ü"));
    g_assert_false(opens(fixture, "root", old));
    g_assert_cmpint(g_stat(fixture->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void
test_bad_change(Fixture *fixture, gconstpointer data)
{
    g_autofree char *long_text = g_strnfill(4096, 'x');
    const struct {
        const char *user, *password;
    } cases[] = {{"root", ""},      {"root", "a\nb"},   {"root", "ends with one "}, {"root", "tab\tinside"},
                 {"alice", "good"}, {"root", long_text}};
    g_assert_true(password_file_ensure(fixture->path, NULL));
    g_autofree char *old = read_password(fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(password_file_change(fixture->path, cases[i].user, old, cases[i].password, &error));
        g_assert_true(api_error_is(error, "CHANGE_PASSWORD_REJECTED"));
        g_assert_true(opens(fixture, "root", old));
    }
}

static void
test_unreadable(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0); /* root reads any file, but no directory */
    g_assert_false(password_file_check(fixture->path, "root", "x", &error));
    g_assert_true(api_error_is(error, "SESSION_AUTHENTICATION_FAILED"));
    g_assert_null(strstr(error->message, fixture->path));
    g_clear_error(&error);
    g_assert_false(password_file_change(fixture->path, "root", "x", "y", &error));
    g_assert_true(api_error_is(error, "CHANGE_PASSWORD_REJECTED"));
    g_assert_null(strstr(error->message, fixture->path));
    g_rmdir(fixture->path);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/auth/password-file/made-once-for-its-owner", Fixture, NULL, set_up, test_made_once,
               tear_down);
    g_test_add("/auth/password-file/only-this-one-opens", Fixture, NULL, set_up, test_only_this_one_opens,
               tear_down);
    g_test_add("/auth/password-file/empty-one-opens-nothing", Fixture, NULL, set_up, test_empty_opens_nothing,
               tear_down);
    g_test_add("/auth/password-file/missing-one-opens-nothing", Fixture, NULL, set_up,
               test_missing_opens_nothing, tear_down);
    g_test_add("/auth/password-file/change-replaces-it", Fixture, NULL, set_up, test_change, tear_down);
    g_test_add("/auth/password-file/bad-change-is-refused", Fixture, NULL, set_up, test_bad_change,
               tear_down);
    g_test_add("/auth/password-file/what-is-wrong-with-it-stays-here", Fixture, NULL, set_up, test_unreadable,
               tear_down);
    return g_test_run();
}
