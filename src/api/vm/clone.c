/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VM.clone and VM.snapshot: a new VM with the settings of another and disks made from its disks.
 *
 * Disks come first, one by one; then all rows in one transaction. They are a plan: if any of it fails, or a
 * crash cuts it off, the disks made so far are destroyed. */
#include "api/services.h"
#include "api/storage/vdi.h"
#include "api/vm/create.h"
#include "api/vm/mac.h"
#include "base/text.h"

#include <string.h>

#define NULL_REF "OpaqueRef:NULL"

/* How disks and rows of the new VM differ from the old one's. */
typedef struct CloneKind {
    char *(*make_disk)(ApiCall *call, Plan *plan, const char *vdi_ref, GError **error);
    gboolean is_snapshot;
} CloneKind;

static const CloneKind clone_kind = {.make_disk = api_vdi_clone_disk, .is_snapshot = FALSE};
static const CloneKind snapshot_kind = {.make_disk = api_vdi_snapshot_disk, .is_snapshot = TRUE};

/* ---- Disks ---- */

/* The disk of each VBD, in the order of the VBDs: new, shared, or none. */
typedef struct DiskPlan {
    GPtrArray *vbds;  /* DbRow */
    GPtrArray *disks; /* ref, NULL_REF for an empty drive */
    Plan *plan;       /* makes them; undoes it unless all goes well */
} DiskPlan;

