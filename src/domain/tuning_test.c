/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory of VMs, running and not, over the fake back end. */
#include "domain/tuning.h"

#include "base/error.h"
#include "domain/test_kit.h"

#define HALTED  DOMAIN_POWER_STATE_HALTED
#define RUNNING DOMAIN_POWER_STATE_RUNNING
#define PAUSED  DOMAIN_POWER_STATE_PAUSED

static const DomainContext no_context = {0};

static gboolean
operate(Kit *kit, const char *method, const char *args, GError **error)
{
    g_autofree char *params = g_strdup_printf("[{\"dbg\": \"test\", \"id\": \"vm\"%s}]", args);
    g_autofree char *task = kit_begin_operation(kit, method, params);
    return domain_client_task_wait(kit->client, &no_context, task, error);
}

/* A VM of 128 MiB that can have four processors and has two. */
static Kit *
kit_with_vm(const char *members, DomainPowerState state)
{
    Kit *kit = kit_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *add = g_strdup_printf(
        "[\"t\", {\"id\": \"vm\", \"name\": \"\", \"ty\": [\"HVM\", {}], \"memory_static_max\": 134217728,"
        "\"vcpu_max\": 4, \"vcpus\": 2%s}]",
        members);
    value_unref(kit_must(kit, "Vm.add", add));
    if (state != HALTED)
        operate(kit, "Vm.start", state == PAUSED ? ", \"paused\": true" : "", &error);
    g_assert_no_error(error);
    return kit;
}

static void
look(Kit *kit, DomainVmEntry *ret_entry)
{
    g_assert_true(domain_client_vm_stat(kit->client, NULL, "vm", ret_entry, NULL));
}

typedef struct TuneCase {
    const char *name;
    const char *members; /* of the VM */
    DomainPowerState from;
    const char *method;
    const char *args;
    const char *error; /* NULL: it succeeds */
    /* Afterwards; of a Halted VM there are no targets */
    gint64 vcpus, vcpu_target;
    gint64 dynamic_max, memory_target;
    double shadow;
} TuneCase;

#define VCPUS(n)    "Vm.set_vcpus", ", \"num_vpcus\": " n
#define RANGE(a, b) "Vm.set_memory_dynamic_range", ", \"min\": " a ", \"max\": " b
#define SHADOW(x)   "Vm.set_shadow_multiplier", ", \"shadow_multiplier\": " x
#define STUBBORN    ", \"platformdata\": {\"fake-unplug\": \"ignore\"}"
#define PV_BOOT     ", \"ty\": [\"PV\", {\"boot\": [\"Direct\", {\"kernel\": \"/k\"}]}]"

/* clang-format off */
static const TuneCase cases[] = {
    {"halted-gets-vcpus",          "", HALTED,  VCPUS("4"), NULL,                                4, 0, 0, 0, 1},
    {"running-gets-vcpus",         "", RUNNING, VCPUS("4"), NULL,                                4, 4, 0, 134217728, 1},
    {"running-loses-vcpus",        "", RUNNING, VCPUS("1"), NULL,                                1, 1, 0, 134217728, 1},
    {"paused-gets-vcpus",          "", PAUSED,  VCPUS("3"), NULL,                                3, 3, 0, 134217728, 1},
    {"paused-cannot-lose-vcpus",   "", PAUSED,  VCPUS("1"), "Bad_power_state(Paused, Running)",  2, 2, 0, 134217728, 1},
    {"the-same-vcpus-are-fine",    "", RUNNING, VCPUS("2"), NULL,                                2, 2, 0, 134217728, 1},
    {"too-many-vcpus",             "", RUNNING, VCPUS("5"), "Maximum_vcpus(4)",                  2, 2, 0, 134217728, 1},
    {"too-many-vcpus-while-halted","", HALTED,  VCPUS("5"), "Maximum_vcpus(4)",                  2, 0, 0, 0, 1},
    {"no-vcpus",                   "", RUNNING, VCPUS("0"), "Maximum_vcpus(4)",                  2, 2, 0, 134217728, 1},
    {"negative-vcpus",             "", HALTED,  VCPUS("-1"), "Maximum_vcpus(4)",                 2, 0, 0, 0, 1},
    {"halted-gets-a-range",        "", HALTED,  RANGE("1048576", "67108864"), NULL,              2, 0, 67108864, 0, 1},
    {"running-moves-to-the-upper-end", "", RUNNING, RANGE("1048576", "67108864"), NULL,          2, 2, 67108864, 67108864, 1},
    {"paused-moves-later",         "", PAUSED,  RANGE("67108864", "67108864"), NULL,             2, 2, 67108864, 67108864, 1},
    {"a-range-above-the-static-maximum", "", RUNNING, RANGE("1", "134217729"),
     "Internal_error(set-memory: a range of memory is 0 <= min <= max <= memory_static_max)",    2, 2, 0, 134217728, 1},
    {"a-range-upside-down",        "", RUNNING, RANGE("2", "1"),
     "Internal_error(set-memory: a range of memory is 0 <= min <= max <= memory_static_max)",    2, 2, 0, 134217728, 1},
    {"a-start-with-less-memory",   ", \"memory_dynamic_max\": 67108864", RUNNING, VCPUS("2"), NULL, 2, 2, 67108864, 67108864, 1},
    {"halted-gets-shadow",         "", HALTED,  SHADOW("1.5"), NULL,                             2, 0, 0, 0, 1.5},
    {"running-gets-shadow",        "", RUNNING, SHADOW("2.0"), NULL,                             2, 2, 0, 134217728, 2},
    {"pv-has-no-shadow",           PV_BOOT, RUNNING, SHADOW("2.0"), "Not_supported()",           2, 2, 0, 134217728, 1},
    {"pv-has-no-shadow-while-halted", PV_BOOT, HALTED, SHADOW("2.0"), "Not_supported()",         2, 0, 0, 0, 1},
    {"shadow-is-at-least-one",     "", HALTED, SHADOW("0.5"),
     "Internal_error(set-shadow: a shadow multiplier is from 1 to 1000)",                        2, 0, 0, 0, 1},
};
/* clang-format on */

