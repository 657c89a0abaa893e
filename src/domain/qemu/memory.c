/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The balloon. A guest whose driver works moves within a second, and goes on moving until it is where it was
 * asked to be; one that stands still short of that is uncooperative, until it moves again.
 *
 * Source: QEMU's QMP reference, "balloon", "query-balloon", "BALLOON_CHANGE"; tried with QEMU 7.2. */
#include "domain/qemu/memory.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/loop.h"
#include "domain/error.h"
#include "domain/qemu/arguments.h"

#define COMMAND_TIMEOUT_MS 10000
#define PATIENCE_S         20
/* A guest keeps a little more or less: the balloon moves in units of its own. */
#define TOLERANCE_BYTES   (2 * 1024 * 1024)
#define MEMINFO_MAX_BYTES 65536

/* ---- The host's */

/* Source: proc(5), /proc/meminfo: what new work can use without swapping, in KiB. */
static gint64
available_bytes(void)
{
    g_autofree char *text = NULL;
    if (!base_file_read("/proc/meminfo", MEMINFO_MAX_BYTES, &text, NULL, NULL))
        return G_MAXINT64;
    const char *found = strstr(text, "MemAvailable:");
    return found == NULL ? G_MAXINT64 : g_ascii_strtoll(found + strlen("MemAvailable:"), NULL, 10) * 1024;
}

gboolean
qemu_memory_check(gint64 bytes, GError **error)
{
    return bytes <= available_bytes() || domain_error_not_enough_memory(error, bytes);
}

/* ---- The guest's. "locked": under the guest's lock. */

static gboolean
has_arrived(const QemuBalloon *balloon)
{
    return balloon->target_bytes == 0 ||
           ABS(balloon->target_bytes - balloon->actual_bytes) <= TOLERANCE_BYTES;
}

static void
stop_patience_locked(QemuBalloon *balloon)
{
    if (balloon->patience == NULL)
        return;
    g_source_destroy(balloon->patience);
    g_clear_pointer(&balloon->patience, g_source_unref);
}

static gboolean
lose_patience(gpointer data)
{
    QemuGuest *guest = data;
    g_mutex_lock(&guest->lock);
    gboolean is_stuck = !has_arrived(&guest->balloon);
    gint64 actual_bytes = guest->balloon.actual_bytes;
    g_mutex_unlock(&guest->lock);
    qemu_guest_tell_memory(guest, actual_bytes, is_stuck);
    return G_SOURCE_REMOVE;
}

static void
be_patient_locked(QemuGuest *guest)
{
    QemuBalloon *balloon = &guest->balloon;
    stop_patience_locked(balloon);
    if (has_arrived(balloon))
        return;
    balloon->patience = g_timeout_source_new_seconds(PATIENCE_S);
    g_source_set_callback(balloon->patience, lose_patience, guest, NULL);
    g_source_attach(balloon->patience, guest->backend->context);
}

void
qemu_memory_event(QemuGuest *guest, gint64 actual_bytes)
{
    g_mutex_lock(&guest->lock);
    guest->balloon.actual_bytes = actual_bytes;
    be_patient_locked(guest);
    g_mutex_unlock(&guest->lock);
    qemu_guest_tell_memory(guest, actual_bytes, FALSE);
}

void
qemu_memory_clear(QemuGuest *guest)
{
    g_mutex_lock(&guest->lock);
    GSource *patience = g_steal_pointer(&guest->balloon.patience);
    g_mutex_unlock(&guest->lock);
    if (patience != NULL)
        loop_end_source(guest->backend->context, patience);
}

static gboolean
query(DomainGuest *guest, GError **error)
{
    g_autoptr(Value) reply = NULL;
    if (!qemu_guest_execute(guest, "query-balloon", NULL, COMMAND_TIMEOUT_MS, NULL, &reply, error))
        return FALSE;
    Value *actual = value_kind(reply) == VALUE_MAP ? value_map_get(reply, "actual") : NULL;
    if (actual != NULL && value_kind(actual) == VALUE_INT)
        qemu_memory_event(guest->data, value_get_int(actual));
    return TRUE;
}

gboolean
qemu_memory_set(DomainGuest *guest, gint64 bytes, GError **error)
{
    QemuGuest *data = guest->data;
    g_autoptr(GError) reason = NULL;
    Value *args = value_map_new(1);
    value_map_set(args, "value", value_int(bytes));
    if (!qemu_guest_execute(guest, "balloon", args, COMMAND_TIMEOUT_MS, NULL, NULL, &reason)) {
        if (g_error_matches(reason, BASE_ERROR, BASE_ERROR_FAILED))
            return domain_error_ballooning_error(error, "balloon", reason->message);
        g_propagate_error(error, g_steal_pointer(&reason));
        return FALSE;
    }
    g_mutex_lock(&data->lock);
    data->balloon.target_bytes = bytes;
    g_mutex_unlock(&data->lock);
    return query(guest, error);
}

/* ---- What the guest says of its memory: its balloon driver writes that down every few seconds */

static gint64
stat_of(Value *stats, const char *name)
{
    Value *value = value_map_get(stats, name);
    return value != NULL && value_kind(value) == VALUE_INT ? value_get_int(value) : -1;
}

static void
take_stats(gpointer owner, Value *result)
{
    Value *stats = result != NULL && value_kind(result) == VALUE_MAP ? value_map_get(result, "stats") : NULL;
    if (stats == NULL || value_kind(stats) != VALUE_MAP)
        return;
    gint64 total = stat_of(stats, "stat-total-memory");
    gint64 available = stat_of(stats, "stat-available-memory");
    gint64 unused = available >= 0 ? available : stat_of(stats, "stat-free-memory");
    if (total > 0 && unused >= 0 && unused <= total)
        qemu_guest_tell_stats(owner, total, unused);
}

static gboolean
ask_stats(gpointer data)
{
    const QemuGuest *guest = data;
    Value *args = value_map_new(2);
    value_map_set(args, "path", value_string("/machine/peripheral/balloon"));
    value_map_set(args, "property", value_string("guest-stats"));
    qmp_request(guest->qmp, "qom-get", args, take_stats);
    return G_SOURCE_CONTINUE;
}

void
qemu_memory_watch(QemuGuest *guest)
{
    guest->stats_check = g_timeout_source_new_seconds(QEMU_STATS_INTERVAL_S);
    g_source_set_callback(guest->stats_check, ask_stats, guest, NULL);
    g_source_attach(guest->stats_check, guest->backend->context);
}

void
qemu_memory_unwatch(QemuGuest *guest)
{
    if (guest->stats_check != NULL)
        loop_end_source(guest->backend->context, g_steal_pointer(&guest->stats_check));
}

void
qemu_memory_begin(DomainGuest *guest)
{
    qemu_memory_event(guest->data, guest->config->vm.memory_static_max);
}
