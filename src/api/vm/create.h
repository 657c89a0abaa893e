/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every new VM gets, however it is made. */
#pragma once

#include "db/db.h"

/** vm_domain_type_of: member of domain_type that @vm's boot fields amount to. */
const char *vm_domain_type_of(const DbRow *vm);

/** vm_check_vcpus: 1 <= @at_startup <= @max, or INVALID_VALUE [field, value]. */
gboolean vm_check_vcpus(gint64 max, gint64 at_startup, GError **error);

/**
 * vm_txn_complete:
 * @vm: as db_txn_read() gives it within the step that calls this
 *
 * Steps for a row just inserted: it is Halted, has metrics of its own, a domain type, a seed for MAC
 * addresses and its memory overhead.
 */
void vm_txn_complete(DbTxn *txn, const DbRow *vm);