static void
test_case(gconstpointer data)
{
    const TuneCase *row = data;
    g_autoptr(Kit) kit = kit_with_vm(row->members, row->from);
    g_autoptr(GError) error = NULL;
    operate(kit, row->method, row->args, &error);
    g_assert_cmpstr(error == NULL ? NULL : error->message, ==, row->error);
    for (int round = 0; round < 2; round++) {
        g_auto(DomainVmEntry) entry = {0};
        look(kit, &entry);
        g_assert_cmpint(entry.config.vcpus, ==, row->vcpus);
        g_assert_cmpint(entry.state.vcpu_target, ==, row->vcpu_target);
        g_assert_cmpint(entry.config.memory_dynamic_max, ==, row->dynamic_max);
        g_assert_cmpint(entry.state.memory_target, ==, row->memory_target);
        g_assert_cmpint(entry.state.memory_actual, ==, row->memory_target);
        g_assert_cmpfloat(entry.state.shadow_multiplier_target, ==, row->shadow);
        kit_restart(kit); /* all of it is found again */
    }
}

static gboolean
has_ended(Kit *kit, const char *task)
{
    g_autofree char *params = g_strdup_printf("[\"test\", \"%s\"]", task);
    g_autoptr(Value) state = kit_must(kit, "Task.stat", params);
    Value *tag = value_array_get(value_map_get(state, "result"), 0);
    return g_strcmp0(value_get_string(tag), "Pending") != 0;
}

/* The clock is moved only while the operation is parked on its timer. */
static void
test_stubborn_guest(void)
{
    g_autoptr(Kit) kit = kit_with_vm(STUBBORN, RUNNING);
    g_autoptr(GError) error = NULL;
    g_auto(DomainVmEntry) entry = {0};
    g_autofree char *task = kit_begin_operation(kit, "Vm.set_vcpus", "[\"t\", \"vm\", 1]");
    while (!has_ended(kit, task)) {
        if (domain_clock_has_timers(kit->clock))
            domain_clock_advance(kit->clock, G_USEC_PER_SEC);
        g_thread_yield();
    }
    g_assert_false(domain_client_task_wait(kit->client, &no_context, task, &error));
    g_assert_cmpstr(error->message, ==, "Device_detach_rejected()");
    look(kit, &entry);
    g_assert_cmpint(entry.config.vcpus, ==, 2);
    g_assert_cmpint(entry.state.vcpu_target, ==, 2);
}

