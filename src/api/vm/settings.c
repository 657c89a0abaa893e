/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setters of VM fields whose values are checked, but for memory (memory.c), and the messages about allowed
 * operations. */
#include "api/services.h"
#include "api/vm/create.h"
#include "api/vm/memory.h"

#include <string.h>

/* One change of a VM's row: checked and written on the database's writer thread. */
typedef struct Change {
    const char *vm; /* ref */
    gint64 number;
    double real;
} Change;

static gboolean
change_vm(ApiCall *call, Change *change, DbTxnStep step, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    db_txn_step(txn, step, change, NULL);
    return db_txn_commit(txn, NULL, error);
}

/* (transfer full) */
static DbRow *
require_vm(DbTxn *txn, const char *ref, GError **error)
{
    DbRow *vm = db_txn_read(txn, CLASS_VM, ref);

    if (vm == NULL)
        api_error_handle_invalid(error, "VM", ref);
    return vm;
}

/* ---- VCPUs ---- */

static gboolean
vcpus_max_step(DbTxn *txn, gpointer data, GError **error)
{
    const Change *change = data;
    g_autoptr(DbRow) vm = require_vm(txn, change->vm, error);
    if (vm == NULL)
        return FALSE;
    if (!vm_check_vcpus(change->number, 1, error))
        return FALSE;
    if (!vm_check_vcpus(change->number, db_row_int(vm, VM_VCPUS_AT_STARTUP), NULL)) {
        g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, change->number);
        return api_error_invalid_value(error, "VCPUs_max",
                                       text); /* this is the value that was given, not the other */
    }

    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_VCPUS_MAX, change->number);
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_MEMORY_OVERHEAD,
                   vm_memory_overhead(db_row_int(vm, VM_MEMORY_STATIC_MAX), change->number,
                                      db_row_float(vm, VM_HVM_SHADOW_MULTIPLIER)));
    return TRUE;
}

gboolean
api_vm__set_vcpus_max(ApiCall *call, const VmSetVcpusMaxArgs *args, GError **error)
{
    return change_vm(call, &(Change){.vm = args->self.id, .number = args->value}, vcpus_max_step, error);
}

static gboolean
vcpus_at_startup_step(DbTxn *txn, gpointer data, GError **error)
{
    const Change *change = data;
    g_autoptr(DbRow) vm = require_vm(txn, change->vm, error);

    if (vm == NULL || !vm_check_vcpus(MAX(db_row_int(vm, VM_VCPUS_MAX), 1), change->number, error))
        return FALSE;
    db_txn_set_int(txn, CLASS_VM, vm->ref, VM_VCPUS_AT_STARTUP, change->number);
    return TRUE;
}

gboolean
api_vm__set_vcpus_at_startup(ApiCall *call, const VmSetVcpusAtStartupArgs *args, GError **error)
{
    return change_vm(call, &(Change){.vm = args->self.id, .number = args->value}, vcpus_at_startup_step,
                     error);
}

/* ---- Shadow memory ---- */

static gboolean
shadow_multiplier_step(DbTxn *txn, gpointer data, GError **error)
{
    const Change *change = data;
    g_autoptr(DbRow) vm = require_vm(txn, change->vm, error);
    if (vm == NULL)
        return FALSE;

    db_txn_set(txn, CLASS_VM, vm->ref, VM_HVM_SHADOW_MULTIPLIER, value_float(change->real));
    db_txn_set_int(
        txn, CLASS_VM, vm->ref, VM_MEMORY_OVERHEAD,
        vm_memory_overhead(db_row_int(vm, VM_MEMORY_STATIC_MAX), db_row_int(vm, VM_VCPUS_MAX), change->real));
    return TRUE;
}

gboolean
api_vm__set_hvm_shadow_multiplier(ApiCall *call, const VmSetHvmShadowMultiplierArgs *args, GError **error)
{
    return vm_check_shadow_multiplier(args->value, error) &&
           change_vm(call, &(Change){.vm = args->self.id, .real = args->value}, shadow_multiplier_step,
                     error);
}

/* ---- Templates ---- */

gboolean
api_vm__set_is_a_template(ApiCall *call, const VmSetIsATemplateArgs *args, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_bool(txn, CLASS_VM, args->self.id, VM_IS_A_TEMPLATE, args->value);
    return db_txn_commit(txn, NULL, error);
}

