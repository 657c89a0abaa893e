/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the answers of a QEMU guest agent to the keys that toolstacks know from xenstore. Answers come from
 * the guest and may be anything; what cannot be read is left out. */
#pragma once

#include "domain/types.h"
#include "value/value.h"

/** agent_info_from_info: of guest-info: version and what it can do. */
void agent_info_from_info(Value *answer, Value *info);
/** agent_info_from_os: of guest-get-osinfo. */
void agent_info_from_os(Value *answer, Value *info);
/** agent_info_from_network: of guest-network-get-interfaces; @vifs of @vm say which card is which. */
void agent_info_from_network(Value *answer, const DomainVifTList *vifs, const char *vm, Value *info);
/** agent_info_from_disks: of guest-get-fsinfo. */
void agent_info_from_disks(Value *answer, Value *info);

/** agent_info_has_command: whether guest-info says that @command may be used. */
gboolean agent_info_has_command(Value *answer, const char *command);
