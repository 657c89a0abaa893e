/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The toolstack's side: arguments into a call, the reply's value or error out of it, and waiting without
 * polling. */
#include "domain/client.h"

#include <string.h>

#include "base/error.h"
#include "domain/task.h"

/* Longer than what the service takes to answer a call that does not wait. */
#define CALL_TIMEOUT_MS 60000
/* One wait at the service; it is renewed until the task has ended. */
#define WAIT_S 50.0
/* On top of a wait, for the way there and back. */
#define WAIT_MARGIN_MS 30000

struct DomainClient {
    DomainTransport transport;
    gpointer data;
    GDestroyNotify data_free;
};

DomainClient *
domain_client_new(DomainTransport transport, gpointer data, GDestroyNotify data_free)
{
    DomainClient *client = g_new0(DomainClient, 1);
    client->transport = transport;
    client->data = data;
    client->data_free = data_free;
    return client;
}

void
domain_client_free(DomainClient *client)
{
    if (client == NULL)
        return;
    if (client->data_free != NULL)
        client->data_free(client->data);
    g_free(client);
}

/* ---- One call */

static gboolean
set_failure(Value *description, GError **error)
{
    g_auto(GStrv) parts = NULL;
    if (description == NULL || !domain_type_read(&domain_type_string_list, description, &parts, NULL) ||
        parts[0] == NULL)
        return domain_error_internal_error(error, "the domain service failed without saying why");
    return domain_error_set(error, parts[0], (const char *const *)parts + 1);
}

static Value *
open_reply(Value *reply, GError **error)
{
    Value *value = value_kind(reply) == VALUE_MAP ? value_map_get(reply, "Value") : NULL;
    const char *status = value_kind(reply) == VALUE_MAP ? value_map_get_string(reply, "Status", "") : "";
    if (strcmp(status, "Success") == 0 && value != NULL)
        return value_ref(value);
    if (strcmp(status, "Failure") == 0)
        set_failure(value_map_get(reply, "ErrorDescription"), error);
    else
        domain_error_internal_error(error, "the domain service's reply is not understood");
    return NULL;
}

/* @args: (transfer full) */
static Value *
call(DomainClient *client, const DomainContext *context, const char *method, Value *args, guint timeout_ms,
     GCancellable *cancellable, GError **error)
{
    g_autoptr(Value) params = value_array_new(1);
    g_autoptr(Value) reply = NULL;
    g_autoptr(GError) reason = NULL;
    value_map_set(args, "dbg", value_string(context == NULL || context->dbg == NULL ? "" : context->dbg));
    value_array_add(params, args);
    if (client->transport(client->data, method, params, timeout_ms, cancellable, &reply, &reason))
        return open_reply(reply, error);
    if (g_error_matches(reason, BASE_ERROR, BASE_ERROR_CANCELLED))
        g_propagate_error(error, g_steal_pointer(&reason));
    else
        domain_error_failed_to_contact_remote_service(error, reason->message);
    return NULL;
}

/* A call that the service answers at once, unless it hangs. */
static Value *
call_quick(DomainClient *client, const DomainContext *context, const char *method, Value *args,
           GCancellable *cancellable, GError **error)
{
    gboolean is_given = context != NULL && context->call_timeout_ms != 0;
    guint timeout_ms = is_given ? context->call_timeout_ms : CALL_TIMEOUT_MS;
    return call(client, context, method, args, timeout_ms, cancellable, error);
}

/* May be broken off: what only asks or registers can be repeated. */
gboolean
domain_client_call(DomainClient *client, const DomainContext *context, const char *method, Value *args,
                   Value **ret_value, GError **error)
{
    GCancellable *cancellable = context != NULL ? context->cancellable : NULL;
    g_autoptr(Value) value = call_quick(client, context, method, args, cancellable, error);
    if (value == NULL)
        return FALSE;
    if (ret_value != NULL)
        *ret_value = g_steal_pointer(&value);
    return TRUE;
}

static gboolean
call_typed(DomainClient *client, const DomainContext *context, const char *method, Value *args,
           const DomainType *type, gpointer ret, GError **error)
{
    g_autoptr(Value) value = NULL;
    if (!domain_client_call(client, context, method, args, &value, error))
        return FALSE;
    if (domain_type_read(type, value, ret, error))
        return TRUE;
    domain_error_from(error);
    return FALSE;
}

static Value *
one_arg(const char *name, Value *value)
{
    Value *args = value_map_new(3);
    value_map_set(args, name, value);
    return args;
}

static Value *
id_arg(const char *id)
{
    return one_arg("id", value_string(id));
}

/* ---- Tasks */

static gboolean
task_call(DomainClient *client, const DomainContext *context, const char *method, const char *task,
          GError **error)
{
    g_autoptr(Value) value = call_quick(client, context, method, id_arg(task), NULL, error);
    return value != NULL;
}

