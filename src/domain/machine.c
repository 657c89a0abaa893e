/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Machines: configuration and view by reference, and the queue that makes work on one VM serial. */
#include "domain/machine.h"

#include <stdlib.h>

#include "base/log.h"
#include "domain/plan.h"
#include "domain/rtc.h"
#include "domain/service_internal.h"

/* Of one VM: clients begin them without waiting for their ends. What guests cause is put in front of them. */
#define OPERATIONS_MAX 256

/* ---- Configurations and views */

DomainConfig *
domain_config_new(DomainStoreConfig *data)
{
    DomainConfig *config = g_new0(DomainConfig, 1);
    g_atomic_ref_count_init(&config->refs);
    config->data = *data;
    *data = (DomainStoreConfig){0};
    return config;
}

DomainConfig *
domain_config_ref(DomainConfig *config)
{
    g_atomic_ref_count_inc(&config->refs);
    return config;
}

void
domain_config_unref(DomainConfig *config)
{
    if (config == NULL || !g_atomic_ref_count_dec(&config->refs))
        return;
    domain_store_config_clear(&config->data);
    g_free(config);
}

DomainView *
domain_view_ref(DomainView *view)
{
    g_atomic_ref_count_inc(&view->refs);
    return view;
}

void
domain_view_unref(DomainView *view)
{
    if (view == NULL || !g_atomic_ref_count_dec(&view->refs))
        return;
    domain_vm_state_clear(&view->state);
    domain_store_disk_list_clear(&view->disks);
    domain_store_nic_list_clear(&view->nics);
    g_free(view);
}

static double
shadow_multiplier(const DomainVmT *vm)
{
    gboolean is_given = vm->ty.tag == DOMAIN_VM_BUILDER_INFO_HVM && vm->ty.hvm.shadow_multiplier > 0;
    return is_given ? vm->ty.hvm.shadow_multiplier : 1.0;
}

