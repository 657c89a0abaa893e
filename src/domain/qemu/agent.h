/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent inside a guest, over the socket of its channel. Nothing here waits: requests are noted and sent
 * from the loop's thread, answers arrive there. A guest that does not answer, answers nonsense or floods is
 * left alone until the next round. Safe from any thread. */
#pragma once

#include "domain/types.h"
#include "value/value.h"

typedef struct QemuAgent QemuAgent;

/* What the agent has told has changed; @info (nullable): it is gone. On the loop's thread. */
typedef void (*QemuAgentTold)(gpointer owner, Value *info);

typedef struct QemuAgentSpec {
    GMainContext *context;
    const char *socket_path;
    const DomainVifTList *vifs;
    const char *vm;
    QemuAgentTold told;
    gpointer owner; /* of told */
} QemuAgentSpec;

QemuAgent *qemu_agent_new(const QemuAgentSpec *spec);

/** qemu_agent_free: told is not at work and not called any more when this returns. Not from the loop's
 * thread. */
void qemu_agent_free(QemuAgent *agent);

/** qemu_agent_set_open: whether somebody inside the guest has the channel open, as QEMU tells. */
void qemu_agent_set_open(QemuAgent *agent, gboolean is_open);

/** qemu_agent_ask_shutdown: FALSE if there is no agent to ask. */
gboolean qemu_agent_ask_shutdown(QemuAgent *agent);

/** qemu_agent_has_acknowledged: the agent has taken the last request to shut down. */
gboolean qemu_agent_has_acknowledged(QemuAgent *agent);

/** qemu_agent_use_vcpus: asks the guest to use processors that it has been given, if it does not do so by
 * itself. */
void qemu_agent_use_vcpus(QemuAgent *agent);