/* One round: the task as soon as it is further than @seen. */
static gboolean
wait_once(DomainClient *client, const DomainContext *context, const char *task, double seen,
          GCancellable *cancellable, DomainTaskT *ret, GError **error)
{
    Value *args = id_arg(task);
    value_map_set(args, "timeout", value_float(WAIT_S));
    if (context != NULL && context->progress != NULL)
        value_map_set(args, "seen", value_float(seen));
    g_autoptr(Value) value =
        call(client, context, "Task.wait", args, (guint)(WAIT_S * 1000) + WAIT_MARGIN_MS, cancellable, error);
    if (value == NULL)
        return FALSE;
    if (domain_task_t_from_value(value, ret, error))
        return TRUE;
    domain_error_from(error);
    return FALSE;
}

/* Success, or what the task failed with; a cancellation that we asked for is told as one. */
static gboolean
read_result(const DomainTaskT *task, gboolean was_cancelled, GError **error)
{
    g_autoptr(GError) reason = NULL;
    if (task->result.tag != DOMAIN_TASK_RESULT_FAILED)
        return TRUE;
    domain_task_error_parse(task->result.failed, &reason);
    if (was_cancelled && domain_error_is(reason, "Cancelled"))
        return base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

/* Waits to the end, whatever it is. The first cancellation becomes a Task.cancel; the wait goes on without
 * it. */
static gboolean
wait_to_end(DomainClient *client, const DomainContext *context, const char *task, DomainTaskT *ret,
            gboolean *ret_cancelled, GError **error)
{
    GCancellable *cancellable = context == NULL ? NULL : context->cancellable;
    double seen = -1;
    for (;;) {
        g_auto(DomainTaskT) state = {0};
        g_autoptr(GError) reason = NULL;
        gboolean has_state = wait_once(client, context, task, seen, cancellable, &state, &reason);
        if (!has_state && cancellable != NULL && g_error_matches(reason, BASE_ERROR, BASE_ERROR_CANCELLED)) {
            cancellable = NULL;
            *ret_cancelled = TRUE;
            if (!task_call(client, context, "Task.cancel", task, error))
                return FALSE;
            continue;
        }
        if (!has_state) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return FALSE;
        }
        if (state.result.tag != DOMAIN_TASK_RESULT_PENDING) {
            *ret = state;
            state = (DomainTaskT){0};
            return TRUE;
        }
        gboolean is_further = state.result.pending > seen;
        seen = state.result.pending;
        if (is_further && context != NULL && context->progress != NULL)
            context->progress(seen, context->progress_data);
    }
}

gboolean
domain_client_task_wait(DomainClient *client, const DomainContext *context, const char *task, GError **error)
{
    g_auto(DomainTaskT) state = {0};
    gboolean was_cancelled = FALSE;
    if (!wait_to_end(client, context, task, &state, &was_cancelled, error))
        return FALSE;
    task_call(client, context, "Task.destroy", task,
              NULL); /* the service drops old ones by itself if this is lost */
    return read_result(&state, was_cancelled, error);
}

/* Whoever breaks off the call that begins a task does not know whether it has begun, hence no cancellable. */
gboolean
domain_client_operation(DomainClient *client, const DomainContext *context, const char *method, Value *args,
                        GError **error)
{
    g_autoptr(Value) task = call_quick(client, context, method, args, NULL, error);
    if (task == NULL)
        return FALSE;
    if (value_kind(task) != VALUE_STRING)
        return domain_error_internal_error(error, "the domain service does not say which task it is");
    return domain_client_task_wait(client, context, value_get_string(task), error);
}

/* ---- VMs */

gboolean
domain_client_query(DomainClient *client, const DomainContext *context, DomainQueryInfo *ret_info,
                    GError **error)
{
    return call_typed(client, context, "Query.query", value_map_new(1), &domain_type_query_info, ret_info,
                      error);
}

gboolean
domain_client_vm_add(DomainClient *client, const DomainContext *context, const DomainVmT *vm, GError **error)
{
    return domain_client_call(client, context, "Vm.add", one_arg("t", domain_vm_t_to_value(vm)), NULL, error);
}

gboolean
domain_client_vm_register(DomainClient *client, const DomainContext *context, const DomainMetadataT *metadata,
                          GError **error)
{
    return domain_client_call(client, context, "Vm.register",
                              one_arg("t", domain_metadata_t_to_value(metadata)), NULL, error);
}

gboolean
domain_client_vm_remove(DomainClient *client, const DomainContext *context, const char *id, GError **error)
{
    return domain_client_call(client, context, "Vm.remove", id_arg(id), NULL, error);
}

gboolean
domain_client_vm_stat(DomainClient *client, const DomainContext *context, const char *id,
                      DomainVmEntry *ret_entry, GError **error)
{
    return call_typed(client, context, "Vm.stat", id_arg(id), &domain_type_vm_entry, ret_entry, error);
}

gboolean
domain_client_vm_list(DomainClient *client, const DomainContext *context, DomainVmEntryList *ret_list,
                      GError **error)
{
    return call_typed(client, context, "Vm.list", value_map_new(1), &domain_type_vm_entry_list, ret_list,
                      error);
}