static DomainView *
base_view(const DomainVmT *vm)
{
    DomainView *view = g_new0(DomainView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->state.power_state = DOMAIN_POWER_STATE_HALTED;
    view->state.shadow_multiplier_target = shadow_multiplier(vm);
    view->state.rtc_timeoffset = g_strdup(domain_rtc_offset(vm));
    return view;
}

/* Halted or Suspended. */
static DomainView *
resting_view(const DomainVmT *vm, const DomainStoreSuspended *suspended)
{
    DomainView *view = base_view(vm);
    if (suspended == NULL)
        return view;
    view->state.power_state = DOMAIN_POWER_STATE_SUSPENDED;
    view->state.last_start_time = suspended->start_time;
    g_free(view->state.rtc_timeoffset);
    view->state.rtc_timeoffset = g_strdup(suspended->rtc_timeoffset);
    return view;
}

static DomainView *
guest_view(DomainMachine *machine)
{
    const DomainStoreRun *run = machine->guest->run;
    DomainView *view = base_view(&machine->guest->config->vm);
    DomainVmState *state = &view->state;
    view->has_domain = TRUE;
    view->stage = run->stage;
    state->power_state = run->power_state;
    state->domids = (DomainInt64List){.items = g_memdup2(&run->domid, sizeof run->domid), .n = 1};
    state->memory_target = run->memory_target;
    state->vcpu_target = run->vcpu_target;
    state->last_start_time = run->start_time;
    if (run->shadow_multiplier > 0)
        state->shadow_multiplier_target = run->shadow_multiplier;
    g_free(state->rtc_timeoffset);
    state->rtc_timeoffset = g_strdup(run->rtc_timeoffset);
    domain_store_disk_list_copy(&run->disks, &view->disks);
    domain_store_nic_list_copy(&run->nics, &view->nics);
    if (run->stage == DOMAIN_STORE_STAGE_MODELLED)
        machine->service->backend->class->consoles(machine->service->backend, machine->guest,
                                                   &state->consoles);
    return view;
}

/* ---- What the back end tells of a guest. "locked": under the service's lock. */

static void
clear_info_locked(DomainMachine *machine)
{
    value_unref(machine->info.agent);
    machine->info = (DomainGuestInfo){0};
}

/* @view is not shared yet. */
static void
fill_info_locked(DomainMachine *machine, DomainView *view)
{
    DomainVmState *state = &view->state;
    if (!view->has_domain)
        return;
    value_unref(state->guest_agent);
    state->guest_agent = machine->info.agent == NULL ? NULL : value_ref(machine->info.agent);
    state->memory_actual = machine->info.memory_actual;
    state->uncooperative_balloon_driver = machine->info.is_uncooperative;
}

static DomainView *
view_copy(const DomainView *view)
{
    DomainView *copy = g_new0(DomainView, 1);
    g_atomic_ref_count_init(&copy->refs);
    copy->has_domain = view->has_domain;
    copy->stage = view->stage;
    domain_vm_state_copy(&view->state, &copy->state);
    domain_store_disk_list_copy(&view->disks, &copy->disks);
    domain_store_nic_list_copy(&view->nics, &copy->nics);
    return copy;
}

void
domain_machine_inform(DomainMachine *machine, gint64 domid, const DomainGuestInfo *info)
{
    g_mutex_lock(&machine->service->lock);
    const DomainInt64List *domids = &machine->view->state.domids;
    gboolean is_meant = !machine->is_removed && domids->n > 0 && domids->items[0] == domid;
    if (is_meant) {
        clear_info_locked(machine);
        machine->info = *info;
        machine->info.agent = info->agent == NULL ? NULL : value_ref(info->agent);
        DomainView *before = machine->view;
        machine->view = view_copy(before);
        fill_info_locked(machine, machine->view);
        domain_view_unref(before);
    }
    g_mutex_unlock(&machine->service->lock);
    if (is_meant)
        domain_updates_touch(machine->service->updates, DOMAIN_DYNAMIC_ID_VM, machine->id);
}

/* ---- Machines */

DomainMachine *
domain_machine_new(DomainService *service, const char *id, DomainConfig *config)
{
    DomainMachine *machine = g_new0(DomainMachine, 1);
    g_atomic_ref_count_init(&machine->refs);
    g_mutex_init(&machine->config_lock);
    machine->service = service;
    machine->id = g_strdup(id);
    machine->config = domain_config_ref(config);
    machine->view = resting_view(&config->data.vm, NULL);
    machine->run_dir = domain_store_run_dir(service->store, id);
    g_queue_init(&machine->operations);
    return machine;
}

DomainMachine *
domain_machine_ref(DomainMachine *machine)
{
    g_atomic_ref_count_inc(&machine->refs);
    return machine;
}

void
domain_machine_unref(DomainMachine *machine)
{
    if (machine == NULL || !g_atomic_ref_count_dec(&machine->refs))
        return;
    g_assert(machine->operations.length == 0);
    domain_machine_drop_guest(machine);
    domain_machine_set_suspended(machine, NULL);
    domain_config_unref(machine->config);
    domain_view_unref(machine->view);
    g_mutex_clear(&machine->config_lock);
    g_free(machine->run_dir);
    g_free(machine->id);
    g_free(machine);
}

DomainView *
domain_machine_view(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    return domain_view_ref(machine->view);
}

DomainConfig *
domain_machine_config(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    return domain_config_ref(machine->config);
}

DomainGuestEvent
domain_machine_ended(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    return machine->ended;
}

static void
touch_devices(DomainMachine *machine)
{
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    DomainUpdates *updates = machine->service->updates;
    for (gsize i = 0; i < config->data.vbds.n; i++)
        domain_updates_touch(updates, DOMAIN_DYNAMIC_ID_VBD, config->data.vbds.items[i].id);
    for (gsize i = 0; i < config->data.vifs.n; i++)
        domain_updates_touch(updates, DOMAIN_DYNAMIC_ID_VIF, config->data.vifs.items[i].id);
}

gboolean
domain_machine_publish(DomainMachine *machine, GError **error)
{
    DomainService *service = machine->service;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    g_autoptr(DomainView) view =
        machine->guest == NULL ? resting_view(&config->data.vm, machine->suspended) : guest_view(machine);
    gboolean is_saved = machine->guest == NULL ||
                        domain_store_save_run(service->store, machine->id, machine->guest->run, error);

    g_mutex_lock(&service->lock);
    gboolean devices_changed = view->has_domain != machine->view->has_domain ||
                               view->disks.n != machine->view->disks.n ||
                               view->nics.n != machine->view->nics.n;
    DomainView *before = machine->view;
    fill_info_locked(machine, view);
    machine->view = domain_view_ref(view);
    if (!view->has_domain) /* a late event of the domain before must not end the next one */
        machine->ended = DOMAIN_GUEST_EVENT_NONE;
    g_mutex_unlock(&service->lock);

    domain_view_unref(before);
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VM, machine->id);
    if (devices_changed)
        touch_devices(machine);
    return is_saved;
}

