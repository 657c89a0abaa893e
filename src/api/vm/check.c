/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a VM, as its rows stand now, could run on a host, and the messages that ask this. */
#include "api/vm/check.h"

#include "api/services.h"
#include "api/vm/device.h"
#include "api/vm/memory.h"

#include <string.h>

#define MEMORY_MIN_BYTES ((gint64)16 * 1024 * 1024) /* below, not even a loader fits */

static gboolean
is_null(const char *ref)
{
    return g_str_equal(ref, "OpaqueRef:NULL");
}

/* ---- The VM by itself ---- */

static gboolean
check_places(Db *db, const DbRow *vm, GError **error)
{
    g_autoptr(GPtrArray) vbds = db_referrers(db, CLASS_VBD, VBD_VM, vm->ref);
    gboolean is_taken[VM_VBD_POSITION_MAX + 1] = {FALSE};

    for (guint i = 0; i < vbds->len; i++) {
        const DbRow *vbd = g_ptr_array_index(vbds, i);
        const char *userdevice = db_row_string(vbd, VBD_USERDEVICE);
        guint position;
        if (!vm_vbd_position(userdevice, &position))
            return api_error_illegal_vbd_device(error, vbd->ref, userdevice);
        if (is_taken[position])
            return api_error_vm_duplicate_vbd_device(error, vm->ref, vbd->ref, userdevice);
        is_taken[position] = TRUE;
    }
    return TRUE;
}

gboolean
vm_check_settings(Db *db, const DbRow *vm, GError **error)
{
    if (db_row_int(vm, VM_VCPUS_MAX) < 1 || db_row_int(vm, VM_VCPUS_AT_STARTUP) < 1)
        return api_error_vm_no_vcpus(error, vm->ref);
    if (db_row_int(vm, VM_VCPUS_AT_STARTUP) > db_row_int(vm, VM_VCPUS_MAX))
        return api_error_vm_too_many_vcpus(error, vm->ref);
    if (db_row_int(vm, VM_MEMORY_STATIC_MAX) < MEMORY_MIN_BYTES)
        return api_error_vm_memory_size_too_low(error, vm->ref);
    return check_places(db, vm, error);
}

/* ---- Disks ---- */

static const char *
in_use_by(Db *db, const DbRow *vbd, const DbRow *vdi)
{
    gboolean is_writer = g_str_equal(db_row_string(vbd, VBD_MODE), "RW");
    g_autoptr(GPtrArray) others = db_referrers(db, CLASS_VBD, VBD_VDI, vdi->ref);

    for (guint i = 0; i < others->len; i++) {
        const DbRow *other = g_ptr_array_index(others, i);
        gboolean is_other_writer = g_str_equal(db_row_string(other, VBD_MODE), "RW");
        if (g_str_equal(other->ref, vbd->ref) || !db_row_bool(other, VBD_CURRENTLY_ATTACHED))
            continue;
        if (is_writer || is_other_writer)
            return is_other_writer ? "attach RW" : "attach RO";
    }
    return NULL;
}

gboolean
vm_check_disk(Db *db, const DbRow *vbd, GError **error)
{
    const char *vdi_ref = db_row_string(vbd, VBD_VDI);
    if (db_row_bool(vbd, VBD_EMPTY) || is_null(vdi_ref))
        return TRUE;
    g_autoptr(DbRow) vdi = db_require(db, CLASS_VDI, vdi_ref, error);
    if (vdi == NULL)
        return FALSE;

    if (db_row_bool(vdi, VDI_MISSING) || !db_row_bool(vdi, VDI_MANAGED))
        return api_error_vdi_not_available(error, vdi_ref);
    if (db_row_bool(vdi, VDI_READ_ONLY) && g_str_equal(db_row_string(vbd, VBD_MODE), "RW"))
        return api_error_vdi_readonly(error, vdi_ref);
    if (db_row_bool(vdi, VDI_SHARABLE))
        return TRUE;
    const char *operation = in_use_by(db, vbd, vdi);
    return operation == NULL || api_error_vdi_in_use(error, vdi_ref, operation);
}

gboolean
vm_check_disks(Db *db, const DbRow *vm, GError **error)
{
    g_autoptr(GPtrArray) vbds = db_referrers(db, CLASS_VBD, VBD_VM, vm->ref);

    for (guint i = 0; i < vbds->len; i++)
        if (!vm_check_disk(db, g_ptr_array_index(vbds, i), error))
            return FALSE;
    return TRUE;
}

/* ---- The host ---- */

gboolean
vm_check_disk_host(Db *db, const DbRow *vbd, const char *host_ref, GError **error)
{
    const char *vdi_ref = db_row_string(vbd, VBD_VDI);
    if (db_row_bool(vbd, VBD_EMPTY) || is_null(vdi_ref))
        return TRUE;
    g_autoptr(DbRow) vdi = db_require(db, CLASS_VDI, vdi_ref, error);
    if (vdi == NULL)
        return FALSE;

    const char *sr_ref = db_row_string(vdi, VDI_SR);
    g_autoptr(GPtrArray) pbds = db_referrers(db, CLASS_PBD, PBD_SR, sr_ref);
    gboolean is_plugged_elsewhere = FALSE;
    for (guint i = 0; i < pbds->len; i++) {
        const DbRow *pbd = g_ptr_array_index(pbds, i);
        if (!db_row_bool(pbd, PBD_CURRENTLY_ATTACHED))
            continue;
        if (g_str_equal(db_row_string(pbd, PBD_HOST), host_ref))
            return TRUE;
        is_plugged_elsewhere = TRUE;
    }
    if (!is_plugged_elsewhere)
        return api_error_sr_has_no_pbds(error, sr_ref);
    return api_error_vm_requires_sr(error, db_row_string(vbd, VBD_VM), sr_ref);
}

