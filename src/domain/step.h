/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every file of steps uses. */
#pragma once

#include "domain/plan.h"
#include "domain/service_internal.h"

/** result_of: of a step that never waits. */
static inline DomainStepResult
result_of(gboolean is_done)
{
    return is_done ? DOMAIN_STEP_DONE : DOMAIN_STEP_FAILED;
}

/** backend_of: what runs the operation's guest. */
static inline DomainBackend *
backend_of(DomainOperation *operation)
{
    return operation->machine->service->backend;
}
