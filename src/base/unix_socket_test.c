/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets below short and long folders. */
#include "base/unix_socket.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

typedef struct LengthCase {
    const char *name;
    gsize folder_bytes; /* of the folder's name, put below a temporary one */
    gsize name_bytes;   /* of the socket's own name */
    int errnum;         /* 0: it can be bound and reached */
} LengthCase;

static const LengthCase cases[] = {
    {"a-short-path", 4, 4, 0},
    {"a-path-at-the-edge", 60, 4, 0},
    {"a-long-path", 200, 4, 0},
    {"a-longer-name-below-a-long-path", 200, 60, 0},
    {"a-name-that-is-too-long-is-refused", 200, 108, ENAMETOOLONG},
};

static void
assert_socket_works(const char *path, int errnum)
{
    auto_fd server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto_fd client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = base_unix_bind(server, path);
    g_assert_cmpint(result == 0 ? 0 : errno, ==, errnum);
    if (errnum != 0)
        return;
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_cmpint(listen(server, 1), ==, 0);
    g_assert_cmpint(base_unix_connect(client, path), ==, 0);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
test_length(gconstpointer data)
{
    const LengthCase *row = data;
    g_autofree char *top = g_dir_make_tmp("unix-test-XXXXXX", NULL);
    g_autofree char *folder_name = g_strnfill(row->folder_bytes, 'd');
    g_autofree char *name = g_strnfill(row->name_bytes, 's');
    g_autofree char *folder = g_build_filename(top, folder_name, NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);

    assert_socket_works(path, row->errnum);

    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_assert_cmpint(g_rmdir(top), ==, 0);
}

static void
test_missing_folder(void)
{
    g_autofree char *name = g_strnfill(150, 'x');
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), name, "socket", NULL);
    auto_fd client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(base_unix_connect(client, path), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/base/unix-socket/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_length);
    }
    g_test_add_func("/base/unix-socket/a-missing-folder-is-said", test_missing_folder);
    return g_test_run();
}
