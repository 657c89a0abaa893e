/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The atomic steps, and the plans made of them.
 *
 * Source: domain service document (states, exceptions); protocol notes 10 (order of steps). There a start
 * leaves the VM paused and the caller unpauses it; the document says Running, so ours runs, and unpausing a
 * running VM is a success that does nothing. */
#include "domain/plan.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "domain/disks.h"
#include "domain/rtc.h"
#include "domain/step.h"
#include "domain/stream_steps.h"
#include "domain/tuning.h"

/* A guest that does not hear the first request may hear a later one, when its system is up. */
#define ASK_INTERVAL_US (3 * G_USEC_PER_SEC)

/* ---- Making a domain */

static gboolean
fill_nics(const DomainStoreConfig *config, DomainStoreNicList *ret)
{
    ret->n = config->vifs.n;
    ret->items = g_new0(DomainStoreNic, ret->n + 1);
    for (gsize i = 0; i < ret->n; i++)
        ret->items[i].id = g_strdup(config->vifs.items[i].id);
    return TRUE;
}

static DomainStoreRun *
new_run(DomainOperation *operation, GError **error)
{
    DomainService *service = operation->machine->service;
    g_autoptr(DomainConfig) config = domain_machine_config(operation->machine);
    const DomainVmT *vm = &config->data.vm;
    DomainStoreRun run = {0};
    if (!domain_disks_from_config(&config->data, &run.disks, error))
        return NULL;
    if (!domain_store_next_domid(service->store, &run.domid, error)) {
        domain_store_run_clear(&run);
        return NULL;
    }
    g_autoptr(DomainView) view = domain_machine_view(operation->machine);
    fill_nics(&config->data, &run.nics);
    run.power_state = DOMAIN_POWER_STATE_PAUSED;
    run.start_time = (double)domain_clock_wall_us(service->clock) / G_USEC_PER_SEC;
    run.memory_target = domain_initial_memory(vm);
    run.vcpu_target = vm->vcpus;
    run.rtc_timeoffset = g_strdup(view->state.rtc_timeoffset);
    return g_memdup2(&run, sizeof run);
}

static DomainStepResult
create(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainStoreRun *run = new_run(operation, error);
    if (run == NULL)
        return DOMAIN_STEP_FAILED;
    domain_machine_take_guest(machine, run);
    if (!domain_machine_publish(machine, error))
        return DOMAIN_STEP_FAILED;
    return result_of(backend_of(operation)->class->create(backend_of(operation), machine->guest,
                                                          domain_operation_cancellable(operation), error));
}

/* A storage service that is down must not keep a domain half made: what is still attached is in the log, and
 * attaching it again succeeds. */
static gboolean
undo_attach_disks(DomainOperation *operation, GError **error)
{
    g_autoptr(GError) reason = NULL;
    if (!domain_disks_detach(operation, &reason))
        log_warning("given up on: %s", reason->message);
    domain_disks_give_up(operation);
    return TRUE;
}

/* The domain is no more: its files go, and what others see is Halted. */
static gboolean
drop(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    g_autoptr(GError) reason = NULL;
    if (!domain_rtc_keep(machine, &reason))
        log_warning("the clock's offset: %s", reason->message);
    domain_machine_drop_guest(machine);
    return domain_store_clear_run_dir(machine->service->store, machine->id, error) &
           domain_machine_publish(machine, NULL);
}

/* Whatever has come of the domain: a journal's last line may be older than what was done after it. */
static gboolean
undo_create(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    if (guest == NULL)
        return TRUE;
    if (!backend_of(operation)->class->stop(backend_of(operation), guest, error))
        return FALSE;
    undo_attach_disks(operation, NULL);
    return drop(operation, error);
}

static DomainStepResult
build(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    if (!backend_of(operation)->class->build(backend_of(operation), guest,
                                             domain_operation_cancellable(operation), error))
        return DOMAIN_STEP_FAILED;
    guest->run->stage = DOMAIN_STORE_STAGE_BUILT;
    return result_of(domain_machine_publish(operation->machine, error));
}

