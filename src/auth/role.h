/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roles as rows: which of the static ones a row is, and which of them subjects have. */
#pragma once

#include "db/db.h"

/** role_uuid: of the role or permission of this name ("pool-admin", "VM.start"): always the same, so that
 * clients and stored subjects find it again. The caller frees it. Source: the reference */
char *role_uuid(const char *name);

/** role_from_ref: FALSE if @ref is none of the static roles: a permission, or no row at all. */
gboolean role_from_ref(Db *db, const char *ref, ModelRole *ret_role);

/**
 * role_of_subjects:
 * @subjects: (element-type DbRow): a user and the groups it belongs to
 *
 * The most privileged role that any of them has; FALSE if none has one.
 */
gboolean role_of_subjects(Db *db, const GPtrArray *subjects, ModelRole *ret_role);
