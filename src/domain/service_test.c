/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entry for calls: names, arguments, answers; what is registered survives; updates and tasks. */
#include "domain/service.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "domain/method.h"
#include "domain/test_kit.h"
#include "value/json.h"

static char *
to_json(const Value *value)
{
    GString *text = g_string_new(NULL);
    json_write_value(text, value);
    return g_string_free(text, FALSE);
}

/* ---- Names and arguments */

static void
test_names(void)
{
    for (gsize i = 0; i < domain_n_methods; i++)
        g_assert_true(domain_method_find(domain_methods[i].name) == &domain_methods[i]);
    g_assert_true(domain_method_find("VM.add") == domain_method_find("Vm.add"));
    g_assert_true(domain_method_find("TASK.stat") == domain_method_find("Task.stat"));
    g_assert_true(domain_method_find("UPDATES.get") == domain_method_find("Updates.get"));
    g_assert_true(domain_method_find("Vbd.add") == domain_method_find("VBD.add"));
    g_assert_null(domain_method_find("vm.add"));
}

typedef struct CallCase {
    const char *name;
    const char *method;
    const char *params;
    const char *answer; /* JSON of the result, or the error's message */
} CallCase;

/* clang-format off */
static const CallCase calls[] = {
    {"named-arguments-are-taken", "VBD.list", "[{\"dbg\": \"d\", \"vm\": \"vm\"}]", NULL},
    {"arguments-in-order-are-taken", "VBD.list", "[\"d\", \"vm\"]", NULL},
    {"dbg-may-be-left-out-of-named-arguments", "VBD.list", "[{\"vm\": \"vm\"}]", NULL},
    {"an-argument-is-missing", "VBD.list", "[\"d\"]", "Internal_error(VBD.list: vm is missing)"},
    {"an-argument-is-too-much", "VBD.list", "[\"d\", \"vm\", 1]", "Internal_error(VBD.list: 3 arguments, at most 2 expected)"},
    {"an-argument-is-wrong", "Updates.inject_barrier", "[\"d\", \"x\"]", "Internal_error(Updates.inject_barrier: id: expected int64, found a string)"},
    {"a-method-is-unknown", "Vm.fly", "[\"d\"]", "Unimplemented()"},
    {"a-method-is-pending", "Vm.s3suspend", "[\"d\", \"vm\"]", "Unimplemented()"},
    {"a-vm-is-unknown", "Vm.stat", "[\"d\", \"nobody\"]", "Does_not_exist(VM, nobody)"},
    {"a-vm-to-start-is-unknown", "Vm.start", "[\"d\", \"nobody\"]", "Does_not_exist(VM, nobody)"},
    {"a-vm-to-remove-is-unknown", "Vm.remove", "[\"d\", \"nobody\"]", "Does_not_exist(VM, nobody)"},
    {"a-vbd-is-unknown", "VBD.stat", "[\"d\", \"vm.sda\"]", "Does_not_exist(VBD, vm.sda)"},
    {"a-vbd-has-no-vm", "VBD.stat", "[\"d\", \"sda\"]", "Does_not_exist(VBD, sda)"},
    {"a-vif-is-unknown", "VIF.remove", "[\"d\", \"vm.9\"]", "Does_not_exist(VIF, vm.9)"},
    {"a-task-is-unknown", "Task.stat", "[\"d\", \"t\"]", "Does_not_exist(Task, t)"},
    {"a-task-to-wait-for-is-unknown", "Task.wait", "[\"d\", \"t\", null, 1]", "Does_not_exist(Task, t)"},
    {"a-mac-is-wrong", "VIF.add", "[\"d\", {\"id\": \"vm.1\", \"position\": 1, \"mac\": \"52:54:00:00:00:0g\", \"backend\": [\"Local\", \"b\"]}]",
     "Internal_error(VIF vm.1: '52:54:00:00:00:0g' is no MAC address)"},
    {"a-device-name-is-wrong", "VBD.add", "[\"d\", {\"id\": \"vm.a,b\", \"ty\": \"CDROM\"}]", "Internal_error('vm.a,b' cannot be the id of a VBD of VM vm)"},
    {"an-id-is-a-path", "Vm.add", "[\"d\", {\"id\": \"../x\", \"name\": \"\", \"ty\": [\"HVM\", {}], \"memory_static_max\": 16777216, \"vcpu_max\": 1, \"vcpus\": 1}]",
     "Internal_error('../x' cannot be the id of a VM)"},
    {"vcpus-are-too-many", "Vm.add", "[\"d\", {\"id\": \"x\", \"name\": \"\", \"ty\": [\"HVM\", {}], \"memory_static_max\": 16777216, \"vcpu_max\": 2, \"vcpus\": 3}]",
     "Maximum_vcpus(2)"},
    {"an-empty-result-is-an-empty-text", "Updates.inject_barrier", "[\"d\", 7]", "\"\""},
};
/* clang-format on */

