/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a guest, gathered from its balloon and its agent, and told when it changes. */
#include "domain/qemu/guest.h"

/* Under info_lock, so that the latest is also told last. */
static void
tell_locked(QemuGuest *guest)
{
    DomainBackend *backend = &guest->backend->base;
    backend->tell(backend->notify_data, guest->id, guest->domid, &guest->info);
}

void
qemu_guest_tell_memory(QemuGuest *guest, gint64 actual_bytes, gboolean is_uncooperative)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->info_lock);
    if (guest->info.memory_actual == actual_bytes && guest->info.is_uncooperative == is_uncooperative)
        return;
    guest->info.memory_actual = actual_bytes;
    guest->info.is_uncooperative = is_uncooperative;
    tell_locked(guest);
}

void
qemu_guest_tell_agent(QemuGuest *guest, Value *agent)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->info_lock);
    gboolean is_same = agent == NULL || guest->info.agent == NULL ? agent == guest->info.agent
                                                                  : value_equal(agent, guest->info.agent);
    if (is_same)
        return;
    value_unref(guest->info.agent);
    guest->info.agent = agent == NULL ? NULL : value_ref(agent);
    tell_locked(guest);
}
