/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether KVM here runs guests on the processor, rather than by emulating their instructions. */
#pragma once

#include <glib.h>

/**
 * qemu_probe_kvm:
 * @ret_turns_us: (out) (optional): what the measured loop took; -1 when KVM is not there or the guest did not
 * end in time
 *
 * Some hosts offer a /dev/kvm that passes every question about its abilities and then interprets the guest's
 * code, a thousand times slower than a processor and on which kernels hang. Only time tells: a guest of our
 * own runs a loop, in a child process with a timer. Takes at most 100 ms. Call once, before threads start.
 */
gboolean qemu_probe_kvm(gint64 *ret_turns_us);
