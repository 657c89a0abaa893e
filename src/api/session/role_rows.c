/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of class role: one for each permission, and the static roles, which hold them. Made from the model
 * at each start, so that they follow it. */
#include "api/services.h"

#include "auth/permission.h"
#include "auth/role.h"

#define PERMISSION_DOC "A basic permission" /* Source: the reference */

typedef struct RoleRows {
    ApiServices *services;
    DbTxn *txn;
    GHashTable *wanted;      /* refs, owned */
    Value *subroles[ROLE_N]; /* refs of the permissions of each role */
} RoleRows;

/* Its row, borrowed from @rows->wanted; a new one if there is none yet. */
static const char *
ensure_row(RoleRows *rows, const char *key, const char *name, const char *doc, gboolean is_internal)
{
    g_autofree char *uuid = role_uuid(key);
    char *ref = g_strconcat("OpaqueRef:", uuid, NULL);
    g_autoptr(DbRow) row = db_get(rows->services->db, CLASS_ROLE, ref);
    gboolean is_new = g_hash_table_add(rows->wanted, ref) && row == NULL;
    if (is_new) {
        db_txn_insert(rows->txn, CLASS_ROLE, ref);
        db_txn_set_string(rows->txn, CLASS_ROLE, ref, ROLE_UUID, uuid);
        db_txn_set_string(rows->txn, CLASS_ROLE, ref, ROLE_NAME_LABEL, name);
        db_txn_set_bool(rows->txn, CLASS_ROLE, ref, ROLE_IS_INTERNAL, is_internal);
        db_txn_set_string(rows->txn, CLASS_ROLE, ref, ROLE_NAME_DESCRIPTION, doc);
    }
    return ref;
}

static void
ensure_permission(gpointer data, const char *name, ModelRole least)
{
    RoleRows *rows = data;
    g_autofree char *lower = g_ascii_strdown(name, -1);
    const char *ref = ensure_row(rows, name, lower, PERMISSION_DOC, TRUE);
    for (int role = 0; role <= (int)least; role++)
        value_array_add(rows->subroles[role], value_string(ref));
}

static void
ensure_role(RoleRows *rows, ModelRole role)
{
    const char *name = model_role_names[role];
    const char *ref = ensure_row(rows, name, name, model_role_docs[role], FALSE);
    db_txn_set(rows->txn, CLASS_ROLE, ref, ROLE_SUBROLES, g_steal_pointer(&rows->subroles[role]));
}

static void
delete_others(const RoleRows *rows)
{
    g_autoptr(GPtrArray) known = db_get_all(rows->services->db, CLASS_ROLE);
    for (guint i = 0; i < known->len; i++) {
        const DbRow *row = g_ptr_array_index(known, i);
        if (!g_hash_table_contains(rows->wanted, row->ref))
            db_txn_delete(rows->txn, CLASS_ROLE, row->ref);
    }
}

gboolean
api_session_bootstrap(ApiServices *services, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(services->db, NULL);
    g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    RoleRows rows = {.services = services, .txn = txn, .wanted = wanted};
    for (int role = 0; role < ROLE_N; role++)
        rows.subroles[role] = value_array_new(model_n_messages);
    permission_each(ensure_permission, &rows);
    for (int role = 0; role < ROLE_N; role++)
        ensure_role(&rows, (ModelRole)role);
    delete_others(&rows);
    return db_txn_commit(txn, NULL, error);
}
