/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Suspend and resume over the fake back end: the guest's memory comes back, whatever fails it is somewhere,
 * and nobody resumes from what does not fit. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "domain/image.h"
#include "domain/test_kit.h"

#define HALTED    DOMAIN_POWER_STATE_HALTED
#define RUNNING   DOMAIN_POWER_STATE_RUNNING
#define PAUSED    DOMAIN_POWER_STATE_PAUSED
#define SUSPENDED DOMAIN_POWER_STATE_SUSPENDED

static const DomainContext no_context = {0};

/* A service with a running VM "vm", and where its state is to go. */
typedef struct Fixture {
    Kit *kit;
    char *path;
    char *disk; /* the same as an argument */
    gint64 memory;
} Fixture;

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->kit = kit_new();
    fixture->path = g_build_filename(fixture->kit->dir, "image", NULL);
    fixture->disk = g_strdup_printf(", \"disk\": [\"Local\", \"%s\"]", fixture->path);
    kit_add_vm(fixture->kit, "vm", NULL);
    g_assert_true(kit_operate(fixture->kit, "Vm.start", "vm", "", &error));
    fixture->memory = domain_fake_memory(fixture->kit->backend, "vm");
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    kit_free(fixture->kit);
    g_free(fixture->path);
    g_free(fixture->disk);
}

static void
suspend(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    kit_operate(fixture->kit, "Vm.suspend", "vm", fixture->disk, &error);
    g_assert_no_error(error);
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, SUSPENDED);
    kit_assert_consistent(fixture->kit, "vm");
}

static void
assert_resumes(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    kit_operate(fixture->kit, "Vm.resume", "vm", fixture->disk, &error);
    g_assert_no_error(error);
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, RUNNING);
    g_assert_cmpint(domain_fake_memory(fixture->kit->backend, "vm"), ==, fixture->memory);
    kit_assert_consistent(fixture->kit, "vm");
}

static void
assert_refused(Fixture *fixture, const char *method, const char *args, const char *message)
{
    g_autoptr(GError) error = NULL;
    DomainPowerState before = kit_state(fixture->kit, "vm");
    g_assert_false(kit_operate(fixture->kit, method, "vm", args, &error));
    if (strstr(error->message, message) == NULL)
        g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, before);
    kit_assert_consistent(fixture->kit, "vm");
}

/* ---- There and back */

static void
test_round_trip(Fixture *fixture, gconstpointer data)
{
    g_auto(DomainVmEntry) entry = {0};
    for (guint i = 0; i < 2; i++) {
        suspend(fixture);
        kit_restart(fixture->kit);
        g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, SUSPENDED);
        assert_resumes(fixture);
        kit_restart(fixture->kit);
        g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, RUNNING);
    }
    g_assert_true(domain_client_vm_stat(fixture->kit->client, NULL, "vm", &entry, NULL));
    g_assert_cmpint(entry.state.domids.items[0], ==, 3);
}

static void
test_order(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *begin = domain_fake_log(fixture->kit->backend);
    const char *disk = ", \"disk\": [\"VDI\", \"sr/saved\"]";
    /* The fake storage has no files: the image cannot be opened, and all before it is undone. */
    g_assert_false(kit_operate(fixture->kit, "Vm.suspend", "vm", disk, &error));
    g_autofree char *log = domain_fake_log(fixture->kit->backend);
    g_assert_cmpstr(log + strlen(begin), ==,
                    "attach vbd/vm/suspend.image\nactivate vbd/vm/suspend.image\npause vm\n"
                    "abort-save vm\nunpause vm\n"
                    "deactivate vbd/vm/suspend.image\ndetach vbd/vm/suspend.image\n");
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, RUNNING);
    kit_assert_consistent(fixture->kit, "vm");
}

static void
test_resume_paused(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *args = g_strconcat(fixture->disk, ", \"paused\": true", NULL);
    suspend(fixture);
    g_assert_true(kit_operate(fixture->kit, "Vm.resume", "vm", args, &error));
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, PAUSED);
    g_assert_true(kit_operate(fixture->kit, "Vm.unpause", "vm", "", &error));
    g_assert_cmpint(domain_fake_memory(fixture->kit->backend, "vm"), ==, fixture->memory);
}

/* The configuration in force at the suspend is the one that comes back, whatever was registered meanwhile. */
static void
test_configuration_comes_back(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    suspend(fixture);
    value_unref(kit_must(fixture->kit, "Vm.add",
                         "[\"t\", {\"id\": \"vm\", \"name\": \"\", \"ty\": [\"HVM\", {}], \"vcpus\": 1,"
                         "\"memory_static_max\": 16777216, \"vcpu_max\": 1}]"));
    assert_resumes(fixture);
    g_auto(DomainVmEntry) entry = {0};
    g_assert_true(domain_client_vm_stat(fixture->kit->client, NULL, "vm", &entry, &error));
    g_assert_cmpint(entry.state.memory_target, ==, 268435456);
    g_assert_cmpint(entry.config.memory_static_max, ==, 16777216);
}

