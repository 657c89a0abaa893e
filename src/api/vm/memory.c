/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory VMs need and hosts have left, by account, and the messages that set a VM's limits. */
#include "api/vm/memory.h"

#include "api/services.h"

#include <string.h>

#define MIB ((gint64)1024 * 1024)

/* No machine has it, and sums of it and of overheads stay far from what an int holds. */
#define STATIC_MAX_LIMIT (64 * 1024 * 1024 * MIB)

#define OVERHEAD_FIXED    (20 * MIB) /* a device model with its consoles, idle */
#define OVERHEAD_PER_VCPU MIB
#define PAGE_TABLE_SHARE  512 /* 8 bytes of page table for each 4 KiB page */

/* ---- Account ---- */

static gint64
round_up_to_mib(gint64 bytes)
{
    return (bytes + MIB - 1) / MIB * MIB;
}

gint64
vm_memory_overhead(gint64 static_max_bytes, gint64 n_vcpus, double shadow_multiplier)
{
    double tables = (double)static_max_bytes / PAGE_TABLE_SHARE * MAX(shadow_multiplier, 1.0);

    return round_up_to_mib(OVERHEAD_FIXED + n_vcpus * OVERHEAD_PER_VCPU + (gint64)tables);
}

gint64
vm_row_memory_overhead(const DbRow *vm)
{
    return vm_memory_overhead(db_row_int(vm, VM_MEMORY_STATIC_MAX), db_row_int(vm, VM_VCPUS_MAX),
                              db_row_float(vm, VM_HVM_SHADOW_MULTIPLIER));
}

gint64
vm_control_domain_memory(gint64 total_bytes)
{
    return CLAMP(total_bytes / 16, 128 * MIB, 4096 * MIB) / MIB * MIB;
}

static gint64
row_claim(const DbRow *vm)
{
    if (db_row_bool(vm, VM_IS_CONTROL_DOMAIN))
        return db_row_int(vm, VM_MEMORY_STATIC_MAX);
    return db_row_int(vm, VM_MEMORY_STATIC_MAX) + vm_row_memory_overhead(vm);
}

/* Rows, from the database as it is or from within a transaction. */
typedef struct RowSource {
    Db *db;     /* one of the two */
    DbTxn *txn; /* */
} RowSource;

static DbRow *
source_get(const RowSource *source, int class_id, const char *ref)
{
    return source->txn != NULL ? db_txn_read(source->txn, class_id, ref) : db_get(source->db, class_id, ref);
}

static gint64
sum_claims(const RowSource *source, int host_field, const char *host_ref)
{
    g_autoptr(GPtrArray) vms = source->txn != NULL
                                   ? db_txn_referrers(source->txn, CLASS_VM, host_field, host_ref)
                                   : db_referrers(source->db, CLASS_VM, host_field, host_ref);
    gint64 bytes = 0;

    for (guint i = 0; i < vms->len; i++) {
        const DbRow *vm = g_ptr_array_index(vms, i);
        gboolean is_counted_there = host_field == VM_SCHEDULED_TO_BE_RESIDENT_ON &&
                                    g_str_equal(db_row_string(vm, VM_RESIDENT_ON), host_ref);
        if (!is_counted_there)
            bytes += row_claim(vm);
    }
    return bytes;
}

static gint64
free_memory(const RowSource *source, const char *host_ref)
{
    g_autoptr(DbRow) host = source_get(source, CLASS_HOST, host_ref);
    g_autoptr(DbRow) metrics =
        host == NULL ? NULL : source_get(source, CLASS_HOST_METRICS, db_row_string(host, HOST_METRICS));
    if (metrics == NULL)
        return 0;
    gint64 free_bytes = db_row_int(metrics, HOST_METRICS_MEMORY_TOTAL) -
                        sum_claims(source, VM_RESIDENT_ON, host_ref) -
                        sum_claims(source, VM_SCHEDULED_TO_BE_RESIDENT_ON, host_ref);
    return MAX(free_bytes, 0);
}

gint64
vm_host_free_memory(Db *db, const char *host_ref)
{
    return free_memory(&(RowSource){.db = db}, host_ref);
}

static gboolean
check_fits(const DbRow *vm, gint64 available_bytes, GError **error)
{
    gint64 needed_bytes = row_claim(vm);
    if (needed_bytes <= available_bytes)
        return TRUE;

    g_autofree char *needed = g_strdup_printf("%" G_GINT64_FORMAT, needed_bytes);
    g_autofree char *available = g_strdup_printf("%" G_GINT64_FORMAT, available_bytes);
    return api_error_host_not_enough_free_memory(error, needed, available);
}

gboolean
vm_check_memory(Db *db, const DbRow *vm, const char *host_ref, GError **error)
{
    return check_fits(vm, vm_host_free_memory(db, host_ref), error);
}

