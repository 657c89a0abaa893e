/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The runner: walks a plan's steps, journals, undoes, reports. */
#include "domain/plan.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "domain/service_internal.h"
#include "domain/transfer.h"

DomainOperation *
domain_operation_new(const DomainPlan *plan, DomainTask *task, const DomainOperationArgs *args)
{
    DomainOperation *operation = g_new0(DomainOperation, 1);
    g_assert(plan != NULL);
    operation->plan = plan;
    operation->task = task;
    operation->args = *args;
    return operation;
}

void
domain_operation_free(DomainOperation *operation)
{
    if (operation == NULL)
        return;
    domain_timer_cancel(operation->timer);
    g_clear_error(&operation->failure);
    domain_task_unref(operation->task);
    domain_transfer_free(operation->args.transfer);
    g_free(operation);
}

const DomainPlan *
domain_plan_find(const char *name)
{
    for (const DomainPlan *plan = domain_plans; plan->name != NULL; plan++) {
        if (strcmp(plan->name, name) == 0)
            return plan;
    }
    return NULL;
}

GCancellable *
domain_operation_cancellable(DomainOperation *operation)
{
    if (operation->task == NULL || operation->has_committed || operation->is_undoing)
        return NULL;
    return domain_task_cancellable(operation->task);
}

static void
wake_machine(gpointer data)
{
    domain_machine_wake(data);
}

static void
unref_machine(gpointer data)
{
    domain_machine_unref(data);
}

void
domain_operation_wake_after(DomainOperation *operation, gint64 delay_us)
{
    domain_timer_cancel(operation->timer);
    operation->timer = domain_clock_call_after(operation->machine->service->clock, delay_us, wake_machine,
                                               domain_machine_ref(operation->machine), unref_machine);
}

/* ---- Beginning */

static gboolean
check_stage(const DomainPlan *plan, const DomainView *view, GError **error)
{
    if (!plan->needs_stage || view->stage == plan->stage)
        return TRUE;
    if (view->stage < plan->stage)
        return domain_error_domain_not_built(error);
    return domain_error_already_exists(error);
}

/* Whether the plan may run now; *@ret_is_done says that there is nothing to do. */
static gboolean
check_state(DomainOperation *operation, gboolean *ret_is_done, GError **error)
{
    const DomainPlan *plan = operation->plan;
    g_autoptr(DomainView) view = domain_machine_view(operation->machine);
    DomainPowerState now = view->state.power_state;
    *ret_is_done = (plan->already & (1u << now)) != 0;
    if (*ret_is_done)
        return TRUE;
    if ((plan->from & (1u << now)) == 0)
        return domain_error_bad_power_state(error, now, plan->expected);
    return check_stage(plan, view, error);
}

/* ---- The journal */

static gboolean
write_journal(DomainOperation *operation, GError **error)
{
    DomainMachine *machine = operation->machine;
    DomainStoreJournal journal = {.plan = (char *)operation->plan->name,
                                  .step = (char *)operation->plan->steps[operation->step].name,
                                  .has_committed = operation->has_committed};
    if (!operation->plan->is_journaled)
        return TRUE;
    return domain_store_save_journal(machine->service->store, machine->id, &journal, error);
}

static void
remove_journal(DomainOperation *operation)
{
    DomainMachine *machine = operation->machine;
    g_autoptr(GError) error = NULL;
    if (!operation->plan->is_journaled)
        return;
    if (!domain_store_save_journal(machine->service->store, machine->id, NULL, &error))
        log_error("%s: %s", operation->plan->name, error->message);
}

/* ---- Ending */

static void
tell(DomainOperation *operation, const GError *error)
{
    if (operation->task != NULL)
        domain_task_end(operation->task, error);
    DomainReply *reply = g_steal_pointer(&operation->reply);
    if (reply == NULL)
        return;
    if (error == NULL)
        domain_reply_result(reply, NULL);
    else
        domain_reply_error(reply, g_error_copy(error));
}

static gboolean
end(DomainOperation *operation)
{
    const GError *failure = operation->failure;
    if (failure != NULL)
        log_warning("%s failed: %s", operation->plan->name, failure->message);
    else
        log_info("%s done", operation->plan->name);
    tell(operation, failure);
    return TRUE;
}

void
domain_operation_refuse(DomainOperation *operation, const GError *error)
{
    tell(operation, error);
}

static gboolean
end_with(DomainOperation *operation, GError *error)
{
    operation->failure = error;
    return end(operation);
}

static void
undo(DomainOperation *operation)
{
    operation->is_undoing = TRUE;
    for (gsize i = operation->step + 1; i-- > 0;) {
        const DomainStep *step = &operation->plan->steps[i];
        g_autoptr(GError) error = NULL;
        if (step->undo == NULL || step->undo(operation, &error))
            continue;
        log_error("%s: undo of %s: %s", operation->plan->name, step->name, error->message);
        return; /* what is still at work must keep what the steps before gave it */
    }
}