static void
test_cancel(void)
{
    g_autoptr(Kit) kit = kit_with_vm(STUBBORN, RUNNING);
    g_autoptr(GError) error = NULL;
    g_auto(DomainVmEntry) entry = {0};
    g_autofree char *task = kit_begin_operation(kit, "Vm.set_vcpus", "[\"t\", \"vm\", 1]");
    g_autofree char *cancel = g_strdup_printf("[\"t\", \"%s\"]", task);
    while (!domain_clock_has_timers(kit->clock))
        g_thread_yield();
    value_unref(kit_must(kit, "Task.cancel", cancel));
    g_assert_false(domain_client_task_wait(kit->client, &no_context, task, &error));
    g_assert_true(domain_error_is(error, "Cancelled"));
    look(kit, &entry);
    g_assert_cmpint(entry.state.vcpu_target, ==, 2);
}

/* What it waits for will not come any more. */
static void
test_guest_ends_meanwhile(void)
{
    g_autoptr(Kit) kit = kit_with_vm(STUBBORN, RUNNING);
    g_autoptr(GError) error = NULL;
    g_autofree char *task = kit_begin_operation(kit, "Vm.set_vcpus", "[\"t\", \"vm\", 1]");
    while (!domain_clock_has_timers(kit->clock))
        g_thread_yield();
    g_assert_true(domain_fake_act(kit->backend, "vm", DOMAIN_GUEST_POWERED_OFF, 0));
    g_assert_false(domain_client_task_wait(kit->client, &no_context, task, &error));
    g_assert_cmpstr(error->message, ==, "Bad_power_state(Halted, Running)");
    kit_await_state(kit, "vm", HALTED);
}

/* What fails at the guest changes nothing. */
static void
test_failure(gconstpointer data)
{
    const TuneCase *row = data;
    g_autoptr(Kit) kit = kit_with_vm("", RUNNING);
    g_autoptr(GError) error = NULL;
    g_auto(DomainVmEntry) before = {0};
    g_auto(DomainVmEntry) after = {0};
    look(kit, &before);
    domain_fake_fail_at(kit->backend, 1);
    g_assert_false(operate(kit, row->method, row->args, &error));
    look(kit, &after);
    g_autoptr(Value) old = domain_vm_entry_to_value(&before);
    g_autoptr(Value) new = domain_vm_entry_to_value(&after);
    g_assert_true(value_equal(old, new));
}

static void
test_half_made_domain(void)
{
    g_autoptr(Kit) kit = kit_with_vm("", HALTED);
    g_autoptr(GError) error = NULL;
    g_assert_true(operate(kit, "Vm.create", "", &error));
    g_assert_false(operate(kit, VCPUS("3"), &error));
    g_assert_true(domain_error_is(error, "Domain_not_built"));
    g_clear_error(&error);
    g_assert_false(operate(kit, RANGE("1", "1048576"), &error));
    g_assert_true(domain_error_is(error, "Domain_not_built"));
}

/* The new number holds for the next domain, too. */
static void
test_reboot(void)
{
    g_autoptr(Kit) kit = kit_with_vm("", RUNNING);
    g_autoptr(GError) error = NULL;
    g_auto(DomainVmEntry) entry = {0};
    operate(kit, VCPUS("3"), &error);
    operate(kit, RANGE("1048576", "67108864"), &error);
    operate(kit, "Vm.reboot", "", &error);
    g_assert_no_error(error);
    look(kit, &entry);
    g_assert_cmpint(entry.state.vcpu_target, ==, 3);
    g_assert_cmpint(entry.state.memory_target, ==, 67108864);
    g_assert_cmpint(entry.state.memory_actual, ==, 67108864);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/domain/tuning/%s", cases[i].name);
        g_autofree char *failure =
            g_strdup_printf("/domain/tuning/failure-changes-nothing/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
        if (cases[i].error == NULL && cases[i].from == RUNNING && *cases[i].members == '\0')
            g_test_add_data_func(failure, &cases[i], test_failure);
    }
    g_test_add_func("/domain/tuning/a-guest-that-keeps-its-vcpus-is-told", test_stubborn_guest);
    g_test_add_func("/domain/tuning/waiting-for-vcpus-can-be-cancelled", test_cancel);
    g_test_add_func("/domain/tuning/a-guest-may-end-meanwhile", test_guest_ends_meanwhile);
    g_test_add_func("/domain/tuning/a-half-made-domain-has-nobody-to-ask", test_half_made_domain);
    g_test_add_func("/domain/tuning/what-was-set-holds-after-a-reboot", test_reboot);
    return g_test_run();
}
