/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's state through a descriptor: the back end's rows save, abort_save, restore and announce. */
#pragma once

#include "domain/backend.h"
#include "value/value.h"

typedef struct QemuGuest QemuGuest;

/* Rows of the back end's table; what they promise stands in domain/backend.h. */
gboolean qemu_save(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error);
gboolean qemu_abort_save(DomainBackend *backend, DomainGuest *guest, GError **error);
gboolean qemu_restore(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error);
gboolean qemu_announce(DomainBackend *backend, DomainGuest *guest, GError **error);

/** qemu_stream_event: from the monitor's thread: MIGRATION with @data, or NULL: the connection has ended. */
void qemu_stream_event(QemuGuest *guest, Value *data);