/* A network without PIFs lies within each host, so it is everywhere. */
static gboolean
check_network(Db *db, const DbRow *vif, const char *host_ref, GError **error)
{
    const char *network_ref = db_row_string(vif, VIF_NETWORK);
    g_autoptr(GPtrArray) pifs = db_referrers(db, CLASS_PIF, PIF_NETWORK, network_ref);

    for (guint i = 0; i < pifs->len; i++)
        if (g_str_equal(db_row_string(g_ptr_array_index(pifs, i), PIF_HOST), host_ref))
            return TRUE;
    return pifs->len == 0 || api_error_vm_requires_network(error, db_row_string(vif, VIF_VM), network_ref);
}

static gboolean
check_devices(Db *db, const DbRow *vm, const char *host_ref, GError **error)
{
    g_autoptr(GPtrArray) vbds = db_referrers(db, CLASS_VBD, VBD_VM, vm->ref);
    g_autoptr(GPtrArray) vifs = db_referrers(db, CLASS_VIF, VIF_VM, vm->ref);

    for (guint i = 0; i < vbds->len; i++)
        if (!vm_check_disk_host(db, g_ptr_array_index(vbds, i), host_ref, error))
            return FALSE;
    for (guint i = 0; i < vifs->len; i++)
        if (!check_network(db, g_ptr_array_index(vifs, i), host_ref, error))
            return FALSE;
    return TRUE;
}

static gboolean
check_platform_version(const DbRow *host, const DbRow *vm, GError **error)
{
    const Value *versions = host->fields[HOST_VIRTUAL_HARDWARE_PLATFORM_VERSIONS];
    gint64 wanted = db_row_int(vm, VM_HARDWARE_PLATFORM_VERSION);
    g_autoptr(GString) offered = g_string_new(NULL);
    if (wanted == 0) /* any host has this one */
        return TRUE;

    for (gsize i = 0; i < value_size(versions); i++) {
        gint64 version = value_get_int(value_array_get(versions, i));
        if (version == wanted)
            return TRUE;
        g_string_append_printf(offered, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", version);
    }
    g_autofree char *wanted_text = g_strdup_printf("%" G_GINT64_FORMAT, wanted);
    return api_error_vm_host_incompatible_virtual_hardware_platform_version(error, host->ref, offered->str,
                                                                            vm->ref, wanted_text);
}

gboolean
vm_check_host(Db *db, const DbRow *vm, const char *host_ref, GError **error)
{
    g_autoptr(DbRow) host = db_require(db, CLASS_HOST, host_ref, error);
    if (host == NULL)
        return FALSE;
    g_autoptr(DbRow) metrics = db_get(db, CLASS_HOST_METRICS, db_row_string(host, HOST_METRICS));

    if (!db_row_bool(host, HOST_ENABLED))
        return api_error_host_disabled(error, host_ref);
    if (metrics == NULL || !db_row_bool(metrics, HOST_METRICS_LIVE))
        return api_error_host_not_live(error);
    return check_platform_version(host, vm, error) && check_devices(db, vm, host_ref, error) &&
           vm_check_memory(db, vm, host_ref, error);
}

/* ---- Messages ---- */

gboolean
api_vm__assert_can_boot_here(ApiCall *call, const VmAssertCanBootHereArgs *args, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->self.id, error);

    return vm != NULL && vm_check_settings(call->db, vm, error) &&
           vm_check_host(call->db, vm, args->host.id, error);
}

gboolean
api_vm__get_possible_hosts(ApiCall *call, const VmGetPossibleHostsArgs *args, Value **ret_value,
                           GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->vm.id, error);
    if (vm == NULL)
        return FALSE;

    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    Value *possible = value_array_new(hosts->len);
    for (guint i = 0; i < hosts->len; i++) {
        const DbRow *host = g_ptr_array_index(hosts, i);
        if (vm_check_host(call->db, vm, host->ref, NULL))
            value_array_add(possible, value_string(host->ref));
    }
    *ret_value = possible;
    return TRUE;
}

/* Source: API reference, VBD.assert_attachable: as if its VM ran now */
gboolean
api_vbd__assert_attachable(ApiCall *call, const VbdAssertAttachableArgs *args, GError **error)
{
    g_autoptr(DbRow) vbd = db_require(call->db, CLASS_VBD, args->self.id, error);
    if (vbd == NULL)
        return FALSE;
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, db_row_string(vbd, VBD_VM), error);
    if (vm == NULL)
        return FALSE;
    const char *resident_on = db_row_string(vm, VM_RESIDENT_ON);

    return vm_check_disk(call->db, vbd, error) &&
           vm_check_disk_host(call->db, vbd, is_null(resident_on) ? call->services->host_ref : resident_on,
                              error);
}
