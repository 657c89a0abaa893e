/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kit: an in-process transport, and conditions instead of sleeps. */
#include "domain/test_kit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "value/json.h"

/* ---- Calls */

typedef struct Answer {
    GMutex lock;
    GCond changed;
    gboolean is_there;
    gboolean is_abandoned; /* nobody waits any more: whoever answers frees this */
    Value *result;
    GError *error;
} Answer;

static void
answer_free(Answer *answer)
{
    value_unref(answer->result);
    g_clear_error(&answer->error);
    g_mutex_clear(&answer->lock);
    g_cond_clear(&answer->changed);
    g_free(answer);
}

static void
answered(gpointer data, Value *result, const GError *error)
{
    Answer *answer = data;
    g_mutex_lock(&answer->lock);
    answer->result = result == NULL ? NULL : value_ref(result);
    answer->error = error == NULL ? NULL : g_error_copy(error);
    answer->is_there = TRUE;
    gboolean is_abandoned = answer->is_abandoned;
    g_cond_signal(&answer->changed);
    g_mutex_unlock(&answer->lock);
    if (is_abandoned)
        answer_free(answer);
}

static void
wake(GCancellable *cancellable, gpointer data)
{
    Answer *answer = data;
    g_mutex_lock(&answer->lock);
    g_cond_signal(&answer->changed);
    g_mutex_unlock(&answer->lock);
}

/* TRUE with the answer; FALSE when cancelled first, and then the answer is not ours any more. */
static gboolean
await(Answer *answer, GCancellable *cancellable)
{
    gulong handler =
        cancellable == NULL ? 0 : g_cancellable_connect(cancellable, G_CALLBACK(wake), answer, NULL);
    g_mutex_lock(&answer->lock);
    while (!answer->is_there && !g_cancellable_is_cancelled(cancellable))
        g_cond_wait(&answer->changed, &answer->lock);
    g_mutex_unlock(&answer->lock);
    if (handler != 0)
        g_cancellable_disconnect(cancellable, handler);
    g_mutex_lock(&answer->lock);
    gboolean is_there = answer->is_there;
    answer->is_abandoned = !is_there;
    g_mutex_unlock(&answer->lock);
    return is_there;
}

static Answer *
call(Kit *kit, const char *method, Value *params)
{
    Answer *answer = g_new0(Answer, 1);
    g_mutex_init(&answer->lock);
    g_cond_init(&answer->changed);
    domain_service_call(kit->service, method, params, answered, answer);
    return answer;
}

static gboolean
transport(gpointer data, const char *method, Value *params, guint timeout_ms, GCancellable *cancellable,
          Value **ret_reply, GError **error)
{
    Answer *answer = call(data, method, params);
    if (!await(answer, cancellable))
        return base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
    *ret_reply = domain_service_reply_value(answer->result, answer->error);
    answer_free(answer);
    return TRUE;
}

Value *
kit_call(Kit *kit, const char *method, const char *params, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(Value) array = json_read(params, strlen(params), &reason);
    g_assert_no_error(reason);
    Answer *answer = call(kit, method, array);
    await(answer, NULL);
    Value *result = answer->result == NULL ? NULL : value_ref(answer->result);
    if (answer->error != NULL)
        g_propagate_error(error, g_steal_pointer(&answer->error));
    answer_free(answer);
    return result;
}

Value *
kit_must(Kit *kit, const char *method, const char *params)
{
    g_autoptr(GError) error = NULL;
    Value *result = kit_call(kit, method, params, &error);
    g_assert_no_error(error);
    g_assert_nonnull(result);
    return result;
}

/* ---- Life */

void
kit_begin(Kit *kit)
{
    g_autoptr(GError) error = NULL;
    DomainServiceSpec spec = {.state_dir = kit->dir,
                              .backend = kit->backend,
                              .storage = domain_fake_storage(kit->backend),
                              .clock = kit->clock,
                              .n_workers = 4};
    kit->service = domain_service_new(&spec, &error);
    g_assert_no_error(error);
}

void
kit_stop(Kit *kit)
{
    g_clear_pointer(&kit->service, domain_service_free);
}

void
kit_restart(Kit *kit)
{
    kit_stop(kit);
    kit_begin(kit);
}