static void
disk_plan_clear(DiskPlan *plan)
{
    g_clear_pointer(&plan->vbds, g_ptr_array_unref);
    g_clear_pointer(&plan->disks, g_ptr_array_unref);
    g_clear_pointer(&plan->plan, plan_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DiskPlan, disk_plan_clear)

/* Media are shared between the VMs, as CDs are only read. */
static gboolean
plan_disk(ApiCall *call, const CloneKind *kind, DiskPlan *plan, const DbRow *vbd, GError **error)
{
    const char *vdi_ref = db_row_string(vbd, VBD_VDI);

    if (g_str_equal(vdi_ref, NULL_REF) || g_str_equal(db_row_string(vbd, VBD_TYPE), "CD")) {
        g_ptr_array_add(plan->disks, g_strdup(vdi_ref));
        return TRUE;
    }
    char *made = kind->make_disk(call, plan->plan, vdi_ref, error);
    if (made == NULL)
        return FALSE;
    g_ptr_array_add(plan->disks, made);
    return TRUE;
}

static gboolean
make_disks(ApiCall *call, const CloneKind *kind, const DbRow *vm, DiskPlan *plan, GError **error)
{
    plan->vbds = db_referrers(call->db, CLASS_VBD, VBD_VM, vm->ref);
    plan->disks = g_ptr_array_new_with_free_func(g_free);
    plan->plan = plan_new(call->task, call->message->name);

    for (guint i = 0; i < plan->vbds->len; i++) {
        if (g_cancellable_set_error_if_cancelled(call->cancellable, error) ||
            !plan_disk(call, kind, plan, g_ptr_array_index(plan->vbds, i), error))
            return FALSE;
        task_set_progress(call->task, 0.9 * (i + 1) / plan->vbds->len);
    }
    return TRUE;
}

/* ---- Rows ---- */

/* Fields that belong to one VM and are not handed on. */
static const int vm_own_fields[] = {
    VM_UUID,
    VM_ALLOWED_OPERATIONS,
    VM_CURRENT_OPERATIONS,
    VM_POWER_STATE,
    VM_SUSPEND_VDI,
    VM_RESIDENT_ON,
    VM_SCHEDULED_TO_BE_RESIDENT_ON,
    VM_MEMORY_TARGET,
    VM_DOMID,
    VM_DOMARCH,
    VM_METRICS,
    VM_GUEST_METRICS,
    VM_IS_CONTROL_DOMAIN,
    VM_LAST_BOOTED_RECORD,
    VM_LAST_BOOT_CPU_FLAGS,
    VM_IS_A_SNAPSHOT,
    VM_SNAPSHOT_OF,
    VM_SNAPSHOT_TIME,
    VM_TRANSPORTABLE_SNAPSHOT_ID,
    VM_BLOBS,
    VM_SNAPSHOT_INFO,
    VM_SNAPSHOT_METADATA,
    VM_PROTECTION_POLICY,
    VM_IS_SNAPSHOT_FROM_VMPP,
    VM_APPLIANCE,
    VM_IS_DEFAULT_TEMPLATE,
    VM_REQUIRES_REBOOT,
    VM_HA_ALWAYS_RUN,
    VM_HA_RESTART_PRIORITY,
};
static const int vbd_own_fields[] = {
    VBD_UUID,     VBD_ALLOWED_OPERATIONS, VBD_CURRENT_OPERATIONS, VBD_VM,          VBD_VDI,
    VBD_RESERVED, VBD_STORAGE_LOCK,       VBD_CURRENTLY_ATTACHED, VBD_STATUS_CODE, VBD_STATUS_DETAIL,
    VBD_METRICS,  VBD_RUNTIME_PROPERTIES,
};
static const int vif_own_fields[] = {
    VIF_UUID,     VIF_ALLOWED_OPERATIONS, VIF_CURRENT_OPERATIONS, VIF_VM,
    VIF_RESERVED, VIF_CURRENTLY_ATTACHED, VIF_STATUS_CODE,        VIF_STATUS_DETAIL,
    VIF_METRICS,  VIF_RUNTIME_PROPERTIES,
};

static gboolean
has_field(const int *fields, gsize n_fields, int field)
{
    for (gsize i = 0; i < n_fields; i++)
        if (fields[i] == field)
            return TRUE;
    return FALSE;
}

/* A new row that holds what @row holds, but for @own fields. Returns its ref, borrowed from @txn. */
static const char *
copy_row(DbTxn *txn, const DbRow *row, const int *own, gsize n_own)
{
    int class_id = model_class_id(row->model_class);
    const char *ref = db_txn_insert(txn, class_id, NULL);

    for (gsize i = 0; i < row->model_class->n_fields; i++)
        if (!row->model_class->fields[i].is_derived && !has_field(own, n_own, (int)i))
            db_txn_set(txn, class_id, ref, (int)i, value_ref(row->fields[i]));
    return ref;
}

/* Source: protocol notes, keys of VM.other_config: where it came from is kept, what only templates have is
 * not */
static Value *
clone_other_config(const DbRow *vm, const CloneKind *kind)
{
    Value *config = value_map_copy(vm->fields[VM_OTHER_CONFIG]);
    g_autofree char *seed = base_uuid_new();

    if (kind->is_snapshot)
        return config;
    g_autoptr(Value) plain = config;
    g_autoptr(Value) without_default = value_map_without(plain, "default_template");
    Value *clone = value_map_with(without_default, "mac_seed", value_string(seed));
    if (!db_row_bool(vm, VM_IS_A_TEMPLATE) || value_map_get(clone, "base_template_name") != NULL)
        return clone;
    g_autoptr(Value) unnamed = clone;
    return value_map_with(unnamed, "base_template_name", value_string(db_row_string(vm, VM_NAME_LABEL)));
}

static void
set_snapshot_fields(DbTxn *txn, const char *ref, const DbRow *vm)
{
    gint64 now = base_now_us() / G_USEC_PER_SEC;
    Value *info = value_map_new(2);

    value_map_set(info, "power-state-at-snapshot", value_string(db_row_string(vm, VM_POWER_STATE)));
    value_map_set(info, "disk-snapshot-type", value_string("crash_consistent"));
    db_txn_set_bool(txn, CLASS_VM, ref, VM_IS_A_TEMPLATE, TRUE);
    db_txn_set_bool(txn, CLASS_VM, ref, VM_IS_A_SNAPSHOT, TRUE);
    db_txn_set_string(txn, CLASS_VM, ref, VM_SNAPSHOT_OF, vm->ref);
    db_txn_set(txn, CLASS_VM, ref, VM_SNAPSHOT_TIME, value_datetime(now));
    db_txn_set(txn, CLASS_VM, ref, VM_SNAPSHOT_INFO, info);
    /* The snapshot takes the VM's place in the tree, the VM goes below it. Source: API reference, VM.parent
     */
    db_txn_set_string(txn, CLASS_VM, vm->ref, VM_PARENT, ref);
}

static void
copy_vbds(DbTxn *txn, const char *vm_ref, const DiskPlan *plan)
{
    for (guint i = 0; i < plan->vbds->len; i++) {
        const DbRow *vbd = g_ptr_array_index(plan->vbds, i);
        const char *ref = copy_row(txn, vbd, vbd_own_fields, G_N_ELEMENTS(vbd_own_fields));
        db_txn_set_string(txn, CLASS_VBD, ref, VBD_VM, vm_ref);
        db_txn_set_string(txn, CLASS_VBD, ref, VBD_VDI, g_ptr_array_index(plan->disks, i));
    }
}

/* Two VMs on one network must differ; a snapshot keeps the addresses, as it may become its VM again. */
static void
copy_vifs(Db *db, DbTxn *txn, const DbRow *vm, const char *vm_ref, const Value *other_config,
          const CloneKind *kind)
{
    g_autoptr(GPtrArray) vifs = db_referrers(db, CLASS_VIF, VIF_VM, vm->ref);
    const char *seed = value_map_get_string(other_config, "mac_seed", "");

    for (guint i = 0; i < vifs->len; i++) {
        const DbRow *vif = g_ptr_array_index(vifs, i);
        const char *ref = copy_row(txn, vif, vif_own_fields, G_N_ELEMENTS(vif_own_fields));
        db_txn_set_string(txn, CLASS_VIF, ref, VIF_VM, vm_ref);
        if (kind->is_snapshot)
            continue;
        g_autofree char *mac = vm_mac_generate(seed, db_row_string(vif, VIF_DEVICE));
        db_txn_set_string(txn, CLASS_VIF, ref, VIF_MAC, mac);
        db_txn_set_bool(txn, CLASS_VIF, ref, VIF_MAC_AUTOGENERATED, TRUE);
    }
}

static gboolean
complete_step(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, ref);

    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", ref);
    vm_txn_complete(txn, vm);
    return TRUE;
}

