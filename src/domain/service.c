/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service's life, its table of VMs, and the entry for calls. Methods are in *_methods.c, taking up in
 * recover.c. */
#include "domain/service.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/disks.h"
#include "domain/methods.h"
#include "domain/plan.h"
#include "domain/service_internal.h"

#define DEFAULT_WORKERS 32
#define WRITERS         4
#define RECOVERY_WAIT_S 30
/* Calls without an answer at a time. Who has more than this waiting does not read the answers. */
#define CALLS_MAX 4096

/* ---- VMs */

DomainMachine *
domain_service_find(DomainService *service, const char *id, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&service->lock);
    DomainMachine *machine = g_hash_table_lookup(service->machines, id);
    if (machine == NULL) {
        domain_error_does_not_exist(error, "VM", id);
        return NULL;
    }
    return domain_machine_ref(machine);
}

DomainMachine *
domain_service_find_of_device(DomainService *service, const char *kind, const char *device_id, GError **error)
{
    const char *dot = strrchr(device_id, '.');
    if (dot == NULL) {
        domain_error_does_not_exist(error, kind, device_id);
        return NULL;
    }
    g_autofree char *vm = g_strndup(device_id, (gsize)(dot - device_id));
    return domain_service_find(service, vm, error);
}

static gboolean
is_removed(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    return machine->is_removed;
}

/* What is on disk already is not written again: a toolstack registers the same VM and devices at every start,
 * and each write waits for the disk. */
static gboolean
save_if_changed(DomainService *service, const DomainStoreConfig *before, const DomainStoreConfig *after,
                GError **error)
{
    g_autoptr(Value) old = domain_type_write(&domain_type_store_config, before);
    g_autoptr(Value) new = domain_type_write(&domain_type_store_config, after);
    return value_equal(old, new) || domain_store_save_config(service->store, after, error);
}

gboolean
domain_service_edit_config(DomainService *service, DomainMachine *machine, DomainConfigEdit edit,
                           gpointer data, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->config_lock);
    if (is_removed(machine))
        return domain_error_does_not_exist(error, "VM", machine->id);
    g_autoptr(DomainConfig) before = domain_machine_config(machine);
    g_auto(DomainStoreConfig) copy = {0};
    domain_store_config_copy(&before->data, &copy);
    if (!edit(&copy, data, error) || !save_if_changed(service, &before->data, &copy, error))
        return FALSE;
    DomainConfig *after = domain_config_new(&copy);
    g_mutex_lock(&service->lock);
    DomainConfig *replaced = machine->config;
    machine->config = after;
    g_mutex_unlock(&service->lock);
    domain_config_unref(replaced);
    return TRUE;
}

void
domain_service_touch(DomainService *service, const DomainStoreConfig *config)
{
    for (gsize i = 0; i < config->vbds.n; i++)
        domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VBD, config->vbds.items[i].id);
    for (gsize i = 0; i < config->vifs.n; i++)
        domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VIF, config->vifs.items[i].id);
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VM, config->vm.id);
}

gboolean
domain_service_remove(DomainService *service, DomainMachine *machine, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->config_lock);
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    if (!domain_store_remove(service->store, machine->id, error))
        return FALSE;
    g_mutex_lock(&service->lock);
    machine->is_removed = TRUE;
    g_hash_table_remove(service->machines, machine->id);
    g_mutex_unlock(&service->lock);
    domain_service_touch(service, &config->data);
    return TRUE;
}

/* ---- Calls */

typedef struct WriteCall {
    const DomainMethod *method;
    gpointer args; /* of method->args */
    DomainReply *reply;
} WriteCall;

/* One struct of named arguments, or the arguments in order: as a map in either case. A struct in first place
 * cannot be dbg. */
static Value *
named_args(const DomainMethod *method, Value *params, GError **error)
{
    if (value_kind(params) != VALUE_ARRAY) {
        base_error_set(error, BASE_ERROR_INVALID, "%s: arguments are not a list", method->name);
        return NULL;
    }
    gsize n = value_size(params);
    if (n == 1 && value_kind(value_array_get(params, 0)) == VALUE_MAP)
        return value_ref(value_array_get(params, 0));
    if (n > method->args->n_members) {
        base_error_set(error, BASE_ERROR_INVALID,
                       "%s: %" G_GSIZE_FORMAT " arguments, at most %" G_GSIZE_FORMAT " expected",
                       method->name, n, method->args->n_members);
        return NULL;
    }
    Value *map = value_map_new(n);
    for (gsize i = 0; i < n; i++)
        value_map_set(map, method->args->members[i].name, value_ref(value_array_get(params, i)));
    return map;
}

