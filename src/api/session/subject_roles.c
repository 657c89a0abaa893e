/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roles that are granted to users and groups of the directory. A new one counts from the next login on;
 * losing one ends the sessions that have more than is left. */
#include "api/services.h"

#include "auth/external.h"
#include "auth/permission.h"
#include "auth/role.h"
#include "model/errors.h"

static gboolean
has_role(const DbRow *subject, const char *role)
{
    const Value *roles = subject->fields[SUBJECT_ROLES];
    for (gsize i = 0; i < value_size(roles); i++) {
        if (g_str_equal(value_get_string(value_array_get(roles, i)), role))
            return TRUE;
    }
    return FALSE;
}

/* The six static roles alone are granted: a permission by itself is none. */
gboolean
api_subject__add_to_roles(ApiCall *call, const SubjectAddToRolesArgs *args, GError **error)
{
    ModelRole role;
    g_autoptr(DbRow) subject = db_require(call->db, CLASS_SUBJECT, args->self.id, error);
    if (subject == NULL)
        return FALSE;
    if (!role_from_ref(call->db, args->role.id, &role))
        return api_error_role_not_found(error);
    if (has_role(subject, args->role.id))
        return api_error_role_already_exists(error);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_add(txn, CLASS_SUBJECT, subject->ref, SUBJECT_ROLES, value_string(args->role.id));
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_subject__remove_from_roles(ApiCall *call, const SubjectRemoveFromRolesArgs *args, GError **error)
{
    g_autoptr(DbRow) subject = db_require(call->db, CLASS_SUBJECT, args->self.id, error);
    if (subject == NULL)
        return FALSE;
    if (!has_role(subject, args->role.id))
        return api_error_role_not_found(error);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_remove(txn, CLASS_SUBJECT, subject->ref, SUBJECT_ROLES, args->role.id);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    external_review(call->services->external, call->services->sessions);
    return TRUE;
}

gboolean
api_subject__get_permissions_name_label(ApiCall *call, const SubjectGetPermissionsNameLabelArgs *args,
                                        Value **ret_value, GError **error)
{
    ModelRole role;
    g_autoptr(DbRow) subject = db_require(call->db, CLASS_SUBJECT, args->self.id, error);
    if (subject == NULL)
        return FALSE;
    g_autoptr(GPtrArray) subjects = g_ptr_array_new();
    g_ptr_array_add(subjects, subject);
    gboolean has_any = role_of_subjects(call->db, subjects, &role);
    *ret_value = has_any ? permission_names(role) : value_ref(value_array_empty());
    return TRUE;
}