/* ---- States */

static void
test_states(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    assert_refused(fixture, "Vm.resume", fixture->disk, "Bad_power_state(Running, Suspended)");
    suspend(fixture);
    assert_refused(fixture, "Vm.suspend", fixture->disk, "Bad_power_state(Suspended, Running)");
    assert_refused(fixture, "Vm.start", "", "Bad_power_state(Suspended, Halted)");
    assert_refused(fixture, "Vm.create", "", "Bad_power_state(Suspended, Halted)");
    assert_refused(fixture, "Vm.pause", "", "Bad_power_state(Suspended, Running)");
    assert_refused(fixture, "Vm.unpause", "", "Bad_power_state(Suspended, Paused)");
    assert_refused(fixture, "Vm.reboot", "", "Bad_power_state(Suspended, Running)");
    assert_refused(fixture, "Vm.shutdown", ", \"clean_shutdown_timeout\": 1",
                   "Bad_power_state(Suspended, Running)");
    g_assert_true(kit_operate(fixture->kit, "Vm.destroy", "vm", "", &error)); /* there is no domain */
    assert_resumes(fixture);
    g_assert_true(kit_operate(fixture->kit, "Vm.pause", "vm", "", &error));
    assert_refused(fixture, "Vm.suspend", fixture->disk, "Bad_power_state(Paused, Running)");
}

static void
test_shutdown_drops_it(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    suspend(fixture);
    g_assert_true(kit_operate(fixture->kit, "Vm.shutdown", "vm", "", &error));
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, HALTED);
    kit_restart(fixture->kit);
    assert_refused(fixture, "Vm.resume", fixture->disk, "Bad_power_state(Halted, Suspended)");
    g_assert_true(kit_operate(fixture->kit, "Vm.start", "vm", "", &error));
    g_assert_cmpint(domain_fake_memory(fixture->kit->backend, "vm"), !=, fixture->memory);
}

static void
test_remove(Fixture *fixture, gconstpointer data)
{
    suspend(fixture);
    value_unref(kit_must(fixture->kit, "Vm.remove", "[\"t\", \"vm\"]"));
    kit_restart(fixture->kit);
    g_autoptr(Value) list = kit_must(fixture->kit, "Vm.list", "[\"test\"]");
    g_assert_cmpuint(value_size(list), ==, 0);
}

/* ---- Images that do not fit */

typedef struct ImageCase {
    const char *name;
    void (*spoil)(int fd);
    const char *message;
} ImageCase;

static void
spoil_magic(int fd)
{
    g_assert_cmpint(pwrite(fd, "Y", 1, 0), ==, 1);
}

static void
spoil_version(int fd)
{
    g_assert_cmpint(pwrite(fd, "\2", 1, 8), ==, 1);
}

static void
spoil_flag(int fd)
{
    g_assert_cmpint(pwrite(fd, "\0", 1, 12), ==, 1);
}

static void
spoil_length(int fd)
{
    g_assert_cmpint(pwrite(fd, "\377\377\377\377", 4, 16), ==, 4);
}

static void
spoil_description(int fd)
{
    g_assert_cmpint(pwrite(fd, "X", 1, 4096 + 10), ==, 1);
}

static void
spoil_state(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    g_assert_cmpint(pwrite(fd, "?", 1, (end - 1) / 4096 * 4096), ==, 1);
}

static void
cut_state(int fd)
{
    g_assert_cmpint(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), ==, 0);
}

static void
cut_all(int fd)
{
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
}

static const ImageCase images[] = {
    {"something-else", spoil_magic, "this is no suspend image"},
    {"a-later-version", spoil_version, "of another version"},
    {"not-completed", spoil_flag, "was not completed"},
    {"an-endless-description", spoil_length, "description is too long"},
    {"a-damaged-description", spoil_description, "description is damaged"},
    {"a-state-cut-off", cut_state, "is cut off"},
    {"an-empty-file", cut_all, "is cut off"},
    {"a-state-the-back-end-does-not-know", spoil_state, "no state of a fake guest"},
};

static void
test_bad_image(gconstpointer data)
{
    const ImageCase *row = data;
    Fixture fixture;
    fixture_set_up(&fixture, NULL);
    suspend(&fixture);
    g_autofree char *good = NULL;
    gsize length = 0;
    g_assert_true(base_file_read(fixture.path, 1 << 20, &good, &length, NULL));
    auto_fd fd = open(fixture.path, O_RDWR | O_CLOEXEC);
    row->spoil(fd);
    assert_refused(&fixture, "Vm.resume", fixture.disk, row->message);
    g_assert_true(base_file_write(fixture.path, good, length, 0600, NULL));
    assert_resumes(&fixture);
    fixture_tear_down(&fixture, NULL);
}