/* Ends the back end's process; the domain stays, at an earlier stage. */
static gboolean
go_back(DomainOperation *operation, DomainStoreStage stage, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    if (guest == NULL)
        return TRUE;
    if (!backend_of(operation)->class->stop(backend_of(operation), guest, error))
        return FALSE;
    guest->run->stage = stage;
    guest->run->pid = 0;
    return domain_machine_publish(operation->machine, error);
}

static gboolean
undo_build(DomainOperation *operation, GError **error)
{
    return go_back(operation, DOMAIN_STORE_STAGE_CREATED, error);
}

static DomainStepResult
attach_disks(DomainOperation *operation, GError **error)
{
    return result_of(domain_disks_attach(operation, error));
}

static gboolean
pin_machine(DomainStoreConfig *config, gpointer data, GError **error)
{
    if (config->machine == NULL)
        config->machine = g_strdup(data);
    return TRUE;
}

/* The guest finds its target when its driver loads. */
static gboolean
begin_with_less_memory(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    gint64 target = guest->run->memory_target;
    return target == guest->config->vm.memory_static_max ||
           backend_of(operation)->class->set_memory(backend_of(operation), guest, target, error);
}

static DomainStepResult
device_model(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainGuest *guest = machine->guest;
    if (!backend_of(operation)->class->start(backend_of(operation), guest,
                                             domain_operation_cancellable(operation), error))
        return DOMAIN_STEP_FAILED;
    if (!begin_with_less_memory(operation, error))
        return DOMAIN_STEP_FAILED;
    guest->run->stage = DOMAIN_STORE_STAGE_MODELLED;
    if (guest->config->machine == NULL && guest->run->machine != NULL &&
        !domain_service_edit_config(machine->service, machine, pin_machine, guest->run->machine, error))
        return DOMAIN_STEP_FAILED;
    return result_of(domain_machine_publish(machine, error));
}

static gboolean
undo_device_model(DomainOperation *operation, GError **error)
{
    return go_back(operation, DOMAIN_STORE_STAGE_BUILT, error);
}

/* ---- Running and not */

static gboolean
set_running(DomainOperation *operation, gboolean is_running, GError **error)
{
    const DomainBackendClass *class = backend_of(operation)->class;
    DomainGuest *guest = operation->machine->guest;
    GCancellable *cancellable = domain_operation_cancellable(operation);
    if (!(is_running ? class->unpause : class->pause)(backend_of(operation), guest, cancellable, error))
        return FALSE;
    guest->run->power_state = is_running ? DOMAIN_POWER_STATE_RUNNING : DOMAIN_POWER_STATE_PAUSED;
    return domain_machine_publish(operation->machine, error);
}

/* After a crash the guest may have gone with the service. */
static DomainStepResult
unpause_guest(DomainOperation *operation, GError **error)
{
    if (operation->args.leaves_paused || operation->machine->guest == NULL)
        return DOMAIN_STEP_DONE;
    return result_of(set_running(operation, TRUE, error));
}

static DomainStepResult
pause_guest(DomainOperation *operation, GError **error)
{
    return result_of(set_running(operation, FALSE, error));
}

/* ---- Ending */

static gboolean
has_acknowledged(DomainOperation *operation)
{
    return operation->n_asked > 0 &&
           backend_of(operation)->class->has_acknowledged(backend_of(operation), operation->machine->guest);
}

/* A guest that is on its way is not asked again. */
static DomainStepResult
ask_again(DomainOperation *operation, gint64 now_us, GError **error)
{
    if (operation->next_us <= now_us) {
        if (!has_acknowledged(operation) &&
            !backend_of(operation)->class->ask_shutdown(backend_of(operation), operation->machine->guest,
                                                        operation->n_asked++, error))
            return DOMAIN_STEP_FAILED;
        operation->next_us = now_us + ASK_INTERVAL_US;
    }
    domain_operation_wake_after(operation, MIN(operation->next_us, operation->deadline_us) - now_us);
    return DOMAIN_STEP_WAITING;
}

