/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A back end and a storage service in memory, for tests and for trying out a toolstack with thousands of VMs.
 * Guests outlive the service that started them, as real ones do, but not the process. Any call can be made to
 * fail.
 *
 * A guest powers off when asked to; with platformdata "fake-shutdown" = "ignore" it does not, with
 * "stall" it says that it will and does not. With "fake-unplug" = "ignore" it never lets go of a processor.
 */
#pragma once

#include "domain/backend.h"
#include "domain/storage.h"

DomainBackend *domain_fake_new(void);

/** domain_fake_storage: borrowed. Attaching twice, activating what is not attached and the like are failures.
 */
const DomainStorage *domain_fake_storage(DomainBackend *backend);

/** domain_fake_fail_at: the @n-th call from now on, of back end and storage together, fails; 0 for none. */
void domain_fake_fail_at(DomainBackend *backend, guint n);

/** domain_fake_has_failed: whether that call has come. */
gboolean domain_fake_has_failed(DomainBackend *backend);

/** domain_fake_block: calls of storage attach, save and restore wait until this is taken back, or they are
 * cancelled. */
void domain_fake_block(DomainBackend *backend, gboolean is_blocked);

/** domain_fake_act: the guest does something by itself. FALSE if it is not there. */
gboolean domain_fake_act(DomainBackend *backend, const char *id, DomainGuestEvent event, gint64 number);

/** domain_fake_n_guests: device models at work, running or not. */
guint domain_fake_n_guests(DomainBackend *backend);
/** domain_fake_n_ended: of these, the ones whose guest has powered off or crashed. */
guint domain_fake_n_ended(DomainBackend *backend);
/** domain_fake_n_attached: datapaths attached. */
guint domain_fake_n_attached(DomainBackend *backend);

/** domain_fake_memory: a number that a guest gets at its start and takes along wherever its state goes; -1
 * without a guest. */
gint64 domain_fake_memory(DomainBackend *backend, const char *id);

/** domain_fake_log: what was asked, one line each: "start demo", "attach vbd/demo/xvda". The caller frees it.
 */
char *domain_fake_log(DomainBackend *backend);
