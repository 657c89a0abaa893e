/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans over the fake back end: states, order, failure at every step, cancelling, and taking up after a crash
 * at every step. */
#include "domain/plan.h"

#include <string.h>

#include "base/error.h"
#include "domain/test_kit.h"

static const DomainContext no_context = {0};

/* ---- Tables */

static void
test_plan_table(void)
{
    for (const DomainPlan *plan = domain_plans; plan->name != NULL; plan++) {
        g_assert_true(domain_plan_find(plan->name) == plan);
        g_assert_nonnull(plan->steps[0].name);
        if (plan->finish_with != NULL)
            g_assert_nonnull(domain_plan_find(plan->finish_with));
    }
    g_assert_null(domain_plan_find("fly"));
}

typedef struct StateCase {
    const char *method;
    const char *args; /* JSON text after the id */
    DomainPowerState from;
    DomainPowerState to;
    const char *error; /* NULL: it succeeds */
} StateCase;

#define HALTED  DOMAIN_POWER_STATE_HALTED
#define RUNNING DOMAIN_POWER_STATE_RUNNING
#define PAUSED  DOMAIN_POWER_STATE_PAUSED

/* clang-format off */
static const StateCase states[] = {
    {"Vm.start",    "",                                 HALTED,  RUNNING, NULL},
    {"Vm.start",    ", \"paused\": true",               HALTED,  PAUSED,  NULL},
    {"Vm.start",    "",                                 RUNNING, RUNNING, "Bad_power_state(Running, Halted)"},
    {"Vm.start",    "",                                 PAUSED,  PAUSED,  "Bad_power_state(Paused, Halted)"},
    {"Vm.shutdown", "",                                 RUNNING, HALTED,  NULL},
    {"Vm.shutdown", "",                                 PAUSED,  HALTED,  NULL},
    {"Vm.shutdown", "",                                 HALTED,  HALTED,  "Bad_power_state(Halted, Running)"},
    {"Vm.shutdown", ", \"clean_shutdown_timeout\": 60", RUNNING, HALTED,  NULL},
    {"Vm.shutdown", ", \"clean_shutdown_timeout\": 60", PAUSED,  PAUSED,  "Bad_power_state(Paused, Running)"},
    {"Vm.reboot",   "",                                 RUNNING, RUNNING, NULL},
    {"Vm.reboot",   ", \"clean_shutdown_timeout\": 60", RUNNING, RUNNING, NULL},
    {"Vm.reboot",   "",                                 HALTED,  HALTED,  "Bad_power_state(Halted, Running)"},
    {"Vm.pause",    "",                                 RUNNING, PAUSED,  NULL},
    {"Vm.pause",    "",                                 PAUSED,  PAUSED,  "Bad_power_state(Paused, Running)"},
    {"Vm.pause",    "",                                 HALTED,  HALTED,  "Bad_power_state(Halted, Running)"},
    {"Vm.unpause",  "",                                 PAUSED,  RUNNING, NULL},
    {"Vm.unpause",  "",                                 RUNNING, RUNNING, NULL},
    {"Vm.unpause",  "",                                 HALTED,  HALTED,  "Bad_power_state(Halted, Paused)"},
    {"Vm.destroy",  "",                                 RUNNING, HALTED,  NULL},
    {"Vm.destroy",  "",                                 PAUSED,  HALTED,  NULL},
    {"Vm.destroy",  "",                                 HALTED,  HALTED,  NULL},
    {"Vm.create",   "",                                 RUNNING, RUNNING, "Bad_power_state(Running, Halted)"},
    {"Vm.build",    "",                                 HALTED,  HALTED,  "Bad_power_state(Halted, Paused)"},
    {"Vm.build",    "",                                 PAUSED,  PAUSED,  "Already_exists()"},
};
/* clang-format on */

static gboolean
operate(Kit *kit, const char *method, const char *id, const char *args, GError **error)
{
    return kit_operate(kit, method, id, args, error);
}

static void
bring_to(Kit *kit, const char *id, DomainPowerState state)
{
    g_autoptr(GError) error = NULL;
    if (state != HALTED)
        operate(kit, "Vm.start", id, state == PAUSED ? ", \"paused\": true" : "", &error);
    g_assert_no_error(error);
    g_assert_cmpint(kit_state(kit, id), ==, state);
}