typedef struct Claim {
    const char *vm;   /* ref */
    const char *host; /* ref */
} Claim;

static gboolean
claim_step(DbTxn *txn, gpointer data, GError **error)
{
    const Claim *claim = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, claim->vm);

    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", claim->vm);
    if (!check_fits(vm, free_memory(&(RowSource){.txn = txn}, claim->host), error))
        return FALSE;
    db_txn_set_string(txn, CLASS_VM, claim->vm, VM_SCHEDULED_TO_BE_RESIDENT_ON, claim->host);
    return TRUE;
}

gboolean
vm_claim_memory(Db *db, const DbActor *actor, const char *vm_ref, const char *host_ref, GError **error)
{
    Claim claim = {vm_ref, host_ref};
    g_autoptr(DbTxn) txn = db_txn_new(db, actor);

    db_txn_step(txn, claim_step, &claim, NULL);
    return db_txn_commit(txn, NULL, error);
}

/* ---- Messages ---- */

gboolean
api_vm__compute_memory_overhead(ApiCall *call, const VmComputeMemoryOverheadArgs *args, Value **ret_value,
                                GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->vm.id, error);
    if (vm == NULL)
        return FALSE;
    *ret_value = value_int(vm_row_memory_overhead(vm));
    return TRUE;
}

/* The guest memory whose sum with its overhead is at most @total_bytes, in whole MiB. The overhead grows with
 * the memory, so it is taken off twice: once for all of @total_bytes, which is too much, then for what that
 * leaves, which is right to one MiB. */
static gint64
largest_static_max(gint64 total_bytes, gint64 n_vcpus, double shadow_multiplier)
{
    gint64 static_max =
        (total_bytes - vm_memory_overhead(total_bytes, n_vcpus, shadow_multiplier)) / MIB * MIB;

    while (static_max >= 0 &&
           static_max + MIB + vm_memory_overhead(static_max + MIB, n_vcpus, shadow_multiplier) <= total_bytes)
        static_max += MIB;
    return MAX(static_max, 0);
}

gboolean
api_vm__maximise_memory(ApiCall *call, const VmMaximiseMemoryArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->self.id, error);
    if (vm == NULL)
        return FALSE;
    if (args->total < 0 || args->total > G_MAXINT64 / 4) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, args->total);
        return api_error_invalid_value(error, "total", text);
    }

    /* Source: API reference, VM.maximise_memory: a cautious answer holds for any number of VCPUs the VM may
     * be given later */
    gint64 n_vcpus = args->approximate ? MAX(64, db_row_int(vm, VM_VCPUS_MAX)) : db_row_int(vm, VM_VCPUS_MAX);
    *ret_value =
        value_int(largest_static_max(args->total, n_vcpus, db_row_float(vm, VM_HVM_SHADOW_MULTIPLIER)));
    return TRUE;
}

/* What a message wants the four limits to be; negative: as it is. */
typedef struct MemoryLimits {
    const char *vm;      /* ref */
    const char *message; /* name, for what cannot be done to a running VM */
    gint64 static_min, dynamic_min, dynamic_max, static_max;
} MemoryLimits;

gboolean
vm_check_shadow_multiplier(double multiplier, GError **error)
{
    if (multiplier >= 1.0 && multiplier <= 1000.0) /* not a number is refused, too */
        return TRUE;
    g_autofree char *text = g_strdup_printf("%g", multiplier);
    return api_error_invalid_value(error, "HVM_shadow_multiplier", text);
}

gboolean
vm_check_memory_order(gint64 static_min, gint64 dynamic_min, gint64 dynamic_max, gint64 static_max,
                      GError **error)
{
    if (0 <= static_min && static_min <= dynamic_min && dynamic_min <= dynamic_max &&
        dynamic_max <= static_max && static_max <= STATIC_MAX_LIMIT)
        return TRUE;
    return api_error_memory_constraint_violation(
        error,
        "0 <= memory_static_min <= memory_dynamic_min <= memory_dynamic_max <= memory_static_max <= 64 TiB");
}

static gint64
wanted_or_present(gint64 wanted, const DbRow *vm, int field)
{
    return wanted < 0 ? db_row_int(vm, field) : wanted;
}

