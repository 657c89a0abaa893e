/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public calls over a plugin made for the test: what they ask, answer and refuse. */
#include "storage/storage.h"

#include <string.h>

#include "storage/test_plugin.h"

#define VDI_REPLY                                                                                            \
    "reply '<struct><member><name>uuid</name><value>" TEST_VDI_UUID "</value></member>"                      \
    "<member><name>location</name><value>spot</value></member></struct>'"

#define BODY                                                                                                 \
    "printf '%s' \"$1\" > \"$root/last\"\n"                                                                  \
    "case $call in\n"                                                                                        \
    "vdi_create|vdi_snapshot|vdi_resize) " VDI_REPLY ";;\n"                                                  \
    "sr_probe) reply '&lt;SRlist/&gt;';;\n"                                                                  \
    "sr_content_type) reply '&lt;sr&gt;&lt;type&gt;vhd&lt;/type&gt;&lt;/sr&gt;';;\n"                         \
    "sr_update) reply '<struct><member><name>physical_size</name><value>many</value></member></struct>';;\n" \
    "*) nil;; esac"

typedef struct Fixture {
    TestPlugins plugins;
    Storage *storage;
    StorageCall call;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    test_plugins_init(&fixture->plugins);
    test_plugins_write(&fixture->plugins, "FakeSR", BODY);
    fixture->storage = test_plugins_storage(&fixture->plugins);
    fixture->call = test_call("fake");
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    storage_free(fixture->storage);
    test_plugins_clear(&fixture->plugins);
}

/* The text of the last call. */
static char *
last_call(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->plugins.root, "last", NULL);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void
assert_last_has(Fixture *fixture, const char *part)
{
    g_autofree char *text = last_call(fixture);
    g_assert_nonnull(strstr(text, part));
}

