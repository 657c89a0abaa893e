/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's memory: whether the host has it, and the balloon that asks the guest for some of it back. */
#pragma once

#include "domain/qemu/guest.h"

/** qemu_memory_check: whether the host has @bytes to give now. Errors: Not_enough_memory. */
gboolean qemu_memory_check(gint64 bytes, GError **error);

/** qemu_memory_set: asks the guest to use @bytes and returns. Errors: Ballooning_error; those of
 * qmp_execute() but BASE_ERROR_FAILED. */
gboolean qemu_memory_set(DomainGuest *guest, gint64 bytes, GError **error);

/** qemu_memory_begin: a guest that has just been started uses all that it sees. */
void qemu_memory_begin(DomainGuest *guest);

/** qemu_memory_event: BALLOON_CHANGE, on the loop's thread. */
void qemu_memory_event(QemuGuest *guest, gint64 actual_bytes);

/** qemu_memory_clear: nothing is told after this. The monitor is not connected any more. Not from the loop's
 * thread. */
void qemu_memory_clear(QemuGuest *guest);

/** qemu_memory_watch: asks from now on how the guest's memory is used; qmp is connected. */
void qemu_memory_watch(QemuGuest *guest);
/** qemu_memory_unwatch: before qmp goes. Not from the loop's thread. */
void qemu_memory_unwatch(QemuGuest *guest);
