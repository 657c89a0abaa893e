/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conversation with a QEMU guest agent, without its socket: what to ask next, and what the answers say.
 * Whatever the guest sends is bounded: the length of an answer, its nesting, and how much of it is kept.
 *
 * A round of questions begins with a number that the agent must repeat, so that answers to what was asked
 * before are told from those to what is asked now. One question is out at a time. */
#pragma once

#include "domain/types.h"
#include "value/value.h"

/* No honest answer is longer. */
#define AGENT_MESSAGE_MAX_BYTES (256 * 1024)

typedef struct AgentTalk AgentTalk;

/** agent_talk_new: @vifs is copied: interfaces in the guest are told by their MAC addresses; ids are of the
 * VM
 * @vm. */
AgentTalk *agent_talk_new(const DomainVifTList *vifs, const char *vm);
void agent_talk_free(AgentTalk *talk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentTalk, agent_talk_free)

/** agent_talk_reset: a new connection: what was asked on the one before will not be answered. */
void agent_talk_reset(AgentTalk *talk);

/** agent_talk_begin: asks everything again. FALSE if what was asked last is not answered yet. */
gboolean agent_talk_begin(AgentTalk *talk);

/** agent_talk_want_shutdown: asks the guest to power off, before all else. */
void agent_talk_want_shutdown(AgentTalk *talk);

/** agent_talk_has_acknowledged: since then the agent has taken the request, and has not said that it failed.
 */
gboolean agent_talk_has_acknowledged(const AgentTalk *talk);

/** agent_talk_want_vcpus: asks the guest to use every processor that it has. */
void agent_talk_want_vcpus(AgentTalk *talk);

/** agent_talk_next: appends what is to be sent now, if anything. */
void agent_talk_next(AgentTalk *talk, GString *out);

/** agent_talk_take: bytes from the guest, in pieces of any size. FALSE: this is no agent; end the connection.
 */
gboolean agent_talk_take(AgentTalk *talk, const char *data, gsize length);

/** agent_talk_info: what the last whole round has told: texts by name, as in Vm.state.guest_agent. Borrowed;
 * NULL: nothing yet. */
Value *agent_talk_info(const AgentTalk *talk);
