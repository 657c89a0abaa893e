/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The toolstack's side over an in-process transport, and over one that fails. */
#include "domain/client.h"

#include <string.h>

#include "base/error.h"
#include "domain/test_kit.h"

/* ---- Progress and cancelling */

static void
note_progress(double fraction, gpointer data)
{
    double *last = data;
    g_assert_cmpfloat(fraction, >, *last);
    g_assert_cmpfloat(fraction, <=, 1);
    *last = fraction;
}

static void
test_progress(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    double last = -1;
    DomainContext context = {.dbg = "test", .progress = note_progress, .progress_data = &last};
    kit_add_vm(kit, "vm", NULL);
    g_assert_true(domain_client_vm_start(kit->client, &context, "vm", FALSE, &error));
    g_assert_no_error(error);
    g_assert_cmpint(kit_state(kit, "vm"), ==, DOMAIN_POWER_STATE_RUNNING);
    g_autoptr(Value) tasks = kit_must(kit, "Task.list", "[\"d\"]");
    g_assert_cmpuint(value_size(tasks), ==, 0); /* the client has tidied up */
}

static void
cancel_when_under_way(double fraction, gpointer data)
{
    if (fraction > 0)
        g_cancellable_cancel(data);
}

static void
test_cancel(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    DomainContext context = {
        .cancellable = cancellable, .progress = cancel_when_under_way, .progress_data = cancellable};
    kit_add_vm(kit, "vm", NULL);
    domain_fake_block(kit->backend, TRUE);
    g_assert_false(domain_client_vm_start(kit->client, &context, "vm", FALSE, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_CANCELLED);
    /* When the wait is over, so is what the task held. */
    g_assert_cmpint(kit_state(kit, "vm"), ==, DOMAIN_POWER_STATE_HALTED);
    kit_assert_consistent(kit, "vm");
}

/* ---- Errors */

static void
test_errors(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    kit_add_vm(kit, "vm", NULL);
    g_assert_false(domain_client_vm_pause(kit->client, NULL, "vm", &error));
    g_assert_error(error, DOMAIN_ERROR, DOMAIN_ERROR_BAD_POWER_STATE);
    g_assert_cmpstr(domain_error_args(error)[0], ==, "Halted");
    g_assert_cmpstr(domain_error_args(error)[1], ==, "Running");
    g_clear_error(&error);
    g_assert_false(domain_client_vm_start(kit->client, NULL, "nobody", FALSE, &error));
    g_assert_error(error, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST);
}

/* A transport that answers what the test says. */
typedef struct Wire {
    Value *reply; /* NULL: it fails */
} Wire;

static gboolean
answer(gpointer data, const char *method, Value *params, guint timeout_ms, GCancellable *cancellable,
       Value **ret_reply, GError **error)
{
    const Wire *wire = data;
    if (wire->reply == NULL)
        return base_error_set(error, BASE_ERROR_IO, "no socket");
    *ret_reply = value_ref(wire->reply);
    return TRUE;
}

static void
assert_fails(Value *reply, DomainErrorCode code)
{
    Wire wire = {reply};
    g_autoptr(DomainClient) client = domain_client_new(answer, &wire, NULL);
    g_autoptr(GError) error = NULL;
    g_auto(DomainQueryInfo) info = {0};
    g_assert_false(domain_client_query(client, NULL, &info, &error));
    g_assert_error(error, DOMAIN_ERROR, (int)code);
}

static void
test_bad_replies(void)
{
    g_autoptr(Value) nothing = value_nil();
    g_autoptr(Value) odd = value_map_new(1);
    value_map_set(odd, "Status", value_string("Maybe"));
    g_autoptr(Value) silent = value_map_new(1);
    value_map_set(silent, "Status", value_string("Failure"));
    g_autoptr(Value) wrong = value_map_new(2);
    value_map_set(wrong, "Status", value_string("Success"));
    value_map_set(wrong, "Value", value_int(1));
    assert_fails(NULL, DOMAIN_ERROR_FAILED_TO_CONTACT_REMOTE_SERVICE);
    assert_fails(nothing, DOMAIN_ERROR_INTERNAL_ERROR);
    assert_fails(odd, DOMAIN_ERROR_INTERNAL_ERROR);
    assert_fails(silent, DOMAIN_ERROR_INTERNAL_ERROR);
    assert_fails(wrong, DOMAIN_ERROR_INTERNAL_ERROR);
}

/* ---- A whole life */

static void
test_life(void)
{
    g_autoptr(Kit) kit = kit_new();
    g_autoptr(GError) error = NULL;
    DomainVmT vm = {.id = (char *)"demo",
                    .name = (char *)"Demo",
                    .ty = {.tag = DOMAIN_VM_BUILDER_INFO_HVM},
                    .memory_static_max = 64 << 20,
                    .vcpu_max = 1,
                    .vcpus = 1};
    DomainDisk content = {.tag = DOMAIN_DISK_VDI, .vdi = (char *)"sr/vdi"};
    DomainVbdT vbd = {.id = (char *)"demo.xvda",
                      .mode = DOMAIN_VBD_MODE_READ_WRITE,
                      .backend = &content,
                      .ty = DOMAIN_VBD_TY_DISK};
    DomainVifT vif = {
        .id = (char *)"demo.0", .mac = (char *)"52:54:00:00:00:01", .backend = {.local = (char *)"br0"}};
    g_auto(DomainQueryInfo) info = {0};
    g_assert_true(domain_client_query(kit->client, NULL, &info, &error));
    g_assert_true(domain_client_vm_add(kit->client, NULL, &vm, &error));
    g_assert_true(domain_client_vbd_add(kit->client, NULL, &vbd, &error));
    g_assert_true(domain_client_vif_add(kit->client, NULL, &vif, &error));
    g_assert_true(domain_client_vm_start(kit->client, NULL, "demo", TRUE, &error));
    g_assert_true(domain_client_vm_unpause(kit->client, NULL, "demo", &error));
    g_assert_true(domain_client_vm_pause(kit->client, NULL, "demo", &error));
    g_assert_true(domain_client_vm_unpause(kit->client, NULL, "demo", &error));
    g_assert_true(domain_client_vm_reboot(kit->client, NULL, "demo", 10, &error));
    g_auto(DomainVmEntryList) list = {0};
    g_assert_true(domain_client_vm_list(kit->client, NULL, &list, &error));
    g_assert_cmpuint(list.n, ==, 1);
    g_assert_cmpint(list.items[0].state.power_state, ==, DOMAIN_POWER_STATE_RUNNING);
    g_assert_cmpint(list.items[0].state.domids.items[0], ==, 2);
    g_auto(DomainVifEntryList) vifs = {0};
    g_assert_true(domain_client_vif_list(kit->client, NULL, "demo", &vifs, &error));
    g_assert_true(vifs.items[0].state.plugged);
    g_assert_true(domain_client_vm_shutdown(kit->client, NULL, "demo", 10, &error));
    g_assert_true(domain_client_vm_destroy(kit->client, NULL, "demo", &error));
    g_assert_true(domain_client_vif_remove(kit->client, NULL, "demo.0", &error));
    g_assert_true(domain_client_vbd_remove(kit->client, NULL, "demo.xvda", &error));
    g_assert_true(domain_client_vm_remove(kit->client, NULL, "demo", &error));
    g_assert_no_error(error);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/client/progress-only-grows", test_progress);
    g_test_add_func("/domain/client/cancelling-waits-until-everything-is-let-go", test_cancel);
    g_test_add_func("/domain/client/exceptions-keep-name-and-arguments", test_errors);
    g_test_add_func("/domain/client/bad-replies-are-errors", test_bad_replies);
    g_test_add_func("/domain/client/a-vm-lives-and-goes", test_life);
    return g_test_run();
}
