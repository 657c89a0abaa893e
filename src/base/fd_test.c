/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owning descriptors, complete writes, and the error setters. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static gboolean
is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void
make_pipe(int *ret_in, int *ret_out)
{
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    *ret_in = ends[0];
    *ret_out = ends[1];
}

static void
test_auto_fd(void)
{
    int in, out;

    make_pipe(&in, &out);
    {
        auto_fd owned = in;
        auto_fd moved = out;
        g_assert_cmpint(base_fd_steal(&moved), ==, out);
        g_assert_cmpint(moved, ==, -1);
        g_assert_true(is_open(owned));
    }
    g_assert_false(is_open(in));
    g_assert_true(is_open(out));
    base_fd_clear(&out);
    g_assert_cmpint(out, ==, -1);
    base_fd_clear(&out);
}

static void
test_clear_keeps_errno(void)
{
    auto_fd in = -1;
    auto_fd out = -1;

    make_pipe(&in, &out);
    errno = EXDEV;
    base_fd_clear(&in);
    g_assert_cmpint(errno, ==, EXDEV);
}

static gpointer
read_all(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    GString *text = g_string_new(NULL);
    char buffer[1000];
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        g_string_append_len(text, buffer, got);
    return text;
}

/* More than a pipe holds, into a pipe that does not block: writes are short and then refused. */
static void
test_write_all(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = g_strnfill(300000, 'x');
    auto_fd in = -1;
    auto_fd out = -1;

    make_pipe(&in, &out);
    fcntl(out, F_SETFL, O_NONBLOCK);
    GThread *reader = g_thread_new("reader", read_all, GINT_TO_POINTER(in));
    g_assert_true(base_fd_write_all(out, data, 300000, &error));
    g_assert_no_error(error);
    base_fd_clear(&out);
    GString *got = g_thread_join(reader);
    g_assert_cmpstr(got->str, ==, data);
    g_string_free(got, TRUE);
}

static void
test_write_error(void)
{
    g_autoptr(GError) error = NULL;
    auto_fd in = -1;
    auto_fd out = -1;

    make_pipe(&in, &out);
    g_assert_false(base_fd_write_all(in, "x", 1, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
}

static void
test_above_stdio(void)
{
    g_autoptr(GError) error = NULL;
    auto_fd in = -1;
    auto_fd out = -1;

    make_pipe(&in, &out);
    int before = in;
    g_assert_true(base_fd_move_above_stdio(&in, &error));
    g_assert_cmpint(in, ==, before);

    int saved = dup(STDIN_FILENO);
    g_assert_cmpint(dup2(in, STDIN_FILENO), ==, STDIN_FILENO);
    int low = STDIN_FILENO;
    g_assert_true(base_fd_move_above_stdio(&low, &error));
    g_assert_cmpint(low, >, STDERR_FILENO);
    g_assert_cmpint(fcntl(low, F_GETFD), ==, FD_CLOEXEC);
    g_assert_false(is_open(STDIN_FILENO));
    base_fd_clear(&low);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

static void
test_errors(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(base_error_set(&error, BASE_ERROR_TOO_LARGE, "%d over %d", 2, 1));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE);
    g_assert_cmpstr(error->message, ==, "2 over 1");
    g_clear_error(&error);

    g_assert_false(base_error_errno(&error, ENOENT, "open '%s'", "x"));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_assert_true(g_str_has_prefix(error->message, "open 'x': "));
    g_clear_error(&error);

    g_assert_false(base_error_errno(&error, EACCES, "open"));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_assert_false(base_error_errno(NULL, EACCES, "nobody asks"));
    g_assert_false(base_error_set(NULL, BASE_ERROR_FAILED, "nobody asks"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/fd/auto-fd-closes-what-was-not-stolen", test_auto_fd);
    g_test_add_func("/base/fd/clear-keeps-errno", test_clear_keeps_errno);
    g_test_add_func("/base/fd/write-all-goes-on-after-short-writes", test_write_all);
    g_test_add_func("/base/fd/write-all-reports-errors", test_write_error);
    g_test_add_func("/base/fd/moves-above-stdio-only-when-needed", test_above_stdio);
    g_test_add_func("/base/error/setters-return-false-with-code-and-text", test_errors);
    return g_test_run();
}