static void
test_state(gconstpointer data)
{
    const StateCase *row = data;
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    bring_to(kit, "vm", row->from);
    gboolean succeeded = operate(kit, row->method, "vm", row->args, &error);
    g_assert_cmpstr(error == NULL ? NULL : error->message, ==, row->error);
    g_assert_cmpint(succeeded, ==, row->error == NULL);
    g_assert_cmpint(kit_state(kit, "vm"), ==, row->to);
    kit_assert_consistent(kit, "vm");
}

static void
test_by_hand(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    g_assert_true(operate(kit, "Vm.create", "vm", "", &error));
    g_assert_cmpint(kit_state(kit, "vm"), ==, PAUSED);
    g_assert_false(operate(kit, "Vm.unpause", "vm", "", &error));
    g_assert_true(domain_error_is(error, "Domain_not_built"));
    g_clear_error(&error);
    g_assert_false(operate(kit, "Vm.create_device_model", "vm", ", \"is_resuming\": false", &error));
    g_assert_true(domain_error_is(error, "Domain_not_built"));
    g_clear_error(&error);
    g_assert_true(operate(kit, "Vm.build", "vm", "", &error));
    g_assert_true(operate(kit, "Vm.create_device_model", "vm", ", \"is_resuming\": false", &error));
    g_assert_true(operate(kit, "Vm.unpause", "vm", "", &error));
    g_assert_no_error(error);
    kit_assert_consistent(kit, "vm");
}

/* ---- Order */

static void
test_start_order(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    g_assert_true(operate(kit, "Vm.start", "vm", "", &error));
    g_assert_true(operate(kit, "Vm.shutdown", "vm", "", &error));
    g_autofree char *log = domain_fake_log(kit->backend);
    g_assert_cmpstr(
        log, ==,
        "create vm\nbuild vm\n"
        "attach vbd/vm/xvda\nactivate vbd/vm/xvda\nattach vbd/vm/xvdb\nactivate vbd/vm/xvdb\n"
        "start vm\nunpause vm\n"
        "stop vm\n"
        "deactivate vbd/vm/xvdb\ndetach vbd/vm/xvdb\ndeactivate vbd/vm/xvda\ndetach vbd/vm/xvda\n");
}

/* Everything is asked for before anything has ended; it is done in that order. */
static void
test_queue_order(void)
{
    static const char *const methods[] = {"Vm.start", "Vm.pause",   "Vm.unpause", "Vm.reboot",
                                          "Vm.pause", "Vm.destroy", "Vm.start"};
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", NULL);
    domain_fake_block(kit->backend, TRUE);
    char *tasks[G_N_ELEMENTS(methods)];
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        tasks[i] = kit_begin_operation(kit, methods[i], "[\"test\", \"vm\"]");
    domain_fake_block(kit->backend, FALSE);
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autoptr(GError) error = NULL;
        domain_client_task_wait(kit->client, &no_context, tasks[i], &error);
        g_assert_no_error(error);
        g_free(tasks[i]);
    }
    g_assert_cmpint(kit_state(kit, "vm"), ==, RUNNING);
    kit_assert_consistent(kit, "vm");
}

/* One VM waits for its storage; another starts meanwhile. */
static void
test_vms_are_parallel(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "slow", NULL);
    value_unref(kit_must(
        kit, "Vm.add",
        "[\"t\", {\"id\": \"quick\", \"name\": \"\", \"ty\": [\"HVM\", {}], \"memory_static_max\": 16777216,"
        "\"vcpu_max\": 1, \"vcpus\": 1}]"));
    domain_fake_block(kit->backend, TRUE);
    g_autofree char *slow = kit_begin_operation(kit, "Vm.start", "[\"test\", \"slow\"]");
    g_assert_true(operate(kit, "Vm.start", "quick", "", &error));
    g_assert_cmpint(kit_state(kit, "quick"), ==, RUNNING);
    domain_fake_block(kit->backend, FALSE);
    g_assert_true(domain_client_task_wait(kit->client, &no_context, slow, &error));
}

/* ---- Failures */

typedef struct FaultCase {
    const char *name;
    const char *method;
    const char *args;
    DomainPowerState from;
} FaultCase;

