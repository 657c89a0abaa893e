/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the struct that create() gets to a new row. */
#pragma once

#include "db/db.h"

/**
 * rpc_record_insert:
 * @record: map of wire fields as the client sent them, values not checked yet
 * @ret_ref: (out): borrowed from @txn
 *
 * Records an insert of @class_id with the RW and ROins fields of @record, in canonical form; ROrun and
 * unknown fields are passed over. Errors: INTERNAL_ERROR for a field that is missing and has no default, or
 * has the wrong type; INVALID_VALUE [field, value] for a bad enum member or date.
 */
gboolean rpc_record_insert(DbTxn *txn, int class_id, const Value *record, const char **ret_ref,
                           GError **error);

/** rpc_record_field: one field of @record in canonical form, or its default. (transfer full). Errors as
 * above. */
Value *rpc_record_field(int class_id, int field, const Value *record, GError **error);

/** rpc_coerce: type_coerce() with its errors turned into the API's; @name is what INVALID_VALUE names.
 * (transfer full) */
Value *rpc_coerce(const Type *type, Value *value, const char *name, GError **error);
