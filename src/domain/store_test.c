/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state directory: what is written is read again, what is removed is gone, names are checked, half-made
 * folders are passed over. */
#include "domain/store.h"

#include <string.h>

#include "base/error.h"
#include "domain/test_kit.h"

/* The folder is a kit's, so that it is tidied up; its service has ended. */
typedef struct Fixture {
    Kit *kit;
    DomainStore *store;
} Fixture;

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->kit = kit_new();
    kit_add_vm(fixture->kit, "vm", NULL);
    kit_stop(fixture->kit);
    fixture->store = domain_store_open(fixture->kit->dir, &error);
    g_assert_no_error(error);
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    domain_store_free(fixture->store);
    kit_free(fixture->kit);
}

static void
test_run_files(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree DomainStoreRun *run = NULL;
    g_autofree DomainStoreJournal *journal = NULL;
    g_assert_true(domain_store_load_run(fixture->store, "vm", &run, &error));
    g_assert_null(run);
    g_assert_true(domain_store_make_run_dir(fixture->store, "vm", &error));
    DomainStoreRun written = {.domid = 7, .pid = 42, .rtc_timeoffset = (char *)"-60"};
    DomainStoreJournal line = {.plan = (char *)"start", .step = (char *)"create"};
    g_assert_true(domain_store_save_run(fixture->store, "vm", &written, &error));
    g_assert_true(domain_store_save_journal(fixture->store, "vm", &line, &error));
    g_assert_true(domain_store_load_run(fixture->store, "vm", &run, &error));
    g_assert_cmpint(run->pid, ==, 42);
    g_assert_cmpstr(run->rtc_timeoffset, ==, "-60");
    domain_store_run_clear(run);
    g_assert_true(domain_store_clear_run_dir(fixture->store, "vm", &error));
    g_assert_true(domain_store_load_journal(fixture->store, "vm", &journal, &error));
    g_assert_cmpstr(journal->step, ==, "create"); /* outlives what its plan clears */
    domain_store_journal_clear(journal);
    g_clear_pointer(&journal, g_free);
    g_assert_true(domain_store_save_journal(fixture->store, "vm", NULL, &error));
    g_assert_true(domain_store_load_journal(fixture->store, "vm", &journal, &error));
    g_assert_null(journal);
    g_assert_no_error(error);
}

static void
test_empty_run_files(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree DomainStoreRun *run = NULL;
    g_autofree DomainStoreJournal *journal = NULL;
    g_autofree char *dir = domain_store_run_dir(fixture->store, "vm");
    g_autofree char *state_path = g_build_filename(dir, "state.json", NULL);
    g_autofree char *journal_path = g_build_filename(dir, "journal", NULL);
    g_assert_true(domain_store_make_run_dir(fixture->store, "vm", &error));
    g_assert_true(g_file_set_contents(state_path, "", 0, NULL));
    g_assert_true(g_file_set_contents(journal_path, "", 0, NULL));
    g_assert_true(domain_store_load_run(fixture->store, "vm", &run, &error));
    g_assert_true(domain_store_load_journal(fixture->store, "vm", &journal, &error));
    g_assert_null(run);
    g_assert_null(journal);
    g_assert_no_error(error);
}

static void
test_serial_log(Fixture *fixture, gconstpointer data)
{
    g_autofree char *dir = domain_store_run_dir(fixture->store, "vm");
    g_autofree char *log = g_build_filename(dir, "serial.log", NULL);
    g_autofree char *socket = g_build_filename(dir, "qmp.sock", NULL);
    g_assert_true(domain_store_make_run_dir(fixture->store, "vm", NULL));
    g_assert_true(g_file_set_contents(log, "x", 1, NULL));
    g_assert_true(g_file_set_contents(socket, "x", 1, NULL));
    g_assert_true(domain_store_make_run_dir(fixture->store, "vm", NULL));
    g_assert_true(g_file_test(log, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(socket, G_FILE_TEST_EXISTS));
}

static void
test_domids(Fixture *fixture, gconstpointer data)
{
    gint64 first = 0, second = 0;
    g_assert_true(domain_store_next_domid(fixture->store, &first, NULL));
    domain_store_free(fixture->store);
    fixture->store = domain_store_open(fixture->kit->dir, NULL);
    g_assert_true(domain_store_next_domid(fixture->store, &second, NULL));
    g_assert_cmpint(second, ==, first + 1);
}

static void
test_removal(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *left_over = g_build_filename(fixture->kit->dir, "vms", "half-made", NULL);
    g_assert_true(domain_store_make_run_dir(fixture->store, "vm", &error));
    g_assert_true(domain_store_remove(fixture->store, "vm", &error));
    g_assert_cmpint(g_mkdir_with_parents(left_over, 0700), ==, 0);
    g_auto(GStrv) ids = domain_store_list(fixture->store, &error);
    g_assert_cmpuint(g_strv_length(ids), ==, 0);
    g_assert_no_error(error);
}

static void
test_ids(Fixture *fixture, gconstpointer data)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "a/b",
        "a,b",
        "a\nb",
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    g_assert_true(domain_store_check_id(fixture->store, "6c1f0d1c-6c1b-4a70-9c1c-0d5f6b1f7a11", NULL));
    g_assert_true(domain_store_check_id(fixture->store, "my.vm_1", NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(domain_store_check_id(fixture->store, bad[i], &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    }
}

#define ADD(path, function)                                                                                  \
    g_test_add("/domain/store/" path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("run-files-are-read-again", test_run_files);
    ADD("empty-run-files-count-as-absent", test_empty_run_files);
    ADD("the-serial-log-outlives-the-domain", test_serial_log);
    ADD("domids-only-grow", test_domids);
    ADD("a-removed-vm-is-gone-and-half-made-ones-are-not-listed", test_removal);
    ADD("ids-are-safe-names", test_ids);
    return g_test_run();
}
