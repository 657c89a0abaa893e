/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gathers SR, PBD and VDI rows into a StorageCall. */
#include "api/storage/context.h"

void
storage_context_clear(StorageContext *context)
{
    g_clear_pointer(&context->sr, db_row_unref);
    g_clear_pointer(&context->pbd, db_row_unref);
    g_clear_pointer(&context->vdi, db_row_unref);
    g_clear_pointer(&context->new_uuid, g_free);
}

static DbRow *
find_pbd(ApiServices *services, const char *sr_ref)
{
    g_autoptr(GPtrArray) pbds = db_referrers(services->db, CLASS_PBD, PBD_SR, sr_ref);
    for (guint i = 0; i < pbds->len; i++) {
        DbRow *pbd = g_ptr_array_index(pbds, i);
        if (g_str_equal(db_row_string(pbd, PBD_HOST), services->host_ref))
            return db_row_ref(pbd);
    }
    return NULL;
}

static void
fill_call(StorageContext *context, ApiServices *services, Task *task)
{
    context->call = (StorageCall){
        .host_ref = services->host_ref,
        .session_ref = services->plugin_session->ref,
        .sr_ref = context->sr->ref,
        .sr_uuid = db_row_string(context->sr, SR_UUID),
        .sr_type = db_row_string(context->sr, SR_TYPE),
        .device_config = context->pbd->fields[PBD_DEVICE_CONFIG],
        .is_sr_master = TRUE, /* one host: it is the master of all its SRs */
        .subtask_of = task != NULL ? task_ref(task) : NULL,
        .cancellable = task != NULL ? task_cancellable(task) : NULL,
    };
}

gboolean
storage_context_sr(StorageContext *context, ApiServices *services, Task *task, const char *sr_ref,
                   GError **error)
{
    context->sr = db_require(services->db, CLASS_SR, sr_ref, error);
    if (context->sr == NULL)
        return FALSE;
    context->pbd = find_pbd(services, sr_ref);
    if (context->pbd == NULL)
        return api_error_sr_has_no_pbds(error, sr_ref);
    fill_call(context, services, task);
    return TRUE;
}

gboolean
storage_context_attached_sr(StorageContext *context, ApiServices *services, Task *task, const char *sr_ref,
                            GError **error)
{
    if (!storage_context_sr(context, services, task, sr_ref, error))
        return FALSE;
    return db_row_bool(context->pbd, PBD_CURRENTLY_ATTACHED) || api_error_sr_not_attached(error, sr_ref);
}

gboolean
storage_context_vdi(StorageContext *context, ApiServices *services, Task *task, const char *vdi_ref,
                    GError **error)
{
    context->vdi = db_require(services->db, CLASS_VDI, vdi_ref, error);
    if (context->vdi == NULL)
        return FALSE;
    const char *sr_ref = db_row_string(context->vdi, VDI_SR);
    if (!storage_context_attached_sr(context, services, task, sr_ref, error))
        return FALSE;
    context->call.vdi_ref = vdi_ref;
    context->call.vdi_uuid = db_row_string(context->vdi, VDI_UUID);
    context->call.vdi_location = db_row_string(context->vdi, VDI_LOCATION);
    context->call.vdi_on_boot = db_row_string(context->vdi, VDI_ON_BOOT);
    context->call.vdi_allow_caching = db_row_bool(context->vdi, VDI_ALLOW_CACHING);
    context->call.sm_config = context->vdi->fields[VDI_SM_CONFIG];
    return TRUE;
}