static const FaultCase faults[] = {
    {"start", "Vm.start", "", HALTED},
    {"shutdown", "Vm.shutdown", "", RUNNING},
    {"clean-shutdown", "Vm.shutdown", ", \"clean_shutdown_timeout\": 60", RUNNING},
    {"reboot", "Vm.reboot", "", RUNNING},
    {"clean-reboot", "Vm.reboot", ", \"clean_shutdown_timeout\": 60", RUNNING},
    {"destroy", "Vm.destroy", "", PAUSED},
    {"pause", "Vm.pause", "", RUNNING},
};

/* A guest that goes down while the operation on it fails is noticed a moment after the failure. No guest that
 * has ended is left, and state and guests agree, once its end has been dealt with, which the service tells in
 * an update. Ended guests are looked for first: from then on the number of guests stays as it is. */
static void
await_agreement(Kit *kit)
{
    gint64 last = 0;
    while (domain_fake_n_ended(kit->backend) > 0 ||
           (kit_state(kit, "vm") == HALTED) != (domain_fake_n_guests(kit->backend) == 0)) {
        g_autoptr(GError) error = NULL;
        g_auto(DomainUpdatesDelta) delta = {0};
        domain_client_updates_get(kit->client, NULL, last, -1, &delta, &error);
        g_assert_no_error(error);
        last = delta.next;
    }
}

/* What must be so whatever failed: nothing is attached to, or at work for, a VM that is Halted, unless taking
 * it away is what failed. */
static void
assert_nothing_leaks(Kit *kit, gboolean failed)
{
    await_agreement(kit);
    if (kit_state(kit, "vm") == HALTED) {
        g_assert_cmpuint(domain_fake_n_guests(kit->backend), ==, 0);
        if (!failed)
            g_assert_cmpuint(domain_fake_n_attached(kit->backend), ==, 0);
    } else {
        g_assert_cmpuint(domain_fake_n_guests(kit->backend), ==, 1);
    }
}

/* Makes call after call fail, until the operation has none left to fail. */
static void
test_fault(gconstpointer data)
{
    const FaultCase *row = data;
    for (guint n = 1;; n++) {
        g_autoptr(Kit) kit = kit_new();
        g_autoptr(GError) error = NULL;
        kit_add_vm(kit, "vm", NULL);
        bring_to(kit, "vm", row->from);
        domain_fake_fail_at(kit->backend, n);
        gboolean succeeded = operate(kit, row->method, "vm", row->args, &error);
        gboolean was_hit = domain_fake_has_failed(kit->backend);
        g_assert_cmpint(succeeded, ==, !was_hit);
        if (was_hit)
            g_assert_true(domain_error_is(error, "Internal_error"));
        assert_nothing_leaks(kit, was_hit && row->from != HALTED);
        if (row->from == HALTED)
            kit_assert_consistent(kit, "vm");
        /* The VM is as good as before: it can be taken away and started. */
        domain_fake_fail_at(kit->backend, 0);
        g_clear_error(&error);
        g_assert_true(operate(kit, "Vm.destroy", "vm", "", &error));
        g_assert_cmpint(kit_state(kit, "vm"), ==, HALTED);
        if (!was_hit)
            break;
        g_assert_cmpuint(n, <, 100);
    }
}

/* ---- Waiting for a guest */

static guint
n_presses(Kit *kit)
{
    g_autofree char *log = domain_fake_log(kit->backend);
    guint n = 0;
    for (const char *at = log; (at = strstr(at, "ask-shutdown")) != NULL; at++)
        n++;
    return n;
}

static gboolean
has_ended(Kit *kit, const char *task)
{
    g_autofree char *params = g_strdup_printf("[\"test\", \"%s\"]", task);
    g_autoptr(Value) state = kit_must(kit, "Task.stat", params);
    Value *tag = value_array_get(value_map_get(state, "result"), 0);
    return strcmp(value_get_string(tag), "Pending") != 0;
}

typedef struct StubbornCase {
    const char *shutdown; /* how the guest takes it */
    const char *error;
    gboolean is_asked_again;
} StubbornCase;

static const StubbornCase stubborn_cases[] = {
    {"ignore", "Failed_to_achnowledge_shutdown_request()", TRUE},
    {"stall", "Failed_to_shutdown()", FALSE},
};

