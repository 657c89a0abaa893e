/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors and memory of a VM while it runs. The guest is asked first and the configuration written once it
 * has agreed, so that what failed has changed nothing; the target is in run/state.json before the guest is
 * asked, so that a service that takes it up again knows what it was asked for. */
#include "domain/tuning.h"

#include "base/error.h"
#include "base/log.h"
#include "domain/step.h"

/* Linux lets go of an idle processor in some 100 ms; one that does not want to never does. */
#define DETACH_TIMEOUT_US (20 * G_USEC_PER_SEC)
#define LOOK_INTERVAL_US  (G_USEC_PER_SEC / 2)

static gboolean
edit_config(DomainOperation *operation, DomainConfigEdit edit, GError **error)
{
    DomainMachine *machine = operation->machine;
    return domain_service_edit_config(machine->service, machine, edit, &operation->args, error) &&
           domain_machine_publish(machine, error);
}

/* A domain that is only half made has nobody to ask. */
static gboolean
check_modelled(const DomainGuest *guest, GError **error)
{
    return guest->run->stage == DOMAIN_STORE_STAGE_MODELLED || domain_error_domain_not_built(error);
}

/* ---- Processors */

static gboolean
write_vcpus(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainOperationArgs *args = data;
    if (args->number > config->vm.vcpu_max)
        return domain_error_maximum_vcpus(error, config->vm.vcpu_max);
    config->vm.vcpus = args->number;
    return TRUE;
}

static gboolean
check_vcpus(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    g_autoptr(DomainConfig) config = domain_machine_config(operation->machine);
    const DomainVmT *vm = guest == NULL ? &config->data.vm : &guest->config->vm;
    gint64 wanted = operation->args.number;
    if (wanted < 1 || wanted > vm->vcpu_max)
        return domain_error_maximum_vcpus(error, vm->vcpu_max);
    if (guest == NULL)
        return TRUE;
    if (!check_modelled(guest, error))
        return FALSE;
    if (wanted < guest->run->vcpu_target && guest->run->power_state != DOMAIN_POWER_STATE_RUNNING)
        return domain_error_bad_power_state(error, guest->run->power_state, DOMAIN_POWER_STATE_RUNNING);
    return TRUE;
}

static gboolean
begin_vcpus(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    operation->deadline_us = domain_clock_now_us(machine->service->clock) + DETACH_TIMEOUT_US;
    operation->args.number_to = machine->guest->run->vcpu_target;
    machine->guest->run->vcpu_target = operation->args.number;
    return domain_machine_publish(machine, error);
}

static DomainStepResult
ask_vcpus(DomainOperation *operation, gboolean is_first, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    gint64 now_us = domain_clock_now_us(operation->machine->service->clock);
    gboolean is_done = FALSE;
    if (!backend->class->set_vcpus(backend, operation->machine->guest, operation->args.number, is_first,
                                   domain_operation_cancellable(operation), &is_done, error))
        return DOMAIN_STEP_FAILED;
    if (is_done)
        return result_of(edit_config(operation, write_vcpus, error));
    if (now_us >= operation->deadline_us)
        return result_of(domain_error_device_detach_rejected(error));
    domain_operation_wake_after(operation, LOOK_INTERVAL_US);
    return DOMAIN_STEP_WAITING;
}

DomainStepResult
domain_step_set_vcpus(DomainOperation *operation, GError **error)
{
    gboolean is_first = operation->deadline_us == 0;
    if (is_first && !check_vcpus(operation, error))
        return DOMAIN_STEP_FAILED;
    if (operation->machine->guest == NULL)
        return result_of(edit_config(operation, write_vcpus, error));
    if (domain_machine_ended(operation->machine) != DOMAIN_GUEST_EVENT_NONE)
        return result_of(
            domain_error_bad_power_state(error, DOMAIN_POWER_STATE_HALTED, DOMAIN_POWER_STATE_RUNNING));
    if (is_first && !begin_vcpus(operation, error))
        return DOMAIN_STEP_FAILED;
    return ask_vcpus(operation, is_first, error);
}

gboolean
domain_undo_set_vcpus(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    if (guest == NULL || operation->args.number_to == 0)
        return TRUE;
    /* The guest may still let go of some later, which then is its own doing. */
    guest->run->vcpu_target = operation->args.number_to;
    return domain_machine_publish(operation->machine, error);
}

/* ---- Memory */

gint64
domain_initial_memory(const DomainVmT *vm)
{
    gboolean is_given = vm->memory_dynamic_max > 0 && vm->memory_dynamic_max < vm->memory_static_max;
    return is_given ? vm->memory_dynamic_max : vm->memory_static_max;
}

static gboolean
write_memory(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainOperationArgs *args = data;
    if (args->number < 0 || args->number > args->number_to || args->number_to > config->vm.memory_static_max)
        return base_error_set(error, BASE_ERROR_INVALID,
                              "a range of memory is 0 <= min <= max <= memory_static_max");
    config->vm.memory_dynamic_min = args->number;
    config->vm.memory_dynamic_max = args->number_to;
    return TRUE;
}

static gboolean
ask_memory(DomainOperation *operation, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    DomainGuest *guest = operation->machine->guest;
    gint64 before = guest->run->memory_target;
    guest->run->memory_target = MIN(operation->args.number_to, guest->config->vm.memory_static_max);
    if (!domain_machine_publish(operation->machine, error) ||
        !backend->class->set_memory(backend, guest, guest->run->memory_target, error)) {
        guest->run->memory_target = before;
        domain_machine_publish(operation->machine, NULL);
        return FALSE;
    }
    return TRUE;
}

DomainStepResult
domain_step_set_memory(DomainOperation *operation, GError **error)
{
    const DomainGuest *guest = operation->machine->guest;
    g_autoptr(DomainConfig) config = domain_machine_config(operation->machine);
    g_auto(DomainStoreConfig) trial = {0};
    domain_store_config_copy(&config->data, &trial);
    if (!write_memory(&trial, &operation->args, error))
        return DOMAIN_STEP_FAILED;
    if (guest != NULL && (!check_modelled(guest, error) || !ask_memory(operation, error)))
        return DOMAIN_STEP_FAILED;
    return result_of(edit_config(operation, write_memory, error));
}

/* ---- Shadow memory */

static gboolean
write_shadow(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainOperationArgs *args = data;
    if (config->vm.ty.tag != DOMAIN_VM_BUILDER_INFO_HVM)
        return domain_error_not_supported(error);
    if (!(args->multiplier >= 1.0 && args->multiplier <= 1000.0))
        return base_error_set(error, BASE_ERROR_INVALID, "a shadow multiplier is from 1 to 1000");
    config->vm.ty.hvm.shadow_multiplier = args->multiplier;
    return TRUE;
}

static gboolean
ask_shadow(DomainOperation *operation, GError **error)
{
    DomainBackend *backend = backend_of(operation);
    DomainGuest *guest = operation->machine->guest;
    if (backend->class->set_shadow_multiplier == NULL ||
        guest->config->vm.ty.tag != DOMAIN_VM_BUILDER_INFO_HVM)
        return domain_error_not_supported(error);
    if (!check_modelled(guest, error) ||
        !backend->class->set_shadow_multiplier(backend, guest, operation->args.multiplier, error))
        return FALSE;
    guest->run->shadow_multiplier = operation->args.multiplier;
    return TRUE;
}

DomainStepResult
domain_step_set_shadow(DomainOperation *operation, GError **error)
{
    if (operation->machine->guest != NULL && !ask_shadow(operation, error))
        return DOMAIN_STEP_FAILED;
    return result_of(edit_config(operation, write_shadow, error));
}
