/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that a crash has left attached: the domain service could not say that a VM is done with them, for
 * want of a server to say it to. Who knows that a VM has no domain (vm/sync.c) has them detached here. */
#include "api/storage/context.h"

#include "base/log.h"

/* "vbd/<uuid of the VM>/xvda": what the domain service calls its users. NULL: not one of its. */
static char *
vm_of_datapath(const char *dp)
{
    g_auto(GStrv) parts = g_strsplit(dp, "/", 3);
    if (g_strv_length(parts) != 3 || !g_str_equal(parts[0], "vbd"))
        return NULL;
    return g_strdup(parts[1]);
}

GPtrArray *
api_storage_left_users(ApiServices *services)
{
    g_autoptr(GPtrArray) datapaths = storage_datapaths(services->storage, NULL);
    GPtrArray *users = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < datapaths->len; i++) {
        const StorageDatapath *datapath = g_ptr_array_index(datapaths, i);
        g_autofree char *vm_uuid = datapath->is_left ? vm_of_datapath(datapath->dp) : NULL;
        if (vm_uuid != NULL && !g_ptr_array_find_with_equal_func(users, vm_uuid, g_str_equal, NULL))
            g_ptr_array_add(users, g_steal_pointer(&vm_uuid));
    }
    return users;
}

static void
detach(ApiServices *services, const StorageDatapath *datapath)
{
    g_auto(StorageContext) context = {0};
    g_autoptr(GError) failure = NULL;
    g_autoptr(DbRow) vdi = db_get_by_uuid(services->db, CLASS_VDI, datapath->vdi_uuid);
    if (vdi == NULL)
        return; /* forgotten: without its row no plugin can be told which disk it is */
    if (storage_context_vdi(&context, services, NULL, vdi->ref, &failure) &&
        storage_vdi_detach_left(services->storage, &context.call, datapath->dp, &failure))
        log_info("disk %s, left attached by a crash, is detached from %s", datapath->vdi_uuid, datapath->dp);
    else
        log_warning("disk %s stays attached to %s: %s", datapath->vdi_uuid, datapath->dp, failure->message);
}

void
api_storage_detach_left(ApiServices *services, const char *vm_uuid)
{
    g_autoptr(GPtrArray) datapaths = storage_datapaths(services->storage, NULL);
    for (guint i = 0; i < datapaths->len; i++) {
        const StorageDatapath *datapath = g_ptr_array_index(datapaths, i);
        g_autofree char *owner = datapath->is_left ? vm_of_datapath(datapath->dp) : NULL;
        if (g_strcmp0(owner, vm_uuid) == 0)
            detach(services, datapath);
    }
}
