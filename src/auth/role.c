/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between role rows and the model's six roles. The rows themselves are made at start (api/session). */
#include "auth/role.h"

#include "model/classes.h"

char *
role_uuid(const char *name)
{
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_MD5, name, -1);
    return g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

gboolean
role_from_ref(Db *db, const char *ref, ModelRole *ret_role)
{
    g_autoptr(DbRow) row = db_get(db, CLASS_ROLE, ref);
    for (int role = 0; row != NULL && role < ROLE_N; role++) {
        if (g_str_equal(db_row_string(row, ROLE_NAME_LABEL), model_role_names[role])) {
            *ret_role = (ModelRole)role;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
role_of_subjects(Db *db, const GPtrArray *subjects, ModelRole *ret_role)
{
    ModelRole best = ROLE_N;
    for (guint i = 0; i < subjects->len; i++) {
        const DbRow *subject = g_ptr_array_index(subjects, i);
        const Value *roles = subject->fields[SUBJECT_ROLES];
        for (gsize j = 0; j < value_size(roles); j++) {
            ModelRole role;
            if (role_from_ref(db, value_get_string(value_array_get(roles, j)), &role))
                best = MIN(best, role);
        }
    }
    if (best == ROLE_N)
        return FALSE;
    *ret_role = best;
    return TRUE;
}
