/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VM.create and VM.destroy: the row and what hangs on it. */
#include "api/vm/create.h"
#include "api/services.h"
#include "api/storage/vdi.h"
#include "api/vm/memory.h"
#include "base/log.h"
#include "base/text.h"
#include "rpc/record.h"

#include <string.h>

#define NULL_REF "OpaqueRef:NULL"

/* More than any back end does, and few enough to be multiplied. */
#define VCPUS_LIMIT 65536

const char *
vm_domain_type_of(const DbRow *vm)
{
    return *db_row_string(vm, VM_HVM_BOOT_POLICY) != '\0' ? "hvm" : "pv";
}

gboolean
vm_check_vcpus(gint64 max, gint64 at_startup, GError **error)
{
    g_autofree char *max_text = g_strdup_printf("%" G_GINT64_FORMAT, max);
    g_autofree char *at_startup_text = g_strdup_printf("%" G_GINT64_FORMAT, at_startup);

    if (max < 1 || max > VCPUS_LIMIT)
        return api_error_invalid_value(error, "VCPUs_max", max_text);
    if (at_startup < 1 || at_startup > max)
        return api_error_invalid_value(error, "VCPUs_at_startup", at_startup_text);
    return TRUE;
}

static gboolean
check_new(const DbRow *vm, GError **error)
{
    if (!vm_check_memory_order(db_row_int(vm, VM_MEMORY_STATIC_MIN), db_row_int(vm, VM_MEMORY_DYNAMIC_MIN),
                               db_row_int(vm, VM_MEMORY_DYNAMIC_MAX), db_row_int(vm, VM_MEMORY_STATIC_MAX),
                               error))
        return FALSE;
    if (!vm_check_vcpus(db_row_int(vm, VM_VCPUS_MAX), db_row_int(vm, VM_VCPUS_AT_STARTUP), error))
        return FALSE;
    return vm_check_shadow_multiplier(db_row_float(vm, VM_HVM_SHADOW_MULTIPLIER), error);
}

void
vm_txn_complete(DbTxn *txn, const DbRow *vm)
{
    const char *metrics = db_txn_insert(txn, CLASS_VM_METRICS, NULL);

    db_txn_set_string(txn, CLASS_VM, vm->ref, VM_POWER_STATE, "Halted");
    db_txn_set_string(txn, CLASS_VM, vm->ref, VM_METRICS, metrics);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_DOMID, -1);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_OVERHEAD, vm_row_memory_overhead(vm));
    if (g_str_equal(db_row_string(vm, VM_DOMAIN_TYPE), "unspecified"))
        db_txn_set_string(txn, CLASS_VM, vm->ref, VM_DOMAIN_TYPE, vm_domain_type_of(vm));
    if (value_map_get(vm->fields[VM_OTHER_CONFIG], "mac_seed") == NULL) {
        g_autofree char *seed = base_uuid_new();
        db_txn_map_put(txn, CLASS_VM, vm->ref, VM_OTHER_CONFIG, "mac_seed", value_string(seed));
    }
}

static gboolean
complete_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, ref);

    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", ref);
    if (!check_new(vm, error))
        return FALSE;
    vm_txn_complete(txn, vm);
    return TRUE;
}

gboolean
api_vm__create(ApiCall *call, const VmCreateArgs *args, Value **ret_value, GError **error)
{
    const char *ref;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    if (!rpc_record_insert(txn, CLASS_VM, args->args, &ref, error))
        return FALSE;
    g_autofree char *vm_ref = g_strdup(ref);
    db_txn_step(txn, complete_step, vm_ref, NULL);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = value_string(vm_ref);
    return TRUE;
}

/* ---- Destroy ---- */

static gboolean
check_may_go(const DbRow *vm, GError **error)
{
    if (db_row_bool(vm, VM_IS_CONTROL_DOMAIN))
        return api_error_operation_not_allowed(error, "the control domain cannot be destroyed");
    if (db_row_bool(vm, VM_IS_DEFAULT_TEMPLATE))
        return api_error_vm_cannot_delete_default_template(error, vm->ref);
    return TRUE;
}

/* Rows that belong to the VM alone but do not name it, so that the model's cascades pass them by; and its
 * place in the tree of snapshots, which its children take over. Source: API reference, VM.parent */
static gboolean
destroy_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, ref);
    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", ref);
    g_autoptr(DbRow) metrics = db_txn_read(txn, CLASS_VM_METRICS, db_row_string(vm, VM_METRICS));
    g_autoptr(DbRow) guest_metrics =
        db_txn_read(txn, CLASS_VM_GUEST_METRICS, db_row_string(vm, VM_GUEST_METRICS));
    g_autoptr(GPtrArray) children = db_txn_referrers(txn, CLASS_VM, VM_PARENT, ref);

    for (guint i = 0; i < children->len; i++) {
        const DbRow *child = g_ptr_array_index(children, i);
        db_txn_set_string(txn, CLASS_VM, child->ref, VM_PARENT, db_row_string(vm, VM_PARENT));
    }
    db_txn_delete(txn, CLASS_VM, ref);
    if (metrics != NULL)
        db_txn_delete(txn, CLASS_VM_METRICS, metrics->ref);
    if (guest_metrics != NULL)
        db_txn_delete(txn, CLASS_VM_GUEST_METRICS, guest_metrics->ref);
    return TRUE;
}

/* A registration left behind is a file that nobody reads: no reason to keep the VM. */
static void
forget_domain(ApiCall *call, const char *vm_uuid)
{
    g_autoptr(GError) failure = NULL;
    const DomainContext context = {.dbg = call->actor.task, .cancellable = call->cancellable};

    if (!domain_client_vm_remove(call->services->domains, &context, vm_uuid, &failure) &&
        !g_error_matches(failure, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST))
        log_warning("VM %s is destroyed, but the domain service still knows it: %s", vm_uuid,
                    failure->message);
}

gboolean
api_vm__destroy(ApiCall *call, const VmDestroyArgs *args, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->self.id, error);
    if (vm == NULL || !check_may_go(vm, error))
        return FALSE;

    const char *suspend_vdi = db_row_string(vm, VM_SUSPEND_VDI);
    if (g_str_equal(db_row_string(vm, VM_POWER_STATE), "Suspended") && !g_str_equal(suspend_vdi, NULL_REF) &&
        !api_vdi_destroy_disk(call, suspend_vdi, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_step(txn, destroy_step, (gpointer)args->self.id, NULL);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    forget_domain(call, db_row_string(vm, VM_UUID));
    return TRUE;
}
