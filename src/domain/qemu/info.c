/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a guest, gathered from its balloon and its agent, and told when it changes. */
#include "domain/qemu/guest.h"

/* Free memory moves all the time; a change is worth telling from this part of the whole on. */
#define WORTH_TELLING 16

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

/* Both kinds of keys become one map. */
static void
tell_keys_locked(QemuGuest *guest)
{
    Value *keys[] = {guest->agent_keys, guest->memory_keys};
    g_autoptr(Value) all = value_map_new(32);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        for (gsize j = 0; keys[i] != NULL && j < value_size(keys[i]); j++)
            value_map_set(all, value_map_key(keys[i], j), value_ref(value_map_value(keys[i], j)));
    }
    if (guest->info.agent != NULL && value_equal(all, guest->info.agent))
        return;
    value_unref(guest->info.agent);
    guest->info.agent = g_steal_pointer(&all);
    tell_locked(guest);
}

void
qemu_guest_tell_agent(QemuGuest *guest, Value *keys)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->info_lock);
    value_unref(guest->agent_keys);
    guest->agent_keys = keys == NULL ? NULL : value_ref(keys);
    tell_keys_locked(guest);
}

static gint64
known_kib(const QemuGuest *guest, const char *key)
{
    const char *text = guest->memory_keys == NULL ? "0" : value_map_get_string(guest->memory_keys, key, "0");
    return g_ascii_strtoll(text, NULL, 10);
}

void
qemu_guest_tell_stats(QemuGuest *guest, gint64 total_bytes, gint64 free_bytes)
{
    gint64 total_kib = total_bytes / 1024, free_kib = free_bytes / 1024;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->info_lock);
    gint64 moved_kib = ABS(known_kib(guest, "data/meminfo_free") - free_kib);
    if (known_kib(guest, "data/meminfo_total") == total_kib && moved_kib < total_kib / WORTH_TELLING)
        return;
    value_unref(guest->memory_keys);
    guest->memory_keys = value_map_new(2);
    value_map_set(guest->memory_keys, "data/meminfo_total",
                  value_string_printf("%" G_GINT64_FORMAT, total_kib));
    value_map_set(guest->memory_keys, "data/meminfo_free",
                  value_string_printf("%" G_GINT64_FORMAT, free_kib));
    tell_keys_locked(guest);
}

void
qemu_guest_clear_info(QemuGuest *guest)
{
    g_clear_pointer(&guest->agent_keys, value_unref);
    g_clear_pointer(&guest->memory_keys, value_unref);
    value_unref(guest->info.agent);
    guest->info = (DomainGuestInfo){0};
}
