/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking up, at start, what an earlier service left in the state directory.
 *
 *   state.json  journal          what is done
 *   -           -                nothing: Halted
 *   yes         -                adopt: ask the back end whether the guest is still there
 *   yes or no   committed        finish: the plan's own second half, from its beginning
 *   yes or no   with undo        undo the steps up to the one that had begun; then adopt what is still there
 *   yes         without undo     adopt: the plan had changed nothing yet */
#include <string.h>

#include "base/log.h"
#include "domain/plan.h"
#include "domain/service_internal.h"

static const DomainOperationArgs no_args = {.timeout_s = -1};

/* Index of the journal's step; the last one if an older service knew another. */
static gsize
step_index(const DomainPlan *plan, const char *name)
{
    gsize i = 0;
    while (plan->steps[i].name != NULL && strcmp(plan->steps[i].name, name) != 0)
        i++;
    return plan->steps[i].name == NULL ? i - 1 : i;
}

static gboolean
has_undo(const DomainPlan *plan, gsize step)
{
    for (gsize i = 0; i <= step; i++) {
        if (plan->steps[i].undo != NULL)
            return TRUE;
    }
    return FALSE;
}

static DomainOperation *
from_journal(const DomainStoreJournal *journal)
{
    const DomainPlan *plan = domain_plan_find(journal->plan);
    if (plan == NULL) {
        log_warning("plan '%s' of an earlier service is not known", journal->plan);
        return NULL;
    }
    log_info("%s was cut off at %s", journal->plan, journal->step);
    if (journal->has_committed)
        return domain_operation_new(plan->finish_with == NULL ? plan : domain_plan_find(plan->finish_with),
                                    NULL, &no_args);
    gsize step = step_index(plan, journal->step);
    if (!has_undo(plan, step))
        return NULL;
    DomainOperation *operation = domain_operation_new(plan, NULL, &no_args);
    operation->step = step;
    operation->is_undone = TRUE;
    return operation;
}

static gboolean
push_recovery(DomainService *service, DomainMachine *machine, DomainOperation *operation, GError **error)
{
    operation->is_recovery = TRUE;
    g_mutex_lock(&service->lock);
    service->n_adopting++;
    g_mutex_unlock(&service->lock);
    if (domain_machine_push(machine, operation, error))
        return TRUE;
    domain_service_recovered(service);
    return FALSE;
}

/* An undo may leave the guest there: a suspend's, say. */
static gboolean
push_all(DomainService *service, DomainMachine *machine, const DomainStoreJournal *journal, GError **error)
{
    gboolean has_guest = machine->guest != NULL; /* from the first push on it is the operation's */
    DomainOperation *operation = journal == NULL ? NULL : from_journal(journal);
    gboolean needs_adopting = has_guest && (operation == NULL || operation->is_undone);
    if (operation != NULL && !push_recovery(service, machine, operation, error))
        return FALSE;
    return !needs_adopting ||
           push_recovery(service, machine, domain_operation_new(domain_plan_find("adopt"), NULL, &no_args),
                         error);
}

gboolean
domain_service_recover(DomainService *service, const char *id, GError **error)
{
    g_auto(DomainStoreConfig) data = {0};
    g_autofree DomainStoreRun *run = NULL;
    g_autofree DomainStoreJournal *journal = NULL;
    DomainStoreSuspended *suspended = NULL;
    if (!domain_store_load_config(service->store, id, &data, error) ||
        !domain_store_load_run(service->store, id, &run, error) ||
        !domain_store_load_suspended(service->store, id, &suspended, error))
        return FALSE;
    g_autoptr(DomainConfig) config = domain_config_new(&data);
    DomainMachine *machine = domain_machine_new(service, id, config);
    g_mutex_lock(&service->lock);
    g_hash_table_insert(service->machines, machine->id, machine);
    g_mutex_unlock(&service->lock);

    domain_machine_set_suspended(machine, suspended);
    if (run != NULL)
        domain_machine_take_guest(machine, g_steal_pointer(&run));
    if (!domain_machine_publish(machine, error) ||
        !domain_store_load_journal(service->store, id, &journal, error))
        return FALSE;
    gboolean is_pushed = push_all(service, machine, journal, error);
    if (journal != NULL)
        domain_store_journal_clear(journal);
    return is_pushed;
}