static gpointer
read_args(const DomainMethod *method, Value *params, GError **error)
{
    g_autoptr(Value) map = named_args(method, params, error);
    if (map == NULL)
        return NULL;
    g_autofree gpointer args = g_malloc0(method->args->size);
    if (!domain_type_read(method->args, map, args, error))
        return NULL;
    return g_steal_pointer(&args);
}

static void
free_args(const DomainMethod *method, gpointer args)
{
    domain_type_clear(method->args, args);
    g_free(args);
}

/* Calls and answers. */
static void
call_now(DomainService *service, const DomainMethod *method, gconstpointer args, DomainReply *reply)
{
    g_autofree gpointer ret = method->result == NULL ? NULL : g_malloc0(method->result->size);
    GError *error = NULL;
    if (!method->call(service, args, ret, &error)) {
        domain_reply_error(reply, error);
        return;
    }
    domain_reply_result(reply, ret);
    if (ret != NULL)
        domain_type_clear(method->result, ret);
}

static void
run_writer(gpointer data, gpointer user_data)
{
    WriteCall *call = data;
    DomainService *service = user_data;
    call_now(service, call->method, call->args, call->reply);
    free_args(call->method, call->args);
    g_free(call);
    g_mutex_lock(&service->lock);
    service->n_calls--;
    g_cond_broadcast(&service->changed);
    g_mutex_unlock(&service->lock);
}

static void
call_on_writer(DomainService *service, const DomainMethod *method, gpointer args, DomainReply *reply)
{
    WriteCall *call = g_new0(WriteCall, 1);
    *call = (WriteCall){method, args, reply};
    g_mutex_lock(&service->lock);
    service->n_calls++;
    g_mutex_unlock(&service->lock);
    g_thread_pool_push(service->writers, call, NULL);
}

static void
refuse(const char *method, DomainDone done, gpointer data, GError *error)
{
    g_autoptr(GError) owned = error;
    domain_error_from(&owned);
    log_debug("%s: %s", method, owned->message);
    done(data, NULL, owned);
}

void
domain_service_call(DomainService *service, const char *method_name, Value *params, DomainDone done,
                    gpointer data)
{
    const DomainMethod *method = domain_method_find(method_name);
    GError *error = NULL;
    if (method == NULL || (method->call == NULL && method->wait == NULL)) {
        domain_error_unimplemented(&error);
        refuse(method_name, done, data, error);
        return;
    }
    if (g_atomic_int_get(&service->n_open) >= CALLS_MAX) {
        domain_error_internal_error(&error, "too many calls are waiting");
        refuse(method_name, done, data, error);
        return;
    }
    gpointer args = read_args(method, params, &error);
    if (args == NULL) {
        refuse(method_name, done, data, error);
        return;
    }
    log_debug("%s (%s)", method->name, *(const char **)args == NULL ? "" : *(const char **)args);

    DomainReply *reply = domain_reply_new(method, done, data, &service->n_open);
    if (method->writes) {
        call_on_writer(service, method, args, reply);
        return;
    }
    if (method->wait != NULL)
        method->wait(service, args, reply);
    else
        call_now(service, method, args, reply);
    free_args(method, args);
}

Value *
domain_service_reply_value(Value *result, const GError *error)
{
    Value *reply = value_map_new(2);
    if (error == NULL) {
        value_map_set(reply, "Status", value_string("Success"));
        /* A result of none is written as an empty text, which is what XML-RPC services of this family send.
         */
        gboolean is_nothing = result == NULL;
        value_map_set(reply, "Value", is_nothing ? value_string("") : value_ref(result));
        return reply;
    }
    Value *description = value_array_new(4);
    value_array_add(description, value_string(domain_error_name(error)));
    for (const char *const *arg = domain_error_args(error); *arg != NULL; arg++)
        value_array_add(description, value_string(*arg));
    value_map_set(reply, "Status", value_string("Failure"));
    value_map_set(reply, "ErrorDescription", description);
    return reply;
}

/* ---- Life */

static void
run_machine(gpointer data, gpointer user_data)
{
    g_autoptr(DomainMachine) machine = data;
    domain_machine_run(machine);
}

static void
guest_event(gpointer data, const char *id, gint64 domid, DomainGuestEvent event, gint64 number)
{
    g_autoptr(DomainMachine) machine = domain_service_find(data, id, NULL);
    if (machine != NULL)
        domain_machine_event(machine, domid, event, number);
}

static void
guest_info(gpointer data, const char *id, gint64 domid, const DomainGuestInfo *info)
{
    g_autoptr(DomainMachine) machine = domain_service_find(data, id, NULL);
    if (machine != NULL)
        domain_machine_inform(machine, domid, info);
}

