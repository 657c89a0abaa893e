/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors. QEMU is started with the places for all that the VM may have; those that are not taken can be
 * filled, and those but the first emptied again, which the guest does when it has moved its work elsewhere.
 *
 * Source: QEMU's QMP reference, "query-hotpluggable-cpus", "device_add", "device_del", "ACPI_DEVICE_OST";
 * ACPI specification, "_OST". */
#include "domain/qemu/vcpus.h"

#include <string.h>

#include "base/error.h"
#include "domain/error.h"

#define COMMAND_TIMEOUT_MS 10000

/* Of ACPI_DEVICE_OST: the request it answers, and how. */
#define OST_EJECT_REQUEST     3
#define OST_SUCCESS           0
#define OST_EJECT_IN_PROGRESS 0x84

/* ---- What QEMU tells */

static gint64
member_int(Value *map, const char *key)
{
    Value *value = value_map_get(map, key);
    return value != NULL && value_kind(value) == VALUE_INT ? value_get_int(value) : -1;
}

void
qemu_vcpus_event(QemuGuest *guest, Value *data)
{
    Value *info = data == NULL ? NULL : value_map_get(data, "info");
    if (info == NULL || value_kind(info) != VALUE_MAP || member_int(info, "source") != OST_EJECT_REQUEST ||
        strcmp(value_map_get_string(info, "slot-type", ""), "CPU") != 0)
        return;
    gint64 status = member_int(info, "status");
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->lock);
    guest->has_refused_vcpu |= status != OST_SUCCESS && status != OST_EJECT_IN_PROGRESS;
}

static gboolean
has_refused(DomainGuest *guest)
{
    QemuGuest *data = guest->data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&data->lock);
    return data->has_refused_vcpu;
}

/* ---- The places: maps with props, type and, if taken, qom-path; the last place first */

static Value *
query_places(DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    g_autoptr(Value) reply = NULL;
    if (!qemu_guest_execute(guest, "query-hotpluggable-cpus", NULL, COMMAND_TIMEOUT_MS, cancellable, &reply,
                            error))
        return NULL;
    if (value_kind(reply) != VALUE_ARRAY) {
        base_error_set(error, BASE_ERROR_INVALID, "query-hotpluggable-cpus: no list");
        return NULL;
    }
    for (gsize i = 0; i < value_size(reply); i++) {
        Value *props = value_kind(value_array_get(reply, i)) == VALUE_MAP
                           ? value_map_get(value_array_get(reply, i), "props")
                           : NULL;
        if (props != NULL && value_kind(props) == VALUE_MAP)
            continue;
        base_error_set(error, BASE_ERROR_INVALID, "query-hotpluggable-cpus: a place without props");
        return NULL;
    }
    return g_steal_pointer(&reply);
}

static const char *
taken_by(Value *place)
{
    return value_map_get_string(place, "qom-path", NULL);
}

static gint64
count_taken(Value *places)
{
    gint64 n = 0;
    for (gsize i = 0; i < value_size(places); i++)
        n += taken_by(value_array_get(places, i)) != NULL;
    return n;
}

/* ---- Giving and taking */

static gboolean
fill(DomainGuest *guest, Value *place, gsize number, GCancellable *cancellable, GError **error)
{
    Value *args = value_map_copy(value_map_get(place, "props"));
    value_map_set(args, "driver", value_string(value_map_get_string(place, "type", "")));
    value_map_set(args, "id", value_string_printf("vcpu-%" G_GSIZE_FORMAT, number));
    return qemu_guest_execute(guest, "device_add", args, COMMAND_TIMEOUT_MS, cancellable, NULL, error);
}

/* QEMU 7.2 without KVM dies of a processor that is added after another has gone (seen, "double free"). */
static gboolean
may_grow(const DomainGuest *guest, GError **error)
{
    gboolean is_kvm = g_strcmp0(guest->run->accel, "kvm") == 0;
    return is_kvm || !guest->run->has_lost_vcpus || domain_error_not_supported(error);
}

static gboolean
grow(DomainGuest *guest, Value *places, gint64 n_more, GCancellable *cancellable, GError **error)
{
    if (!may_grow(guest, error))
        return FALSE;
    for (gsize i = value_size(places); i-- > 0 && n_more > 0;) {
        Value *place = value_array_get(places, i);
        if (taken_by(place) != NULL)
            continue;
        if (!fill(guest, place, value_size(places) - 1 - i, cancellable, error))
            return FALSE;
        n_more--;
    }
    return TRUE;
}

static gboolean
empty(DomainGuest *guest, Value *place, GCancellable *cancellable, GError **error)
{
    Value *args = value_map_new(1);
    value_map_set(args, "id", value_string(taken_by(place)));
    return qemu_guest_execute(guest, "device_del", args, COMMAND_TIMEOUT_MS, cancellable, NULL, error);
}

/* Asks for the last ones; the guest answers later. */
static gboolean
shrink(DomainGuest *guest, Value *places, gint64 n_less, GCancellable *cancellable, GError **error)
{
    QemuGuest *data = guest->data;
    g_mutex_lock(&data->lock);
    data->has_refused_vcpu = FALSE;
    g_mutex_unlock(&data->lock);
    guest->run->has_lost_vcpus = TRUE;
    if (!guest->save(guest, error))
        return FALSE;
    for (gsize i = 0; i < value_size(places) && n_less > 0; i++) {
        Value *place = value_array_get(places, i);
        if (taken_by(place) == NULL)
            continue;
        if (!empty(guest, place, cancellable, error))
            return FALSE;
        n_less--;
    }
    return TRUE;
}

gboolean
qemu_vcpus_set(DomainGuest *guest, gint64 n, gboolean is_first, GCancellable *cancellable,
               gboolean *ret_is_done, GError **error)
{
    g_autoptr(Value) places = query_places(guest, cancellable, error);
    if (places == NULL)
        return FALSE;
    gint64 n_now = count_taken(places);
    *ret_is_done = n_now <= n;
    if (n_now < n)
        return grow(guest, places, n - n_now, cancellable, error);
    if (n_now > n && is_first)
        return shrink(guest, places, n_now - n, cancellable, error);
    return *ret_is_done || !has_refused(guest) || domain_error_device_detach_rejected(error);
}
