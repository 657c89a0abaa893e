/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors that a running guest is given, or lets go of. */
#pragma once

#include "domain/qemu/guest.h"

/** qemu_vcpus_set: see set_vcpus of the back end. */
gboolean qemu_vcpus_set(DomainGuest *guest, gint64 n, gboolean is_first, GCancellable *cancellable,
                        gboolean *ret_is_done, GError **error);

/** qemu_vcpus_event: ACPI_DEVICE_OST, on the loop's thread: what the guest says about a device it was asked
 * to take or give back. */
void qemu_vcpus_event(QemuGuest *guest, Value *data);
