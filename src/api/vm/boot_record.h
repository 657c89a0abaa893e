/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VM.last_booted_record: a VM's record as text. */
#pragma once

#include "db/db.h"

/** vm_boot_record_encode: the record of @vm as it stands, in JSON. The caller frees it. */
char *vm_boot_record_encode(Db *db, const DbRow *vm);

/** vm_boot_record_decode: (transfer full): a record whose fields have the model's types. Errors:
 * BASE_ERROR_INVALID, TYPE_ERROR. */
Value *vm_boot_record_decode(const char *text, GError **error);
