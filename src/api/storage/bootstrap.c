/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* At start: SM rows from the plugins found, and the SRs that were plugged attached again. */
#include "api/storage/pbd.h"
#include "task/plan.h"

static void
write_sm(DbTxn *txn, const char *ref, const StoragePlugin *plugin)
{
    db_txn_set_string(txn, CLASS_SM, ref, SM_TYPE, plugin->type);
    db_txn_set_string(txn, CLASS_SM, ref, SM_NAME_LABEL, plugin->name);
    db_txn_set_string(txn, CLASS_SM, ref, SM_NAME_DESCRIPTION, plugin->description);
    db_txn_set_string(txn, CLASS_SM, ref, SM_VENDOR, plugin->vendor);
    db_txn_set_string(txn, CLASS_SM, ref, SM_COPYRIGHT, plugin->copyright);
    db_txn_set_string(txn, CLASS_SM, ref, SM_VERSION, plugin->driver_version);
    db_txn_set_string(txn, CLASS_SM, ref, SM_REQUIRED_API_VERSION, plugin->required_api_version);
    db_txn_set_string(txn, CLASS_SM, ref, SM_DRIVER_FILENAME, plugin->driver_filename);
    db_txn_set(txn, CLASS_SM, ref, SM_CAPABILITIES, value_ref(plugin->capabilities));
    db_txn_set(txn, CLASS_SM, ref, SM_FEATURES, value_ref(plugin->features));
    db_txn_set(txn, CLASS_SM, ref, SM_CONFIGURATION, value_ref(plugin->configuration));
}

static gboolean
write_sms(ApiServices *services, GError **error)
{
    g_autoptr(GPtrArray) plugins = storage_plugins(services->storage);
    g_autoptr(GPtrArray) rows = db_get_all(services->db, CLASS_SM);
    g_autoptr(GHashTable) by_type = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(DbTxn) txn = db_txn_new(services->db, NULL);
    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = g_ptr_array_index(rows, i);
        g_hash_table_insert(by_type, (gpointer)db_row_string(row, SM_TYPE), row);
    }
    for (guint i = 0; i < plugins->len; i++) {
        const StoragePlugin *plugin = g_ptr_array_index(plugins, i);
        const DbRow *known = g_hash_table_lookup(by_type, plugin->type);
        write_sm(txn, known != NULL ? known->ref : db_txn_insert(txn, CLASS_SM, NULL), plugin);
        g_hash_table_remove(by_type, plugin->type);
    }
    g_autoptr(GList) vanished = g_hash_table_get_values(by_type);
    for (GList *link = vanished; link != NULL; link = link->next)
        db_txn_delete(txn, CLASS_SM, ((DbRow *)link->data)->ref);
    return db_txn_commit(txn, NULL, error);
}

/* An SR that cannot be attached now must not keep the server from starting: its PBD shows the truth instead.
 */
static gboolean
attach_again(ApiServices *services, const DbRow *pbd, GError **error)
{
    g_auto(StorageContext) context = {0};
    return storage_context_sr(&context, services, NULL, db_row_string(pbd, PBD_SR), error) &&
           pbd_attach_again(services, &context, error);
}

gboolean
api_plugins_refresh(ApiServices *services, GError **error)
{
    storage_rescan_plugins(services->storage);
    return write_sms(services, error);
}

gboolean
api_storage_bootstrap(ApiServices *services, GError **error)
{
    if (!write_sms(services, error))
        return FALSE;
    g_autoptr(GPtrArray) pbds = db_referrers(services->db, CLASS_PBD, PBD_HOST, services->host_ref);
    for (guint i = 0; i < pbds->len; i++) {
        const DbRow *pbd = g_ptr_array_index(pbds, i);
        if (db_row_bool(pbd, PBD_CURRENTLY_ATTACHED) && !attach_again(services, pbd, error))
            return FALSE;
    }
    tasks_recover_plans(services->tasks, NULL);
    return TRUE;
}