static void
test_call(gconstpointer data)
{
    const CallCase *row = data;
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    g_autoptr(Value) result = kit_call(kit, row->method, row->params, &error);
    g_autofree char *text = result == NULL ? g_strdup(error->message) : to_json(result);
    if (row->answer == NULL)
        g_assert_no_error(error);
    else
        g_assert_cmpstr(text, ==, row->answer);
}

static void
test_reply_values(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) number = value_int(3);
    g_autoptr(Value) success = domain_service_reply_value(number, NULL);
    g_autofree char *text = to_json(success);
    g_assert_cmpstr(text, ==, "{\"Status\":\"Success\",\"Value\":3}");
    domain_error_does_not_exist(&error, "VM", "x");
    g_autoptr(Value) failure = domain_service_reply_value(NULL, error);
    g_autofree char *failed = to_json(failure);
    g_assert_cmpstr(failed, ==,
                    "{\"Status\":\"Failure\",\"ErrorDescription\":[\"Does_not_exist\",\"VM\",\"x\"]}");
}

/* ---- What is registered */

static void
test_survival(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", ", \"xsdata\": {\"k\": \"v\"}");
    g_autoptr(Value) before = kit_must(kit, "Vm.export_metadata", "[\"d\", \"vm\"]");
    kit_restart(kit);
    g_autoptr(Value) after = kit_must(kit, "Vm.export_metadata", "[\"d\", \"vm\"]");
    g_assert_cmpstr(value_get_string(before), ==, value_get_string(after));
    value_unref(kit_must(kit, "VBD.remove", "[\"d\", \"vm.xvdb\"]"));
    value_unref(kit_must(kit, "VIF.remove", "[\"d\", \"vm.0\"]"));
    kit_restart(kit);
    g_autoptr(Value) vbds = kit_must(kit, "VBD.list", "[\"d\", \"vm\"]");
    g_autoptr(Value) vifs = kit_must(kit, "VIF.list", "[\"d\", \"vm\"]");
    g_assert_cmpuint(value_size(vbds), ==, 3);
    g_assert_cmpuint(value_size(vifs), ==, 0);
    value_unref(kit_must(kit, "Vm.remove", "[\"d\", \"vm\"]"));
    kit_restart(kit);
    g_autoptr(Value) vms = kit_must(kit, "Vm.list", "[\"d\"]");
    g_assert_cmpuint(value_size(vms), ==, 0);
}

static void
test_add_replaces(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", NULL);
    kit_add_vm(kit, "vm", ", \"transient\": true");
    g_auto(DomainVmEntry) entry = {0};
    g_assert_true(domain_client_vm_stat(kit->client, NULL, "vm", &entry, NULL));
    g_assert_true(entry.config.transient);
    g_auto(DomainVbdEntryList) vbds = {0};
    g_assert_true(domain_client_vbd_list(kit->client, NULL, "vm", &vbds, NULL));
    g_assert_cmpuint(vbds.n, ==, 4);
}

static void
test_metadata(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    g_autoptr(Value) text = kit_must(kit, "Vm.export_metadata", "[\"d\", \"vm\"]");
    g_autoptr(Value) params = value_array_new(2);
    value_array_add(params, value_string("d"));
    value_array_add(params, value_ref(text));
    g_autofree char *json = to_json(params);
    g_assert_null(kit_call(kit, "Vm.import_metadata", json, &error));
    g_assert_true(domain_error_is(error, "Already_exists"));
    value_unref(kit_must(kit, "Vm.remove", "[\"d\", \"vm\"]"));
    g_autoptr(Value) id = kit_must(kit, "Vm.import_metadata", json);
    g_assert_cmpstr(value_get_string(id), ==, "vm");
    g_autoptr(Value) again = kit_must(kit, "Vm.export_metadata", "[\"d\", \"vm\"]");
    g_assert_true(value_equal(text, again));
}

