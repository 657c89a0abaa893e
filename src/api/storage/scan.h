/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes VDI rows agree with what an SR holds. */
#pragma once

#include "api/storage/context.h"

/** scan_sr: SR.scan: asks the plugin and brings VDI rows and the SR's sizes up to date in one transaction. */
gboolean scan_sr(ApiServices *services, StorageContext *context, const DbActor *actor, GError **error);

/** scan_write_sizes: records the sizes a plugin reported, if it did. */
void scan_write_sizes(DbTxn *txn, const char *sr_ref, const StorageSizes *sizes);

/** scan_add_sizes: records that a disk has come, grown (@virtual_size and @physical_utilisation say by how
 * much) or gone (negative), so that an SR's sizes need no scan to be nearly right; the next scan makes them
 * exact. */
void scan_add_sizes(DbTxn *txn, const char *sr_ref, gint64 virtual_size, gint64 physical_utilisation);

/** scan_write_resized: records how large the plugin says that the disk of @row is now. A plugin that writes
 * rows itself says nothing. */
void scan_write_resized(DbTxn *txn, const DbRow *row, const StorageVdi *vdi);

/** scan_insert_vdi: records a new row for @vdi in @sr_ref. The ref is borrowed from @txn. */
const char *scan_insert_vdi(DbTxn *txn, const char *sr_ref, const StorageVdi *vdi);
