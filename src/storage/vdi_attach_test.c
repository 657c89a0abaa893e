/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Datapaths: which calls reach the plugin, who is refused, and what survives the end of this process. */
#include "storage/storage.h"

#include <glib/gstdio.h>
#include <string.h>

#include "storage/test_plugin.h"

/* Answers every call; a file <root>/bad makes vdi_attach do what is in it. */
#define BODY                                                                                                 \
    "if [ -e \"$root/bad\" ] && [ \"$call\" = vdi_attach ]; then . \"$root/bad\"; exit 0; fi\n"              \
    "case $call in vdi_attach) reply '/dev/fake';; *) nil;; esac"

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

/* The process ends and starts anew. */
static void
restart(Fixture *fixture)
{
    storage_free(fixture->storage);
    fixture->storage = test_plugins_storage(&fixture->plugins);
}

static void
assert_calls(Fixture *fixture, const char *expected)
{
    g_autofree char *calls = test_plugins_calls(&fixture->plugins);
    g_assert_cmpstr(calls, ==, expected);
}

static void
attach(Fixture *fixture, const char *dp, gboolean is_writable)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StorageAttachment) attachment =
        storage_vdi_attach(fixture->storage, &fixture->call, dp, is_writable, FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(attachment->path, ==, "/dev/fake");
    g_assert_cmpint(attachment->is_writable, ==, is_writable);
}

static void
activate(Fixture *fixture, const char *dp)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(storage_vdi_activate(fixture->storage, &fixture->call, dp, &error));
    g_assert_no_error(error);
}

static void
deactivate(Fixture *fixture, const char *dp)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(storage_vdi_deactivate(fixture->storage, &fixture->call, dp, &error));
    g_assert_no_error(error);
}

static void
detach(Fixture *fixture, const char *dp)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(storage_vdi_detach(fixture->storage, &fixture->call, dp, &error));
    g_assert_no_error(error);
}

static guint
count_datapaths(Fixture *fixture)
{
    g_autoptr(GPtrArray) list = storage_datapaths(fixture->storage, NULL);
    return list->len;
}

static void
refuse_attach(Fixture *fixture, const char *dp, gboolean is_writable, gboolean is_sharable)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(storage_vdi_attach(fixture->storage, &fixture->call, dp, is_writable, is_sharable, &error));
    test_assert_error(&error, STORAGE_ERROR_VDI_IN_USE, "VDI_IN_USE", "OpaqueRef:vdi|attach");
}

/* ---- One user and several ---- */