/* The clock is moved only while the operation is parked on its timer. */
static void
test_stubborn_guest(gconstpointer data)
{
    const StubbornCase *row = data;
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *members =
        g_strdup_printf(", \"platformdata\": {\"fake-shutdown\": \"%s\"}", row->shutdown);
    kit_add_vm(kit, "vm", members);
    bring_to(kit, "vm", RUNNING);
    g_autofree char *task = kit_begin_operation(kit, "Vm.shutdown", "[\"test\", \"vm\", 30]");
    while (!has_ended(kit, task)) {
        if (domain_clock_has_timers(kit->clock))
            domain_clock_advance(kit->clock, G_USEC_PER_SEC);
        g_thread_yield();
    }
    g_assert_false(domain_client_task_wait(kit->client, &no_context, task, &error));
    g_assert_cmpstr(error->message, ==, row->error);
    if (row->is_asked_again)
        g_assert_cmpuint(n_presses(kit), >, 3);
    else
        g_assert_cmpuint(n_presses(kit), ==, 1);
    g_assert_cmpint(kit_state(kit, "vm"), ==, RUNNING);
    kit_assert_consistent(kit, "vm");
}

static void
test_cancel_while_waiting_for_guest(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", ", \"platformdata\": {\"fake-shutdown\": \"ignore\"}");
    bring_to(kit, "vm", RUNNING);
    g_autofree char *task = kit_begin_operation(kit, "Vm.shutdown", "[\"test\", \"vm\", 3600]");
    g_autofree char *queued = kit_begin_operation(kit, "Vm.pause", "[\"test\", \"vm\"]");
    g_autofree char *cancel_queued = g_strdup_printf("[\"t\", \"%s\"]", queued);
    g_autofree char *cancel = g_strdup_printf("[\"t\", \"%s\"]", task);
    value_unref(kit_must(kit, "Task.cancel", cancel_queued));
    g_assert_false(domain_client_task_wait(kit->client, &no_context, queued, &error));
    g_assert_true(domain_error_is(error, "Cancelled"));
    g_clear_error(&error);
    value_unref(kit_must(kit, "Task.cancel", cancel));
    g_assert_false(domain_client_task_wait(kit->client, &no_context, task, &error));
    g_assert_true(domain_error_is(error, "Cancelled"));
    g_assert_cmpint(kit_state(kit, "vm"), ==, RUNNING);
}

static void
test_cancel_in_storage(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    domain_fake_block(kit->backend, TRUE);
    g_autofree char *task = kit_begin_operation(kit, "Vm.start", "[\"test\", \"vm\"]");
    kit_await_state(kit, "vm", PAUSED); /* created, and on its way to its disks */
    g_autofree char *cancel = g_strdup_printf("[\"t\", \"%s\"]", task);
    value_unref(kit_must(kit, "Task.cancel", cancel));
    g_assert_false(domain_client_task_wait(kit->client, &no_context, task, &error));
    g_assert_true(domain_error_is(error, "Cancelled"));
    kit_assert_consistent(kit, "vm");
    g_assert_cmpint(kit_state(kit, "vm"), ==, HALTED);
}

/* ---- Guests that end by themselves */

typedef struct EndCase {
    const char *name;
    DomainGuestEvent event;
    const char *members; /* of the VM */
    DomainPowerState to;
} EndCase;

static const EndCase ends[] = {
    {"shutdown-without-actions-is-halted", DOMAIN_GUEST_POWERED_OFF, "", HALTED},
    {"shutdown-with-start-is-running", DOMAIN_GUEST_POWERED_OFF, ", \"on_shutdown\": [\"Start\"]", RUNNING},
    {"reboot-with-start-is-running", DOMAIN_GUEST_RESET, ", \"on_reboot\": [\"Start\"]", RUNNING},
    {"reboot-with-shutdown-is-halted", DOMAIN_GUEST_RESET, ", \"on_reboot\": [\"Shutdown\"]", HALTED},
    {"crash-with-start-is-running", DOMAIN_GUEST_CRASHED, ", \"on_crash\": [\"Coredump\", \"Start\"]",
     RUNNING},
    {"crash-with-shutdown-is-halted", DOMAIN_GUEST_CRASHED, ", \"on_crash\": [\"Shutdown\"]", HALTED},
    {"lost-process-is-halted", DOMAIN_GUEST_GONE, "", HALTED},
    {"lost-process-with-start-is-running", DOMAIN_GUEST_GONE, ", \"on_crash\": [\"Start\"]", RUNNING},
};

