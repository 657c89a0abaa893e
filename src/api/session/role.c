/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which roles hold which permissions. The permissions are the leaves; no role is nested in another. */
#include "api/services.h"

/* Of one role: what it holds, or itself if it is a permission. Source: API reference, role.get_permissions */
static Value *
permissions_of(Db *db, const char *ref, GError **error)
{
    g_autoptr(DbRow) row = db_require(db, CLASS_ROLE, ref, error);
    if (row == NULL)
        return NULL;
    Value *subroles = row->fields[ROLE_SUBROLES];
    if (value_size(subroles) > 0)
        return value_ref(subroles);
    Value *itself = value_array_new(1);
    value_array_add(itself, value_string(ref));
    return itself;
}

static Value *
names_of(Db *db, const Value *refs)
{
    Value *names = value_array_new(value_size(refs));
    for (gsize i = 0; i < value_size(refs); i++) {
        g_autoptr(DbRow) row = db_get(db, CLASS_ROLE, value_get_string(value_array_get(refs, i)));
        if (row != NULL)
            value_array_add(names, value_string(db_row_string(row, ROLE_NAME_LABEL)));
    }
    return names;
}

static Value *
holders_of(Db *db, const char *permission)
{
    g_autoptr(GPtrArray) rows = db_referrers(db, CLASS_ROLE, ROLE_SUBROLES, permission);
    Value *refs = value_array_new(rows->len);
    for (guint i = 0; i < rows->len; i++)
        value_array_add(refs, value_string(((DbRow *)g_ptr_array_index(rows, i))->ref));
    return refs;
}

gboolean
api_role__get_permissions(ApiCall *call, const RoleGetPermissionsArgs *args, Value **ret_value,
                          GError **error)
{
    *ret_value = permissions_of(call->db, args->self.id, error);
    return *ret_value != NULL;
}

gboolean
api_role__get_permissions_name_label(ApiCall *call, const RoleGetPermissionsNameLabelArgs *args,
                                     Value **ret_value, GError **error)
{
    g_autoptr(Value) refs = permissions_of(call->db, args->self.id, error);
    if (refs == NULL)
        return FALSE;
    *ret_value = names_of(call->db, refs);
    return TRUE;
}

gboolean
api_role__get_by_permission(ApiCall *call, const RoleGetByPermissionArgs *args, Value **ret_value,
                            GError **error)
{
    g_autoptr(DbRow) row = db_require(call->db, CLASS_ROLE, args->permission.id, error);
    if (row == NULL)
        return FALSE;
    *ret_value = holders_of(call->db, row->ref);
    return TRUE;
}

/* Nobody holds a permission that is not there. */
gboolean
api_role__get_by_permission_name_label(ApiCall *call, const RoleGetByPermissionNameLabelArgs *args,
                                       Value **ret_value, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_by_name(call->db, CLASS_ROLE, args->label);
    const DbRow *row = rows->len > 0 ? g_ptr_array_index(rows, 0) : NULL;
    *ret_value = row != NULL ? holders_of(call->db, row->ref) : value_ref(value_array_empty());
    return TRUE;
}