static void
test_others_images(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *older = g_build_filename(fixture->kit->dir, "older", NULL);
    g_autofree char *older_disk = g_strdup_printf(", \"disk\": [\"Local\", \"%s\"]", older);
    g_assert_true(kit_operate(fixture->kit, "Vm.suspend", "vm", older_disk, &error));
    g_assert_true(kit_operate(fixture->kit, "Vm.resume", "vm", older_disk, &error));
    suspend(fixture);
    assert_refused(fixture, "Vm.resume", older_disk, "not the one of this suspend");
    assert_refused(fixture, "Vm.resume", ", \"disk\": [\"Local\", \"/nowhere/image\"]", "No such file");
    assert_refused(fixture, "Vm.resume", ", \"disk\": [\"Local\", \"image\"]", "not an absolute path");
    assert_refused(fixture, "Vm.resume", ", \"disk\": [\"Local\", \"/dev/zero\"]", "neither a file nor");
    assert_refused(fixture, "Vm.resume", ", \"disk\": [\"VDI\", \"sr\"]", "not of the form SR/VDI");
    assert_resumes(fixture);
}

/* ---- Failures */

/* Whatever fails, the guest runs or is suspended, with its memory, and both can be gone on with. */
static void
assert_whole(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    domain_fake_fail_at(fixture->kit->backend, 0);
    gboolean is_there = domain_fake_n_guests(fixture->kit->backend) == 1;
    g_assert_cmpint(kit_state(fixture->kit, "vm") == SUSPENDED, ==, !is_there);
    if (!is_there && domain_fake_n_attached(fixture->kit->backend) > 0)
        return; /* detaching is what failed, and this storage, unlike others, does not attach again */
    kit_assert_consistent(fixture->kit, "vm");
    if (kit_state(fixture->kit, "vm") == PAUSED)
        kit_operate(fixture->kit, "Vm.unpause", "vm", "", &error);
    g_assert_no_error(error);
    if (kit_state(fixture->kit, "vm") == RUNNING)
        suspend(fixture);
    assert_resumes(fixture);
}

static void
test_faults(gconstpointer data)
{
    gboolean is_resume = GPOINTER_TO_INT(data);
    gboolean was_hit = TRUE;
    for (guint n = 1; was_hit; n++) {
        Fixture fixture;
        g_autoptr(GError) error = NULL;
        fixture_set_up(&fixture, NULL);
        if (is_resume)
            suspend(&fixture);
        domain_fake_fail_at(fixture.kit->backend, n);
        gboolean succeeded =
            kit_operate(fixture.kit, is_resume ? "Vm.resume" : "Vm.suspend", "vm", fixture.disk, &error);
        was_hit = domain_fake_has_failed(fixture.kit->backend);
        g_assert_cmpint(succeeded, ==, !was_hit);
        assert_whole(&fixture);
        fixture_tear_down(&fixture, NULL);
        g_assert_cmpuint(n, <, 100);
    }
}

static void
test_cancelled(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *params = g_strdup_printf("[{\"dbg\": \"t\", \"id\": \"vm\"%s}]", fixture->disk);
    domain_fake_block(fixture->kit->backend, TRUE);
    g_autofree char *task = kit_begin_operation(fixture->kit, "Vm.suspend", params);
    g_autofree char *wait = g_strdup_printf("[\"t\", \"%s\", 0.2, 60]", task);
    value_unref(kit_must(fixture->kit, "Task.wait", wait)); /* it is writing */
    g_autofree char *cancel = g_strdup_printf("[\"t\", \"%s\"]", task);
    value_unref(kit_must(fixture->kit, "Task.cancel", cancel));
    g_assert_false(domain_client_task_wait(fixture->kit->client, &no_context, task, &error));
    g_assert_true(domain_error_is(error, "Cancelled"));
    domain_fake_block(fixture->kit->backend, FALSE);
    g_assert_cmpint(kit_state(fixture->kit, "vm"), ==, RUNNING);
    assert_whole(fixture);
}

#define ADD(name, function)                                                                                  \
    g_test_add("/domain/suspend/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("memory-comes-back-over-restarts", test_round_trip);
    ADD("what-was-done-is-undone-in-order", test_order);
    ADD("a-guest-can-be-left-paused", test_resume_paused);
    ADD("the-configuration-in-force-comes-back", test_configuration_comes_back);
    ADD("other-states-are-refused", test_states);
    ADD("a-shutdown-drops-the-state", test_shutdown_drops_it);
    ADD("a-suspended-vm-can-be-removed", test_remove);
    ADD("images-of-others-are-refused", test_others_images);
    for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autofree char *path = g_strdup_printf("/domain/suspend/refused/%s", images[i].name);
        g_test_add_data_func(path, &images[i], test_bad_image);
    }
    g_test_add_data_func("/domain/suspend/whatever-fails-in-a-suspend", GINT_TO_POINTER(FALSE), test_faults);
    g_test_add_data_func("/domain/suspend/whatever-fails-in-a-resume", GINT_TO_POINTER(TRUE), test_faults);
    ADD("a-cancelled-suspend-leaves-the-guest-running", test_cancelled);
    return g_test_run();
}
