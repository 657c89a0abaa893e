/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plugins answer, in the shapes old and new drivers use, and in wrong ones. */
#include "storage/result.h"

#include <string.h>

#include "base/error.h"
#include "value/json.h"

static Value *
parse(const char *json)
{
    g_autoptr(GError) error = NULL;
    Value *value = json_read(json, strlen(json), &error);
    g_assert_no_error(error);
    return value;
}

typedef struct AttachCase {
    const char *name;
    const char *json;
    const char *path;
    const char *nbd;
    const char *format;
    gboolean o_direct;
} AttachCase;

/* clang-format off */
static const AttachCase attach_cases[] = {
    {"bare-path",        "\"/dev/sda\"", "/dev/sda", "", "raw", TRUE},
    {"params-and-data",  "{\"params\":\"/a\",\"xenstore_data\":{\"image-format\":\"qcow2\"}}", "/a", "", "qcow2", TRUE},
    {"params-nbd",       "{\"params\":\"/a\",\"params_nbd\":\"nbd:unix:/s:exportname=x\",\"o_direct\":false}",
                         "/a", "nbd:unix:/s:exportname=x", "raw", FALSE},
    {"nbd-alone",        "{\"params_nbd\":\"nbd:unix:/s:exportname=x\",\"o_direct\":\"false\"}",
                         "", "nbd:unix:/s:exportname=x", "raw", FALSE},
    {"empty-path",       "\"\"", NULL, NULL, NULL, FALSE},
    {"empty-struct",     "{}", NULL, NULL, NULL, FALSE},
    {"number",           "7", NULL, NULL, NULL, FALSE},
    {"array",            "[]", NULL, NULL, NULL, FALSE},
};
/* clang-format on */

static void
test_attachment(gconstpointer data)
{
    const AttachCase *row = data;
    g_autoptr(Value) value = parse(row->json);
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageAttachment) attachment = storage_result_attachment(value, TRUE, &error);
    if (row->path == NULL) {
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpstr(attachment->path, ==, row->path);
    g_assert_cmpstr(attachment->nbd, ==, row->nbd);
    g_assert_cmpstr(attachment->format, ==, row->format);
    g_assert_cmpint(attachment->o_direct, ==, row->o_direct);

    g_autoptr(Value) again = storage_attachment_to_value(attachment);
    g_autoptr(StorageAttachment) copy = storage_result_attachment(again, TRUE, NULL);
    g_assert_cmpstr(copy->path, ==, row->path);
    g_assert_cmpstr(copy->format, ==, row->format);
}

#define UUID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

static void
test_vdi_of_two_members_is_incomplete(void)
{
    g_autoptr(Value) value = parse("{\"uuid\":\"" UUID "\",\"location\":\"there\"}");
    g_autoptr(StorageVdi) vdi = storage_result_vdi(value, NULL);
    g_assert_nonnull(vdi);
    g_assert_false(vdi->is_complete);
    g_assert_cmpstr(vdi->location, ==, "there");
}

static void
test_vdi_with_all_members_is_read(void)
{
    g_autoptr(Value) value = parse(
        "{\"uuid\":\"" UUID "\",\"location\":\"l\",\"size\":\"1048576\",\"utilisation\":4096,"
        "\"label\":\"n\",\"type\":\"system\",\"hidden\":\"true\",\"read_only\":true,"
        "\"shareable\":\"1\",\"is_a_snapshot\":\"true\",\"snapshot_of\":\"s\","
        "\"snapshot_time\":\"19700101T00:01:00Z\",\"parent\":\"p\",\"sm_config\":{\"a\":\"b\",\"c\":1}}");
    g_autoptr(StorageVdi) vdi = storage_result_vdi(value, NULL);
    g_assert_nonnull(vdi);
    g_assert_true(vdi->is_complete);
    g_assert_cmpuint(vdi->virtual_size, ==, 1048576);
    g_assert_cmpuint(vdi->physical_utilisation, ==, 4096);
    g_assert_cmpstr(vdi->type, ==, "system");
    g_assert_false(vdi->is_managed);
    g_assert_true(vdi->is_read_only && vdi->is_sharable && vdi->is_a_snapshot);
    g_assert_cmpint(vdi->snapshot_time, ==, 60);
    g_assert_cmpuint(value_size(vdi->sm_config), ==, 1);
}

