/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saving and restoring by QEMU's own migration, over a descriptor passed to it. Who opened the descriptor,
 * and what stands before the state in it, is the plans' affair.
 *
 * Source: QEMU's QMP reference, "migrate", "MigrationStatus", "MigrationParameter"; tried with QEMU 7.2. */
#include "domain/qemu/stream.h"

#include <string.h>

#include "base/error.h"
#include "domain/qemu/guest.h"

#define COMMAND_TIMEOUT_MS 10000
#define PROGRESS_MS        200
/* QEMU gives up a stream at once, but may be at work in the block layer just then. */
#define CANCEL_TIMEOUT_MS 30000
/* A live guest is stopped for its last pages once they need less than this. */
#define DOWNTIME_LIMIT_MS 50
/* As good as none: QEMU's own limit is 128 MiB a second. */
#define MAX_BANDWIDTH G_GINT64_CONSTANT(0x7ffffff00000)

/* ---- What QEMU tells */

static const struct StreamRow {
    const char *status; /* MigrationStatus; others are under way */
    QemuStreamState state;
} stream_rows[] = {
    {"none", QEMU_STREAM_NONE},
    {"completed", QEMU_STREAM_DONE},
    {"failed", QEMU_STREAM_FAILED},
    {"cancelled", QEMU_STREAM_CANCELLED},
};

static QemuStreamState
state_of(Value *data)
{
    gboolean is_map = data != NULL && value_kind(data) == VALUE_MAP;
    const char *status = is_map ? value_map_get_string(data, "status", "none") : "none";
    for (gsize i = 0; i < G_N_ELEMENTS(stream_rows); i++) {
        if (strcmp(stream_rows[i].status, status) == 0)
            return stream_rows[i].state;
    }
    return QEMU_STREAM_ACTIVE;
}

void
qemu_stream_event(QemuGuest *guest, Value *data)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->lock);
    if (data == NULL)
        guest->is_gone = TRUE;
    else
        guest->stream = state_of(data);
    g_cond_broadcast(&guest->changed);
}

/* ---- Preparing */

/* @names: ends with NULL; each becomes a capability that is switched on. */
static gboolean
set_capabilities(DomainGuest *guest, const char *const *names, GCancellable *cancellable, GError **error)
{
    Value *list = value_array_new(4);
    for (; *names != NULL; names++) {
        Value *row = value_map_new(2);
        value_map_set(row, "capability", value_string(*names));
        value_map_set(row, "state", value_bool(TRUE));
        value_array_add(list, row);
    }
    Value *args = value_map_new(1);
    value_map_set(args, "capabilities", list);
    return qemu_guest_execute(guest, "migrate-set-capabilities", args, COMMAND_TIMEOUT_MS, cancellable, NULL,
                              error);
}

static gboolean
set_parameters(DomainGuest *guest, GCancellable *cancellable, GError **error)
{
    Value *args = value_map_new(2);
    value_map_set(args, "max-bandwidth", value_int(MAX_BANDWIDTH));
    value_map_set(args, "downtime-limit", value_int(DOWNTIME_LIMIT_MS));
    return qemu_guest_execute(guest, "migrate-set-parameters", args, COMMAND_TIMEOUT_MS, cancellable, NULL,
                              error);
}

/* Hands the descriptor over and begins. */
static gboolean
begin(DomainGuest *guest, const char *command, const DomainStream *stream, GError **error)
{
    QemuGuest *data = guest->data;
    if (!qmp_pass_fd(data->qmp, "stream", stream->fd, COMMAND_TIMEOUT_MS, stream->cancellable, error))
        return FALSE;
    g_mutex_lock(&data->lock);
    data->stream = QEMU_STREAM_ACTIVE;
    g_mutex_unlock(&data->lock);
    Value *args = value_map_new(1);
    value_map_set(args, "uri", value_string("fd:stream"));
    return qemu_guest_execute(guest, command, args, COMMAND_TIMEOUT_MS, stream->cancellable, NULL, error);
}

/* ---- Waiting */

/* The state once it is final, or ACTIVE after @timeout_ms. */
static QemuStreamState
await_state(QemuGuest *data, guint timeout_ms, GCancellable *cancellable)
{
    gint64 until_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&data->lock);
    while (data->stream == QEMU_STREAM_ACTIVE && !data->is_gone && !g_cancellable_is_cancelled(cancellable) &&
           g_cond_wait_until(&data->changed, &data->lock, until_us))
        continue;
    return data->is_gone && data->stream == QEMU_STREAM_ACTIVE ? QEMU_STREAM_FAILED : data->stream;
}

static double
member_number(Value *map, const char *key)
{
    Value *value = value_map_get(map, key);
    return value != NULL && value_kind(value) == VALUE_INT ? (double)value_get_int(value) : 0;
}

