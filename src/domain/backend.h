/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a hypervisor has to do for the plans. One small table per back end: qemu/, fake/.
 *
 * Functions on one guest are never called at the same time; on different guests they are. They may block for
 * as long as their own time-outs say, and end early with BASE_ERROR_CANCELLED where a cancellable is given.
 */
#pragma once

#include <gio/gio.h>

#include "domain/types.h"

typedef struct DomainBackend DomainBackend;

/* One VM that has a domain. */
typedef struct DomainGuest DomainGuest;
struct DomainGuest {
    const char *id;
    const DomainStoreConfig *config; /* in force for this domain */
    DomainStoreRun *run;             /* the back end fills in machine, accel, pid, pid_start, and nics */
    const char *run_dir;
    gboolean
        is_incoming; /* start leaves it waiting for restore instead of at its firmware's first instruction */
    gpointer data;   /* the back end's own; freed by release */
    gboolean (*save)(DomainGuest *guest,
                     GError **error); /* writes run down now: for what must not be forgotten in a crash */
    gpointer owner;                   /* of save */
};

/* How a guest left, or what it told us. */
typedef enum DomainGuestEvent {
    DOMAIN_GUEST_EVENT_NONE,
    DOMAIN_GUEST_POWERED_OFF, /* shut down from within */
    DOMAIN_GUEST_RESET,       /* rebooted from within */
    DOMAIN_GUEST_CRASHED,     /* it says so itself */
    DOMAIN_GUEST_GONE,        /* its device model is no more */
    DOMAIN_GUEST_CLOCK_SET,   /* number: seconds its clock was moved against the one it started with */
    DOMAIN_GUEST_STIRRED,     /* it has answered a request of ours: whoever waits for that looks again */
} DomainGuestEvent;

/* Called from any thread, without locks; must not call the back end. */
typedef void (*DomainGuestNotify)(gpointer data, const char *id, gint64 domid, DomainGuestEvent event,
                                  gint64 number);

/* What is known of a guest at work beyond what was asked of it. */
typedef struct DomainGuestInfo {
    Value *agent;              /* (nullable): texts by name, as in Vm.state.guest_agent */
    gint64 memory_actual;      /* bytes; 0: not known */
    gboolean is_uncooperative; /* it was asked for another amount of memory and does not move */
} DomainGuestInfo;

/* The info is another than before. From any thread, without locks of the service; must not call the back end.
 */
typedef void (*DomainGuestTell)(gpointer data, const char *id, gint64 domid, const DomainGuestInfo *info);

typedef enum DomainGuestStatus {
    DOMAIN_GUEST_STATUS_DEAD, /* there is no device model any more */
    DOMAIN_GUEST_STATUS_RUNNING,
    DOMAIN_GUEST_STATUS_PAUSED,
    DOMAIN_GUEST_STATUS_POWERED_OFF, /* ended from within; the device model waits for us */
    DOMAIN_GUEST_STATUS_CRASHED,
} DomainGuestStatus;

/* A guest's whole state on its way to or from a file, block device, pipe or socket. */
typedef struct DomainStream {
    int fd;           /* at the place where the state begins; stays the caller's */
    gboolean is_live; /* of save: the guest runs on until all but the last of it is written. Else the caller
                         has paused it */
    /* (nullable): told several times a second how much is done (0 to 1; of restore always 0). FALSE with an
     * error ends the transfer. */
    gboolean (*progress)(gpointer data, double fraction, GError **error);
    gpointer data; /* of progress */
    GCancellable *cancellable;
} DomainStream;

typedef struct DomainBackendClass {
    const char *name;
    void (*free)(DomainBackend *backend);
    /* What Host.stat says of the back end; may block. Fills a zeroed struct. */
    void (*describe)(DomainBackend *backend, DomainHostHypervisor *ret_hypervisor);
    /* Steps of a start, in this order. run_dir exists and is empty. */
    gboolean (*create)(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error);
    gboolean (*build)(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error);
    gboolean (*start)(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable,
                      GError **error); /* leaves it paused */
    gboolean (*pause)(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable, GError **error);
    gboolean (*unpause)(DomainBackend *backend, DomainGuest *guest, GCancellable *cancellable,
                        GError **error);
    /* Asks the guest to power off and returns; its event tells of the rest. Called again every few seconds,
     * with the next number, from 0. */
    gboolean (*ask_shutdown)(DomainBackend *backend, DomainGuest *guest, guint attempt, GError **error);
    /* Whether it has said that it will. Does not wait. */
    gboolean (*has_acknowledged)(DomainBackend *backend, DomainGuest *guest);
    /* Writes the guest's state. On success the guest is paused and has let go of its disks; unpause takes
     * them again. After a failure it is as it was, or paused: unpause lets it run in either case. */
    gboolean (*save)(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream, GError **error);
    /* Ends a save that an earlier service has left at work. Fine if there is none. */
    gboolean (*abort_save)(DomainBackend *backend, DomainGuest *guest, GError **error);
    /* Reads a state into a guest that was started with is_incoming, and leaves it paused; its disks are not
     * touched before unpause. After a failure the guest is of no use: stop it. */
    gboolean (*restore)(DomainBackend *backend, DomainGuest *guest, const DomainStream *stream,
                        GError **error);
    /* Tells the networks where the running guest is now. */
    gboolean (*announce)(DomainBackend *backend, DomainGuest *guest, GError **error);
    /* Asks for the processors that are missing of @n, or for those over it to be let go of;
     * *@ret_is_done: the guest has as many. Called again, with @is_first FALSE, until then. Errors:
     * Not_supported, Device_detach_rejected. */
    gboolean (*set_vcpus)(DomainBackend *backend, DomainGuest *guest, gint64 n, gboolean is_first,
                          GCancellable *cancellable, gboolean *ret_is_done, GError **error);
    /* Asks the guest to use this much; its info tells how far it gets. Errors: Ballooning_error. */
    gboolean (*set_memory)(DomainBackend *backend, DomainGuest *guest, gint64 bytes, GError **error);
    /* NULL: guests have no shadow memory. */
    gboolean (*set_shadow_multiplier)(DomainBackend *backend, DomainGuest *guest, double multiplier,
                                      GError **error);
    /* Writes an image of the guest's memory; @fd stays the caller's. */
    gboolean (*dump_core)(DomainBackend *backend, DomainGuest *guest, int fd, GError **error);
    /* When this returns TRUE nothing of the guest is at work and its disks are closed. Fine if that is so
     * already. */
    gboolean (*stop)(DomainBackend *backend, DomainGuest *guest, GError **error);
    /* Takes up a guest that an earlier service left; run is what that one wrote last. Events come from now
     * on. */
    gboolean (*adopt)(DomainBackend *backend, DomainGuest *guest, DomainGuestStatus *ret_status,
                      GError **error);
    /* Frees data. The guest, if it is at work, goes on. */
    void (*release)(DomainBackend *backend, DomainGuest *guest);
    void (*consoles)(DomainBackend *backend, const DomainGuest *guest, DomainVmConsoleList *ret_consoles);
} DomainBackendClass;

/* First member of every back end's own struct. */
struct DomainBackend {
    const DomainBackendClass *class;
    DomainGuestNotify notify; /* set by the service before anything else is called; NULL once it has ended */
    DomainGuestTell tell;     /* the same */
    gpointer notify_data;     /* of both */
};

static inline void
domain_backend_free(DomainBackend *backend)
{
    if (backend != NULL)
        backend->class->free(backend);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainBackend, domain_backend_free)
