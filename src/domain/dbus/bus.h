/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The second wire: the service's methods on a message bus.
 *
 * One object, "/org/xylem/Xenops1", with one interface per interface of the document: Vm.add is the method
 * add of org.xylem.Xenops1.Vm. An exception is an error org.xylem.Xenops1.Error.Bad_power_state, its text the
 * JSON array of the exception's name and its arguments as texts, as in Task.result:
 * '["Bad_power_state","Halted","Running"]'. Who may call is the bus's policy (data/dbus). */
#pragma once

#include "domain/service.h"

typedef struct DomainBus DomainBus;

/**
 * domain_bus_new:
 * @where: "system", "session" or the address of a bus
 * @name: well-known name to take there
 *
 * Serves calls from now on, on a thread of its own. A bus that goes away later is waited for. @service must
 * outlive domain_bus_free(). Errors: BASE_ERROR_IO: the bus cannot be reached, or the name is not to be had.
 */
DomainBus *domain_bus_new(DomainService *service, const char *where, const char *name, GError **error);

/** domain_bus_free: takes no more calls and leaves the bus; answers of those that still wait are lost. NULL
 * is fine. */
void domain_bus_free(DomainBus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainBus, domain_bus_free)