static double
fraction_of(Value *status)
{
    Value *ram = value_kind(status) == VALUE_MAP ? value_map_get(status, "ram") : NULL;
    if (ram == NULL || value_kind(ram) != VALUE_MAP)
        return 0;
    double total = member_number(ram, "total");
    return total > 0 ? CLAMP(1 - member_number(ram, "remaining") / total, 0, 1) : 0;
}

static gboolean
report(DomainGuest *guest, const DomainStream *stream, GError **error)
{
    g_autoptr(Value) status = NULL;
    if (g_cancellable_is_cancelled(stream->cancellable))
        return base_error_set(error, BASE_ERROR_CANCELLED, "cancelled");
    if (stream->progress == NULL)
        return TRUE;
    return qemu_guest_execute(guest, "query-migrate", NULL, COMMAND_TIMEOUT_MS, stream->cancellable, &status,
                              error) &&
           stream->progress(stream->data, fraction_of(status), error);
}

/* Why QEMU gave up. */
static gboolean
fail(DomainGuest *guest, GError **error)
{
    g_autoptr(Value) status = NULL;
    if (!qemu_guest_execute(guest, "query-migrate", NULL, COMMAND_TIMEOUT_MS, NULL, &status, error)) {
        qemu_guest_explain(guest, error);
        return FALSE;
    }
    const char *reason =
        value_kind(status) == VALUE_MAP ? value_map_get_string(status, "error-desc", "") : "";
    return base_error_set(error, BASE_ERROR_IO, "QEMU could not pass the guest's state on%s%s",
                          *reason == '\0' ? "" : ": ", reason);
}

static void
wake(GCancellable *cancellable, gpointer data)
{
    QemuGuest *guest = data;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->lock);
    g_cond_broadcast(&guest->changed);
}

static gboolean
await_end(DomainGuest *guest, const DomainStream *stream, GError **error)
{
    QemuGuest *data = guest->data;
    GCancellable *cancellable = stream->cancellable;
    QemuStreamState state;
    gboolean goes_on = TRUE;
    gulong handler =
        cancellable == NULL ? 0 : g_cancellable_connect(cancellable, G_CALLBACK(wake), data, NULL);
    while (goes_on && (state = await_state(data, PROGRESS_MS, cancellable)) == QEMU_STREAM_ACTIVE)
        goes_on = report(guest, stream, error);
    if (handler != 0)
        g_cancellable_disconnect(cancellable, handler);
    if (!goes_on)
        return FALSE;
    return state == QEMU_STREAM_DONE || fail(guest, error);
}

/* ---- The rows */

/* Until QEMU says itself that nothing is under way: an earlier service's stream sends us no events. */
gboolean
qemu_abort_save(DomainBackend *backend, DomainGuest *guest, GError **error)
{
    QemuGuest *data = qemu_guest_data(backend, guest);
    gint64 until_us = g_get_monotonic_time() + CANCEL_TIMEOUT_MS * 1000;
    g_mutex_lock(&data->lock);
    data->stream = QEMU_STREAM_ACTIVE;
    g_mutex_unlock(&data->lock);
    if (!qemu_guest_execute(guest, "migrate_cancel", NULL, COMMAND_TIMEOUT_MS, NULL, NULL, error))
        return FALSE;
    for (;;) {
        g_autoptr(Value) status = NULL;
        if (!qemu_guest_execute(guest, "query-migrate", NULL, COMMAND_TIMEOUT_MS, NULL, &status, error))
            return FALSE;
        if (state_of(status) != QEMU_STREAM_ACTIVE)
            return TRUE;
        if (g_get_monotonic_time() > until_us)
            return base_error_set(error, BASE_ERROR_TIMED_OUT, "QEMU does not end its migration");
        await_state(data, PROGRESS_MS / 10, NULL);
    }
}

gboolean
qemu_save(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error)
{
    static const char *const live[] = {"events", "auto-converge", NULL};
    static const char *const paused[] = {"events", NULL};
    if (!set_capabilities(guest, stream->is_live ? live : paused, stream->cancellable, error) ||
        !set_parameters(guest, stream->cancellable, error))
        return FALSE;
    if (begin(guest, "migrate", stream, error) && await_end(guest, stream, error))
        return TRUE;
    qemu_abort_save(backend, guest, NULL); /* what is wrong with QEMU has been told */
    return FALSE;
}

gboolean
qemu_restore(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error)
{
    static const char *const incoming[] = {"events", "late-block-activate", NULL};
    return set_capabilities(guest, incoming, stream->cancellable, error) &&
           begin(guest, "migrate-incoming", stream, error) && await_end(guest, stream, error);
}

/* Five rounds within a second, in case a switch is slow to learn. */
gboolean
qemu_announce(DomainBackend *backend, DomainGuest *guest, GError **error)
{
    Value *args = value_map_new(4);
    value_map_set(args, "initial", value_int(50));
    value_map_set(args, "max", value_int(550));
    value_map_set(args, "rounds", value_int(5));
    value_map_set(args, "step", value_int(100));
    return qemu_guest_execute(guest, "announce-self", args, COMMAND_TIMEOUT_MS, NULL, NULL, error);
}