#define REGISTERED                                                                                           \
    "[\"d\", {\"vm\": {\"id\": \"vm\", \"name\": \"\", \"ty\": [\"HVM\", {}], \"memory_static_max\": "       \
    "16777216, "                                                                                             \
    "\"vcpu_max\": 1, \"vcpus\": 1}, \"vbds\": [{\"id\": \"%s\", \"ty\": \"CDROM\"}]}]"

static void
test_register_replaces_all(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *good = g_strdup_printf(REGISTERED, "vm.xvdz");
    g_autofree char *stray = g_strdup_printf(REGISTERED, "other.xvdz");
    g_auto(DomainVbdEntryList) vbds = {0};
    g_auto(DomainVifEntryList) vifs = {0};
    kit_add_vm(kit, "vm", NULL);
    g_assert_null(kit_call(kit, "Vm.register", stray, &error));
    g_assert_cmpstr(error->message, ==, "Internal_error('other.xvdz' cannot be the id of a VBD of VM vm)");
    g_clear_error(&error);
    value_unref(kit_must(kit, "Vm.register", good));
    kit_restart(kit);
    g_assert_true(domain_client_vbd_list(kit->client, NULL, "vm", &vbds, NULL));
    g_assert_cmpuint(vbds.n, ==, 1);
    g_assert_cmpstr(vbds.items[0].config.id, ==, "vm.xvdz");
    g_assert_true(domain_client_vif_list(kit->client, NULL, "vm", &vifs, NULL));
    g_assert_cmpuint(vifs.n, ==, 0);

    g_assert_true(domain_client_vm_start(kit->client, NULL, "vm", TRUE, &error));
    g_assert_null(kit_call(kit, "Vm.register", good, &error));
    g_assert_cmpstr(error->message, ==, "Bad_power_state(Paused, Halted)");
}

static void
test_devices_in_use(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    g_assert_true(domain_client_vm_start(kit->client, NULL, "vm", FALSE, &error));
    g_assert_false(domain_client_vbd_remove(kit->client, NULL, "vm.xvda", &error));
    g_assert_true(domain_error_is(error, "Device_is_connected"));
    g_clear_error(&error);
    g_assert_false(domain_client_vm_remove(kit->client, NULL, "vm", &error));
    g_assert_cmpstr(error->message, ==, "Bad_power_state(Running, Halted)");
    g_auto(DomainVbdEntryList) vbds = {0};
    g_assert_true(domain_client_vbd_list(kit->client, NULL, "vm", &vbds, NULL));
    for (gsize i = 0; i < vbds.n; i++)
        g_assert_true(vbds.items[i].state.plugged);
}

static void
test_broken_file(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "good", NULL);
    kit_add_vm(kit, "bad", NULL);
    kit_stop(kit);
    g_autofree char *path = g_build_filename(kit->dir, "vms", "bad", "config.json", NULL);
    g_assert_true(g_file_set_contents(path, "{\"version\": 1, ", -1, &error));
    kit_begin(kit);
    g_assert_cmpint(kit_state(kit, "good"), ==, DOMAIN_POWER_STATE_HALTED);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS)); /* for somebody to repair */
}

/* Each write waits for the disk, and every start of a VM registers it again. */
static void
test_unchanged_config(void)
{
    g_autoptr(Kit) kit = kit_new();
    struct stat before, after;
    kit_add_vm(kit, "vm", NULL);
    g_autofree char *path = g_build_filename(kit->dir, "vms", "vm", "config.json", NULL);
    /* Held open, so that its number does not come back on another file. */
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fstat(fd, &before), ==, 0);
    kit_add_vm(kit, "vm", NULL);
    g_assert_cmpint(stat(path, &after), ==, 0);
    g_assert_cmpuint(after.st_ino, ==, before.st_ino); /* a written file is a new one */
}

static void
test_one_service_per_folder(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    DomainServiceSpec spec = {.state_dir = kit->dir, .backend = kit->backend, .clock = kit->clock};
    g_assert_null(domain_service_new(&spec, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "is used by another service"));
}