static void
test_one_user_goes_all_the_way(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    deactivate(fixture, "a");
    detach(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_activate vdi_deactivate vdi_detach ");
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
}

static void
test_repeating_makes_no_calls(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    activate(fixture, "a");
    deactivate(fixture, "a");
    deactivate(fixture, "a");
    detach(fixture, "a");
    detach(fixture, "a");
    deactivate(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_activate vdi_deactivate vdi_detach ");
}

static void
test_readers_share_one_attachment(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", FALSE);
    attach(fixture, "b", FALSE);
    activate(fixture, "a");
    activate(fixture, "b");
    assert_calls(fixture, "vdi_attach vdi_activate ");

    deactivate(fixture, "a");
    detach(fixture, "a");
    assert_calls(fixture, "");
    deactivate(fixture, "b");
    detach(fixture, "b");
    assert_calls(fixture, "vdi_deactivate vdi_detach ");
}

static void
test_writer_must_be_alone(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    refuse_attach(fixture, "b", TRUE, FALSE);
    refuse_attach(fixture, "b", FALSE, FALSE);
    detach(fixture, "a");
    attach(fixture, "b", FALSE);
    refuse_attach(fixture, "c", TRUE, FALSE);
    g_assert_cmpuint(count_datapaths(fixture), ==, 1);
}

static void
test_asking_for_more_than_before_is_refused(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", FALSE);
    refuse_attach(fixture, "a", TRUE, FALSE);
    refuse_attach(fixture, "a", TRUE, TRUE);
}

static void
test_sharable_disk_takes_writers(Fixture *fixture, gconstpointer data)
{
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(StorageAttachment) attachment =
            storage_vdi_attach(fixture->storage, &fixture->call, i == 0 ? "a" : "b", i == 1, TRUE, &error);
        g_assert_no_error(error);
        g_assert_nonnull(attachment);
    }
    /* The second one writes: the plugin must hear of it. */
    assert_calls(fixture, "vdi_attach vdi_attach ");
    activate(fixture, "a");
    activate(fixture, "b");
    assert_calls(fixture, "vdi_activate vdi_activate ");
}

static void
test_activate_needs_attach(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(storage_vdi_activate(fixture->storage, &fixture->call, "a", &error));
    test_assert_error(&error, STORAGE_ERROR_DATAPATH, "INTERNAL_ERROR", NULL);
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
}

static void
test_detach_deactivates(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    detach(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_activate vdi_deactivate vdi_detach ");
}

static void
test_capability_less_plugin_is_not_activated(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->plugins.plugin_directory, "FakeSR", NULL);
    g_autofree char *script = NULL;
    g_assert_true(g_file_get_contents(path, &script, NULL, NULL));
    g_autoptr(GString) text = g_string_new(script);
    g_string_replace(text, "<value>VDI_ACTIVATE</value><value>VDI_DEACTIVATE</value>", "", 0);
    test_plugins_write_raw(&fixture->plugins, "FakeSR", text->str, 0700);
    storage_rescan_plugins(fixture->storage);

    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    deactivate(fixture, "a");
    detach(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_detach ");
}

/* ---- What a used disk forbids ---- */

static void
test_used_disk_is_not_deleted_or_resized(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    attach(fixture, "a", FALSE);
    assert_calls(fixture, "vdi_attach ");

    g_assert_false(storage_vdi_delete(fixture->storage, &fixture->call, &error));
    test_assert_error(&error, STORAGE_ERROR_VDI_IN_USE, "VDI_IN_USE", "OpaqueRef:vdi|destroy");
    g_assert_null(storage_vdi_resize(fixture->storage, &fixture->call, 1, &error));
    test_assert_error(&error, STORAGE_ERROR_VDI_IN_USE, "VDI_IN_USE", "OpaqueRef:vdi|resize");
    g_assert_false(storage_sr_detach(fixture->storage, &fixture->call, &error));
    test_assert_error(&error, STORAGE_ERROR_SR_IN_USE, "SR_DEVICE_IN_USE", "");
    g_assert_false(storage_sr_delete(fixture->storage, &fixture->call, &error));
    test_assert_error(&error, STORAGE_ERROR_SR_IN_USE, "SR_DEVICE_IN_USE", "");
    assert_calls(fixture, "");

    detach(fixture, "a");
    g_assert_true(storage_vdi_delete(fixture->storage, &fixture->call, &error));
    g_assert_true(storage_sr_detach(fixture->storage, &fixture->call, &error));
}

/* ---- Failures ---- */

static void
make_attach_bad(Fixture *fixture, const char *lines)
{
    g_autofree char *path = g_build_filename(fixture->plugins.root, "bad", NULL);
    if (lines == NULL)
        g_unlink(path);
    else
        g_assert_true(g_file_set_contents(path, lines, -1, NULL));
}

static void
test_fault_leaves_no_use(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    make_attach_bad(fixture, "fault 46 x");
    g_assert_null(storage_vdi_attach(fixture->storage, &fixture->call, "a", TRUE, FALSE, &error));
    test_assert_error(&error, STORAGE_ERROR_BACKEND_FAULT, "SR_BACKEND_FAILURE_46", NULL);
    assert_calls(fixture, "vdi_attach ");
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
    restart(fixture);
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
}

static void
test_crash_in_attach_is_detached(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    make_attach_bad(fixture, "exit 7");
    g_assert_null(storage_vdi_attach(fixture->storage, &fixture->call, "a", TRUE, FALSE, &error));
    test_assert_error(&error, STORAGE_ERROR_BACKEND_EXIT, "SR_BACKEND_FAILURE", NULL);
    assert_calls(fixture, "vdi_attach vdi_detach ");
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);

    make_attach_bad(fixture, NULL);
    attach(fixture, "b", TRUE);
}

/* ---- Restarts ---- */

static void
test_state_survives_restart(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_activate ");
    restart(fixture);

    g_autoptr(GPtrArray) list = storage_datapaths(fixture->storage, TEST_SR_UUID);
    g_assert_cmpuint(list->len, ==, 1);
    const StorageDatapath *datapath = list->pdata[0];
    g_assert_cmpstr(datapath->dp, ==, "a");
    g_assert_cmpstr(datapath->vdi_uuid, ==, TEST_VDI_UUID);
    g_assert_true(datapath->is_writable && datapath->is_activated && !datapath->is_pending);

    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    refuse_attach(fixture, "b", FALSE, FALSE);
    assert_calls(fixture, "");
    detach(fixture, "a");
    assert_calls(fixture, "vdi_deactivate vdi_detach ");
    restart(fixture);
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
}

/* A process killed within vdi_attach leaves what it wrote before: a pending use. */
static void
test_pending_use_is_attached_anew(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    assert_calls(fixture, "vdi_attach ");
    storage_free(g_steal_pointer(&fixture->storage));
    g_autofree char *path = g_strconcat(fixture->plugins.state_directory,
                                        "/datapaths/" TEST_SR_UUID "_" TEST_VDI_UUID ".json", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) pending = g_string_new(text);
    g_assert_cmpuint(g_string_replace(pending, "\"pending\":false", "\"pending\":true", 0), ==, 1);
    char *attachment = strstr(pending->str, ",\"attachment\"");
    g_assert_nonnull(attachment);
    g_string_truncate(pending, (gsize)(attachment - pending->str));
    g_string_append(pending, "}");
    g_assert_true(g_file_set_contents(path, pending->str, -1, NULL));
    fixture->storage = test_plugins_storage(&fixture->plugins);

    refuse_attach(fixture, "b", TRUE, FALSE);
    attach(fixture, "a", TRUE);
    assert_calls(fixture, "vdi_attach ");
    detach(fixture, "a");
    assert_calls(fixture, "vdi_deactivate vdi_detach ");
}

static void
test_state_of_another_boot_is_dropped(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    storage_free(g_steal_pointer(&fixture->storage));
    g_autofree char *path = g_strconcat(fixture->plugins.state_directory,
                                        "/datapaths/" TEST_SR_UUID "_" TEST_VDI_UUID ".json", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) other = g_string_new(text);
    g_assert_cmpuint(g_string_replace(other, "\"boot\":\"", "\"boot\":\"x", 0), ==, 1);
    g_assert_true(g_file_set_contents(path, other->str, -1, NULL));

    fixture->storage = test_plugins_storage(&fixture->plugins);
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
detach_left(Fixture *fixture, const char *dp)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(storage_vdi_detach_left(fixture->storage, &fixture->call, dp, &error));
    g_assert_no_error(error);
}

static void
test_what_was_left_can_be_detached(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    activate(fixture, "a");
    restart(fixture);
    detach_left(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_activate vdi_deactivate vdi_detach ");
    g_assert_cmpuint(count_datapaths(fixture), ==, 0);
    detach_left(fixture, "a");
}

static void
test_user_who_is_back_keeps_it(Fixture *fixture, gconstpointer data)
{
    attach(fixture, "a", TRUE);
    detach_left(fixture, "a");
    restart(fixture);
    attach(fixture, "a", TRUE);
    detach_left(fixture, "a");
    restart(fixture);
    activate(fixture, "a");
    detach_left(fixture, "a");
    assert_calls(fixture, "vdi_attach vdi_activate ");
    g_assert_cmpuint(count_datapaths(fixture), ==, 1);
}

/* ---- Threads ---- */

typedef struct Worker {
    Fixture *fixture;
    char dp[8];
    gboolean has_won;
} Worker;

static gpointer
try_to_attach(gpointer data)
{
    Worker *worker = data;
    g_autoptr(StorageAttachment) attachment =
        storage_vdi_attach(worker->fixture->storage, &worker->fixture->call, worker->dp, TRUE, FALSE, NULL);
    worker->has_won = attachment != NULL;
    return NULL;
}

static void
test_one_of_many_writers_wins(Fixture *fixture, gconstpointer data)
{
    Worker workers[8];
    GThread *threads[G_N_ELEMENTS(workers)];
    guint n_won = 0;

    for (guint i = 0; i < G_N_ELEMENTS(workers); i++) {
        workers[i].fixture = fixture;
        g_snprintf(workers[i].dp, sizeof(workers[i].dp), "dp%u", i);
        threads[i] = g_thread_new(workers[i].dp, try_to_attach, &workers[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(workers); i++) {
        g_thread_join(threads[i]);
        n_won += workers[i].has_won ? 1 : 0;
    }
    g_assert_cmpuint(n_won, ==, 1);
    assert_calls(fixture, "vdi_attach ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer data);
    } tests[] = {
        {"one-user-goes-all-the-way", test_one_user_goes_all_the_way},
        {"repeating-makes-no-calls", test_repeating_makes_no_calls},
        {"readers-share-one-attachment", test_readers_share_one_attachment},
        {"writer-must-be-alone", test_writer_must_be_alone},
        {"asking-for-more-than-before-is-refused", test_asking_for_more_than_before_is_refused},
        {"sharable-disk-takes-writers", test_sharable_disk_takes_writers},
        {"activate-needs-attach", test_activate_needs_attach},
        {"detach-deactivates", test_detach_deactivates},
        {"plugin-without-activation-is-not-asked", test_capability_less_plugin_is_not_activated},
        {"used-disk-is-not-deleted-or-resized", test_used_disk_is_not_deleted_or_resized},
        {"fault-leaves-no-use", test_fault_leaves_no_use},
        {"crash-in-attach-is-detached", test_crash_in_attach_is_detached},
        {"state-survives-restart", test_state_survives_restart},
        {"pending-use-is-attached-anew", test_pending_use_is_attached_anew},
        {"state-of-another-boot-is-dropped", test_state_of_another_boot_is_dropped},
        {"what-was-left-can-be-detached", test_what_was_left_can_be_detached},
        {"user-who-is-back-keeps-it", test_user_who_is_back_keeps_it},
        {"one-of-many-writers-wins", test_one_of_many_writers_wins},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/storage/vdi_attach/", tests[i].name, NULL);
        g_test_add(path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