/* The error of a failed step: a wait that was cancelled is Cancelled, whatever words it used. */
static void
keep_failure(DomainOperation *operation, GError *error)
{
    g_autoptr(GError) owned = error;
    if (operation->failure != NULL)
        return;
    if (operation->task != NULL && g_error_matches(owned, BASE_ERROR, BASE_ERROR_CANCELLED))
        domain_error_cancelled(&operation->failure, domain_task_id(operation->task));
    else
        operation->failure = g_steal_pointer(&owned);
}

/* ---- One step */

static double
weight_before(const DomainPlan *plan, gsize step)
{
    double weight = 0;
    for (gsize i = 0; i < step && plan->steps[i].name != NULL; i++)
        weight += 1 + plan->steps[i].extra_weight;
    return weight;
}

/* How far the plan is, with @fraction of the current step done. */
static double
progress(const DomainOperation *operation, double fraction)
{
    const DomainPlan *plan = operation->plan;
    double before = weight_before(plan, operation->step);
    double own = weight_before(plan, operation->step + 1) - before;
    return (before + own * fraction) / weight_before(plan, G_MAXSIZE);
}

void
domain_operation_progress(DomainOperation *operation, double fraction)
{
    if (operation->task != NULL)
        domain_task_advance(operation->task, progress(operation, CLAMP(fraction, 0, 1)));
}

static gboolean
enter_step(DomainOperation *operation, GError **error)
{
    const DomainStep *step = &operation->plan->steps[operation->step];
    GCancellable *cancellable = domain_operation_cancellable(operation);
    if (cancellable != NULL && g_cancellable_is_cancelled(cancellable))
        return base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
    if (operation->has_entered)
        return TRUE;
    operation->has_entered = TRUE;
    operation->deadline_us = 0;
    operation->next_us = 0;
    operation->has_committed |= step->commits;
    if (operation->task != NULL)
        domain_task_progress(operation->task, progress(operation, 0), step->name);
    return write_journal(operation, error);
}

static DomainStepResult
run_step(DomainOperation *operation, GError **error)
{
    if (!enter_step(operation, error))
        return DOMAIN_STEP_FAILED;
    return operation->plan->steps[operation->step].run(operation, error);
}

/* Before anything is undone: after a crash the rest of it must be, not the plan finished. */
static void
turn_back(DomainOperation *operation)
{
    g_autoptr(GError) error = NULL;
    if (!operation->has_committed)
        return;
    operation->has_committed = FALSE;
    if (!write_journal(operation, &error))
        log_error("%s: %s", operation->plan->name, error->message);
}

/* FALSE when the plan is over: the failure is kept, and undone where that is possible. */
static gboolean
step_failed(DomainOperation *operation, GError *error)
{
    const DomainStep *step = &operation->plan->steps[operation->step];
    g_prefix_error(&error, "%s: ", step->name);
    keep_failure(operation, error);
    if (step->goes_on)
        return TRUE;
    turn_back(operation);
    undo(operation);
    return FALSE;
}

static gboolean
run_steps(DomainOperation *operation)
{
    while (operation->plan->steps[operation->step].name != NULL) {
        GError *error = NULL;
        DomainStepResult result = run_step(operation, &error);
        if (result == DOMAIN_STEP_WAITING)
            return FALSE;
        if (result == DOMAIN_STEP_FAILED && !step_failed(operation, error))
            break;
        operation->step++;
        operation->has_entered = FALSE;
    }
    remove_journal(operation);
    return end(operation);
}

static gboolean
begin(DomainOperation *operation, gboolean *ret_is_done, GError **error)
{
    DomainMachine *machine = operation->machine;
    operation->has_begun = TRUE;
    if (!check_state(operation, ret_is_done, error))
        return FALSE;
    gboolean needs_dir = !*ret_is_done && operation->plan->is_journaled && machine->guest == NULL;
    return !needs_dir || domain_store_make_run_dir(machine->service->store, machine->id, error);
}

gboolean
domain_operation_run(DomainOperation *operation)
{
    if (operation->is_undone) {
        undo(operation);
        remove_journal(operation);
        return end(operation);
    }
    if (!operation->has_begun) {
        GError *error = NULL;
        gboolean is_done = FALSE;
        if (!begin(operation, &is_done, &error))
            return end_with(operation, error);
        if (is_done) {
            remove_journal(operation);
            return end(operation);
        }
    }
    return run_steps(operation);
}

/* ---- Submitting */

gboolean
domain_operation_submit(DomainService *service, const char *vm, const char *plan,
                        const DomainOperationArgs *args, char **ret_task, GError **error)
{
    static const DomainOperationArgs no_args = {.timeout_s = -1};
    g_autoptr(DomainTransfer) transfer = args == NULL ? NULL : args->transfer;
    g_autoptr(DomainMachine) machine = domain_service_find(service, vm, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainTask) task = domain_tasks_begin(service->tasks, vm);
    DomainOperation *operation =
        domain_operation_new(domain_plan_find(plan), domain_task_ref(task), args == NULL ? &no_args : args);
    g_steal_pointer(&transfer); /* the operation's */
    if (!domain_machine_push(machine, operation, error))
        return FALSE;
    *ret_task = g_strdup(domain_task_id(task));
    return TRUE;
}