static void
test_long_folder(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DomainClock) clock = domain_clock_new_manual(0);
    g_autoptr(DomainBackend) backend = domain_fake_new();
    g_autoptr(Kit) kit = kit_new();
    g_autofree char *name = g_strnfill(150, 'x'); /* more than a socket's address holds */
    g_autofree char *folder = g_build_filename(kit->dir, name, NULL);
    DomainServiceSpec spec = {.state_dir = folder, .backend = backend, .clock = clock};
    DomainService *service = domain_service_new(&spec, &error);
    g_assert_no_error(error);
    domain_service_free(service);
}

/* ---- Updates */

static gboolean
has_event(const DomainUpdatesDelta *delta, DomainDynamicIdTag tag, const char *id)
{
    for (gsize i = 0; i < delta->events.n; i++) {
        if (delta->events.items[i].tag == tag && strcmp(delta->events.items[i].vm, id) == 0)
            return TRUE;
    }
    return FALSE;
}

static gint64
drain(Kit *kit)
{
    g_auto(DomainUpdatesDelta) delta = {0};
    g_assert_true(domain_client_updates_get(kit->client, NULL, -1, 0, &delta, NULL));
    return delta.next;
}

static void
test_updates(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "one", NULL);
    kit_add_vm(kit, "two", NULL);
    g_auto(DomainUpdatesDelta) all = {0};
    g_assert_true(domain_client_updates_get(kit->client, NULL, -1, -1, &all, NULL));
    g_assert_true(has_event(&all, DOMAIN_DYNAMIC_ID_VM, "one"));
    g_assert_true(has_event(&all, DOMAIN_DYNAMIC_ID_VBD, "two.xvda"));
    g_assert_true(has_event(&all, DOMAIN_DYNAMIC_ID_VIF, "two.0"));
    g_assert_true(domain_client_vm_start(kit->client, NULL, "one", FALSE, NULL));
    g_auto(DomainUpdatesDelta) after = {0};
    g_assert_true(domain_client_updates_get(kit->client, NULL, all.next, -1, &after, NULL));
    g_assert_true(has_event(&after, DOMAIN_DYNAMIC_ID_VM, "one"));
    g_assert_true(has_event(&after, DOMAIN_DYNAMIC_ID_VBD, "one.xvda"));
    g_assert_false(has_event(&after, DOMAIN_DYNAMIC_ID_VM, "two"));
}

static void
test_token_of_earlier_service(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", NULL);
    gint64 token = drain(kit);
    domain_clock_advance(kit->clock, G_USEC_PER_SEC);
    kit_restart(kit);
    g_auto(DomainUpdatesDelta) delta = {0};
    g_assert_true(domain_client_updates_get(kit->client, NULL, token, -1, &delta, NULL));
    g_assert_true(has_event(&delta, DOMAIN_DYNAMIC_ID_VM, "vm"));
}

static void
test_barrier(void)
{
    g_autoptr(Kit) kit = kit_new();
    gint64 token = drain(kit);
    kit_add_vm(kit, "before", NULL);
    value_unref(kit_must(kit, "Updates.inject_barrier", "[\"d\", 42]"));
    kit_add_vm(kit, "after", NULL);
    g_auto(DomainUpdatesDelta) delta = {0};
    g_assert_true(domain_client_updates_get(kit->client, NULL, token, -1, &delta, NULL));
    g_assert_cmpuint(delta.barriers.n, ==, 1);
    g_assert_cmpint(delta.barriers.items[0].id, ==, 42);
    g_assert_cmpuint(delta.barriers.items[0].events.n, >, 0);
    g_assert_true(has_event(&delta, DOMAIN_DYNAMIC_ID_VM, "after"));
    g_assert_false(has_event(&delta, DOMAIN_DYNAMIC_ID_VM, "before"));
    value_unref(kit_must(kit, "Updates.remove_barrier", "[\"d\", 42]"));
    g_auto(DomainUpdatesDelta) without = {0};
    g_assert_true(domain_client_updates_get(kit->client, NULL, token, 0, &without, NULL));
    g_assert_cmpuint(without.barriers.n, ==, 0);
}

typedef struct Parked {
    GMutex lock;
    guint n_answers;
} Parked;