static gboolean
save_guest(DomainGuest *guest, GError **error)
{
    DomainMachine *machine = guest->owner;
    return domain_store_save_run(machine->service->store, machine->id, guest->run, error);
}

void
domain_machine_take_guest(DomainMachine *machine, DomainStoreRun *run)
{
    g_assert(machine->guest == NULL);
    machine->guest_config = domain_machine_config(machine);
    machine->guest = g_new0(DomainGuest, 1);
    machine->guest->id = machine->id;
    machine->guest->config = &machine->guest_config->data;
    machine->guest->run_dir = machine->run_dir;
    machine->guest->run = run;
    machine->guest->save = save_guest;
    machine->guest->owner = machine;
}

void
domain_machine_drop_guest(DomainMachine *machine)
{
    if (machine->guest == NULL)
        return;
    machine->service->backend->class->release(machine->service->backend, machine->guest);
    domain_store_run_clear(machine->guest->run);
    g_free(machine->guest->run);
    g_clear_pointer(&machine->guest, g_free);
    g_clear_pointer(&machine->guest_config, domain_config_unref);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    machine->ended = DOMAIN_GUEST_EVENT_NONE;
    clear_info_locked(machine);
}

/* Where things were on the host it ran on, or in the process. */
static void
unplace(DomainStoreRun *run)
{
    for (gsize i = 0; i < run->disks.n; i++) {
        DomainStoreDisk *disk = &run->disks.items[i];
        disk->is_attached = disk->is_activated = FALSE;
        if (disk->sr == NULL)
            continue;
        g_clear_pointer(&disk->path, g_free);
        g_clear_pointer(&disk->format, g_free);
    }
    for (gsize i = 0; i < run->nics.n; i++)
        g_clear_pointer(&run->nics.items[i].device, g_free);
    run->pid = run->pid_start = 0;
}

void
domain_machine_reshape_guest(DomainMachine *machine, DomainStoreConfig *config, DomainStoreRun *was)
{
    DomainStoreRun *run = machine->guest->run;
    DomainStoreRun shaped = *was;
    *was = (DomainStoreRun){.image = g_steal_pointer(&shaped.image)};
    unplace(&shaped);
    shaped.domid = run->domid;
    shaped.power_state = run->power_state;
    shaped.stage = run->stage;
    shaped.image = g_steal_pointer(&run->image);
    domain_store_run_clear(run);
    *run = shaped;

    DomainConfig *before = machine->guest_config;
    machine->guest_config = domain_config_new(config);
    machine->guest->config = &machine->guest_config->data;
    domain_config_unref(before);
}

