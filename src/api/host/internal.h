/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder share: each brings one kind of row up to date at start, in the same
 * transaction. */
#pragma once

#include "api/services.h"

/** host_write_software: version, capabilities, licence: what the host record says of the program and the
 * machine's kind. */
void host_write_software(ApiServices *services, DbTxn *txn, const char *host_ref);

/** host_write_cpus: host.cpu_info and one host_cpu row per processor. */
void host_write_cpus(ApiServices *services, DbTxn *txn, const char *host_ref);

/** host_write_memory: the host_metrics row @metrics_ref. */
void host_write_memory(DbTxn *txn, const char *metrics_ref);

/** host_write_interfaces: a PIF and its network for each interface; host.address from the management one. */
void host_write_interfaces(ApiServices *services, DbTxn *txn, const char *host_ref);

/** host_memory_bytes: total and available memory of the machine. */
void host_memory_bytes(guint64 *ret_total, guint64 *ret_free);
