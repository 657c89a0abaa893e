/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Image headers: what qemu-img makes is read right, and what anybody else may have made does no harm. */
#include "lib/image.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "lib/driver.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

static char *folder;

static char *
path_of(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void
make(const char *name, const char *backing, guint64 size_bytes)
{
    g_autoptr(GError) error = NULL;
    ImageJob *job = backing == NULL
                        ? image_create(folder, name, size_bytes)
                        : image_create_overlay(folder, name, backing, IMAGE_FORMAT_QCOW2, size_bytes);
    image_job_finish(job, &error);
    g_assert_no_error(error);
}

static void
run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    ProcessSpec spec = {.argv = argv, .directory = folder, .timeout_ms = 60000};
    base_process_try(&spec, NULL, &error);
    g_assert_no_error(error);
}

static void
read_image(const char *name, ImageFormat format, ImageInfo *ret_info)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = path_of(name);
    image_read(path, format, ret_info, &error);
    g_assert_no_error(error);
}

static void
assert_unreadable(const char *name, int code)
{
    g_autoptr(GError) error = NULL;
    g_auto(ImageInfo) info = {0};
    g_autofree char *path = path_of(name);
    g_assert_false(image_read(path, IMAGE_FORMAT_QCOW2, &info, &error));
    g_assert_error(error, DRIVER_ERROR, code);
}

