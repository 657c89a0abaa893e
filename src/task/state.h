/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the state of an object lets an operation begin, as far as the model's from_states do not say: what
 * lies in other fields and in the rows of other objects. */
#pragma once

#include "db/db.h"

/* Where rows are read: as they are shown, or inside of a step of a transaction. */
typedef struct StateReader {
    Db *db;
    DbTxn *txn; /* NULL outside of one */
} StateReader;

/** state_check: errors: those of the operation's message (SR_HAS_PBD, VDI_IN_USE ...). */
gboolean state_check(const StateReader *reader, const DbRow *row, const char *operation, GError **error);

/** state_touch_dependents: makes new versions, in @txn, of the rows whose allowed operations depend on @row,
 * an SR's PBD or a disk's VBD that was plugged or unplugged, a VM that was started or stopped: so that
 * clients hear of it, at the cost of what changes. Inside a step of @txn only. */
void state_touch_dependents(DbTxn *txn, const DbRow *row);
