/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One VM: its configuration, its domain if it has one, what others may see of both, and its queue of
 * operations.
 *
 * Three owners, three rules:
 *   - config, view, queue and flags belong to the service's lock;
 *   - guest and what it points at belong to the operation at the head of the queue, on whatever worker it
 * runs;
 *   - a DomainConfig and a DomainView are never changed once made, only replaced: who holds a reference reads
 * without a lock. */
#pragma once

#include "domain/backend.h"
#include "domain/service.h"
#include "domain/store.h"
#include "domain/task.h"
#include "domain/updates.h"

typedef struct DomainMachine DomainMachine;
typedef struct DomainOperation DomainOperation;

/* A configuration as registered. */
typedef struct DomainConfig {
    gatomicrefcount refs;
    DomainStoreConfig data;
} DomainConfig;

/** domain_config_new: takes over what @data holds. */
DomainConfig *domain_config_new(DomainStoreConfig *data);
DomainConfig *domain_config_ref(DomainConfig *config);
void domain_config_unref(DomainConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainConfig, domain_config_unref)

/* What can be seen of a VM at one moment. */
typedef struct DomainView {
    gatomicrefcount refs;
    gboolean has_domain;
    DomainStoreStage stage; /* if it has one */
    DomainVmState state;
    DomainStoreDiskList disks;
    DomainStoreNicList nics;
} DomainView;

DomainView *domain_view_ref(DomainView *view);
void domain_view_unref(DomainView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainView, domain_view_unref)

struct DomainMachine {
    gatomicrefcount refs;
    DomainService *service;
    char *id;
    GMutex config_lock; /* held while config is changed, on the disk and here */
    /* Under the service's lock */
    DomainConfig *config;
    DomainView *view;
    GQueue operations;      /* DomainOperation; the head is at work or next */
    gboolean is_scheduled;  /* a worker has it, or will, or it is parked */
    gboolean is_parked;     /* the head waits for domain_machine_wake() */
    gboolean is_woken;      /* a wake came while the head was at work */
    gboolean is_removed;    /* out of the table: nothing may be queued */
    DomainGuestEvent ended; /* how the guest left, until somebody has dealt with it */
    DomainGuestInfo
        info; /* what the back end has told of the guest; not kept over a restart: it is asked again */
    /* The head operation's */
    DomainGuest *guest; /* NULL: Halted */
    DomainConfig *guest_config;
    DomainStoreSuspended *suspended; /* where its state rests; NULL: it is not Suspended */
    char *run_dir;
};

DomainMachine *domain_machine_new(DomainService *service, const char *id, DomainConfig *config);
DomainMachine *domain_machine_ref(DomainMachine *machine);
void domain_machine_unref(DomainMachine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainMachine, domain_machine_unref)

/** domain_machine_view: what can be seen now. (transfer full) */
DomainView *domain_machine_view(DomainMachine *machine);
DomainConfig *domain_machine_config(DomainMachine *machine);

/** domain_machine_publish: makes the view from the guest, writes run/state.json and tells updates. The head
 * operation's thread. */
gboolean domain_machine_publish(DomainMachine *machine, GError **error);

/** domain_machine_take_guest: gives the machine a domain; takes over @run. The head operation's thread. */
void domain_machine_take_guest(DomainMachine *machine, DomainStoreRun *run);
/** domain_machine_drop_guest: it has none any more; forgets how it ended. The head operation's thread. */
void domain_machine_drop_guest(DomainMachine *machine);

/** domain_machine_reshape_guest: the guest is to be what another one was: takes the members of @config and,
 * but for number, power state and stage, of @was. Nothing of it is attached. The head operation's thread. */
void domain_machine_reshape_guest(DomainMachine *machine, DomainStoreConfig *config, DomainStoreRun *was);

/** domain_machine_set_suspended: takes over @suspended (nullable); for the next publish. The head operation's
 * thread. */
void domain_machine_set_suspended(DomainMachine *machine, DomainStoreSuspended *suspended);

/** domain_machine_ended: how the guest left; NONE while it is there. */
DomainGuestEvent domain_machine_ended(DomainMachine *machine);

/** domain_machine_push: queues @operation (transfer full). FALSE when the VM has been removed:
 * Does_not_exist. */
gboolean domain_machine_push(DomainMachine *machine, DomainOperation *operation, GError **error);

/** domain_machine_wake: lets a parked operation look again. From any thread, without locks. */
void domain_machine_wake(DomainMachine *machine);

/** domain_machine_run: the worker's function: runs what is queued until it is empty or parked. */
void domain_machine_run(DomainMachine *machine);

/** domain_machine_cancel: @task's cancellable has been triggered: ends it if it is still queued, else wakes
 * it. */
void domain_machine_cancel(DomainMachine *machine, DomainTask *task);

/** domain_machine_event: from the back end. */
void domain_machine_event(DomainMachine *machine, gint64 domid, DomainGuestEvent event, gint64 number);

/** domain_machine_inform: from the back end: takes over into the view what is known of the guest. */
void domain_machine_inform(DomainMachine *machine, gint64 domid, const DomainGuestInfo *info);
