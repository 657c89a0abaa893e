/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what plugins answer. They are not trusted: every wrong shape is an error. Internal to this folder. */
#pragma once

#include "storage/storage.h"

/* Errors of all: BASE_ERROR_INVALID. Results are the caller's. */

/** storage_result_vdi: a struct with uuid and location, and in our own drivers all of the disk's row (storage
 * document, table 1.2). */
StorageVdi *storage_result_vdi(const Value *value, GError **error);

/** storage_result_scan: our struct, or nil (also as ""), which is not reported. */
StorageScan *storage_result_scan(const Value *value, GError **error);

/** storage_result_sizes: members of table 1.1 of the storage document; nil is not reported. */
gboolean storage_result_sizes(const Value *value, StorageSizes *ret_sizes, GError **error);

/** storage_result_attachment: the three shapes of protocol notes 8: params_nbd and params, params alone, or a
 * bare path. */
StorageAttachment *storage_result_attachment(const Value *value, gboolean is_writable, GError **error);

/** storage_result_string: (transfer full) */
char *storage_result_string(const Value *value, GError **error);

/** storage_result_content_type: the text of <type> in "<sr><type>..</type></sr>", without quotes around it.
 */
char *storage_result_content_type(const Value *value, GError **error);

/** storage_attachment_copy: (transfer full) */
StorageAttachment *storage_attachment_copy(const StorageAttachment *attachment);

/** storage_attachment_to_value: as storage_result_attachment() reads it back. (transfer full) */
Value *storage_attachment_to_value(const StorageAttachment *attachment);