static gboolean
set_limits_step(DbTxn *txn, gpointer data, GError **error)
{
    const MemoryLimits *limits = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, limits->vm);
    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", limits->vm);
    /* The domain service has no call yet that moves a running VM's memory. */
    if (!g_str_equal(db_row_string(vm, VM_POWER_STATE), "Halted"))
        return api_error_not_implemented(error, limits->message);

    gint64 static_min = wanted_or_present(limits->static_min, vm, VM_MEMORY_STATIC_MIN);
    gint64 dynamic_min = wanted_or_present(limits->dynamic_min, vm, VM_MEMORY_DYNAMIC_MIN);
    gint64 dynamic_max = wanted_or_present(limits->dynamic_max, vm, VM_MEMORY_DYNAMIC_MAX);
    gint64 static_max = wanted_or_present(limits->static_max, vm, VM_MEMORY_STATIC_MAX);
    if (!vm_check_memory_order(static_min, dynamic_min, dynamic_max, static_max, error))
        return FALSE;

    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_STATIC_MIN, static_min);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_DYNAMIC_MIN, dynamic_min);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_DYNAMIC_MAX, dynamic_max);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_STATIC_MAX, static_max);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_OVERHEAD,
                   vm_memory_overhead(static_max, db_row_int(vm, VM_VCPUS_MAX),
                                      db_row_float(vm, VM_HVM_SHADOW_MULTIPLIER)));
    return TRUE;
}

static gboolean
check_not_negative(const char *field, gint64 bytes, GError **error)
{
    if (bytes >= 0)
        return TRUE;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, bytes);
    return api_error_invalid_value(error, field, text);
}

static gboolean
set_limits(ApiCall *call, MemoryLimits limits, GError **error)
{
    limits.message = call->message->name;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_step(txn, set_limits_step, &limits, NULL);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_vm__set_memory_dynamic_max(ApiCall *call, const VmSetMemoryDynamicMaxArgs *args, GError **error)
{
    return check_not_negative("value", args->value, error) &&
           set_limits(call, (MemoryLimits){args->self.id, NULL, -1, -1, args->value, -1}, error);
}

gboolean
api_vm__set_memory_dynamic_min(ApiCall *call, const VmSetMemoryDynamicMinArgs *args, GError **error)
{
    return check_not_negative("value", args->value, error) &&
           set_limits(call, (MemoryLimits){args->self.id, NULL, -1, args->value, -1, -1}, error);
}

gboolean
api_vm__set_memory_dynamic_range(ApiCall *call, const VmSetMemoryDynamicRangeArgs *args, GError **error)
{
    return check_not_negative("min", args->min, error) && check_not_negative("max", args->max, error) &&
           set_limits(call, (MemoryLimits){args->self.id, NULL, -1, args->min, args->max, -1}, error);
}

gboolean
api_vm__set_memory_static_max(ApiCall *call, const VmSetMemoryStaticMaxArgs *args, GError **error)
{
    return check_not_negative("value", args->value, error) &&
           set_limits(call, (MemoryLimits){args->self.id, NULL, -1, -1, -1, args->value}, error);
}

gboolean
api_vm__set_memory_static_min(ApiCall *call, const VmSetMemoryStaticMinArgs *args, GError **error)
{
    return check_not_negative("value", args->value, error) &&
           set_limits(call, (MemoryLimits){args->self.id, NULL, args->value, -1, -1, -1}, error);
}

gboolean
api_vm__set_memory_static_range(ApiCall *call, const VmSetMemoryStaticRangeArgs *args, GError **error)
{
    return check_not_negative("min", args->min, error) && check_not_negative("max", args->max, error) &&
           set_limits(call, (MemoryLimits){args->self.id, NULL, args->min, -1, -1, args->max}, error);
}

gboolean
api_vm__set_memory_limits(ApiCall *call, const VmSetMemoryLimitsArgs *args, GError **error)
{
    return check_not_negative("static_min", args->static_min, error) &&
           check_not_negative("dynamic_min", args->dynamic_min, error) &&
           check_not_negative("dynamic_max", args->dynamic_max, error) &&
           check_not_negative("static_max", args->static_max, error) &&
           set_limits(call,
                      (MemoryLimits){args->self.id, NULL, args->static_min, args->dynamic_min,
                                     args->dynamic_max, args->static_max},
                      error);
}

/* Source: protocol notes 12: all limits but memory_static_min, which only comes down with the rest */
static gboolean
set_memory_step(DbTxn *txn, gpointer data, GError **error)
{
    MemoryLimits limits = *(const MemoryLimits *)data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, limits.vm);

    if (vm != NULL)
        limits.static_min = MIN(db_row_int(vm, VM_MEMORY_STATIC_MIN), limits.static_max);
    return set_limits_step(txn, &limits, error);
}

gboolean
api_vm__set_memory(ApiCall *call, const VmSetMemoryArgs *args, GError **error)
{
    MemoryLimits limits = {args->self.id, call->message->name, -1, args->value, args->value, args->value};

    if (!check_not_negative("value", args->value, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_step(txn, set_memory_step, &limits, NULL);
    return db_txn_commit(txn, NULL, error);
}
