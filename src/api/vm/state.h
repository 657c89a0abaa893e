/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the domain service says of a VM, written into its rows. The one place that writes power_state and what
 * goes with it. */
#pragma once

#include "db/db.h"
#include "domain/types.h"

struct ApiServices;

/**
 * vm_hold / vm_release:
 *
 * Between the two, the thread that follows the domain service leaves the VM alone: a handler is at work on
 * it, and will call vm_refresh() after vm_release(). Calls nest. Without this each step of a start would be
 * published.
 */
void vm_hold(const char *vm_uuid);
void vm_release(const char *vm_uuid);
gboolean vm_is_held(const char *vm_uuid);

/**
 * vm_refresh:
 * @boot_record: (nullable): goes into last_booted_record with the rest
 * @error: (out): HANDLE_INVALID; those of api_error_from_domain(); those of db_txn_commit()
 *
 * Asks the domain service about the VM and writes, in one transaction that does nothing where nothing
 * differs: power_state, resident_on, domid, metrics, consoles, VBD.currently_attached and
 * VIF.currently_attached. A VM that the service does not know is Halted; one that is Suspended here stays so
 * while the service has no domain for it. Of two calls for one VM at a time, the later one's answer stays.
 */
gboolean vm_refresh(const struct ApiServices *services, const DbActor *actor, const char *vm_ref,
                    const char *boot_record, GError **error);

/** vm_differs: whether vm_refresh() would change more than figures; @entry is what the service says, NULL
 * that it does not know it. */
gboolean vm_differs(const DbRow *vm, const DomainVmEntry *entry);