gboolean
domain_client_vm_start(DomainClient *client, const DomainContext *context, const char *id, gboolean is_paused,
                       GError **error)
{
    Value *args = id_arg(id);
    value_map_set(args, "paused", value_bool(is_paused));
    return domain_client_operation(client, context, "Vm.start", args, error);
}

static Value *
with_timeout(const char *id, double timeout_s)
{
    Value *args = id_arg(id);
    if (timeout_s >= 0)
        value_map_set(args, "clean_shutdown_timeout", value_float(timeout_s));
    return args;
}

gboolean
domain_client_vm_shutdown(DomainClient *client, const DomainContext *context, const char *id,
                          double timeout_s, GError **error)
{
    return domain_client_operation(client, context, "Vm.shutdown", with_timeout(id, timeout_s), error);
}

gboolean
domain_client_vm_reboot(DomainClient *client, const DomainContext *context, const char *id, double timeout_s,
                        GError **error)
{
    return domain_client_operation(client, context, "Vm.reboot", with_timeout(id, timeout_s), error);
}

gboolean
domain_client_vm_pause(DomainClient *client, const DomainContext *context, const char *id, GError **error)
{
    return domain_client_operation(client, context, "Vm.pause", id_arg(id), error);
}

gboolean
domain_client_vm_unpause(DomainClient *client, const DomainContext *context, const char *id, GError **error)
{
    return domain_client_operation(client, context, "Vm.unpause", id_arg(id), error);
}

gboolean
domain_client_vm_destroy(DomainClient *client, const DomainContext *context, const char *id, GError **error)
{
    return domain_client_operation(client, context, "Vm.destroy", id_arg(id), error);
}

/* ---- Devices */

gboolean
domain_client_vbd_add(DomainClient *client, const DomainContext *context, const DomainVbdT *vbd,
                      GError **error)
{
    return domain_client_call(client, context, "VBD.add", one_arg("t", domain_vbd_t_to_value(vbd)), NULL,
                              error);
}

gboolean
domain_client_vbd_remove(DomainClient *client, const DomainContext *context, const char *id, GError **error)
{
    return domain_client_call(client, context, "VBD.remove", id_arg(id), NULL, error);
}

gboolean
domain_client_vbd_list(DomainClient *client, const DomainContext *context, const char *vm,
                       DomainVbdEntryList *ret_list, GError **error)
{
    return call_typed(client, context, "VBD.list", one_arg("vm", value_string(vm)),
                      &domain_type_vbd_entry_list, ret_list, error);
}

gboolean
domain_client_vif_add(DomainClient *client, const DomainContext *context, const DomainVifT *vif,
                      GError **error)
{
    return domain_client_call(client, context, "VIF.add", one_arg("t", domain_vif_t_to_value(vif)), NULL,
                              error);
}

gboolean
domain_client_vif_remove(DomainClient *client, const DomainContext *context, const char *id, GError **error)
{
    return domain_client_call(client, context, "VIF.remove", id_arg(id), NULL, error);
}

gboolean
domain_client_vif_list(DomainClient *client, const DomainContext *context, const char *vm,
                       DomainVifEntryList *ret_list, GError **error)
{
    return call_typed(client, context, "VIF.list", one_arg("vm", value_string(vm)),
                      &domain_type_vif_entry_list, ret_list, error);
}

/* ---- Updates */

static gboolean
updates_once(DomainClient *client, const DomainContext *context, gint64 last, double timeout_s,
             DomainUpdatesDelta *ret_delta, GError **error)
{
    Value *args = one_arg("timeout", value_float(timeout_s));
    if (last >= 0)
        value_map_set(args, "last", value_int(last));
    g_autoptr(Value) value =
        call(client, context, "Updates.get", args, (guint)(timeout_s * 1000) + WAIT_MARGIN_MS,
             context == NULL ? NULL : context->cancellable, error);
    if (value == NULL)
        return FALSE;
    if (domain_updates_delta_from_value(value, ret_delta, error))
        return TRUE;
    domain_error_from(error);
    return FALSE;
}

gboolean
domain_client_updates_get(DomainClient *client, const DomainContext *context, gint64 last, double timeout_s,
                          DomainUpdatesDelta *ret_delta, GError **error)
{
    gint64 until_us =
        timeout_s < 0 ? G_MAXINT64 : g_get_monotonic_time() + (gint64)(MIN(timeout_s, 1e8) * G_USEC_PER_SEC);
    for (;;) {
        double left_s = timeout_s < 0 ? WAIT_S : (double)(until_us - g_get_monotonic_time()) / G_USEC_PER_SEC;
        g_auto(DomainUpdatesDelta) delta = {0};
        if (!updates_once(client, context, last, CLAMP(left_s, 0.0, WAIT_S), &delta, error))
            return FALSE;
        gboolean has_news = delta.events.n > 0 || delta.barriers.n > 0;
        if (has_news || g_get_monotonic_time() >= until_us) {
            *ret_delta = delta;
            delta = (DomainUpdatesDelta){0};
            return TRUE;
        }
    }
}