static void
count_answer(gpointer data, Value *result, const GError *error)
{
    Parked *parked = data;
    g_assert_no_error(error);
    g_mutex_lock(&parked->lock);
    parked->n_answers++;
    g_mutex_unlock(&parked->lock);
}

static guint
n_answers(Parked *parked)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&parked->lock);
    return parked->n_answers;
}

/* Thousands wait, on no thread; one change answers them all, time the others, the service's end the rest. */
static void
test_parked_calls(void)
{
    g_autoptr(Kit) kit = kit_new();
    Parked parked = {.n_answers = 0};
    g_mutex_init(&parked.lock);
    g_autofree char *text = g_strdup_printf("[\"d\", %" G_GINT64_FORMAT ", 30]", drain(kit));
    for (int round = 0; round < 3; round++) {
        g_autoptr(Value) params = json_read(text, strlen(text), NULL);
        for (int i = 0; i < 1000; i++)
            domain_service_call(kit->service, "Updates.get", params, count_answer, &parked);
        g_assert_cmpuint(n_answers(&parked), ==, (guint)round * 1000);
        if (round == 0)
            domain_clock_advance(kit->clock, 31 * G_USEC_PER_SEC);
        else if (round == 1)
            value_unref(kit_must(kit, "Updates.inject_barrier", "[\"d\", 1]"));
        else
            kit_stop(kit);
        g_assert_cmpuint(n_answers(&parked), ==, (guint)(round + 1) * 1000);
        if (round == 1) {
            g_free(text);
            text = g_strdup_printf("[\"d\", %" G_GINT64_FORMAT ", 30]", drain(kit));
        }
    }
    g_mutex_clear(&parked.lock);
}

typedef struct Flood {
    GMutex lock;
    guint n_refused;
    guint n_answered;
} Flood;

static void
count_refusal(gpointer data, Value *result, const GError *error)
{
    Flood *flood = data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&flood->lock);
    flood->n_answered++;
    if (error == NULL)
        return;
    g_assert_true(domain_error_is(error, "Internal_error"));
    flood->n_refused++;
}

static void
test_flood_of_calls(void)
{
    Flood flood = {.n_refused = 0};
    g_mutex_init(&flood.lock);
    Kit *kit = kit_new();
    g_autofree char *text = g_strdup_printf("[\"d\", %" G_GINT64_FORMAT ", 30]", drain(kit));
    g_autoptr(Value) params = json_read(text, strlen(text), NULL);
    for (int i = 0; i < 5000; i++)
        domain_service_call(kit->service, "Updates.get", params, count_refusal, &flood);
    g_assert_cmpuint(flood.n_refused, ==, 5000 - 4096);
    g_assert_cmpuint(flood.n_answered, ==, flood.n_refused);
    domain_clock_advance(kit->clock, 31 * G_USEC_PER_SEC);
    g_assert_cmpuint(flood.n_answered, ==, 5000);
    kit_add_vm(kit, "vm", NULL); /* there is room again */
    kit_free(kit);
    g_mutex_clear(&flood.lock);
}

/* ---- Tasks */

/* Pause and unpause in turns, while the start that they come after lasts. */
static void
test_flood_of_operations(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    guint n_taken = 0;
    kit_add_vm(kit, "vm", NULL);
    kit_add_vm(kit, "other", NULL);
    domain_fake_block(kit->backend, TRUE);
    g_autofree char *start = kit_begin_operation(kit, "Vm.start", "[\"d\", \"vm\"]");
    for (; error == NULL && n_taken < 1000; n_taken++)
        value_unref(kit_call(kit, n_taken % 2 == 0 ? "Vm.pause" : "Vm.unpause", "[\"d\", \"vm\"]", &error));
    g_assert_true(domain_error_is(error, "Internal_error"));
    g_assert_cmpuint(n_taken, ==, 256); /* the start is one of them, and the last was refused */
    g_autofree char *other = kit_begin_operation(kit, "Vm.start", "[\"d\", \"other\"]");
    domain_fake_block(kit->backend, FALSE);
    kit_await_state(kit, "other", DOMAIN_POWER_STATE_RUNNING);
    kit_await_state(kit, "vm", DOMAIN_POWER_STATE_RUNNING);
}