/* ---- Sequence of starts ---- */

static gboolean
set_not_negative(ApiCall *call, const char *vm_ref, int field, gint64 number, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    if (number < 0)
        return api_error_invalid_value(error, model_classes[CLASS_VM].fields[field].name, text);
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;

    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set_int(txn, CLASS_VM, vm_ref, field, number);
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_vm__set_start_delay(ApiCall *call, const VmSetStartDelayArgs *args, GError **error)
{
    return set_not_negative(call, args->self.id, VM_START_DELAY, args->value, error);
}

gboolean
api_vm__set_shutdown_delay(ApiCall *call, const VmSetShutdownDelayArgs *args, GError **error)
{
    return set_not_negative(call, args->self.id, VM_SHUTDOWN_DELAY, args->value, error);
}

gboolean
api_vm__set_order(ApiCall *call, const VmSetOrderArgs *args, GError **error)
{
    return set_not_negative(call, args->self.id, VM_ORDER, args->value, error);
}

/* ---- Allowed operations ---- */

static gboolean
contains(const Value *array, const char *text)
{
    for (gsize i = 0; i < value_size(array); i++)
        if (g_str_equal(value_get_string(value_array_get(array, i)), text))
            return TRUE;
    return FALSE;
}

/* The message that does @operation; one that is written rather than one that is not. NULL: none. */
static const ModelMessage *
find_message(const char *operation)
{
    const ModelMessage *found = NULL;

    for (gsize i = 0; i < model_n_messages; i++) {
        const ModelMessage *message = &model_messages[i];
        const ModelEngine *engine = message->engine;
        if (engine == NULL || engine->n_marks == 0 || engine->marks[0].class_id != CLASS_VM ||
            engine->marks[0].relation >= 0 || !g_str_equal(engine->marks[0].operation, operation))
            continue;
        if (!message->is_pending)
            return message;
        found = message;
    }
    return found;
}

/* Why @operation, which the rules do not allow now, is not. */
static gboolean
set_reason(const DbRow *vm, const char *operation, GError **error)
{
    const ModelMessage *message = find_message(operation);
    const ModelEngine *engine = message != NULL ? message->engine : NULL;
    const char *state = db_row_string(vm, VM_POWER_STATE);
    const char *blocked = db_row_map_string(vm, VM_BLOCKED_OPERATIONS, operation, NULL);

    if (blocked != NULL)
        return api_error_operation_blocked(error, vm->ref, blocked);
    if (engine == NULL)
        return api_error_operation_not_allowed(error, "no message does this");
    if (message->is_pending)
        return api_error_not_implemented(error, message->name);
    if (db_row_bool(vm, VM_IS_A_TEMPLATE) && !engine->allows_template)
        return api_error_vm_is_template(error, vm->ref);
    if (engine->from_states == NULL || g_strv_contains(engine->from_states, state))
        return db_row_bool(vm, VM_IS_CONTROL_DOMAIN)
                   ? api_error_operation_not_allowed(error, "this is the control domain")
                   : api_error_other_operation_in_progress(error, "VM", vm->ref);
    /* Source: protocol notes 3: states in lower case */
    g_autofree char *wanted = g_strjoinv(", ", (char **)engine->from_states);
    g_autofree char *wanted_lower = g_ascii_strdown(wanted, -1);
    g_autofree char *state_lower = g_ascii_strdown(state, -1);
    return api_error_vm_bad_power_state(error, vm->ref, wanted_lower, state_lower);
}

gboolean
api_vm__assert_operation_valid(ApiCall *call, const VmAssertOperationValidArgs *args, GError **error)
{
    const char *operation = vm_operations_name(args->op);
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->self.id, error);
    if (vm == NULL)
        return FALSE;
    g_autoptr(Value) allowed = task_allowed_operations(call->db, vm);

    return contains(allowed, operation) || set_reason(vm, operation, error);
}

/* They are worked out each time somebody reads them; what a client gains is the event. */
gboolean
api_vm__update_allowed_operations(ApiCall *call, const VmUpdateAllowedOperationsArgs *args, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->self.id, error);
    if (vm == NULL)
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    db_txn_touch(txn, CLASS_VM, args->self.id);
    return db_txn_commit(txn, NULL, error);
}