/* Waits for the guest to end by itself; its event wakes us. */
static DomainStepResult
ask_guest(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    gint64 now_us = domain_clock_now_us(machine->service->clock);
    if (operation->args.timeout_s < 0 || domain_machine_ended(machine) != DOMAIN_GUEST_EVENT_NONE)
        return DOMAIN_STEP_DONE;
    if (machine->guest == NULL) {
        domain_error_bad_power_state(error, DOMAIN_POWER_STATE_SUSPENDED, DOMAIN_POWER_STATE_RUNNING);
        return DOMAIN_STEP_FAILED;
    }
    if (machine->guest->run->power_state != DOMAIN_POWER_STATE_RUNNING) {
        domain_error_bad_power_state(error, machine->guest->run->power_state, DOMAIN_POWER_STATE_RUNNING);
        return DOMAIN_STEP_FAILED;
    }
    if (operation->deadline_us == 0)
        operation->deadline_us = now_us + (gint64)(MIN(operation->args.timeout_s, 1e7) * G_USEC_PER_SEC);
    if (now_us >= operation->deadline_us)
        return result_of(has_acknowledged(operation)
                             ? domain_error_failed_to_shutdown(error)
                             : domain_error_failed_to_achnowledge_shutdown_request(error));
    return ask_again(operation, now_us, error);
}

/* The image of an earlier crash is kept until this one is whole. */
static DomainStepResult
dump_core(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainStore *store = machine->service->store;
    if (!operation->args.wants_core || machine->guest == NULL)
        return DOMAIN_STEP_DONE;
    auto_fd fd = domain_store_begin_core(store, machine->id, error);
    if (fd < 0)
        return DOMAIN_STEP_FAILED;
    gboolean is_whole =
        backend_of(operation)->class->dump_core(backend_of(operation), machine->guest, fd, error);
    return result_of(domain_store_end_core(store, machine->id, is_whole, is_whole ? error : NULL) &&
                     is_whole);
}

static DomainStepResult
stop(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    return result_of(guest == NULL ||
                     backend_of(operation)->class->stop(backend_of(operation), guest, error));
}

static DomainStepResult
detach_disks(DomainOperation *operation, GError **error)
{
    return result_of(domain_disks_detach(operation, error));
}

static DomainStepResult
destroy(DomainOperation *operation, GError **error)
{
    return result_of(drop(operation, error));
}

/* A VM that is shut down while it is Suspended loses what it has saved. */
static DomainStepResult
forget_suspended(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    if (machine->suspended == NULL)
        return DOMAIN_STEP_DONE;
    return result_of(domain_undo_record(operation, error));
}

static DomainStepResult
remove_vm(DomainOperation *operation, GError **error)
{
    DomainService *service = operation->machine->service;
    return result_of(domain_store_remove_core(service->store, operation->machine->id, error) &&
                     domain_service_remove(service, operation->machine, error));
}

/* What it has left behind in a crash stays, for whoever wanted it. */
static DomainStepResult
forget_transient(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    return result_of(!config->data.vm.transient || domain_service_remove(machine->service, machine, error));
}

/* ---- Events */

static const struct AdoptRow {
    DomainPowerState power_state;
    DomainGuestEvent ended;
} adopt_rows[] = {
    [DOMAIN_GUEST_STATUS_DEAD] = {DOMAIN_POWER_STATE_PAUSED, DOMAIN_GUEST_GONE},
    [DOMAIN_GUEST_STATUS_RUNNING] = {DOMAIN_POWER_STATE_RUNNING, DOMAIN_GUEST_EVENT_NONE},
    [DOMAIN_GUEST_STATUS_PAUSED] = {DOMAIN_POWER_STATE_PAUSED, DOMAIN_GUEST_EVENT_NONE},
    [DOMAIN_GUEST_STATUS_POWERED_OFF] = {DOMAIN_POWER_STATE_PAUSED, DOMAIN_GUEST_POWERED_OFF},
    [DOMAIN_GUEST_STATUS_CRASHED] = {DOMAIN_POWER_STATE_PAUSED, DOMAIN_GUEST_CRASHED},
};