static void
test_new_image_is_empty(void)
{
    g_auto(ImageInfo) info = {0};
    make("new.qcow2", NULL, 10 * MIB);
    read_image("new.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_cmpuint(info.virtual_size, ==, 10 * MIB);
    g_assert_null(info.backing);
    g_assert_false(info.has_data);
    g_assert_true(info.is_plain);
}

static void
test_largest_image_can_be_had(void)
{
    g_auto(ImageInfo) info = {0};
    make("large.qcow2", NULL, IMAGE_MAX_BYTES);
    read_image("large.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_cmpuint(info.virtual_size, ==, IMAGE_MAX_BYTES);
    g_assert_false(info.has_data);
}

static void
test_written_image_has_data(void)
{
    g_auto(ImageInfo) info = {0};
    const char *argv[] = {"qemu-io", "-f", "qcow2", "-c", "write -P 1 5M 64k", "written.qcow2", NULL};
    make("written.qcow2", NULL, 10 * MIB);
    run(argv);
    read_image("written.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_true(info.has_data);
}

static void
test_overlay_names_its_backing_file(void)
{
    g_auto(ImageInfo) info = {0};
    make("overlay.qcow2", "base-to-come.qcow2", 10 * MIB);
    read_image("overlay.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_cmpstr(info.backing, ==, "base-to-come.qcow2");
    g_assert_false(info.has_data);
}

static void
test_old_version_is_read(void)
{
    g_auto(ImageInfo) info = {0};
    const char *argv[] = {"qemu-img", "create",      "-q",        "-f",  "qcow2",
                          "-o",       "compat=0.10", "old.qcow2", "10M", NULL};
    run(argv);
    read_image("old.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_cmpuint(info.virtual_size, ==, 10 * MIB);
    g_assert_true(info.is_plain);
}

static void
test_external_data_file_is_not_plain(void)
{
    g_auto(ImageInfo) info = {0};
    const char *argv[] = {"qemu-img", "create",          "-q",         "-f",  "qcow2",
                          "-o",       "data_file=d.raw", "data.qcow2", "10M", NULL};
    run(argv);
    read_image("data.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_false(info.is_plain);
}

static void
test_resize_grows(void)
{
    g_auto(ImageInfo) info = {0};
    g_autoptr(GError) error = NULL;
    make("grow.qcow2", NULL, 10 * MIB);
    g_assert_true(image_resize(folder, "grow.qcow2", IMAGE_FORMAT_QCOW2, 30 * MIB, &error));
    read_image("grow.qcow2", IMAGE_FORMAT_QCOW2, &info);
    g_assert_cmpuint(info.virtual_size, ==, 30 * MIB);
}

static void
test_raw_is_its_length(void)
{
    g_auto(ImageInfo) info = {0};
    g_autofree char *path = path_of("r.raw");
    g_assert_true(g_file_set_contents(path, "QFI\xfb not looked at", -1, NULL));
    read_image("r.raw", IMAGE_FORMAT_RAW, &info);
    g_assert_cmpuint(info.virtual_size, ==, 512);
    g_assert_true(info.has_data);
    g_assert_null(info.backing);
}

static void
test_strange_files_are_refused(void)
{
    g_autofree char *empty = path_of("empty.qcow2");
    g_autofree char *text = path_of("text.qcow2");
    g_autofree char *fifo = path_of("fifo.qcow2");
    g_autofree char *link = path_of("link.qcow2");
    g_assert_true(g_file_set_contents(empty, "", 0, NULL));
    g_autofree char *words = g_strnfill(4096, 'x');
    g_assert_true(g_file_set_contents(text, words, -1, NULL));
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);

    assert_unreadable("empty.qcow2", DRIVER_ERROR_VDI_LOAD);
    assert_unreadable("text.qcow2", DRIVER_ERROR_VDI_LOAD);
    assert_unreadable("fifo.qcow2", DRIVER_ERROR_VDI_LOAD);
    assert_unreadable("link.qcow2", DRIVER_ERROR_VDI_LOAD);
    assert_unreadable("absent.qcow2", DRIVER_ERROR_VDI_MISSING);
}

/* Headers with every single byte set to values that hurt: read or refused, never more. */
static void
test_broken_headers_do_no_harm(void)
{
    static const guint8 bytes[] = {0x00, 0x7f, 0x80, 0xff};
    g_autofree char *source = path_of("whole.qcow2");
    g_autofree char *path = path_of("broken.qcow2");
    g_autofree char *whole = NULL;
    gsize length;
    make("whole.qcow2", "base.qcow2", 10 * MIB);
    g_assert_true(g_file_get_contents(source, &whole, &length, NULL));

    for (gsize at = 0; at < 112; at++) {
        for (gsize i = 0; i < G_N_ELEMENTS(bytes); i++) {
            char kept = whole[at];
            whole[at] = (char)bytes[i];
            g_assert_true(
                g_file_set_contents_full(path, whole, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
            whole[at] = kept;
            g_auto(ImageInfo) info = {0};
            g_autoptr(GError) error = NULL;
            if (!image_read(path, IMAGE_FORMAT_QCOW2, &info, &error))
                g_assert_error(error, DRIVER_ERROR, DRIVER_ERROR_VDI_LOAD);
        }
    }
}

static void
test_failed_create_leaves_nothing(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = path_of("no/such/folder.qcow2");
    g_assert_false(image_job_finish(image_create(folder, "no/such/folder.qcow2", MIB), &error));
    g_assert_nonnull(error);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
test_sizes_are_rounded_and_bounded(void)
{
    guint64 size_bytes;
    g_assert_true(image_round_size(1, &size_bytes, NULL));
    g_assert_cmpuint(size_bytes, ==, MIB);
    g_assert_true(image_round_size(MIB, &size_bytes, NULL));
    g_assert_cmpuint(size_bytes, ==, MIB);
    g_assert_true(image_round_size(MIB + 1, &size_bytes, NULL));
    g_assert_cmpuint(size_bytes, ==, 2 * MIB);
    g_assert_true(image_round_size(IMAGE_MAX_BYTES, &size_bytes, NULL));
    g_assert_false(image_round_size(0, &size_bytes, NULL));
    g_assert_false(image_round_size(IMAGE_MAX_BYTES + 1, &size_bytes, NULL));
    g_assert_false(image_round_size(G_MAXUINT64, &size_bytes, NULL));
}

static void
remove_folder(void)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = path_of(name);
        g_unlink(path);
    }
    g_rmdir(folder);
    g_free(folder);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("xylem-image-XXXXXX", NULL);
    g_test_add_func("/plugins/image/new-one-is-empty", test_new_image_is_empty);
    g_test_add_func("/plugins/image/largest-can-be-had", test_largest_image_can_be_had);
    g_test_add_func("/plugins/image/written-one-has-data", test_written_image_has_data);
    g_test_add_func("/plugins/image/overlay-names-its-backing-file", test_overlay_names_its_backing_file);
    g_test_add_func("/plugins/image/old-version-is-read", test_old_version_is_read);
    g_test_add_func("/plugins/image/external-data-file-is-not-plain", test_external_data_file_is_not_plain);
    g_test_add_func("/plugins/image/resize-grows", test_resize_grows);
    g_test_add_func("/plugins/image/raw-is-its-length-and-never-probed", test_raw_is_its_length);
    g_test_add_func("/plugins/image/strange-files-are-refused", test_strange_files_are_refused);
    g_test_add_func("/plugins/image/broken-headers-do-no-harm", test_broken_headers_do_no_harm);
    g_test_add_func("/plugins/image/failed-create-leaves-nothing", test_failed_create_leaves_nothing);
    g_test_add_func("/plugins/image/sizes-are-rounded-and-bounded", test_sizes_are_rounded_and_bounded);
    int status = g_test_run();
    remove_folder();
    return status;
}
