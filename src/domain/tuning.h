/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps that change what a VM may use: processors, memory. Of a VM without a domain they change the
 * configuration only. */
#pragma once

#include "domain/plan.h"

/** domain_step_set_vcpus: to args.number. Errors: Maximum_vcpus, Bad_power_state (a Paused guest cannot let
 * go of any), Device_detach_rejected, Not_supported. */
DomainStepResult domain_step_set_vcpus(DomainOperation *operation, GError **error);

/** domain_undo_set_vcpus: what the guest was asked for before is the target again. */
gboolean domain_undo_set_vcpus(DomainOperation *operation, GError **error);

/** domain_step_set_memory: the range args.number to args.number_to. Errors: Ballooning_error. */
DomainStepResult domain_step_set_memory(DomainOperation *operation, GError **error);

/** domain_step_set_shadow: to args.multiplier. Errors: Not_supported. */
DomainStepResult domain_step_set_shadow(DomainOperation *operation, GError **error);

/** domain_initial_memory: bytes that a VM is to use when it starts. */
gint64 domain_initial_memory(const DomainVmT *vm);
