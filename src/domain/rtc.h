/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far a guest's clock is ahead of UTC. It follows what the guest sets and is kept from one domain to the
 * next. */
#pragma once

#include "domain/plan.h"

/** domain_rtc_offset: seconds as text, as the configuration has it; borrowed. */
const char *domain_rtc_offset(const DomainVmT *vm);

/** domain_step_clock_set: the guest has moved its clock by args.number against the one it started with. */
DomainStepResult domain_step_clock_set(DomainOperation *operation, GError **error);

/** domain_rtc_keep: what the machine's guest has set becomes the configuration's. Before the domain is
 * dropped. */
gboolean domain_rtc_keep(DomainMachine *machine, GError **error);