static void
test_task_states(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    domain_fake_block(kit->backend, TRUE);
    g_autofree char *task = kit_begin_operation(kit, "Vm.start", "[\"d\", \"vm\"]");
    g_autofree char *params = g_strdup_printf("[\"d\", \"%s\"]", task);
    kit_await_state(kit, "vm", DOMAIN_POWER_STATE_PAUSED);
    g_autoptr(Value) pending = kit_must(kit, "Task.stat", params);
    g_auto(DomainTaskT) state = {0};
    g_assert_true(domain_task_t_from_value(pending, &state, &error));
    g_assert_cmpint(state.result.tag, ==, DOMAIN_TASK_RESULT_PENDING);
    domain_fake_block(kit->backend, FALSE);
    g_autofree char *wait = g_strdup_printf("[\"d\", \"%s\", null, 60]", task);
    g_autoptr(Value) ended = kit_must(kit, "Task.wait", wait);
    g_auto(DomainTaskT) after = {0};
    g_assert_true(domain_task_t_from_value(ended, &after, &error));
    g_assert_cmpint(after.result.tag, ==, DOMAIN_TASK_RESULT_COMPLETED);
    g_assert_cmpstr(value_map_get_string(after.subtasks, "device-model", ""), ==, "done");
    value_unref(kit_must(kit, "Task.cancel", params)); /* has ended: stays as it is */
    value_unref(kit_must(kit, "Task.destroy", params));
    g_assert_null(kit_call(kit, "Task.stat", params, &error));
    g_assert_true(domain_error_is(error, "Does_not_exist"));
}

static void
test_failed_task(void)
{
    g_autoptr(Kit) kit = kit_new();
    kit_add_vm(kit, "vm", NULL);
    g_autofree char *task = kit_begin_operation(kit, "Vm.pause", "[\"d\", \"vm\"]");
    g_autofree char *wait = g_strdup_printf("[\"d\", \"%s\", null, 60]", task);
    g_autoptr(Value) ended = kit_must(kit, "Task.wait", wait);
    g_autofree char *text = to_json(value_map_get(ended, "result"));
    g_assert_cmpstr(text, ==, "[\"Failed\",\"[\\\"Bad_power_state\\\",\\\"Halted\\\",\\\"Running\\\"]\"]");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/service/register-replaces-a-vm-with-all-its-devices",
                    test_register_replaces_all);
    g_test_add_func("/domain/service/every-method-is-found-by-both-spellings", test_names);
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autofree char *path = g_strdup_printf("/domain/service/call/%s", calls[i].name);
        g_test_add_data_func(path, &calls[i], test_call);
    }
    g_test_add_func("/domain/service/replies-say-success-or-failure", test_reply_values);
    g_test_add_func("/domain/service/what-is-registered-survives", test_survival);
    g_test_add_func("/domain/service/add-replaces-the-vm-and-keeps-its-devices", test_add_replaces);
    g_test_add_func("/domain/service/metadata-goes-out-and-in", test_metadata);
    g_test_add_func("/domain/service/devices-in-use-stay", test_devices_in_use);
    g_test_add_func("/domain/service/a-broken-file-hurts-only-its-vm", test_broken_file);
    g_test_add_func("/domain/service/what-is-registered-unchanged-is-not-written", test_unchanged_config);
    g_test_add_func("/domain/service/a-folder-has-one-service", test_one_service_per_folder);
    g_test_add_func("/domain/service/a-folder-of-any-depth-is-served", test_long_folder);
    g_test_add_func("/domain/updates/tell-what-changed-and-no-more", test_updates);
    g_test_add_func("/domain/updates/an-old-token-brings-everything", test_token_of_earlier_service);
    g_test_add_func("/domain/updates/a-barrier-parts-before-from-after", test_barrier);
    g_test_add_func("/domain/updates/waiting-takes-no-thread", test_parked_calls);
    g_test_add_func("/domain/service/flood-of-calls-is-refused", test_flood_of_calls);
    g_test_add_func("/domain/service/flood-of-operations-of-one-vm-is-refused", test_flood_of_operations);
    g_test_add_func("/domain/task/goes-from-pending-to-completed", test_task_states);
    g_test_add_func("/domain/task/failure-carries-the-exception", test_failed_task);
    return g_test_run();
}
