/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VM.provision: makes the disks that a template asks for in other_config "disks", and turns the template into
 * a VM.
 *
 *   <provision><disk device="0" size="8589934592" sr="" bootable="true" type="system"/></provision>
 *
 * sr is a uuid or a name; empty means the pool's default SR. */
#include "api/services.h"
#include "api/storage/vdi.h"
#include "api/vm/device.h"
#include "base/text.h"

#include <string.h>

#define NULL_REF  "OpaqueRef:NULL"
#define DISKS_MAX 64

/* One <disk> element. */
typedef struct DiskRequest {
    char *device;
    char *sr;   /* as written */
    char *type; /* member of vdi_type */
    guint64 size_bytes;
    gboolean is_bootable;
    char *vdi_ref; /* once it is made */
} DiskRequest;

static void
disk_request_free(gpointer data)
{
    DiskRequest *request = data;

    g_free(request->device);
    g_free(request->sr);
    g_free(request->type);
    g_free(request->vdi_ref);
    g_free(request);
}

/* ---- Reading the XML ---- */

static const char *
attribute(const char **names, const char **values, const char *name)
{
    for (gsize i = 0; names[i] != NULL; i++)
        if (g_str_equal(names[i], name))
            return values[i];
    return "";
}

static gboolean
check_request(const DiskRequest *request, const char *size_text, GError **error)
{
    guint position;

    if (!vm_vbd_position(request->device, &position))
        return api_error_invalid_device(error, request->device);
    if (request->size_bytes == 0)
        return api_error_invalid_value(error, "size", size_text);
    if (type_enum_index(&enum_vdi_type, request->type) < 0)
        return api_error_invalid_value(error, "type", request->type);
    return TRUE;
}

static void
start_element(GMarkupParseContext *context, const char *element, const char **names, const char **values,
              gpointer data, GError **error)
{
    GPtrArray *requests = data;
    const char *size_text = attribute(names, values, "size");
    const char *type = attribute(names, values, "type");
    if (!g_str_equal(element, "disk"))
        return;
    if (requests->len == DISKS_MAX) {
        api_error_invalid_value(error, "disks", "too many disks");
        return;
    }

    DiskRequest *request = g_new0(DiskRequest, 1);
    g_ptr_array_add(requests, request);
    request->device = g_strdup(attribute(names, values, "device"));
    request->sr = g_strdup(attribute(names, values, "sr"));
    request->type = g_strdup(*type != '\0' ? type : "user");
    request->is_bootable = g_str_equal(attribute(names, values, "bootable"), "true");
    if (!base_size_parse(size_text, &request->size_bytes) || request->size_bytes > G_MAXINT64)
        request->size_bytes = 0;
    check_request(request, size_text, error);
}

/* (element-type DiskRequest) NULL on failure: INVALID_VALUE or INVALID_DEVICE */
static GPtrArray *
parse_disks(const char *xml, GError **error)
{
    static const GMarkupParser parser = {.start_element = start_element};
    g_autoptr(GPtrArray) requests = g_ptr_array_new_with_free_func(disk_request_free);
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, requests, NULL);
    g_autoptr(GError) failure = NULL;

    if (g_markup_parse_context_parse(context, xml, -1, &failure) &&
        g_markup_parse_context_end_parse(context, &failure))
        return g_steal_pointer(&requests);
    if (failure->domain == API_ERROR)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        api_error_invalid_value(error, "disks", failure->message);
    return NULL;
}

/* ---- Making the disks ---- */

static char *
default_sr(ApiCall *call, GError **error)
{
    g_autoptr(DbRow) pool = db_require(call->db, CLASS_POOL, call->services->pool_ref, error);
    if (pool == NULL)
        return NULL;
    const char *ref = db_row_string(pool, POOL_DEFAULT_SR);
    g_autoptr(DbRow) sr = db_get(call->db, CLASS_SR, ref);
    if (sr == NULL) {
        api_error_default_sr_not_found(error, ref);
        return NULL;
    }
    return g_strdup(ref);
}

static char *
find_sr(ApiCall *call, const char *text, GError **error)
{
    if (*text == '\0')
        return default_sr(call, error);
    g_autoptr(DbRow) by_uuid = db_get_by_uuid(call->db, CLASS_SR, text);
    if (by_uuid != NULL)
        return g_strdup(by_uuid->ref);
    g_autoptr(GPtrArray) by_name = db_get_by_name(call->db, CLASS_SR, text);
    if (by_name->len == 1)
        return g_strdup(((const DbRow *)g_ptr_array_index(by_name, 0))->ref);
    api_error_uuid_invalid(error, "SR", text);
    return NULL;
}

