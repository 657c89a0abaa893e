/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VBD.* and VIF.*: devices in a VM's configuration, and what the running domain has of them. */
#include <string.h>

#include "base/error.h"
#include "domain/disks.h"
#include "domain/methods.h"
#include "domain/service_internal.h"

/* ---- What both have in common */

static const DomainStoreDisk *
plugged_disk(const DomainView *view, const char *id)
{
    for (gsize i = 0; i < view->disks.n; i++) {
        if (strcmp(view->disks.items[i].id, id) == 0)
            return &view->disks.items[i];
    }
    return NULL;
}

static const DomainStoreNic *
plugged_nic(const DomainView *view, const char *id)
{
    for (gsize i = 0; i < view->nics.n; i++) {
        if (strcmp(view->nics.items[i].id, id) == 0)
            return &view->nics.items[i];
    }
    return NULL;
}

/* Index of the device or -1. @ids are at @stride in an array of @n structs that begin with their id. */
static gssize
find_by_id(gconstpointer items, gsize n, gsize stride, const char *id)
{
    for (gsize i = 0; i < n; i++) {
        const char *const *item = (gconstpointer)((const char *)items + i * stride);
        if (strcmp(*item, id) == 0)
            return (gssize)i;
    }
    return -1;
}

#define FIND(list, wanted) find_by_id((list)->items, (list)->n, sizeof *(list)->items, (wanted))

/* Moves the last item into the removed one's place. */
#define REMOVE_AT(list, index, clear)                                                                        \
    do {                                                                                                     \
        clear(&(list)->items[index]);                                                                        \
        (list)->items[index] = (list)->items[--(list)->n];                                                   \
    } while (0)

/* A device keeps its place when it is registered again, so that equal configurations are equal. */
#define REPLACE_AT(list, index, clear, copy, item)                                                           \
    do {                                                                                                     \
        clear(&(list)->items[index]);                                                                        \
        copy((item), &(list)->items[index]);                                                                 \
    } while (0)

#define APPEND(list, copy, item)                                                                             \
    do {                                                                                                     \
        (list)->items = g_renew(__typeof__(*(list)->items), (list)->items, (list)->n + 1);                   \
        copy((item), &(list)->items[(list)->n++]);                                                           \
    } while (0)

/* Device names go into QEMU's ids and into datapaths. */
static gboolean
is_device_name(const char *device)
{
    gsize length = strlen(device);
    if (length == 0 || length > 16)
        return FALSE;
    for (const char *at = device; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && *at != '-' && *at != '_')
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_id(const char *kind, const char *id, const char *vm, GError **error)
{
    const char *device = domain_device_of(id, vm);
    if (device != NULL && is_device_name(device))
        return TRUE;
    return base_error_set(error, BASE_ERROR_INVALID, "'%s' cannot be the id of a %s of VM %s", id, kind, vm);
}

/* ---- VBD */

static gboolean
put_vbd(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainVbdT *vbd = data;
    gssize index = FIND(&config->vbds, vbd->id);
    if (index >= 0)
        REPLACE_AT(&config->vbds, index, domain_vbd_t_clear, domain_vbd_t_copy, vbd);
    else
        APPEND(&config->vbds, domain_vbd_t_copy, vbd);
    return TRUE;
}

static gboolean
cut_vbd(DomainStoreConfig *config, gpointer data, GError **error)
{
    gssize index = FIND(&config->vbds, data);
    if (index < 0)
        return domain_error_does_not_exist(error, "VBD", data);
    REMOVE_AT(&config->vbds, index, domain_vbd_t_clear);
    return TRUE;
}

static gboolean
require_unplugged(DomainMachine *machine, const char *id, GError **error)
{
    g_autoptr(DomainView) view = domain_machine_view(machine);
    if (plugged_disk(view, id) != NULL || plugged_nic(view, id) != NULL)
        return domain_error_device_is_connected(error);
    return TRUE;
}

gboolean
domain_vbd_check(const DomainVbdT *vbd, const char *vm, GError **error)
{
    return check_id("VBD", vbd->id, vm, error);
}

gboolean
domain_vbd__add(DomainService *service, const DomainVbdAddArgs *args, char **ret_id, GError **error)
{
    const char *id = args->t.id;
    g_autoptr(DomainMachine) machine = domain_service_find_of_device(service, "VBD", id, error);
    if (machine == NULL || !require_unplugged(machine, id, error) ||
        !domain_vbd_check(&args->t, machine->id, error))
        return FALSE;
    if (!domain_service_edit_config(service, machine, put_vbd, (gpointer)&args->t, error))
        return FALSE;
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VBD, id);
    *ret_id = g_strdup(id);
    return TRUE;
}

gboolean
domain_vbd__remove(DomainService *service, const DomainVbdRemoveArgs *args, GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find_of_device(service, "VBD", args->id, error);
    if (machine == NULL || !require_unplugged(machine, args->id, error) ||
        !domain_service_edit_config(service, machine, cut_vbd, args->id, error))
        return FALSE;
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VBD, args->id);
    return TRUE;
}

