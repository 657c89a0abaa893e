/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans and the runner. A plan is a table of steps, each with its undo.
 *
 *   begin ──► step ──► step ──► ... ──► end (success)
 *               │ failed, or cancelled before a step that commits
 *               └──► undo this step and those before it, last first ──► end (failure)
 *
 * From a step that commits on there is no way back: failures of steps marked goes_on are kept and the plan
 * goes on; cancelling has no effect. (If a step without that mark fails, the plan is undone all the same, and
 * the journal says so first.) Before each step its name is in the journal, so that after a crash the
 * plan is undone, or finished if it had committed. */
#pragma once

#include "domain/machine.h"

typedef enum DomainStepResult {
    DOMAIN_STEP_DONE,
    DOMAIN_STEP_FAILED,  /* with an error */
    DOMAIN_STEP_WAITING, /* parked until domain_machine_wake() or domain_operation_wake_after(); then the step
                            is called again */
} DomainStepResult;

typedef struct DomainStep {
    const char *name;
    DomainStepResult (*run)(DomainOperation *operation, GError **error);
    gboolean (*undo)(DomainOperation *operation,
                     GError **error); /* NULL: nothing to undo; fine if the step never ran */
    gboolean commits;
    gboolean goes_on;
    guint extra_weight; /* how many more times as long as others it takes, for the task's progress */
} DomainStep;

#define DOMAIN_STATE_BIT(state) (1u << DOMAIN_POWER_STATE_##state)

typedef struct DomainPlan {
    const char *name;
    guint from;                /* power states it may begin in */
    guint already;             /* power states in which there is nothing to do */
    DomainPowerState expected; /* what Bad_power_state says is needed */
    gboolean needs_stage;      /* the domain must have got to this stage, and not further */
    DomainStoreStage stage;    /* ... */
    gboolean is_journaled;     /* it changes what exists */
    const DomainStep *steps;   /* ends with a name of NULL */
    const char *finish_with;   /* after a crash past the step that commits, run this plan; NULL: the same */
} DomainPlan;

/* Every plan, by name; the last has a name of NULL. */
extern const DomainPlan domain_plans[];

/** domain_plan_find: NULL if there is none. */
const DomainPlan *domain_plan_find(const char *name);

/* What may go with an operation. */
typedef struct DomainOperationArgs {
    double timeout_s;                /* negative: do not ask the guest */
    gboolean leaves_paused;          /* start only */
    gboolean wants_core;             /* keep an image of the crashed guest's memory */
    gint64 number;                   /* of an event; processors; bytes */
    gint64 number_to;                /* the upper end of a range */
    double multiplier;               /* of shadow memory */
    struct DomainTransfer *transfer; /* (nullable): owned by the operation */
} DomainOperationArgs;

struct DomainOperation {
    const DomainPlan *plan;
    DomainMachine *machine; /* borrowed: it is in the machine's queue */
    DomainTask *task;       /* (nullable) */
    DomainReply *reply;     /* (nullable): of a call that is answered at the end */
    gboolean is_recovery;   /* one that domain_service_new() waits for */
    gboolean is_undone;     /* begins with undoing: what an earlier service left */
    DomainOperationArgs args;
    gsize step;
    gboolean has_begun;
    gboolean has_entered; /* the step's journal line is written */
    gboolean has_committed;
    gboolean is_undoing;
    GError *failure;    /* the first */
    DomainTimer *timer; /* of a waiting step */
    gint64 deadline_us; /* of a waiting step; 0 before its first call */
    gint64 next_us;     /* when it has something to do again */
    guint n_asked;      /* how often the guest was asked to shut down */
};

/** domain_operation_new: @task is (transfer full) (nullable). */
DomainOperation *domain_operation_new(const DomainPlan *plan, DomainTask *task,
                                      const DomainOperationArgs *args);
void domain_operation_free(DomainOperation *operation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainOperation, domain_operation_free)

/** domain_operation_run: works until it has ended (TRUE) or is to be parked (FALSE). */
gboolean domain_operation_run(DomainOperation *operation);

/** domain_operation_refuse: ends one that has not begun. */
void domain_operation_refuse(DomainOperation *operation, const GError *error);

/** domain_operation_cancellable: what a step's waits end on; NULL once there is no way back. */
GCancellable *domain_operation_cancellable(DomainOperation *operation);

/** domain_operation_progress: the current step is @fraction done. */
void domain_operation_progress(DomainOperation *operation, double fraction);

/** domain_operation_wake_after: for a step that answers WAITING. */
void domain_operation_wake_after(DomainOperation *operation, gint64 delay_us);

/** domain_operation_submit: a task for @plan on @vm, queued. The task's id is the caller's; the transfer in
 * @args (nullable) is not any more. */
gboolean domain_operation_submit(DomainService *service, const char *vm, const char *plan,
                                 const DomainOperationArgs *args, char **ret_task, GError **error);
