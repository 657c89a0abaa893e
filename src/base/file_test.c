/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounded reads, replacing writes, folders, safe names. */
#include "base/file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

typedef struct Fixture {
    char *folder;
    char *path; /* of a file in it that does not exist yet */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("file-test-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    fixture->path = g_build_filename(fixture->folder, "file", NULL);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_unlink(fixture->path);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0); /* fails when something was left behind */
    g_free(fixture->path);
    g_free(fixture->folder);
}

static void
write_text(const char *path, const char *text, mode_t mode)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(base_file_write(path, text, strlen(text), mode, &error));
    g_assert_no_error(error);
}

static void
assert_content(const char *path, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true(base_file_read(path, 1000, &text, &length, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
    g_assert_cmpuint(length, ==, strlen(wanted));
}

static void
test_write_then_read(Fixture *fixture, gconstpointer data)
{
    write_text(fixture->path, "one", 0600);
    assert_content(fixture->path, "one");
    write_text(fixture->path, "", 0600);
    assert_content(fixture->path, "");
}

static void
test_write_replaces(Fixture *fixture, gconstpointer data)
{
    char buffer[10] = "";

    write_text(fixture->path, "old", 0600);
    auto_fd before = open(fixture->path, O_RDONLY | O_CLOEXEC);
    write_text(fixture->path, "new content", 0600);
    assert_content(fixture->path, "new content");
    g_assert_cmpint(read(before, buffer, sizeof(buffer)), ==,
                    3); /* whoever had it open sees all of the old one */
    g_assert_cmpstr(buffer, ==, "old");
}

static void
test_write_mode(Fixture *fixture, gconstpointer data)
{
    struct stat info;
    mode_t before = umask(077);

    write_text(fixture->path, "x", 0644);
    umask(before);
    g_assert_cmpint(stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0644);
    write_text(fixture->path, "x", 0600);
    g_assert_cmpint(stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0600);
}

static void
test_write_failure(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *missing = g_build_filename(fixture->folder, "no", "such", NULL);

    g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0);
    g_assert_false(base_file_write(fixture->path, "x", 1, 0600, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_assert_true(g_file_test(fixture->path, G_FILE_TEST_IS_DIR));
    g_assert_cmpint(g_rmdir(fixture->path), ==, 0);
    g_clear_error(&error);

    g_assert_false(base_file_write(missing, "x", 1, 0600, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
}

static void
test_write_unsynced(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *missing = g_build_filename(fixture->folder, "no", "such", NULL);
    struct stat info;

    write_text(fixture->path, "old and longer", 0600);
    g_assert_true(base_file_write_unsynced(fixture->path, "new", 3, 0640, &error));
    g_assert_no_error(error);
    assert_content(fixture->path, "new");
    g_assert_cmpint(stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0640);
    g_assert_false(base_file_write_unsynced(missing, "x", 1, 0600, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
}

static void
test_read_bound(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    write_text(fixture->path, "12345", 0600);
    g_assert_false(base_file_read(fixture->path, 4, &text, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE);
    g_assert_null(text);
    g_clear_error(&error);
    g_assert_true(base_file_read(fixture->path, 5, &text, NULL, &error));
    g_assert_cmpstr(text, ==, "12345");
}

/* Files in /proc say that they are empty. */
static void
test_read_unsized(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    g_assert_true(base_file_read("/proc/self/status", 65536, &text, &length, &error));
    g_assert_no_error(error);
    g_assert_nonnull(strstr(text, "VmSize:"));
    g_assert_cmpuint(strlen(text), ==, length);

    g_assert_false(base_file_read("/proc/self/status", 20, &text, &length, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE);
    g_clear_error(&error);
    g_assert_false(base_file_read("/dev/zero", 100000, &text, &length, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE);
}

static void
test_read_failure(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    g_assert_false(base_file_read(fixture->path, 100, &text, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(base_file_read(fixture->folder, 100000, &text, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_assert_null(text);
}

static void
test_remove(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    write_text(fixture->path, "x", 0600);
    g_assert_true(base_file_remove(fixture->path, &error));
    g_assert_false(g_file_test(fixture->path, G_FILE_TEST_EXISTS));
    g_assert_true(base_file_remove(fixture->path, &error));
    g_assert_true(base_dir_sync(fixture->folder, &error));
    g_assert_no_error(error);
    g_assert_false(base_file_remove(fixture->folder, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
}

static void
test_dir_make(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *deep = g_build_filename(fixture->path, "a", "b", NULL);
    g_autofree char *middle = g_path_get_dirname(deep);
    struct stat info;

    g_assert_true(base_dir_make(deep, 0700, &error));
    g_assert_true(base_dir_make(deep, 0700, &error));
    g_assert_no_error(error);
    g_assert_cmpint(stat(deep, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0700);
    g_rmdir(deep);
    g_rmdir(middle);
    g_rmdir(fixture->path);

    write_text(fixture->path, "a file", 0600);
    g_assert_false(base_dir_make(deep, 0700, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_clear_error(&error);
    g_assert_false(base_dir_make(fixture->path, 0700, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_clear_error(&error);
    g_assert_false(base_dir_sync(fixture->path, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
}

static void
test_safe_names(void)
{
    static const char *const safe[] = {"a", "vm-1.json", "..a", ".hidden", "a b", "\xc3\xa4"};
    static const char *const unsafe[] = {"", ".", "..", "a/b", "/", "a\nb", "a\x7f", "\x01"};
    g_autofree char *longest = g_strnfill(255, 'x');
    g_autofree char *too_long = g_strnfill(256, 'x');

    for (gsize i = 0; i < G_N_ELEMENTS(safe); i++)
        g_assert_true(base_path_is_safe_name(safe[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(unsafe); i++)
        g_assert_false(base_path_is_safe_name(unsafe[i]));
    g_assert_true(base_path_is_safe_name(longest));
    g_assert_false(base_path_is_safe_name(too_long));
}

#define ADD(name, test) g_test_add("/base/file/" name, Fixture, NULL, set_up, test, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("written-content-is-read-back", test_write_then_read);
    ADD("write-replaces-the-file-rather-than-its-content", test_write_replaces);
    ADD("write-sets-the-mode-whatever-the-umask", test_write_mode);
    ADD("failed-write-leaves-nothing-behind", test_write_failure);
    ADD("unsynced-write-replaces-too", test_write_unsynced);
    ADD("read-refuses-more-than-the-bound", test_read_bound);
    g_test_add_func("/base/file/read-bounds-files-without-size", test_read_unsized);
    ADD("read-tells-missing-from-unreadable", test_read_failure);
    ADD("remove-of-a-missing-file-is-fine", test_remove);
    ADD("folders-are-made-with-parents-once", test_dir_make);
    g_test_add_func("/base/file/safe-names-are-one-component", test_safe_names);
    return g_test_run();
}
