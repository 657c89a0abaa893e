/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The back end's own of one guest, for the files of this folder only. */
#pragma once

#include "domain/backend.h"
#include "domain/qemu/agent.h"
#include "domain/qemu/qmp.h"

typedef struct QemuBackend {
    DomainBackend base;
    char *binary;
    char *accel;
    char *machine; /* the newest Q35 the binary has, by its full name */
    GMainContext *context;
} QemuBackend;

/* Where a guest's state is on its way, as QEMU's MIGRATION events tell. */
typedef enum QemuStreamState {
    QEMU_STREAM_NONE,
    QEMU_STREAM_ACTIVE,
    QEMU_STREAM_DONE,
    QEMU_STREAM_FAILED,
    QEMU_STREAM_CANCELLED,
} QemuStreamState;

/* How much memory the guest uses, and whether it moves when asked to. See memory.h. */
typedef struct QemuBalloon {
    gint64 target_bytes; /* 0: it was never asked */
    gint64 actual_bytes; /* 0: not known */
    GSource *patience;   /* runs while the two differ */
} QemuBalloon;

/* DomainGuest.data */
typedef struct QemuGuest {
    QemuBackend *backend;
    char *id;
    gint64 domid;
    int pidfd;
    Qmp *qmp;         /* NULL: not connected */
    QemuAgent *agent; /* made before the first qmp */
    GSource *log_check;
    GSource *stats_check; /* of memory.c */
    GMutex lock;          /* of what follows */
    GCond changed;
    QemuStreamState stream;
    gboolean is_gone;          /* the connection has ended */
    gboolean has_refused_vcpu; /* it would not let go of a processor */
    QemuBalloon balloon;
    GMutex info_lock; /* of what follows */
    DomainGuestInfo info;
    Value *agent_keys;  /* (nullable) */
    Value *memory_keys; /* (nullable); both together are info.agent */
} QemuGuest;

/** qemu_of: the back end's own struct. */
static inline QemuBackend *
qemu_of(DomainBackend *backend)
{
    return (QemuBackend *)backend;
}

/** qemu_guest_data: the guest's, made at the first call. */
QemuGuest *qemu_guest_data(DomainBackend *backend, DomainGuest *guest);

/** qemu_guest_connect: connects to the guest's monitor, unless that is so already. */
gboolean qemu_guest_connect(DomainGuest *guest, GCancellable *cancellable, GError **error);

/**
 * qemu_guest_execute: qmp_execute() on the guest's monitor, connected first if need be.
 * @args: (transfer full) (nullable)
 */
gboolean qemu_guest_execute(DomainGuest *guest, const char *command, Value *args, guint timeout_ms,
                            GCancellable *cancellable, Value **ret, GError **error);

/** qemu_guest_explain: replaces the error of a QEMU that has ended by its own last words, if it left any. */
void qemu_guest_explain(const DomainGuest *guest, GError **error);

/* What is known of the guest goes to the service here, whenever it is another than before. From any thread.
 */
void qemu_guest_tell_memory(QemuGuest *guest, gint64 actual_bytes, gboolean is_uncooperative);
/** qemu_guest_tell_agent: what the agent says; @keys (nullable) is borrowed. */
void qemu_guest_tell_agent(QemuGuest *guest, Value *keys);
/** qemu_guest_tell_stats: what the guest says of its memory. */
void qemu_guest_tell_stats(QemuGuest *guest, gint64 total_bytes, gint64 free_bytes);
/** qemu_guest_clear_info: frees it. */
void qemu_guest_clear_info(QemuGuest *guest);
