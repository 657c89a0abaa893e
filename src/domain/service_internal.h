/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service's own members, for the files of this folder only. */
#pragma once

#include "domain/machine.h"
#include "domain/service.h"

struct DomainService {
    DomainStore *store;
    DomainBackend *backend;       /* borrowed */
    const DomainStorage *storage; /* borrowed; (nullable) */
    DomainClock *clock;           /* borrowed */
    DomainUpdates *updates;
    DomainTasks *tasks;
    GThreadPool *workers; /* of DomainMachine with something to do */
    GThreadPool *writers; /* of calls that write configurations */
    char *instance_id;
    GMutex lock;          /* of machines, and of what machine.h puts under it */
    GCond changed;        /* a count below, or is_stopping */
    GHashTable *machines; /* id to DomainMachine */
    gboolean is_stopping; /* nothing is begun any more */
    guint n_adopting;     /* machines whose state is not known yet */
    guint n_calls;        /* calls on the writers */
    gint n_open;          /* atomic: calls that are not answered yet */
};

/** domain_service_find: the VM (transfer full). Errors: Does_not_exist("VM", id). */
DomainMachine *domain_service_find(DomainService *service, const char *id, GError **error);

/** domain_service_find_of_device: the VM of a device id "<vm>.<device>" (transfer full). @kind is for the
 * error. */
DomainMachine *domain_service_find_of_device(DomainService *service, const char *kind, const char *device_id,
                                             GError **error);

/** DomainConfigEdit: changes a copy of the configuration; FALSE with an error leaves all as it was. */
typedef gboolean (*DomainConfigEdit)(DomainStoreConfig *config, gpointer data, GError **error);

/** domain_service_edit_config: one change of a VM's configuration: durable, then visible. One at a time per
 * VM. */
gboolean domain_service_edit_config(DomainService *service, DomainMachine *machine, DomainConfigEdit edit,
                                    gpointer data, GError **error);

/** domain_vbd_check: whether @vbd can be a device of @vm. Errors: BASE_ERROR_INVALID. */
gboolean domain_vbd_check(const DomainVbdT *vbd, const char *vm, GError **error);
/** domain_vif_check: the same of a network interface. */
gboolean domain_vif_check(const DomainVifT *vif, const char *vm, GError **error);

/** domain_service_touch: tells updates of the VM and all its devices. */
void domain_service_touch(DomainService *service, const DomainStoreConfig *config);

/** domain_service_remove: the VM with its files, not to be found any more. The head operation's thread. */
gboolean domain_service_remove(DomainService *service, DomainMachine *machine, GError **error);

/** domain_service_recovered: one of the operations that domain_service_new() waits for has ended. */
void domain_service_recovered(DomainService *service);

/** domain_service_recover: takes up one VM found in the state directory; run by domain_service_new(). */
gboolean domain_service_recover(DomainService *service, const char *id, GError **error);
