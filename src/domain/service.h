/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain service: VM configurations, their domains, tasks and updates, behind one entry for calls. */
#pragma once

#include "domain/backend.h"
#include "domain/clock.h"
#include "domain/reply.h"
#include "domain/storage.h"

typedef struct DomainServiceSpec {
    const char *state_dir;
    DomainBackend *backend; /* borrowed; must outlive the service, and is for this service only meanwhile */
    const DomainStorage *storage; /* (nullable): borrowed; without it disks given as VDI cannot be used */
    DomainClock *clock;           /* borrowed */
    guint n_workers; /* operations on different VMs at work at the same time; 0 for a good number */
} DomainServiceSpec;

/**
 * domain_service_new:
 *
 * Opens the state directory, takes up the domains found there, and undoes or finishes what an earlier service
 * left half done. When this returns, 30 s later at the latest, every VM's power state is known; cleaning up
 * after those that have ended may go on behind it. Errors: those of domain_store_open().
 */
DomainService *domain_service_new(const DomainServiceSpec *spec, GError **error);

/** domain_service_free: lets operations at work end (cancelled where they wait) and answers parked calls.
 * Guests go on. */
void domain_service_free(DomainService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainService, domain_service_free)

/**
 * domain_service_call:
 * @method: "Vm.add" or "VM.add"
 * @params: array: one struct of named arguments, or the arguments in order, dbg first
 * @done: called once, from any thread, possibly before this returns; its data belongs to the caller
 *
 * Never blocks. From any thread.
 */
void domain_service_call(DomainService *service, const char *method, Value *params, DomainDone done,
                         gpointer data);

/** domain_service_reply_value: what a transport sends: {Status: Success, Value} or {Status: Failure,
 * ErrorDescription: [exception, args...]}. (transfer full) ocaml-rpc's form, and that of the API itself. */
Value *domain_service_reply_value(Value *result, const GError *error);