static void
await_next_domain(Kit *kit, gint64 domid)
{
    gint64 last = 0;
    for (;;) {
        g_auto(DomainVmEntry) entry = {0};
        g_auto(DomainUpdatesDelta) delta = {0};
        g_assert_true(domain_client_vm_stat(kit->client, NULL, "vm", &entry, NULL));
        if (entry.state.power_state == RUNNING && entry.state.domids.items[0] > domid)
            return;
        g_assert_true(domain_client_updates_get(kit->client, NULL, last, -1, &delta, NULL));
        last = delta.next;
    }
}

static void
test_end(gconstpointer data)
{
    const EndCase *row = data;
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", row->members);
    bring_to(kit, "vm", RUNNING);
    domain_clock_advance(kit->clock, 60 * G_USEC_PER_SEC);
    g_assert_true(domain_fake_act(kit->backend, "vm", row->event, 0));
    if (row->to == RUNNING)
        await_next_domain(kit, 1);
    else
        kit_await_state(kit, "vm", HALTED);
    kit_restart(kit); /* waits until what goes on behind the state has ended */
    kit_assert_consistent(kit, "vm");
}

static void
test_quick_crash(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", ", \"on_crash\": [\"Start\"]");
    bring_to(kit, "vm", RUNNING);
    g_assert_true(domain_fake_act(kit->backend, "vm", DOMAIN_GUEST_CRASHED, 0));
    kit_await_state(kit, "vm", HALTED);
    kit_assert_consistent(kit, "vm");
}

static void
test_transient(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", ", \"transient\": true");
    bring_to(kit, "vm", RUNNING);
    g_assert_true(operate(kit, "Vm.reboot", "vm", "", &error));
    g_assert_true(operate(kit, "Vm.shutdown", "vm", "", &error));
    g_auto(DomainVmEntry) entry = {0};
    g_assert_false(domain_client_vm_stat(kit->client, NULL, "vm", &entry, &error));
    g_assert_true(domain_error_is(error, "Does_not_exist"));
    kit_restart(kit);
    g_autoptr(Value) list = kit_must(kit, "Vm.list", "[\"test\"]");
    g_assert_cmpuint(value_size(list), ==, 0);
}

static void
test_clock(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", NULL);
    bring_to(kit, "vm", RUNNING);
    g_assert_true(domain_fake_act(kit->backend, "vm", DOMAIN_GUEST_CLOCK_SET, 3600));
    kit_restart(kit);
    g_auto(DomainVmEntry) entry = {0};
    g_assert_true(domain_client_vm_stat(kit->client, NULL, "vm", &entry, NULL));
    g_assert_cmpstr(entry.state.rtc_timeoffset, ==, "3600");
}

/* ---- After a crash */

static void
test_guests_are_taken_up(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", NULL);
    bring_to(kit, "vm", RUNNING);
    kit_restart(kit);
    g_assert_cmpint(kit_state(kit, "vm"), ==, RUNNING);
    kit_stop(kit);
    domain_fake_act(kit->backend, "vm", DOMAIN_GUEST_GONE, 0);
    kit_begin(kit);
    g_assert_cmpint(kit_state(kit, "vm"), ==, HALTED);
    kit_assert_consistent(kit, "vm");
}

/* A running VM, and a journal that says a plan was cut off in this step: whatever it is, it ends whole. */
static void
crash_in(const DomainPlan *plan, const DomainStep *step, gboolean has_committed)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    bring_to(kit, "vm", RUNNING);
    kit_stop(kit);
    g_autoptr(DomainStore) store = domain_store_open(kit->dir, &error);
    g_assert_no_error(error);
    DomainStoreJournal journal = {
        .plan = (char *)plan->name, .step = (char *)step->name, .has_committed = has_committed};
    domain_store_save_journal(store, "vm", &journal, &error);
    g_assert_no_error(error);
    g_clear_pointer(&store, domain_store_free);

    kit_begin(kit);
    kit_assert_consistent(kit, "vm");
    kit_restart(kit); /* the journal is gone: this time nothing happens */
    kit_assert_consistent(kit, "vm");
    g_assert_true(operate(kit, "Vm.destroy", "vm", "", &error));
    g_assert_true(operate(kit, "Vm.start", "vm", "", &error));
}

