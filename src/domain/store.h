/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state directory:
 *
 *   DIR/lock                    held while the service runs
 *   DIR/last_domid              number of the latest domain
 *   DIR/vms/<id>/config.json    Store.config, durable before an add returns
 *   DIR/vms/<id>/suspended.json Store.suspended, durable before a suspended VM's domain goes
 *   DIR/vms/<id>/run/           state.json (Store.run), journal (Store.journal), the back end's sockets and
 * logs
 *   DIR/cores/<id>.core         the memory of the VM's guest at its latest crash
 *
 * What is in run/ describes processes and must survive ours, not the machine's: it is replaced in one step
 * and not forced to the disk. A file that a power failure has left empty counts as absent. */
#pragma once

#include "domain/types.h"

typedef struct DomainStore DomainStore;

/**
 * domain_store_open:
 *
 * Makes @dir if need be (mode 0700) and locks it.
 * Errors: BASE_ERROR_IO (not writable, used by another service).
 */
DomainStore *domain_store_open(const char *dir, GError **error);
void domain_store_free(DomainStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainStore, domain_store_free)

/** domain_store_check_id: whether @id can name a VM here. Errors: BASE_ERROR_INVALID. */
gboolean domain_store_check_id(DomainStore *store, const char *id, GError **error);

/** domain_store_list: ids of all VMs, NULL-terminated. */
char **domain_store_list(DomainStore *store, GError **error);

/** domain_store_next_domid: never the same twice. */
gboolean domain_store_next_domid(DomainStore *store, gint64 *ret_domid, GError **error);

/** domain_store_save_config: durable when this returns. */
gboolean domain_store_save_config(DomainStore *store, const DomainStoreConfig *config, GError **error);
/** domain_store_load_config: Errors: BASE_ERROR_NOT_FOUND, _INVALID. */
gboolean domain_store_load_config(DomainStore *store, const char *id, DomainStoreConfig *ret_config,
                                  GError **error);
/** domain_store_remove: the VM with all its files; durable. */
gboolean domain_store_remove(DomainStore *store, const char *id, GError **error);

/** domain_store_save_suspended: durable when this returns; NULL @suspended removes it. */
gboolean domain_store_save_suspended(DomainStore *store, const char *id,
                                     const DomainStoreSuspended *suspended, GError **error);
/** domain_store_load_suspended: *@ret_suspended is NULL when there is none. */
gboolean domain_store_load_suspended(DomainStore *store, const char *id, DomainStoreSuspended **ret_suspended,
                                     GError **error);

/** domain_store_run_dir: "<DIR>/vms/<id>/run". */
char *domain_store_run_dir(DomainStore *store, const char *id);
/** domain_store_make_run_dir: an empty one; what a domain before left behind goes, but for serial.log. */
gboolean domain_store_make_run_dir(DomainStore *store, const char *id, GError **error);
/** domain_store_clear_run_dir: removes everything in it but serial.log and the journal of the plan that does
 * it. */
gboolean domain_store_clear_run_dir(DomainStore *store, const char *id, GError **error);

/** domain_store_save_run: replaces state.json in one step. */
gboolean domain_store_save_run(DomainStore *store, const char *id, const DomainStoreRun *run, GError **error);
/** domain_store_load_run: *@ret_run is NULL when there is none. */
gboolean domain_store_load_run(DomainStore *store, const char *id, DomainStoreRun **ret_run, GError **error);

/** domain_store_save_journal: NULL @journal removes it. It outlives this process, not the host: after a power
 * failure there is nothing left that a plan was at work on. */
gboolean domain_store_save_journal(DomainStore *store, const char *id, const DomainStoreJournal *journal,
                                   GError **error);
/** domain_store_load_journal: *@ret_journal is NULL when there is none. */
gboolean domain_store_load_journal(DomainStore *store, const char *id, DomainStoreJournal **ret_journal,
                                   GError **error);

/** domain_store_begin_core: an empty file for an image of the VM's memory; -1 on failure. */
int domain_store_begin_core(DomainStore *store, const char *id, GError **error);
/** domain_store_end_core: @is_whole: it takes the place of the one before; else it goes. */
gboolean domain_store_end_core(DomainStore *store, const char *id, gboolean is_whole, GError **error);
/** domain_store_remove_core: a missing one is fine. */
gboolean domain_store_remove_core(DomainStore *store, const char *id, GError **error);