/* Takes up what an earlier service left. A guest whose process is gone is cleaned up and stays Halted: nobody
 * knows how it ended, and after a power failure everything would start at once. */
static DomainStepResult
adopt(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainGuestStatus status = DOMAIN_GUEST_STATUS_PAUSED;
    if (machine->guest->run->stage != DOMAIN_STORE_STAGE_MODELLED)
        return result_of(domain_machine_publish(machine, error));
    if (!backend_of(operation)->class->adopt(backend_of(operation), machine->guest, &status, error))
        return DOMAIN_STEP_FAILED;
    log_info("domain %" G_GINT64_FORMAT " taken up again: %s", machine->guest->run->domid,
             status == DOMAIN_GUEST_STATUS_DEAD ? "it has ended" : "it is there");

    machine->guest->run->power_state = adopt_rows[status].power_state;
    if (status == DOMAIN_GUEST_STATUS_DEAD)
        return result_of(undo_attach_disks(operation, NULL) && drop(operation, error));
    if (!domain_machine_publish(machine, error))
        return DOMAIN_STEP_FAILED;
    if (adopt_rows[status].ended != DOMAIN_GUEST_EVENT_NONE)
        domain_machine_event(machine, machine->guest->run->domid, adopt_rows[status].ended, 0);
    return DOMAIN_STEP_DONE;
}

/* ---- Plans */

/* clang-format off */
#define ASK_GUEST        {"ask-guest",        ask_guest,        NULL,              FALSE, FALSE}
#define DUMP_CORE        {"dump-core",        dump_core,        NULL,              FALSE, TRUE }
#define STOP             {"stop",             stop,             NULL,              TRUE,  FALSE}
#define DETACH_DISKS     {"detach-disks",     detach_disks,     NULL,              FALSE, TRUE }
#define DESTROY          {"destroy",          destroy,          NULL,              FALSE, TRUE }
#define FORGET_SUSPENDED {"forget-suspended", forget_suspended, NULL,              FALSE, FALSE}
#define FORGET_TRANSIENT {"forget-transient", forget_transient, NULL,              FALSE, TRUE }
#define CREATE           {"create",           create,           undo_create,       FALSE, FALSE}
#define BUILD            {"build",            build,            undo_build,        FALSE, FALSE}
#define ATTACH_DISKS     {"attach-disks",     attach_disks,     undo_attach_disks, FALSE, FALSE}
#define DEVICE_MODEL     {"device-model",     device_model,     undo_device_model, FALSE, FALSE}
#define UNPAUSE          {"unpause",          unpause_guest,    NULL,              FALSE, FALSE}
#define ADOPT            {"adopt",            adopt,            NULL,              FALSE, FALSE}
#define ATTACH_IMAGE     {"attach-image",     domain_step_attach_image,  domain_undo_attach_image,  FALSE, FALSE}
#define DETACH_IMAGE     {"detach-image",     domain_step_detach_image,  NULL,                      FALSE, TRUE }
#define FORGET_RECORD    {"forget-record",    domain_step_forget_record, domain_undo_forget_record, TRUE,  FALSE}
#define RELEASE          {"unpause",          unpause_guest,             NULL,                      FALSE, TRUE }

static const DomainStep create_steps[]        = {CREATE, {NULL}};
static const DomainStep build_steps[]         = {BUILD, {NULL}};
static const DomainStep device_model_steps[]  = {ATTACH_DISKS, DEVICE_MODEL, {NULL}};
static const DomainStep start_steps[]         = {CREATE, BUILD, ATTACH_DISKS, DEVICE_MODEL, UNPAUSE, {NULL}};
static const DomainStep shutdown_steps[]      = {ASK_GUEST, STOP, DETACH_DISKS, FORGET_SUSPENDED, DESTROY,
                                                 FORGET_TRANSIENT, {NULL}};