static void
test_journal(gconstpointer data)
{
    const DomainPlan *plan = data;
    gboolean has_committed = FALSE;
    for (const DomainStep *step = plan->steps; step->name != NULL; step++) {
        has_committed |= step->commits;
        if (strcmp(plan->name, "create") != 0 && strcmp(plan->name, "build") != 0 &&
            strcmp(plan->name, "device-model") != 0)
            crash_in(plan, step, has_committed);
    }
}

typedef struct CrashCase {
    const char *name;
    const char *plan;
    const char *step;
    gboolean has_committed;
    DomainPowerState to;
} CrashCase;

static const CrashCase crashes[] = {
    {"a-start-is-undone", "start", "unpause", FALSE, HALTED},
    {"a-shutdown-that-only-asked-is-given-up", "shutdown", "ask-guest", FALSE, RUNNING},
    {"a-shutdown-is-finished", "shutdown", "detach-disks", TRUE, HALTED},
    {"a-reboot-is-finished", "reboot", "attach-disks", TRUE, RUNNING},
    {"a-restart-of-a-guest-is-finished", "guest-restart", "stop", TRUE, RUNNING},
    {"an-unknown-plan-is-passed-over", "from-the-future", "x", TRUE, RUNNING},
};

static void
test_crash(gconstpointer data)
{
    const CrashCase *row = data;
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    bring_to(kit, "vm", RUNNING);
    kit_stop(kit);
    g_autoptr(DomainStore) store = domain_store_open(kit->dir, &error);
    DomainStoreJournal journal = {
        .plan = (char *)row->plan, .step = (char *)row->step, .has_committed = row->has_committed};
    g_assert_true(domain_store_save_journal(store, "vm", &journal, &error));
    g_clear_pointer(&store, domain_store_free);
    kit_begin(kit);
    g_assert_cmpint(kit_state(kit, "vm"), ==, row->to);
    kit_assert_consistent(kit, "vm");
}

#define ADD_ALL(prefix, rows, function)                                                                      \
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {                                                         \
        g_autofree char *path = g_strdup_printf(prefix "%s", (rows)[i].name);                                \
        g_test_add_data_func(path, &(rows)[i], function);                                                    \
    }

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/plan/every-plan-is-found-by-name", test_plan_table);
    for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autofree char *path = g_strdup_printf("/domain/plan/state/%s-from-%s-%" G_GSIZE_FORMAT,
                                                states[i].method, domain_power_state_name(states[i].from), i);
        g_test_add_data_func(path, &states[i], test_state);
    }
    g_test_add_func("/domain/plan/steps-by-hand-start-a-vm", test_by_hand);
    g_test_add_func("/domain/plan/disks-go-in-and-out-in-order", test_start_order);
    g_test_add_func("/domain/plan/one-vm-works-in-order", test_queue_order);
    g_test_add_func("/domain/plan/vms-do-not-wait-for-each-other", test_vms_are_parallel);
    ADD_ALL("/domain/plan/nothing-leaks-whatever-fails-in/", faults, test_fault)
    for (gsize i = 0; i < G_N_ELEMENTS(stubborn_cases); i++) {
        g_autofree char *path =
            g_strdup_printf("/domain/plan/a-stubborn-guest-stays/%s", stubborn_cases[i].shutdown);
        g_test_add_data_func(path, &stubborn_cases[i], test_stubborn_guest);
    }
    g_test_add_func("/domain/plan/waiting-for-a-guest-can-be-cancelled", test_cancel_while_waiting_for_guest);
    g_test_add_func("/domain/plan/waiting-for-storage-can-be-cancelled", test_cancel_in_storage);
    ADD_ALL("/domain/plan/guest/", ends, test_end)
    g_test_add_func("/domain/plan/guest/a-quick-crash-is-not-restarted", test_quick_crash);
    g_test_add_func("/domain/plan/guest/a-transient-vm-is-forgotten", test_transient);
    g_test_add_func("/domain/plan/guest/its-clock-is-followed", test_clock);
    g_test_add_func("/domain/plan/recovery/guests-are-taken-up", test_guests_are_taken_up);
    ADD_ALL("/domain/plan/recovery/", crashes, test_crash)
    for (const DomainPlan *plan = domain_plans; plan->name != NULL; plan++) {
        g_autofree char *path = g_strdup_printf("/domain/plan/recovery/at-every-step-of/%s", plan->name);
        if (plan->is_journaled)
            g_test_add_data_func(path, plan, test_journal);
    }
    return g_test_run();
}
