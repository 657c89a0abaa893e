/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attach, activate, deactivate, detach. What was asked for is written down first, so that whoever comes after
 * a crash knows what to undo. */
#include "domain/disks.h"

#include <string.h>

#include "base/error.h"
#include "domain/service_internal.h"

const char *
domain_device_of(const char *id, const char *vm)
{
    gsize length = strlen(vm);
    if (strncmp(id, vm, length) != 0 || id[length] != '.' || id[length + 1] == '\0')
        return NULL;
    const char *device = id + length + 1;
    return strchr(device, '.') == NULL ? device : NULL;
}

/* ---- From the configuration */

gboolean
domain_disk_split_vdi(const char *text, char **ret_sr, char **ret_vdi, GError **error)
{
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash == text || slash[1] == '\0')
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is not of the form SR/VDI", text);
    *ret_sr = g_strndup(text, (gsize)(slash - text));
    *ret_vdi = g_strdup(slash + 1);
    return TRUE;
}

static gboolean
fill_local(const DomainVbdT *vbd, DomainStoreDisk *ret, GError **error)
{
    const char *format = vbd->extra_backend_keys == NULL
                             ? "raw"
                             : value_map_get_string(vbd->extra_backend_keys, "format", "raw");
    if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
        return base_error_set(error, BASE_ERROR_INVALID, "VBD %s: unknown format '%s'", vbd->id, format);
    if (vbd->backend->local == NULL || vbd->backend->local[0] != '/')
        return base_error_set(error, BASE_ERROR_INVALID, "VBD %s: not an absolute path", vbd->id);
    ret->path = g_strdup(vbd->backend->local);
    ret->format = g_strdup(format);
    return TRUE;
}

static gboolean
fill_disk(const char *vm, const DomainVbdT *vbd, DomainStoreDisk *ret, GError **error)
{
    ret->id = g_strdup(vbd->id);
    ret->device = g_strdup(domain_device_of(vbd->id, vm));
    ret->is_cdrom = vbd->ty == DOMAIN_VBD_TY_CDROM;
    ret->is_writable = vbd->mode == DOMAIN_VBD_MODE_READ_WRITE && !ret->is_cdrom;
    if (vbd->backend == NULL) {
        if (!ret->is_cdrom)
            return base_error_set(error, BASE_ERROR_INVALID, "VBD %s: a disk without content", vbd->id);
        return TRUE;
    }
    if (vbd->backend->tag == DOMAIN_DISK_VDI)
        return domain_disk_split_vdi(vbd->backend->vdi, &ret->sr, &ret->vdi, error);
    return fill_local(vbd, ret, error);
}

static gint64
position_of(const DomainVbdT *vbd)
{
    return vbd->position == NULL ? G_MAXINT64 : *vbd->position;
}

/* Writable first, then by position, then by id. */
static int
compare_vbd(gconstpointer a, gconstpointer b)
{
    const DomainVbdT *left = *(const DomainVbdT *const *)a;
    const DomainVbdT *right = *(const DomainVbdT *const *)b;
    if (left->mode != right->mode)
        return left->mode == DOMAIN_VBD_MODE_READ_WRITE ? -1 : 1;
    if (position_of(left) != position_of(right))
        return position_of(left) < position_of(right) ? -1 : 1;
    return strcmp(left->id, right->id);
}

gboolean
domain_disks_from_config(const DomainStoreConfig *config, DomainStoreDiskList *ret_disks, GError **error)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    for (gsize i = 0; i < config->vbds.n; i++)
        g_ptr_array_add(order, &config->vbds.items[i]);
    g_ptr_array_sort(order, compare_vbd);

    g_auto(DomainStoreDiskList) disks = {.items = g_new0(DomainStoreDisk, order->len + 1), .n = order->len};
    for (guint i = 0; i < order->len; i++) {
        if (!fill_disk(config->vm.id, order->pdata[i], &disks.items[i], error))
            return FALSE;
    }
    *ret_disks = disks;
    disks = (DomainStoreDiskList){0};
    return TRUE;
}

/* ---- Attaching */

static char *
datapath(DomainOperation *operation, const DomainStoreDisk *disk)
{
    return g_strdup_printf("vbd/%s/%s", operation->machine->id, disk->device);
}

gboolean
domain_disk_attach(DomainOperation *operation, DomainStoreDisk *disk, GError **error)
{
    const DomainStorage *storage = operation->machine->service->storage;
    GCancellable *cancellable = domain_operation_cancellable(operation);
    g_autofree char *dp = datapath(operation, disk);
    if (storage == NULL)
        return domain_error_failed_to_contact_remote_service(error, "storage");

    disk->is_attached = TRUE;
    g_clear_pointer(&disk->path, g_free);
    g_clear_pointer(&disk->format, g_free);
    if (!domain_machine_publish(operation->machine, error))
        return FALSE;
    if (!storage->attach(storage->data, dp, disk->sr, disk->vdi, disk->is_writable, cancellable, &disk->path,
                         &disk->format, error))
        return FALSE;
    disk->is_activated = TRUE;
    if (!domain_machine_publish(operation->machine, error))
        return FALSE;
    return storage->activate(storage->data, dp, disk->sr, disk->vdi, cancellable, error);
}

gboolean
domain_disks_attach(DomainOperation *operation, GError **error)
{
    DomainStoreRun *run = operation->machine->guest->run;
    for (gsize i = 0; i < run->disks.n; i++) {
        DomainStoreDisk *disk = &run->disks.items[i];
        if (disk->sr == NULL || disk->is_activated)
            continue;
        if (!domain_disk_attach(operation, disk, error)) {
            g_prefix_error(error, "disk %s: ", disk->id);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Detaching */

gboolean
domain_disk_detach(DomainOperation *operation, DomainStoreDisk *disk, GError **error)
{
    const DomainStorage *storage = operation->machine->service->storage;
    g_autofree char *dp = datapath(operation, disk);
    if (storage == NULL)
        return domain_error_failed_to_contact_remote_service(error, "storage");
    if (disk->is_activated && !storage->deactivate(storage->data, dp, disk->sr, disk->vdi, error))
        return FALSE;
    disk->is_activated = FALSE;
    if (!storage->detach(storage->data, dp, disk->sr, disk->vdi, error))
        return FALSE;
    disk->is_attached = FALSE;
    return TRUE;
}

gboolean
domain_disks_detach(DomainOperation *operation, GError **error)
{
    DomainStoreRun *run = operation->machine->guest == NULL ? NULL : operation->machine->guest->run;
    g_autoptr(GError) first = NULL;
    for (gsize i = run == NULL ? 0 : run->disks.n; i-- > 0;) {
        DomainStoreDisk *disk = &run->disks.items[i];
        g_autoptr(GError) reason = NULL;
        if (!disk->is_attached || domain_disk_detach(operation, disk, &reason))
            continue;
        g_prefix_error(&reason, "disk %s: ", disk->id);
        if (first == NULL)
            first = g_steal_pointer(&reason);
    }
    if (run != NULL && run->image != NULL && run->image->is_attached)
        domain_disk_detach(operation, run->image, first == NULL ? &first : NULL);
    if (first == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

void
domain_disks_give_up(DomainOperation *operation)
{
    DomainStoreRun *run = operation->machine->guest == NULL ? NULL : operation->machine->guest->run;
    for (gsize i = 0; run != NULL && i < run->disks.n; i++)
        run->disks.items[i].is_attached = run->disks.items[i].is_activated = FALSE;
    if (run != NULL && run->image != NULL)
        run->image->is_attached = run->image->is_activated = FALSE;
}