Kit *
kit_new(void)
{
    Kit *kit = g_new0(Kit, 1);
    g_autoptr(GError) error = NULL;
    kit->dir = g_dir_make_tmp("domain-XXXXXX", &error);
    g_assert_no_error(error);
    kit->clock = domain_clock_new_manual(G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC);
    kit->backend = domain_fake_new();
    kit->client = domain_client_new(transport, kit, NULL);
    kit_begin(kit);
    return kit;
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    remove(path);
}

void
kit_free(Kit *kit)
{
    kit_stop(kit);
    domain_client_free(kit->client);
    domain_backend_free(kit->backend);
    domain_clock_free(kit->clock);
    remove_tree(kit->dir);
    g_free(kit->dir);
    g_free(kit);
}

/* ---- VMs */

void
kit_add_vm(Kit *kit, const char *id, const char *members)
{
    g_autofree char *vm = g_strdup_printf(
        "[{\"t\": {\"id\": \"%s\", \"name\": \"%s\", \"ty\": [\"HVM\", {\"boot_order\": \"cd\"}],"
        "\"memory_static_max\": 268435456, \"vcpu_max\": 2, \"vcpus\": 1 %s}}]",
        id, id, members == NULL ? "" : members);
    value_unref(kit_must(kit, "Vm.add", vm));
    static const char *const vbds[] = {
        "\"%s.xvda\", \"position\": 0, \"mode\": \"ReadWrite\", \"ty\": \"Disk\", \"backend\": [\"VDI\", "
        "\"sr/one\"]",
        "\"%s.xvdb\", \"position\": 1, \"mode\": \"ReadOnly\", \"ty\": \"Disk\", \"backend\": [\"VDI\", "
        "\"sr/two\"]",
        "\"%s.xvdc\", \"position\": 2, \"mode\": \"ReadWrite\", \"ty\": \"Disk\", \"backend\": [\"Local\", "
        "\"/dev/null\"]",
        "\"%s.xvdd\", \"position\": 3, \"mode\": \"ReadOnly\", \"ty\": \"CDROM\"",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(vbds); i++) {
        g_auto(GStrv) parts = g_strsplit(vbds[i], "%s", 2);
        g_autofree char *text = g_strdup_printf("[{\"t\": {\"id\": %s%s%s}}]", parts[0], id, parts[1]);
        value_unref(kit_must(kit, "VBD.add", text));
    }
    g_autofree char *vif =
        g_strdup_printf("[{\"t\": {\"id\": \"%s.0\", \"position\": 0, \"mac\": \"52:54:00:00:00:01\","
                        "\"backend\": [\"Local\", \"no-such-bridge\"]}}]",
                        id);
    value_unref(kit_must(kit, "VIF.add", vif));
}

DomainPowerState
kit_state(Kit *kit, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_auto(DomainVmEntry) entry = {0};
    domain_client_vm_stat(kit->client, NULL, id, &entry, &error);
    g_assert_no_error(error);
    return entry.state.power_state;
}

void
kit_await_state(Kit *kit, const char *id, DomainPowerState state)
{
    gint64 last = 0;
    while (kit_state(kit, id) != state) {
        g_autoptr(GError) error = NULL;
        g_auto(DomainUpdatesDelta) delta = {0};
        domain_client_updates_get(kit->client, NULL, last, -1, &delta, &error);
        g_assert_no_error(error);
        last = delta.next;
    }
}

char *
kit_begin_operation(Kit *kit, const char *method, const char *params)
{
    g_autoptr(Value) task = kit_must(kit, method, params);
    return g_strdup(value_get_string(task));
}

gboolean
kit_operate(Kit *kit, const char *method, const char *id, const char *args, GError **error)
{
    static const DomainContext no_context = {0};
    g_autofree char *params = g_strdup_printf("[{\"dbg\": \"test\", \"id\": \"%s\"%s}]", id, args);
    g_autofree char *task = kit_begin_operation(kit, method, params);
    return domain_client_task_wait(kit->client, &no_context, task, error);
}

void
kit_assert_consistent(Kit *kit, const char *id)
{
    DomainPowerState state = kit_state(kit, id);
    gboolean has_domain = state != DOMAIN_POWER_STATE_HALTED && state != DOMAIN_POWER_STATE_SUSPENDED;
    g_assert_cmpuint(domain_fake_n_guests(kit->backend), ==, has_domain ? 1 : 0);
    g_assert_cmpuint(domain_fake_n_attached(kit->backend), ==, has_domain ? 2 : 0);
}