static gboolean
make_disk(ApiCall *call, Plan *plan, const DbRow *vm, DiskRequest *request, GError **error)
{
    g_autofree char *sr_ref = find_sr(call, request->sr, error);
    if (sr_ref == NULL)
        return FALSE;
    g_autofree char *name = g_strdup_printf("%s %s", db_row_string(vm, VM_NAME_LABEL), request->device);

    request->vdi_ref =
        api_vdi_create_disk(call, plan, sr_ref, name, request->size_bytes, request->type, error);
    return request->vdi_ref != NULL;
}

static gboolean
make_disks(ApiCall *call, Plan *plan, const DbRow *vm, GPtrArray *requests, GError **error)
{
    for (guint i = 0; i < requests->len; i++) {
        if (g_cancellable_set_error_if_cancelled(call->cancellable, error) ||
            !make_disk(call, plan, vm, g_ptr_array_index(requests, i), error))
            return FALSE;
        task_set_progress(call->task, 0.9 * (i + 1) / requests->len);
    }
    return TRUE;
}

/* ---- Rows ---- */

static void
add_vbd(DbTxn *txn, const char *vm_ref, const DiskRequest *request)
{
    const char *ref = db_txn_insert(txn, CLASS_VBD, NULL);

    db_txn_set_string(txn, CLASS_VBD, ref, VBD_VM, vm_ref);
    db_txn_set_string(txn, CLASS_VBD, ref, VBD_VDI, request->vdi_ref);
    db_txn_set_string(txn, CLASS_VBD, ref, VBD_USERDEVICE, request->device);
    db_txn_set_bool(txn, CLASS_VBD, ref, VBD_BOOTABLE, request->is_bootable);
    db_txn_set_string(txn, CLASS_VBD, ref, VBD_MODE, "RW");
    db_txn_set_string(txn, CLASS_VBD, ref, VBD_TYPE, "Disk");
    db_txn_set_bool(txn, CLASS_VBD, ref, VBD_UNPLUGGABLE, TRUE);
    /* Source: xe's habit: a disk whose VBD says "owner" goes with its VM */
    db_txn_map_put(txn, CLASS_VBD, ref, VBD_OTHER_CONFIG, "owner", value_string(""));
}

static gboolean
check_free_places(Db *db, const char *vm_ref, GPtrArray *requests, GError **error)
{
    g_autoptr(GPtrArray) vbds = db_referrers(db, CLASS_VBD, VBD_VM, vm_ref);
    g_autofree gboolean *taken = vm_taken_positions(vbds, NULL);

    for (guint i = 0; i < requests->len; i++) {
        const DiskRequest *request = g_ptr_array_index(requests, i);
        guint position = 0;
        if (!vm_vbd_position(request->device, &position) || taken[position])
            return api_error_device_already_exists(error, request->device);
        taken[position] = TRUE;
    }
    return TRUE;
}

static gboolean
write_rows(ApiCall *call, Plan *plan, const DbRow *vm, GPtrArray *requests, GError **error)
{
    gint64 now = base_now_us() / G_USEC_PER_SEC;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    for (guint i = 0; i < requests->len; i++)
        add_vbd(txn, vm->ref, g_ptr_array_index(requests, i));
    db_txn_set_bool(txn, CLASS_VM, vm->ref, VM_IS_A_TEMPLATE, FALSE);
    db_txn_map_remove(txn, CLASS_VM, vm->ref, VM_OTHER_CONFIG, "disks");
    if (!g_str_equal(db_row_string(vm, VM_METRICS), NULL_REF))
        db_txn_set(txn, CLASS_VM_METRICS, db_row_string(vm, VM_METRICS), VM_METRICS_INSTALL_TIME,
                   value_datetime(now));
    return plan_commit(plan, txn, error);
}

gboolean
api_vm__provision(ApiCall *call, const VmProvisionArgs *args, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->vm.id, error);
    if (vm == NULL)
        return FALSE;
    if (!db_row_bool(vm, VM_IS_A_TEMPLATE))
        return api_error_provision_only_allowed_on_template(error);
    if (db_row_bool(vm, VM_IS_DEFAULT_TEMPLATE))
        return api_error_operation_not_allowed(
            error, "clone the template first: it came with the product and stays as it is");

    const char *xml = db_row_map_string(vm, VM_OTHER_CONFIG, "disks", "");
    g_autoptr(GPtrArray) requests = *xml != '\0' ? parse_disks(xml, error) : g_ptr_array_new();
    if (requests == NULL || !check_free_places(call->db, vm->ref, requests, error))
        return FALSE;
    g_autoptr(Plan) plan = plan_new(call->task, call->message->name);
    return make_disks(call, plan, vm, requests, error) && write_rows(call, plan, vm, requests, error);
}
