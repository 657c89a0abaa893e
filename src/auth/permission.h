/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a session may do. Each message is a permission of its name in lower case, held by its least role and
 * all above; some keys of maps are permissions of their own ("vm.add_to_other_config/key:pci"). Roles are in
 * a line from all to least, so a session needs one number to hold them. */
#pragma once

#include "auth/session.h"

/**
 * permission_check:
 * @params: of @message, in canonical form
 *
 * Whether @session may call @message with these parameters: RBAC_PERMISSION_DENIED [permission, text] if not.
 * A local superuser may all. Cheap enough for every call.
 */
gboolean permission_check(Db *db, const Session *session, const ModelMessage *message, Value *const *params,
                          GError **error);
/** permission_check_role: the same for what is no message: @permission is held by @least and above. */
gboolean permission_check_role(const Session *session, const char *permission, ModelRole least,
                               GError **error);

/** PermissionVisit: @name in the model's spelling ("VM.start"); its permission is the same in lower case. */
typedef void (*PermissionVisit)(gpointer data, const char *name, ModelRole least);
/** permission_each: every permission that roles hold. */
void permission_each(PermissionVisit visit, gpointer data);
/** permission_names: (transfer full): an array of the permissions of @role. */
Value *permission_names(ModelRole role);