static void
test_create_passes_all_arguments(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    StorageVdiSpec spec = {.size_bytes = 1048576, .name_label = "n", .type = "system", .is_sharable = TRUE};
    g_autoptr(StorageVdi) vdi = storage_vdi_create(fixture->storage, &fixture->call, &spec, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(vdi->uuid, ==, TEST_VDI_UUID);
    g_assert_cmpstr(vdi->location, ==, "spot");
    g_assert_false(vdi->is_complete);
    assert_last_has(fixture,
                    "<array><data><value>1048576</value><value>n</value><value></value><value></value>"
                    "<value>false</value><value>19700101T00:00:00Z</value><value></value><value>false</value>"
                    "</data></array>");
    assert_last_has(fixture, "<name>vdi_type</name><value>system</value>");
    assert_last_has(fixture, "<name>vdi_sharable</name><value>true</value>");
    assert_last_has(fixture, "<name>SRmaster</name><value>true</value>");
}

static void
test_capability_is_checked_before_the_call(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(storage_vdi_clone(fixture->storage, &fixture->call, NULL, &error));
    test_assert_error(&error, STORAGE_ERROR_NOT_SUPPORTED, "SR_OPERATION_NOT_SUPPORTED", "OpaqueRef:sr");
    g_autofree char *calls = test_plugins_calls(&fixture->plugins);
    g_assert_cmpstr(calls, ==, "");
}

static void
test_unknown_type_is_refused(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->call.sr_type = "none";
    g_assert_false(storage_sr_attach(fixture->storage, &fixture->call, &error));
    test_assert_error(&error, STORAGE_ERROR_UNKNOWN_DRIVER, "SR_UNKNOWN_DRIVER", "none");
}

static void
test_type_is_found_in_any_case(Fixture *fixture, gconstpointer data)
{
    fixture->call.sr_type = "FAKE";
    g_assert_true(storage_sr_attach(fixture->storage, &fixture->call, NULL));
}

static void
test_changes_need_the_master(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->call.is_sr_master = FALSE;
    g_assert_null(storage_sr_scan(fixture->storage, &fixture->call, &error));
    test_assert_error(&error, STORAGE_ERROR_NOT_MASTER, "INTERNAL_ERROR", NULL);
    g_assert_null(storage_vdi_snapshot(fixture->storage, &fixture->call, NULL, &error));
    test_assert_error(&error, STORAGE_ERROR_NOT_MASTER, "INTERNAL_ERROR", NULL);
    g_assert_true(storage_sr_attach(fixture->storage, &fixture->call, NULL));
    assert_last_has(fixture, "<name>SRmaster</name><value>false</value>");
}

static void
test_unsafe_uuid_is_refused(Fixture *fixture, gconstpointer data)
{
    const char *const unsafe[] = {NULL, "", "..", "../../etc", "a/b"};
    for (gsize i = 0; i < G_N_ELEMENTS(unsafe); i++) {
        g_autoptr(GError) error = NULL;
        fixture->call.vdi_uuid = unsafe[i];
        g_assert_null(storage_vdi_attach(fixture->storage, &fixture->call, "a", FALSE, FALSE, &error));
        test_assert_error(&error, STORAGE_ERROR_INVALID, "INVALID_VALUE", NULL);
    }
}

static void
test_probe_needs_no_sr(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->call.sr_ref = fixture->call.sr_uuid = NULL;
    g_autofree char *document = storage_sr_probe(fixture->storage, &fixture->call, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(document, ==, "<SRlist/>");
}

static void
test_content_type_is_read(Fixture *fixture, gconstpointer data)
{
    g_autofree char *type = storage_sr_content_type(fixture->storage, &fixture->call, NULL);
    g_assert_cmpstr(type, ==, "vhd");
}

static void
test_wrong_answer_is_bad_reply(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    StorageSizes sizes;
    g_assert_false(storage_sr_update(fixture->storage, &fixture->call, &sizes, &error));
    g_assert_cmpstr(storage_error_params(error)[0], ==, "bad reply");
    test_assert_error(&error, STORAGE_ERROR_BACKEND_REPLY, "SR_BACKEND_FAILURE", NULL);
}

static void
test_silent_scan_is_not_reported(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageScan) scan = storage_sr_scan(fixture->storage, &fixture->call, &error);
    g_assert_no_error(error);
    g_assert_false(scan->is_reported);
}

static void
test_every_call_is_logged(Fixture *fixture, gconstpointer data)
{
    g_assert_true(storage_sr_attach(fixture->storage, &fixture->call, NULL));
    g_assert_true(storage_sr_detach(fixture->storage, &fixture->call, NULL));
    g_autofree char *path = g_build_filename(fixture->plugins.state_directory, "storage-calls.log", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "\"call\":\"sr_attach\""));
    g_assert_nonnull(strstr(text, "\"call\":\"sr_detach\""));
    g_assert_null(strstr(text, "OpaqueRef:session"));
}

static void
test_unusable_state_directory_is_an_error(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const char *directories[] = {NULL};
    g_assert_null(storage_new(directories, "/proc/none", &error));
    test_assert_error(&error, STORAGE_ERROR_STATE, "INTERNAL_ERROR", NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer data);
    } tests[] = {
        {"create-passes-all-arguments", test_create_passes_all_arguments},
        {"capability-is-checked-before-the-call", test_capability_is_checked_before_the_call},
        {"unknown-type-is-refused", test_unknown_type_is_refused},
        {"type-is-found-in-any-case", test_type_is_found_in_any_case},
        {"changes-need-the-master", test_changes_need_the_master},
        {"unsafe-uuid-is-refused", test_unsafe_uuid_is_refused},
        {"probe-needs-no-sr", test_probe_needs_no_sr},
        {"content-type-is-read", test_content_type_is_read},
        {"wrong-answer-is-bad-reply", test_wrong_answer_is_bad_reply},
        {"silent-scan-is-not-reported", test_silent_scan_is_not_reported},
        {"every-call-is-logged-without-the-session", test_every_call_is_logged},
        {"unusable-state-directory-is-an-error", test_unusable_state_directory_is_an_error},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/storage/storage/", tests[i].name, NULL);
        g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
