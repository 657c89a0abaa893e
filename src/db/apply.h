/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a transaction's steps. */
#pragma once

#include "db/txn.h"
#include "db/view.h"

/**
 * db_apply_txn:
 *
 * Runs the steps of @txn in the view's transaction layer, then checks that every ref written exists and that
 * nothing deleted is still named. On failure the layer is left as it was then: the caller drops it. May be
 * called again for the same transaction.
 */
gboolean db_apply_txn(DbView *view, DbTxn *txn, GError **error);
