/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For this folder's tests: a service over the fake back end in a folder of its own, and calls that wait for
 * their answer. */
#pragma once

#include "domain/client.h"
#include "domain/fake/fake.h"
#include "domain/service.h"

typedef struct Kit {
    char *dir;
    DomainClock *clock; /* manual */
    DomainBackend *backend;
    DomainService *service;
    DomainClient *client; /* over kit_transport() */
} Kit;

/** kit_new: a running service, nothing registered. */
Kit *kit_new(void);
/** kit_restart: the service ends and another begins in the same folder; the guests go on. */
void kit_restart(Kit *kit);
/** kit_stop: only ends it; kit_begin() begins another. */
void kit_stop(Kit *kit);
void kit_begin(Kit *kit);
void kit_free(Kit *kit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Kit, kit_free)

/** kit_call: @params is a JSON array. NULL and @error on failure. */
Value *kit_call(Kit *kit, const char *method, const char *params, GError **error);

/** kit_must: kit_call() that has to succeed. */
Value *kit_must(Kit *kit, const char *method, const char *params);

/** kit_add_vm: a VM "@id" with a disk on VDI sr/@id, one that is only read, a local one, an empty CD drive
 * and an interface;
 * @members (nullable) is JSON text added to the VM's members: ", \"transient\": true". */
void kit_add_vm(Kit *kit, const char *id, const char *members);

/** kit_state: the VM's power state. */
DomainPowerState kit_state(Kit *kit, const char *id);

/** kit_await_state: waits through updates until the VM is in @state. */
void kit_await_state(Kit *kit, const char *id, DomainPowerState state);

/** kit_begin_operation: a method that answers a task; its id. */
char *kit_begin_operation(Kit *kit, const char *method, const char *params);

/** kit_operate: such a method on @id, until its task has ended; @args is JSON text after the id: ",
 * \"paused\": true". */
gboolean kit_operate(Kit *kit, const char *method, const char *id, const char *args, GError **error);

/** kit_assert_consistent: what is attached and what is at work fits the power state of the only VM @id. */
void kit_assert_consistent(Kit *kit, const char *id);
