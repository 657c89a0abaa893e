/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The back end that runs each VM as one QEMU process, nobody's child, driven over QMP. */
#pragma once

#include "domain/backend.h"

typedef struct QemuBackendSpec {
    const char *binary; /* "qemu-system-x86_64" or a path */
    const char *accel;  /* "kvm" or "tcg" */
    GMainContext
        *context; /* where control connections are read; its thread runs until after the back end is freed */
} QemuBackendSpec;

/** qemu_backend_new: asks the binary once for its machine types. Errors: BASE_ERROR (no such program, or it
 * has no Q35). */
DomainBackend *qemu_backend_new(const QemuBackendSpec *spec, GError **error);
