/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blobs: making and destroying them, and the files with their data.
 *
 * A file is written whole beside its place, synced and renamed, before the row tells its size: after a crash
 * there is the old data or the new. A row goes before its file; what that leaves is cleared away at start. */
#include "api/http/blob.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define DEFAULT_MIME_TYPE "application/octet-stream"

char *
blob_path(const ApiServices *services, const char *uuid)
{
    return g_build_filename(services->state_directory, "blobs", uuid, NULL);
}

static void
clear_away(const ApiServices *services, const char *folder, const char *name)
{
    g_autoptr(DbRow) row = db_get_by_uuid(services->db, CLASS_BLOB, name);
    if (row != NULL)
        return;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    log_info("clearing away '%s', which belongs to no blob", path);
    unlink(path);
}

gboolean
blob_store_prepare(const ApiServices *services, GError **error)
{
    g_autofree char *folder = g_build_filename(services->state_directory, "blobs", NULL);
    if (!base_dir_make(folder, 0700, error))
        return FALSE;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    if (dir == NULL)
        return FALSE;
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;)
        clear_away(services, folder, name);
    return TRUE;
}

const char *
blob_insert(DbTxn *txn, const char *mime_type, gboolean is_public)
{
    const char *ref = db_txn_insert(txn, CLASS_BLOB, NULL);
    db_txn_set_string(txn, CLASS_BLOB, ref, BLOB_MIME_TYPE,
                      *mime_type != '\0' ? mime_type : DEFAULT_MIME_TYPE);
    db_txn_set_bool(txn, CLASS_BLOB, ref, BLOB_PUBLIC, is_public);
    db_txn_set_int(txn, CLASS_BLOB, ref, BLOB_SIZE, 0);
    db_txn_set(txn, CLASS_BLOB, ref, BLOB_LAST_UPDATED, value_datetime(0));
    return ref;
}

/* The type becomes a header of replies. */
static gboolean
check_mime_type(const char *text, GError **error)
{
    for (const char *at = text; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at) || (guchar)*at >= 0x80)
            return api_error_invalid_value(error, "mime_type", text);
    return TRUE;
}

gboolean
api_blob__create(ApiCall *call, const BlobCreateArgs *args, Value **ret_value, GError **error)
{
    if (!check_mime_type(args->mime_type, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    g_autoptr(Value) ref = value_string(blob_insert(txn, args->mime_type, args->public));
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&ref);
    return TRUE;
}

gboolean
api_blob__destroy(ApiCall *call, const BlobDestroyArgs *args, GError **error)
{
    g_autoptr(DbRow) row = db_require(call->db, CLASS_BLOB, args->self.id, error);
    if (row == NULL)
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_delete(txn, CLASS_BLOB, args->self.id); /* and what names it, by the model */
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    g_autofree char *path = blob_path(call->services, db_row_string(row, BLOB_UUID));
    g_autoptr(GError) failure = NULL;
    if (!base_file_remove(path, &failure))
        log_warning("a destroyed blob's data stays until the next start: %s", failure->message);
    return TRUE;
}

/* ---- Blobs of other objects ---- */

/* A blob that @owner keeps as @name in its map @field. MAP_DUPLICATE_KEY if it has one of that name. */
static gboolean
create_for(ApiCall *call, int class_id, int field, const char *owner, const char *name, const char *mime_type,
           gboolean is_public, Value **ret_value, GError **error)
{
    if (!check_mime_type(mime_type, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *blob = blob_insert(txn, mime_type, is_public);
    g_autoptr(Value) ref = value_string(blob);
    db_txn_map_add(txn, class_id, owner, field, name, value_ref(ref));
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&ref);
    return TRUE;
}

gboolean
api_vm__create_new_blob(ApiCall *call, const VmCreateNewBlobArgs *args, Value **ret_value, GError **error)
{
    return create_for(call, CLASS_VM, VM_BLOBS, args->vm.id, args->name, args->mime_type, args->public,
                      ret_value, error);
}

gboolean
api_sr__create_new_blob(ApiCall *call, const SrCreateNewBlobArgs *args, Value **ret_value, GError **error)
{
    return create_for(call, CLASS_SR, SR_BLOBS, args->sr.id, args->name, args->mime_type, args->public,
                      ret_value, error);
}

gboolean
api_host__create_new_blob(ApiCall *call, const HostCreateNewBlobArgs *args, Value **ret_value, GError **error)
{
    return create_for(call, CLASS_HOST, HOST_BLOBS, args->host.id, args->name, args->mime_type, args->public,
                      ret_value, error);
}

gboolean
api_pool__create_new_blob(ApiCall *call, const PoolCreateNewBlobArgs *args, Value **ret_value, GError **error)
{
    return create_for(call, CLASS_POOL, POOL_BLOBS, args->pool.id, args->name, args->mime_type, args->public,
                      ret_value, error);
}

gboolean
api_network__create_new_blob(ApiCall *call, const NetworkCreateNewBlobArgs *args, Value **ret_value,
                             GError **error)
{
    return create_for(call, CLASS_NETWORK, NETWORK_BLOBS, args->network.id, args->name, args->mime_type,
                      args->public, ret_value, error);
}