static void
task_cancelled(gpointer data, const char *owner, DomainTask *task)
{
    g_autoptr(DomainMachine) machine = domain_service_find(data, owner, NULL);
    if (machine != NULL)
        domain_machine_cancel(machine, task);
}

void
domain_service_recovered(DomainService *service)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&service->lock);
    service->n_adopting--;
    g_cond_broadcast(&service->changed);
}

static gboolean
recover_all(DomainService *service, GError **error)
{
    g_auto(GStrv) ids = domain_store_list(service->store, error);
    if (ids == NULL)
        return FALSE;
    for (char **id = ids; *id != NULL; id++) {
        g_autoptr(GError) reason = NULL;
        /* One broken file must not keep the other VMs down. */
        if (!domain_service_recover(service, *id, &reason))
            log_error("VM %s is left out: %s", *id, reason->message);
    }
    g_mutex_lock(&service->lock);
    /* A storage service that hangs while a half-made domain is undone must not keep all other VMs from being
     * served. */
    gint64 until_us = g_get_monotonic_time() + RECOVERY_WAIT_S * G_USEC_PER_SEC;
    while (service->n_adopting > 0 && g_cond_wait_until(&service->changed, &service->lock, until_us))
        continue;
    if (service->n_adopting > 0)
        log_warning("%u VMs are still being taken up", service->n_adopting);
    g_mutex_unlock(&service->lock);
    return TRUE;
}

DomainService *
domain_service_new(const DomainServiceSpec *spec, GError **error)
{
    g_autoptr(DomainStore) store = domain_store_open(spec->state_dir, error);
    if (store == NULL)
        return NULL;
    g_autoptr(DomainService) service = g_new0(DomainService, 1);
    g_mutex_init(&service->lock);
    g_cond_init(&service->changed);
    service->store = g_steal_pointer(&store);
    service->backend = spec->backend;
    service->storage = spec->storage;
    service->clock = spec->clock;
    service->instance_id = base_uuid_new();
    service->updates = domain_updates_new(spec->clock);
    service->tasks = domain_tasks_new(spec->clock, service->updates, task_cancelled, service);
    service->machines =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)domain_machine_unref);
    guint n_workers = spec->n_workers == 0 ? DEFAULT_WORKERS : spec->n_workers;
    service->workers = g_thread_pool_new(run_machine, service, (int)n_workers, FALSE, NULL);
    service->writers = g_thread_pool_new(run_writer, service, WRITERS, FALSE, NULL);
    service->backend->notify = guest_event;
    service->backend->tell = guest_info;
    service->backend->notify_data = service;
    if (!recover_all(service, error))
        return NULL;
    return g_steal_pointer(&service);
}

/* Everything that is queued or waits ends as cancelled; what has committed runs to its end. */
static void
cancel_all(DomainService *service)
{
    DomainTaskTList tasks = {0};
    domain_tasks_list(service->tasks, &tasks);
    for (gsize i = 0; i < tasks.n; i++) {
        if (tasks.items[i].result.tag == DOMAIN_TASK_RESULT_PENDING)
            domain_tasks_cancel(service->tasks, tasks.items[i].id, NULL);
    }
    domain_task_t_list_clear(&tasks);
}

static gboolean
is_busy(DomainService *service)
{
    GHashTableIter iter;
    gpointer machine;
    g_hash_table_iter_init(&iter, service->machines);
    while (g_hash_table_iter_next(&iter, NULL, &machine)) {
        if (((DomainMachine *)machine)->is_scheduled)
            return TRUE;
    }
    return service->n_calls > 0;
}

void
domain_service_free(DomainService *service)
{
    if (service == NULL)
        return;
    g_mutex_lock(&service->lock);
    service->is_stopping = TRUE;
    g_mutex_unlock(&service->lock);
    cancel_all(service);
    g_mutex_lock(&service->lock);
    while (is_busy(service))
        g_cond_wait(&service->changed, &service->lock);
    g_mutex_unlock(&service->lock);
    g_thread_pool_free(service->writers, FALSE, TRUE);
    g_thread_pool_free(service->workers, FALSE, TRUE);

    /* The guests' events stop with their machines. */
    g_hash_table_unref(service->machines);
    service->backend->notify = NULL;
    service->backend->tell = NULL;
    domain_tasks_free(service->tasks);
    domain_updates_free(service->updates);
    domain_store_free(service->store);
    g_free(service->instance_id);
    g_mutex_clear(&service->lock);
    g_cond_clear(&service->changed);
    g_free(service);
}