static char *
make_rows(ApiCall *call, const CloneKind *kind, const DbRow *vm, const char *new_name, const DiskPlan *plan,
          GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *ref = copy_row(txn, vm, vm_own_fields, G_N_ELEMENTS(vm_own_fields));
    g_autofree char *vm_ref = g_strdup(ref);
    g_autoptr(Value) other_config = clone_other_config(vm, kind);

    db_txn_set_string(txn, CLASS_VM, vm_ref, VM_NAME_LABEL, new_name);
    db_txn_set(txn, CLASS_VM, vm_ref, VM_OTHER_CONFIG, value_ref(other_config));
    if (kind->is_snapshot)
        set_snapshot_fields(txn, vm_ref, vm);
    db_txn_step(txn, complete_step, vm_ref, NULL);
    copy_vbds(txn, vm_ref, plan);
    copy_vifs(call->db, txn, vm, vm_ref, other_config, kind);
    return plan_commit(plan->plan, txn, error) ? g_steal_pointer(&vm_ref) : NULL;
}

static gboolean
clone_vm(ApiCall *call, const CloneKind *kind, const char *vm_ref, const char *new_name, Value **ret_value,
         GError **error)
{
    g_auto(DiskPlan) plan = {0};
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;
    /* A memory image would have to be copied with the disks, and nothing makes one yet. */
    if (g_str_equal(db_row_string(vm, VM_POWER_STATE), "Suspended"))
        return api_error_not_implemented(error, call->message->name);

    if (!make_disks(call, kind, vm, &plan, error))
        return FALSE;
    g_autofree char *new_ref = make_rows(call, kind, vm, new_name, &plan, error);
    if (new_ref == NULL)
        return FALSE;
    *ret_value = value_string(new_ref);
    return TRUE;
}

gboolean
api_vm__clone(ApiCall *call, const VmCloneArgs *args, Value **ret_value, GError **error)
{
    return clone_vm(call, &clone_kind, args->vm.id, args->new_name, ret_value, error);
}

gboolean
api_vm__snapshot(ApiCall *call, const VmSnapshotArgs *args, Value **ret_value, GError **error)
{
    return clone_vm(call, &snapshot_kind, args->vm.id, args->new_name, ret_value, error);
}