static const DomainStep reboot_steps[]        = {ASK_GUEST, STOP, DETACH_DISKS, DESTROY,
                                                 CREATE, BUILD, ATTACH_DISKS, DEVICE_MODEL, UNPAUSE, {NULL}};
static const DomainStep destroy_steps[]       = {STOP, DETACH_DISKS, DESTROY, FORGET_TRANSIENT, {NULL}};
static const DomainStep guest_end_steps[]     = {DUMP_CORE, STOP, DETACH_DISKS, DESTROY, FORGET_TRANSIENT, {NULL}};
static const DomainStep guest_restart_steps[] = {DUMP_CORE, STOP, DETACH_DISKS, DESTROY,
                                                 CREATE, BUILD, ATTACH_DISKS, DEVICE_MODEL, UNPAUSE, {NULL}};
static const DomainStep restart_steps[]       = {STOP, DETACH_DISKS, DESTROY,
                                                 CREATE, BUILD, ATTACH_DISKS, DEVICE_MODEL, UNPAUSE, {NULL}};
static const DomainStep pause_steps[]         = {{"pause", pause_guest, NULL, FALSE, FALSE}, {NULL}};
static const DomainStep unpause_steps[]       = {UNPAUSE, {NULL}};
static const DomainStep remove_steps[]        = {{"remove", remove_vm, NULL, TRUE, FALSE}, {NULL}};
static const DomainStep clock_set_steps[]     = {{"clock-set", domain_step_clock_set, NULL, FALSE, FALSE}, {NULL}};
static const DomainStep set_vcpus_steps[]     = {{"set-vcpus", domain_step_set_vcpus, domain_undo_set_vcpus, FALSE, FALSE}, {NULL}};
static const DomainStep set_memory_steps[]    = {{"set-memory", domain_step_set_memory, NULL, FALSE, FALSE}, {NULL}};
static const DomainStep set_shadow_steps[]    = {{"set-shadow", domain_step_set_shadow, NULL, FALSE, FALSE}, {NULL}};
static const DomainStep adopt_steps[]         = {ADOPT, {NULL}};
static const DomainStep suspend_steps[]       = {ATTACH_IMAGE, {"hold", domain_step_hold, domain_undo_hold, FALSE, FALSE},
                                                 {"save", domain_step_save, domain_undo_save, FALSE, FALSE, 50},
                                                 {"record", domain_step_record, domain_undo_record, FALSE, FALSE},
                                                 STOP, DETACH_DISKS, DESTROY, {NULL}};
static const DomainStep resume_steps[]        = {{"create", domain_step_create_resumed, undo_create, FALSE, FALSE},
                                                 ATTACH_IMAGE, {"read-image", domain_step_read_image, NULL, FALSE, FALSE},
                                                 BUILD, ATTACH_DISKS, DEVICE_MODEL,
                                                 {"restore", domain_step_restore, NULL, FALSE, FALSE, 50},
                                                 FORGET_RECORD, RELEASE, DETACH_IMAGE, {NULL}};
static const DomainStep suspend_end_steps[]   = {STOP, DETACH_DISKS, DESTROY, {NULL}};
static const DomainStep resume_end_steps[]    = {ADOPT, FORGET_RECORD, RELEASE, DETACH_IMAGE, {NULL}};

#define HALTED    DOMAIN_STATE_BIT(HALTED)
#define RUNNING   DOMAIN_STATE_BIT(RUNNING)
#define PAUSED    DOMAIN_STATE_BIT(PAUSED)
#define SUSPENDED DOMAIN_STATE_BIT(SUSPENDED)
#define ANY       (HALTED | RUNNING | PAUSED | SUSPENDED)
#define IS(state) DOMAIN_POWER_STATE_##state