void
domain_machine_set_suspended(DomainMachine *machine, DomainStoreSuspended *suspended)
{
    DomainStoreSuspended *before = machine->suspended;
    machine->suspended = suspended;
    if (before == NULL)
        return;
    domain_store_suspended_clear(before);
    g_free(before);
}

/* ---- The queue. "locked": under the service's lock. */

static void
schedule_locked(DomainMachine *machine)
{
    machine->is_scheduled = TRUE;
    g_thread_pool_push(machine->service->workers, domain_machine_ref(machine), NULL);
}

static void
wake_locked(DomainMachine *machine)
{
    machine->is_woken = TRUE;
    if (!machine->is_parked)
        return;
    machine->is_parked = FALSE;
    schedule_locked(machine);
}

static gboolean
push_locked(DomainMachine *machine, DomainOperation *operation, GError **error)
{
    if (machine->is_removed)
        return domain_error_does_not_exist(error, "VM", machine->id);
    if (machine->service->is_stopping)
        return domain_error_internal_error(error, "the service is stopping");
    if (machine->operations.length >= OPERATIONS_MAX)
        return domain_error_internal_error(error, "too many operations of this VM are waiting");
    operation->machine = machine;
    g_queue_push_tail(&machine->operations, operation);
    if (!machine->is_scheduled)
        schedule_locked(machine);
    return TRUE;
}

gboolean
domain_machine_push(DomainMachine *machine, DomainOperation *operation, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_mutex_lock(&machine->service->lock);
    gboolean is_pushed = push_locked(machine, operation, &reason);
    g_mutex_unlock(&machine->service->lock);
    if (is_pushed)
        return TRUE;
    domain_operation_refuse(operation, reason);
    domain_operation_free(operation);
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

void
domain_machine_wake(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    wake_locked(machine);
}

void
domain_machine_cancel(DomainMachine *machine, DomainTask *task)
{
    DomainOperation *queued = NULL;
    g_mutex_lock(&machine->service->lock);
    GList *link = machine->operations.head;
    while (link != NULL && ((DomainOperation *)link->data)->task != task)
        link = link->next;
    if (link != NULL && link != machine->operations.head) {
        queued = link->data;
        g_queue_delete_link(&machine->operations, link);
    } else if (link != NULL) {
        wake_locked(machine);
    }
    g_mutex_unlock(&machine->service->lock);
    if (queued == NULL)
        return;
    g_autoptr(GError) error = NULL;
    domain_error_cancelled(&error, domain_task_id(task));
    domain_operation_refuse(queued, error);
    domain_operation_free(queued);
}

/* ---- Guests that end by themselves */

static const DomainVmActionList *
actions_for(const DomainVmT *vm, DomainGuestEvent event)
{
    switch (event) {
    case DOMAIN_GUEST_POWERED_OFF:
        return &vm->on_shutdown;
    case DOMAIN_GUEST_RESET:
        return &vm->on_reboot;
    default:
        return &vm->on_crash;
    }
}

/* A guest that crashes faster than this would only keep the host busy: it is left Halted. */
#define SHORTEST_LIFE_US (5 * G_USEC_PER_SEC)

static gboolean
may_restart_locked(DomainMachine *machine)
{
    gint64 start_us = (gint64)(machine->view->state.last_start_time * G_USEC_PER_SEC);
    gboolean has_crashed = machine->ended == DOMAIN_GUEST_CRASHED || machine->ended == DOMAIN_GUEST_GONE;
    return !has_crashed || domain_clock_wall_us(machine->service->clock) - start_us >= SHORTEST_LIFE_US;
}

static DomainOperation *
ended_operation_locked(DomainMachine *machine)
{
    const DomainVmActionList *actions = actions_for(&machine->config->data.vm, machine->ended);
    DomainOperationArgs args = {.timeout_s = -1};
    gboolean restarts = FALSE;
    for (gsize i = 0; i < actions->n; i++) {
        restarts |= actions->items[i] == DOMAIN_VM_ACTION_START;
        args.wants_core |=
            actions->items[i] == DOMAIN_VM_ACTION_COREDUMP && machine->ended != DOMAIN_GUEST_GONE;
    }
    restarts = restarts && may_restart_locked(machine);
    DomainOperation *operation =
        domain_operation_new(domain_plan_find(restarts ? "guest-restart" : "guest-end"), NULL, &args);
    operation->machine = machine;
    return operation;
}

void
domain_machine_event(DomainMachine *machine, gint64 domid, DomainGuestEvent event, gint64 number)
{
    static const DomainOperationArgs no_args = {.timeout_s = -1};
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    const DomainInt64List *domids = &machine->view->state.domids;
    if (machine->is_removed || domids->n == 0 || domids->items[0] != domid)
        return;
    if (event == DOMAIN_GUEST_CLOCK_SET) {
        DomainOperation *operation = domain_operation_new(domain_plan_find("clock-set"), NULL, &no_args);
        operation->args.number = number;
        if (!push_locked(machine, operation, NULL))
            domain_operation_free(operation);
        return;
    }
    if (event == DOMAIN_GUEST_STIRRED) {
        wake_locked(machine);
        return;
    }
    if (machine->ended != DOMAIN_GUEST_EVENT_NONE)
        return;
    machine->ended = event;
    /* The worker looks at `ended` before it takes the next operation. */
    if (machine->is_scheduled)
        wake_locked(machine);
    else if (!machine->service->is_stopping)
        schedule_locked(machine);
}

/* ---- The worker */

/* What is to run next, with the machine marked as at work; NULL when there is nothing. */
static DomainOperation *
next_operation(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    machine->is_woken = FALSE;
    DomainOperation *head = g_queue_peek_head(&machine->operations);
    gboolean must_clean_up = machine->ended != DOMAIN_GUEST_EVENT_NONE && machine->guest != NULL &&
                             (head == NULL || !head->has_begun) && !machine->service->is_stopping;
    if (must_clean_up) {
        head = ended_operation_locked(machine);
        g_queue_push_head(&machine->operations, head);
    }
    if (head == NULL) {
        machine->is_scheduled = FALSE;
        g_cond_broadcast(&machine->service->changed);
    }
    return head;
}

/* TRUE when the head is parked, FALSE when a wake came in between and it must look again. */
static gboolean
park(DomainMachine *machine)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->service->lock);
    machine->is_parked = !machine->is_woken;
    return machine->is_parked;
}