static void
fill_vbd(const DomainVbdT *vbd, const DomainView *view, DomainVbdEntry *ret)
{
    const DomainStoreDisk *disk = plugged_disk(view, vbd->id);
    domain_vbd_t_copy(vbd, &ret->config);
    ret->state.id = g_strdup(vbd->id);
    ret->state.plugged = disk != NULL;
    ret->state.media_present = vbd->backend != NULL;
}

gboolean
domain_vbd__stat(DomainService *service, const DomainVbdStatArgs *args, DomainVbdEntry *ret_state,
                 GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find_of_device(service, "VBD", args->id, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    g_autoptr(DomainView) view = domain_machine_view(machine);
    gssize index = FIND(&config->data.vbds, args->id);
    if (index < 0)
        return domain_error_does_not_exist(error, "VBD", args->id);
    fill_vbd(&config->data.vbds.items[index], view, ret_state);
    return TRUE;
}

gboolean
domain_vbd__list(DomainService *service, const DomainVbdListArgs *args, DomainVbdEntryList *ret_vbds,
                 GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->vm, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    g_autoptr(DomainView) view = domain_machine_view(machine);
    ret_vbds->n = config->data.vbds.n;
    ret_vbds->items = g_new0(DomainVbdEntry, ret_vbds->n + 1);
    for (gsize i = 0; i < ret_vbds->n; i++)
        fill_vbd(&config->data.vbds.items[i], view, &ret_vbds->items[i]);
    return TRUE;
}

/* ---- VIF */

static gboolean
put_vif(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainVifT *vif = data;
    gssize index = FIND(&config->vifs, vif->id);
    if (index >= 0)
        REPLACE_AT(&config->vifs, index, domain_vif_t_clear, domain_vif_t_copy, vif);
    else
        APPEND(&config->vifs, domain_vif_t_copy, vif);
    return TRUE;
}

static gboolean
cut_vif(DomainStoreConfig *config, gpointer data, GError **error)
{
    gssize index = FIND(&config->vifs, data);
    if (index < 0)
        return domain_error_does_not_exist(error, "VIF", data);
    REMOVE_AT(&config->vifs, index, domain_vif_t_clear);
    return TRUE;
}

static gboolean
is_mac(const char *text)
{
    for (int i = 0; i < 17; i++) {
        gboolean is_good = i % 3 == 2 ? text[i] == ':' : g_ascii_isxdigit(text[i]);
        if (!is_good)
            return FALSE;
    }
    return text[17] == '\0';
}

gboolean
domain_vif_check(const DomainVifT *vif, const char *vm, GError **error)
{
    if (!check_id("VIF", vif->id, vm, error))
        return FALSE;
    if (is_mac(vif->mac))
        return TRUE;
    return base_error_set(error, BASE_ERROR_INVALID, "VIF %s: '%s' is no MAC address", vif->id, vif->mac);
}

gboolean
domain_vif__add(DomainService *service, const DomainVifAddArgs *args, char **ret_id, GError **error)
{
    const char *id = args->t.id;
    g_autoptr(DomainMachine) machine = domain_service_find_of_device(service, "VIF", id, error);
    if (machine == NULL || !require_unplugged(machine, id, error) ||
        !domain_vif_check(&args->t, machine->id, error))
        return FALSE;
    if (!domain_service_edit_config(service, machine, put_vif, (gpointer)&args->t, error))
        return FALSE;
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VIF, id);
    *ret_id = g_strdup(id);
    return TRUE;
}

gboolean
domain_vif__remove(DomainService *service, const DomainVifRemoveArgs *args, GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find_of_device(service, "VIF", args->id, error);
    if (machine == NULL || !require_unplugged(machine, args->id, error) ||
        !domain_service_edit_config(service, machine, cut_vif, args->id, error))
        return FALSE;
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VIF, args->id);
    return TRUE;
}

static void
fill_vif(const DomainVifT *vif, const DomainView *view, DomainVifEntry *ret)
{
    const DomainStoreNic *nic = plugged_nic(view, vif->id);
    domain_vif_t_copy(vif, &ret->config);
    ret->state.plugged = nic != NULL;
    ret->state.media_present = nic != NULL && vif->carrier;
    ret->state.device = nic == NULL ? NULL : g_strdup(nic->device);
}

gboolean
domain_vif__stat(DomainService *service, const DomainVifStatArgs *args, DomainVifEntry *ret_state,
                 GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find_of_device(service, "VIF", args->id, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    g_autoptr(DomainView) view = domain_machine_view(machine);
    gssize index = FIND(&config->data.vifs, args->id);
    if (index < 0)
        return domain_error_does_not_exist(error, "VIF", args->id);
    fill_vif(&config->data.vifs.items[index], view, ret_state);
    return TRUE;
}

gboolean
domain_vif__list(DomainService *service, const DomainVifListArgs *args, DomainVifEntryList *ret_vifs,
                 GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->vm, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    g_autoptr(DomainView) view = domain_machine_view(machine);
    ret_vifs->n = config->data.vifs.n;
    ret_vifs->items = g_new0(DomainVifEntry, ret_vifs->n + 1);
    for (gsize i = 0; i < ret_vifs->n; i++)
        fill_vif(&config->data.vifs.items[i], view, &ret_vifs->items[i]);
    return TRUE;
}