const DomainPlan domain_plans[] = {
    /* name           from              already  expected     stage needed               journal steps               after a crash */
    {"create",        HALTED,           0,       IS(HALTED),  FALSE, 0,                   TRUE,  create_steps,        NULL     },
    {"build",         RUNNING | PAUSED, 0,       IS(PAUSED),  TRUE,  DOMAIN_STORE_STAGE_CREATED, TRUE, build_steps,    NULL     },
    {"device-model",  RUNNING | PAUSED, 0,       IS(PAUSED),  TRUE,  DOMAIN_STORE_STAGE_BUILT, TRUE, device_model_steps, NULL   },
    {"start",         HALTED,           0,       IS(HALTED),  FALSE, 0,                   TRUE,  start_steps,         NULL     },
    {"shutdown",      RUNNING | PAUSED | SUSPENDED, 0,       IS(RUNNING), FALSE, 0,                   TRUE,  shutdown_steps,      "destroy"},
    {"reboot",        RUNNING | PAUSED, 0,       IS(RUNNING), FALSE, 0,                   TRUE,  reboot_steps,        "restart"},
    {"destroy",       RUNNING | PAUSED, HALTED | SUSPENDED,  IS(RUNNING), FALSE, 0,                   TRUE,  destroy_steps,       NULL     },
    {"guest-end",     RUNNING | PAUSED, HALTED,  IS(RUNNING), FALSE, 0,                   TRUE,  guest_end_steps,     "destroy"},
    {"guest-restart", RUNNING | PAUSED, HALTED,  IS(RUNNING), FALSE, 0,                   TRUE,  guest_restart_steps, "restart"},
    {"restart",       ANY,              0,       IS(RUNNING), FALSE, 0,                   TRUE,  restart_steps,       NULL     },
    {"pause",         RUNNING,          0,       IS(RUNNING), TRUE,  DOMAIN_STORE_STAGE_MODELLED, FALSE, pause_steps, NULL     },
    {"unpause",       PAUSED,           RUNNING, IS(PAUSED),  TRUE,  DOMAIN_STORE_STAGE_MODELLED, FALSE, unpause_steps, NULL   },
    {"remove",        HALTED | SUSPENDED, 0,     IS(HALTED),  FALSE, 0,                   FALSE, remove_steps,        NULL     },
    {"clock-set",     RUNNING | PAUSED, HALTED,  IS(RUNNING), FALSE, 0,                   FALSE, clock_set_steps,     NULL     },
    {"set-vcpus",     HALTED | RUNNING | PAUSED, 0, IS(RUNNING), FALSE, 0,                FALSE, set_vcpus_steps,     NULL     },
    {"set-memory",    HALTED | RUNNING | PAUSED, 0, IS(RUNNING), FALSE, 0,                FALSE, set_memory_steps,    NULL     },
    {"set-shadow",    HALTED | RUNNING | PAUSED, 0, IS(HALTED),  FALSE, 0,                FALSE, set_shadow_steps,    NULL     },
    {"adopt",         RUNNING | PAUSED, HALTED | SUSPENDED, IS(RUNNING), FALSE, 0,        FALSE, adopt_steps,         NULL     },
    {"suspend",       RUNNING,          0,       IS(RUNNING), TRUE,  DOMAIN_STORE_STAGE_MODELLED, TRUE, suspend_steps, "suspend-end"},
    {"suspend-end",   RUNNING | PAUSED, HALTED | SUSPENDED, IS(RUNNING), FALSE, 0,        TRUE,  suspend_end_steps,   NULL     },
    {"resume",        SUSPENDED,        0,       IS(SUSPENDED), FALSE, 0,                 TRUE,  resume_steps,        "resume-end"},
    {"resume-end",    RUNNING | PAUSED, HALTED | SUSPENDED, IS(PAUSED), FALSE, 0,         TRUE,  resume_end_steps,    NULL     },
    {NULL},
};
/* clang-format on */
