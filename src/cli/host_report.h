/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a VM can start on none of the hosts. */
#pragma once

#include "cli/call.h"

/** cli_host_report: prints of each host whether @vm could start there, or why not. */
void cli_host_report(CliCall *call, DbRow *vm);

/** cli_host_verdicts: of each host by its name, whether it could run @vm, or why not. One record. */
void cli_host_verdicts(CliCall *call, DbRow *vm);