static const char *const bad_vdis[] = {
    "\"text\"",
    "{}",
    "{\"uuid\":\"x\",\"location\":\"l\"}",
    "{\"uuid\":\"" UUID "\"}",
    "{\"uuid\":\"" UUID "\",\"location\":\"\"}",
    "{\"uuid\":\"" UUID "\",\"location\":\"l\",\"size\":\"-1\"}",
    "{\"uuid\":\"" UUID "\",\"location\":\"l\",\"size\":\"many\"}",
    "{\"uuid\":\"" UUID "\",\"location\":\"l\",\"size\":[]}",
};

static void
test_bad_vdis_are_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_vdis); i++) {
        g_autoptr(Value) value = parse(bad_vdis[i]);
        g_autoptr(GError) error = NULL;
        g_assert_null(storage_result_vdi(value, &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    }
}

static void
test_nil_scan_is_not_reported(void)
{
    const char *const nils[] = {"null", "\"\"", "{}"};
    for (gsize i = 0; i < G_N_ELEMENTS(nils); i++) {
        g_autoptr(Value) value = parse(nils[i]);
        g_autoptr(StorageScan) scan = storage_result_scan(value, NULL);
        g_assert_nonnull(scan);
        g_assert_false(scan->is_reported);
        g_assert_false(scan->sizes.is_reported);
    }
}

static void
test_scan_lists_disks_and_sizes(void)
{
    g_autoptr(Value) value =
        parse("{\"physical_size\":\"10\",\"physical_utilization\":\"4\",\"virtual_allocation\":\"8\","
              "\"vdis\":[{\"uuid\":\"" UUID "\",\"location\":\"l\",\"size\":\"8\"}]}");
    g_autoptr(StorageScan) scan = storage_result_scan(value, NULL);
    g_assert_nonnull(scan);
    g_assert_true(scan->is_reported);
    g_assert_cmpuint(scan->sizes.physical_utilisation, ==, 4);
    g_assert_cmpuint(scan->vdis->len, ==, 1);
}

static void
test_scan_with_one_bad_disk_is_refused(void)
{
    g_autoptr(Value) value =
        parse("{\"physical_size\":\"10\",\"vdis\":[{\"uuid\":\"" UUID "\",\"location\":\"l\"},7]}");
    g_autoptr(GError) error = NULL;
    g_assert_null(storage_result_scan(value, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
}

static void
test_content_type_is_unquoted(void)
{
    g_autoptr(Value) quoted = value_string("<?xml version=\"1.0\" ?><sr><type>\"aio\"</type></sr>");
    g_autoptr(Value) plain = value_string("<sr><type> vhd </type></sr>");
    g_autoptr(Value) none = value_string("<sr/>");
    g_autofree char *aio = storage_result_content_type(quoted, NULL);
    g_autofree char *vhd = storage_result_content_type(plain, NULL);
    g_assert_cmpstr(aio, ==, "aio");
    g_assert_cmpstr(vhd, ==, "vhd");
    g_assert_null(storage_result_content_type(none, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(attach_cases); i++) {
        g_autofree char *path = g_strconcat("/storage/result/attachment-", attach_cases[i].name, NULL);
        g_test_add_data_func(path, &attach_cases[i], test_attachment);
    }
    g_test_add_func("/storage/result/vdi-of-two-members-is-incomplete",
                    test_vdi_of_two_members_is_incomplete);
    g_test_add_func("/storage/result/vdi-with-all-members-is-read", test_vdi_with_all_members_is_read);
    g_test_add_func("/storage/result/bad-vdis-are-refused", test_bad_vdis_are_refused);
    g_test_add_func("/storage/result/nil-scan-is-not-reported", test_nil_scan_is_not_reported);
    g_test_add_func("/storage/result/scan-lists-disks-and-sizes", test_scan_lists_disks_and_sizes);
    g_test_add_func("/storage/result/scan-with-one-bad-disk-is-refused",
                    test_scan_with_one_bad_disk_is_refused);
    g_test_add_func("/storage/result/content-type-is-unquoted", test_content_type_is_unquoted);
    return g_test_run();
}
