/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The toolstack's side of the domain service: typed calls over a transport that the caller brings, and
 * waiting for tasks.
 *
 * Types are generated from model/domain.toml into "domain/types.h". Their C shapes:
 *   Vm.t is DomainVmT, Vm.state DomainVmState, Vbd.t DomainVbdT, Vif.t DomainVifT, Task.t DomainTaskT,
 * power_state DomainPowerState, disk DomainDisk, Network.t DomainNetworkT, Vm.hvm_info DomainVmHvmInfo,
 * Vm.pv_direct_boot DomainVmPvDirectBoot ... string        char *                      owned; NULL is written
 * as "" int64         gint64 float, bool   double, gboolean list(string)  char ** NULL-terminated; NULL is
 * empty list(T)       DomainTList {T *items; gsize n;} map           Value *                     a map of
 * strings (list(tuple(string,string))); NULL is empty option(T)     T *, or char * for strings  NULL is none
 *   variant       an enum DOMAIN_POWER_STATE_RUNNING when no member has a payload; else a struct {tag; union
 * of payloads}: vbd.backend->tag == DOMAIN_DISK_VDI, vbd.backend->vdi tuple         a struct with the names
 * of model/domain.toml [tuples]: Vm.t * Vm.state is DomainVmEntry {config, state} Each has
 * domain_vm_t_from_value(value, &ret, &error), domain_vm_t_to_value(&vm), domain_vm_t_clear(&vm), and
 * g_auto(DomainVmT) works. All members at zero ({0}) are a valid start for filling one in.
 *
 * Errors: DOMAIN_ERROR as the service raised it (domain_error_name(), domain_error_args());
 * Failed_to_contact_remote_service(text) when the transport fails; BASE_ERROR_CANCELLED when the context's
 * cancellable ended the wait. */
#pragma once

#include <gio/gio.h>

#include "domain/error.h"
#include "domain/types.h"

typedef struct DomainClient DomainClient;

/**
 * DomainTransport:
 * @params: an array with one struct of named arguments
 * @timeout_ms: for this call; the service answers in this time
 * @ret_reply: (out) (transfer full): the reply's value as decoded: a map with Status and Value or
 * ErrorDescription
 *
 * Sends one XML-RPC call and waits for the reply. From any thread, many at once.
 */
typedef gboolean (*DomainTransport)(gpointer data, const char *method, Value *params, guint timeout_ms,
                                    GCancellable *cancellable, Value **ret_reply, GError **error);

/** domain_client_new: @data_free (nullable) is called with @data at the end. */
DomainClient *domain_client_new(DomainTransport transport, gpointer data, GDestroyNotify data_free);
void domain_client_free(DomainClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainClient, domain_client_free)

/* What goes with a call. NULL for a whole context is fine, and so is any member at zero. */
typedef struct DomainContext {
    const char *dbg;           /* the caller's mark in the service's log */
    GCancellable *cancellable; /* ends calls that only ask or register. Of an operation that has begun it
                                  triggers Task.cancel; the wait still lasts until the task has let go of what
                                  it held */
    void (*progress)(double fraction, gpointer data); /* called on the waiting thread, 0 to 1 */
    gpointer progress_data;
    guint call_timeout_ms; /* of each call that does not wait; 0: a minute */
} DomainContext;

/** domain_client_query: who answers there. Its instance_id changes with each start of the service. */
gboolean domain_client_query(DomainClient *client, const DomainContext *context, DomainQueryInfo *ret_info,
                             GError **error);

/* Configurations. Each is on disk when the call returns. */
/** domain_client_vm_add: registers @vm, or replaces its configuration (in force from the next start on). */
gboolean domain_client_vm_add(DomainClient *client, const DomainContext *context, const DomainVmT *vm,
                              GError **error);
/** domain_client_vm_register: registers the VM and its devices in place of all that was registered under its
 * id. Errors: Bad_power_state if it has a domain. */
gboolean domain_client_vm_register(DomainClient *client, const DomainContext *context,
                                   const DomainMetadataT *metadata, GError **error);
/** domain_client_vm_remove: Errors: Bad_power_state unless Halted or Suspended, Does_not_exist. */
gboolean domain_client_vm_remove(DomainClient *client, const DomainContext *context, const char *id,
                                 GError **error);
