/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory VMs need and hosts have left, by account. */
#pragma once

#include "db/db.h"

/** vm_memory_overhead: bytes the host needs for a VM beyond the @static_max_bytes its guest sees. */
gint64 vm_memory_overhead(gint64 static_max_bytes, gint64 n_vcpus, double shadow_multiplier);

/** vm_row_memory_overhead: vm_memory_overhead() of a VM's row. */
gint64 vm_row_memory_overhead(const DbRow *vm);

/**
 * vm_host_free_memory:
 *
 * Bytes of @host_ref that are promised to nobody: all it has, less its control domain and, for each VM that
 * is running, paused or about to be there, memory_static_max and overhead. Never negative. 0 when the host's
 * total is not known.
 */
gint64 vm_host_free_memory(Db *db, const char *host_ref);

/** vm_control_domain_memory: what is set aside for the host itself out of @total_bytes. */
gint64 vm_control_domain_memory(gint64 total_bytes);

/** vm_check_shadow_multiplier: 1 to 1000, or INVALID_VALUE. */
gboolean vm_check_shadow_multiplier(double multiplier, GError **error);

/** vm_check_memory_order: 0 <= static_min <= dynamic_min <= dynamic_max <= static_max <= 64 TiB, or
 * MEMORY_CONSTRAINT_VIOLATION [rule]. */
gboolean vm_check_memory_order(gint64 static_min, gint64 dynamic_min, gint64 dynamic_max, gint64 static_max,
                               GError **error);

/** vm_check_memory: that @vm fits into what @host_ref has left now: HOST_NOT_ENOUGH_FREE_MEMORY [needed,
 * available]. */
gboolean vm_check_memory(Db *db, const DbRow *vm, const char *host_ref, GError **error);

/**
 * vm_claim_memory:
 *
 * vm_check_memory(), and sets the memory aside in the same moment (VM.scheduled_to_be_resident_on), so that
 * VMs started at once do not all count on it. vm_refresh() ends the claim. Nothing of it is stored.
 */
gboolean vm_claim_memory(Db *db, const DbActor *actor, const char *vm_ref, const char *host_ref,
                         GError **error);
