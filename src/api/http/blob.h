/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the data of blobs rests: one file each, named by uuid, in "blobs" of the state directory. */
#pragma once

#include "api/services.h"

/** blob_store_prepare: makes the folder, and clears files away that no blob has. At start. */
gboolean blob_store_prepare(const ApiServices *services, GError **error);
/** blob_path: (transfer full): of the data; the file is there once something has been put. */
char *blob_path(const ApiServices *services, const char *uuid);
/** blob_insert: records a new, empty blob. Returns its ref, borrowed from @txn. */
const char *blob_insert(DbTxn *txn, const char *mime_type, gboolean is_public);
