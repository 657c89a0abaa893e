/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks: making and removing their rows. Bridges come with what plugs into them. */
#include "api/services.h"

#include "rpc/record.h"

/* A bridge name that no network has: xapi0, xapi1, ... Runs in the transaction, so two at once get different
 * ones. */
static gboolean
name_bridge(DbTxn *txn, gpointer data, GError **error)
{
    ApiCall *call = ((gpointer *)data)[0];
    const char *network = ((gpointer *)data)[1];
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_NETWORK, network);
    if (*db_row_string(row, NETWORK_BRIDGE) != '\0')
        return TRUE;
    g_autoptr(GPtrArray) networks = db_get_all(call->db, CLASS_NETWORK);
    g_autoptr(GHashTable) taken = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < networks->len; i++)
        g_hash_table_add(taken, (gpointer)db_row_string(g_ptr_array_index(networks, i), NETWORK_BRIDGE));
    guint number = 0;
    g_autofree char *name = g_strdup("xapi0");
    while (g_hash_table_contains(taken, name)) {
        g_free(name);
        name = g_strdup_printf("xapi%u", ++number);
    }
    db_txn_set_string(txn, CLASS_NETWORK, network, NETWORK_BRIDGE, name);
    return TRUE;
}

gboolean
api_network__create(ApiCall *call, const NetworkCreateArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *ref = NULL;
    if (!rpc_record_insert(txn, CLASS_NETWORK, args->args, &ref, error))
        return FALSE;
    gpointer data[] = {call, (gpointer)ref};
    db_txn_step(txn, name_bridge, data, NULL);
    g_autoptr(Value) result = value_string(ref);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

gboolean
api_network__destroy(ApiCall *call, const NetworkDestroyArgs *args, GError **error)
{
    g_autoptr(GPtrArray) vifs = db_referrers(call->db, CLASS_VIF, VIF_NETWORK, args->self.id);
    g_autoptr(GPtrArray) pifs = db_referrers(call->db, CLASS_PIF, PIF_NETWORK, args->self.id);
    if (vifs->len > 0)
        return api_error_network_contains_vif(error, ((DbRow *)g_ptr_array_index(vifs, 0))->ref);
    if (pifs->len > 0)
        return api_error_network_contains_pif(error, ((DbRow *)g_ptr_array_index(pifs, 0))->ref);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_delete(txn, CLASS_NETWORK, args->self.id);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_network__add_purpose(ApiCall *call, const NetworkAddPurposeArgs *args, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_add(txn, CLASS_NETWORK, args->self.id, NETWORK_PURPOSE,
                   value_string(network_purpose_name(args->value)));
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_network__remove_purpose(ApiCall *call, const NetworkRemovePurposeArgs *args, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_remove(txn, CLASS_NETWORK, args->self.id, NETWORK_PURPOSE, network_purpose_name(args->value));
    return db_txn_commit(txn, NULL, error);
}