/** domain_client_vm_stat: Errors: Does_not_exist. */
gboolean domain_client_vm_stat(DomainClient *client, const DomainContext *context, const char *id,
                               DomainVmEntry *ret_entry, GError **error);
gboolean domain_client_vm_list(DomainClient *client, const DomainContext *context,
                               DomainVmEntryList *ret_list, GError **error);

/* Operations: each waits for its task's end. @timeout_s of a clean shutdown or reboot: negative for a hard
 * one. */
/** domain_client_vm_start: @is_paused leaves it Paused instead of Running. */
gboolean domain_client_vm_start(DomainClient *client, const DomainContext *context, const char *id,
                                gboolean is_paused, GError **error);
gboolean domain_client_vm_shutdown(DomainClient *client, const DomainContext *context, const char *id,
                                   double timeout_s, GError **error);
gboolean domain_client_vm_reboot(DomainClient *client, const DomainContext *context, const char *id,
                                 double timeout_s, GError **error);
gboolean domain_client_vm_pause(DomainClient *client, const DomainContext *context, const char *id,
                                GError **error);
gboolean domain_client_vm_unpause(DomainClient *client, const DomainContext *context, const char *id,
                                  GError **error);
/** domain_client_vm_destroy: takes the domain away at once, whatever state it is in; a Halted VM is fine. */
gboolean domain_client_vm_destroy(DomainClient *client, const DomainContext *context, const char *id,
                                  GError **error);

/* Devices. An id is "<vm>.<device>" (Vbd.id "demo.xvda", Vif.id "demo.0"); a missing VM is Does_not_exist. */
gboolean domain_client_vbd_add(DomainClient *client, const DomainContext *context, const DomainVbdT *vbd,
                               GError **error);
/** domain_client_vbd_remove: Errors: Device_is_connected, Does_not_exist. */
gboolean domain_client_vbd_remove(DomainClient *client, const DomainContext *context, const char *id,
                                  GError **error);
gboolean domain_client_vbd_list(DomainClient *client, const DomainContext *context, const char *vm,
                                DomainVbdEntryList *ret_list, GError **error);
gboolean domain_client_vif_add(DomainClient *client, const DomainContext *context, const DomainVifT *vif,
                               GError **error);
gboolean domain_client_vif_remove(DomainClient *client, const DomainContext *context, const char *id,
                                  GError **error);
gboolean domain_client_vif_list(DomainClient *client, const DomainContext *context, const char *vm,
                                DomainVifEntryList *ret_list, GError **error);

/**
 * domain_client_task_wait:
 *
 * Waits until @task has ended, with the context's progress and cancellable, and forgets it at the service.
 * Nothing is polled: the service answers when something has changed. Errors: what the task failed with;
 * BASE_ERROR_CANCELLED if it ended because of the context's cancellable.
 */
gboolean domain_client_task_wait(DomainClient *client, const DomainContext *context, const char *task,
                                 GError **error);

/**
 * domain_client_updates_get:
 * @last: the `next` of the call before; -1 for everything there is
 * @timeout_s: 0 answers at once, negative waits until something happens (the call is renewed meanwhile)
 * @ret_delta: (out): events: ids of what changed since @last, each once, oldest change first; next: for the
 * next call
 *
 * An id that no longer exists was removed: its stat answers Does_not_exist. Tokens stay good over a restart
 * of the service (everything is then reported as changed).
 */
gboolean domain_client_updates_get(DomainClient *client, const DomainContext *context, gint64 last,
                                   double timeout_s, DomainUpdatesDelta *ret_delta, GError **error);

/**
 * domain_client_call:
 * @args: (transfer full): a map of named arguments without dbg, which comes from @context
 * @ret_value: (out) (optional) (transfer full)
 *
 * Any other method by its name: "Vm.set_vcpus".
 */
gboolean domain_client_call(DomainClient *client, const DomainContext *context, const char *method,
                            Value *args, Value **ret_value, GError **error);

/** domain_client_operation: domain_client_call() of a method that answers with a task, and
 * domain_client_task_wait(). */
gboolean domain_client_operation(DomainClient *client, const DomainContext *context, const char *method,
                                 Value *args, GError **error);
