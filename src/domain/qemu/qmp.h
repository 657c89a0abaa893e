/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP: commands and events over one connected socket. Reading is on a loop's thread, so nothing a QEMU does
 * or does not say can block us; commands block their caller until the reply, a time-out, or cancellation. */
#pragma once

#include <gio/gio.h>

#include "value/value.h"

typedef struct Qmp Qmp;

/**
 * QmpEvent:
 * @name: (nullable): "SHUTDOWN"; NULL, once and last: the connection has ended
 * @data: (nullable): a map
 *
 * On the loop's thread; must not call qmp_execute().
 */
typedef void (*QmpEvent)(gpointer owner, const char *name, Value *data);

/** qmp_new: takes over @fd. Events from before negotiation are told too. */
Qmp *qmp_new(GMainContext *context, int fd, QmpEvent event, gpointer owner);

/** qmp_free: ends the connection. @event is not at work and not called any more when this returns. Not from
 * the loop's thread. */
void qmp_free(Qmp *qmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qmp, qmp_free)

/** qmp_negotiate: waits for the greeting and leaves negotiation. Errors: as qmp_execute(). */
gboolean qmp_negotiate(Qmp *qmp, guint timeout_ms, GCancellable *cancellable, GError **error);

/**
 * qmp_execute:
 * @args: (transfer full) (nullable): a map
 * @ret: (out) (optional) (transfer full)
 *
 * Errors: BASE_ERROR_FAILED (what QEMU says), _IO (the connection has ended), _TIMED_OUT, _CANCELLED. After
 * the last two a late reply is dropped.
 */
gboolean qmp_execute(Qmp *qmp, const char *command, Value *args, guint timeout_ms, GCancellable *cancellable,
                     Value **ret, GError **error);

/** qmp_pass_fd: gives QEMU a copy of @fd, which commands can then call @name ("getfd"). Errors: as
 * qmp_execute(). */
gboolean qmp_pass_fd(Qmp *qmp, const char *name, int fd, guint timeout_ms, GCancellable *cancellable,
                     GError **error);

/**
 * QmpAnswer:
 * @result: (nullable): NULL: QEMU refuses, or the connection has ended
 *
 * On the loop's thread; must not call qmp_execute().
 */
typedef void (*QmpAnswer)(gpointer owner, Value *result);

/**
 * qmp_request:
 * @args: (transfer full) (nullable): a map
 *
 * Sends a command and returns at once, also when QEMU stalls; @answer gets the owner of qmp_new(). For the
 * loop's thread. FALSE: not now: the one before is still out, or QEMU does not read.
 */
gboolean qmp_request(Qmp *qmp, const char *command, Value *args, QmpAnswer answer);

/** qmp_await_end: waits until the other end has closed the connection. Errors: BASE_ERROR_TIMED_OUT. */
gboolean qmp_await_end(Qmp *qmp, guint timeout_ms, GError **error);