static void
pop(DomainMachine *machine, DomainOperation *operation)
{
    g_mutex_lock(&machine->service->lock);
    g_queue_remove(&machine->operations, operation);
    /* Cleaning up that failed is not tried for ever: the next call on the VM meets the error. */
    if (operation->failure != NULL && operation->task == NULL)
        machine->ended = DOMAIN_GUEST_EVENT_NONE;
    g_autoptr(GQueue) refused = g_queue_new();
    while (machine->is_removed && machine->operations.length > 0)
        g_queue_push_tail(refused, g_queue_pop_head(&machine->operations));
    g_mutex_unlock(&machine->service->lock);

    gboolean is_recovery = operation->is_recovery;
    domain_operation_free(operation);
    if (is_recovery)
        domain_service_recovered(machine->service);
    for (DomainOperation *next; (next = g_queue_pop_head(refused)) != NULL;) {
        g_autoptr(GError) error = NULL;
        domain_error_does_not_exist(&error, "VM", machine->id);
        domain_operation_refuse(next, error);
        domain_operation_free(next);
    }
}

void
domain_machine_run(DomainMachine *machine)
{
    g_autofree char *context = g_strdup_printf("vm=%s", machine->id);
    base_log_set_context(context);
    for (DomainOperation *operation; (operation = next_operation(machine)) != NULL;) {
        if (domain_operation_run(operation))
            pop(machine, operation);
        else if (park(machine))
            break;
    }
    base_log_set_context(NULL);
}
