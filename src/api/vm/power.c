/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages that make VMs run, pause and stop. The domain service does it; here is checked that it may be
 * done, and written down what came of it (state.h). */
#include "api/services.h"
#include "api/storage/vdi.h"
#include "api/vm/boot_record.h"
#include "api/vm/check.h"
#include "api/vm/config.h"
#include "api/vm/memory.h"
#include "api/vm/state.h"
#include "base/log.h"

#define HARD -1.0 /* time-out of a shutdown that does not ask the guest */

/* ---- One operation on a domain ---- */

static void
show_progress(double fraction, gpointer task)
{
    task_set_progress(task, fraction);
}

static DomainContext
context_of(ApiCall *call)
{
    return (DomainContext){
        .dbg = call->actor.task,
        .cancellable = call->cancellable,
        .progress = show_progress,
        .progress_data = call->task,
    };
}

/* What is asked of the domain service, with its arguments in @data. */
typedef gboolean (*Operation)(ApiCall *call, const DomainContext *context, const char *vm_uuid,
                              gconstpointer data, GError **error);

/* Does @operation and writes down what has become of the VM, also when it failed halfway. */
static gboolean
operate(ApiCall *call, const char *vm_ref, Operation operation, gconstpointer data, const char *boot_record,
        GError **error)
{
    g_autoptr(GError) refresh_error = NULL;
    const DomainContext context = context_of(call);
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;
    const char *uuid = db_row_string(vm, VM_UUID);

    vm_hold(uuid);
    gboolean is_done = operation(call, &context, uuid, data, error);
    vm_release(uuid);
    gboolean is_written =
        vm_refresh(call->services, &call->actor, vm_ref, is_done ? boot_record : NULL, &refresh_error);
    if (!is_done)
        return api_error_from_domain(error, vm_ref);
    if (!is_written)
        g_propagate_error(error, g_steal_pointer(&refresh_error));
    return is_written;
}

/* ---- Start ---- */

typedef struct StartData {
    const DomainMetadataT *config;
    const char *vm_ref;
    const char *host_ref;
    gboolean is_paused;
} StartData;

static gboolean
start_operation(ApiCall *call, const DomainContext *context, const char *vm_uuid, gconstpointer data,
                GError **error)
{
    const StartData *start = data;

    return vm_claim_memory(call->db, &call->actor, start->vm_ref, start->host_ref, error) &&
           domain_client_vm_register(call->services->domains, context, start->config, error) &&
           domain_client_vm_start(call->services->domains, context, vm_uuid, start->is_paused, error);
}

static gboolean
start_vm(ApiCall *call, const char *vm_ref, const char *host_ref, gboolean is_paused, GError **error)
{
    g_auto(DomainMetadataT) config = {0};
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;
    if (!vm_check_settings(call->db, vm, error) || !vm_check_host(call->db, vm, host_ref, error) ||
        !vm_check_disks(call->db, vm, error))
        return FALSE;
    if (!vm_domain_config(call->services, vm_ref, &config, error))
        return FALSE;

    g_autofree char *boot_record = vm_boot_record_encode(call->db, vm);
    const StartData data = {&config, vm_ref, host_ref, is_paused};
    return operate(call, vm_ref, start_operation, &data, boot_record, error);
}

/* Source: API reference, VM.start: a control domain that runs already is left as it is */
gboolean
api_vm__start(ApiCall *call, const VmStartArgs *args, GError **error)
{
    const char *host_ref = call->services->host_ref;
    return task_mark_object(call->task, CLASS_HOST, host_ref, "vm_start", error) &&
           start_vm(call, args->vm.id, host_ref, args->start_paused, error);
}

gboolean
api_vm__start_on(ApiCall *call, const VmStartOnArgs *args, GError **error)
{
    g_autoptr(DbRow) host = db_require(call->db, CLASS_HOST, args->host.id, error);
    if (host == NULL)
        return FALSE;
    /* Calls are not forwarded to other hosts yet. */
    if (!g_str_equal(args->host.id, call->services->host_ref))
        return api_error_host_offline(error, args->host.id);
    return start_vm(call, args->vm.id, args->host.id, args->start_paused, error);
}

/* ---- Pause ---- */

static gboolean
pause_operation(ApiCall *call, const DomainContext *context, const char *vm_uuid, gconstpointer data,
                GError **error)
{
    return domain_client_vm_pause(call->services->domains, context, vm_uuid, error);
}

static gboolean
unpause_operation(ApiCall *call, const DomainContext *context, const char *vm_uuid, gconstpointer data,
                  GError **error)
{
    return domain_client_vm_unpause(call->services->domains, context, vm_uuid, error);
}

gboolean
api_vm__pause(ApiCall *call, const VmPauseArgs *args, GError **error)
{
    return operate(call, args->vm.id, pause_operation, NULL, NULL, error);
}

gboolean
api_vm__unpause(ApiCall *call, const VmUnpauseArgs *args, GError **error)
{
    return operate(call, args->vm.id, unpause_operation, NULL, NULL, error);
}

/* ---- Shutdown ---- */

/* A guest that has gone down by itself meanwhile is where it should be. */
static gboolean
shutdown_operation(ApiCall *call, const DomainContext *context, const char *vm_uuid, gconstpointer data,
                   GError **error)
{
    g_autoptr(GError) failure = NULL;
    double timeout_s = *(const double *)data;

    if (domain_client_vm_shutdown(call->services->domains, context, vm_uuid, timeout_s, &failure))
        return TRUE;
    if (g_error_matches(failure, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* The domain service does not say how long it waited; the API does. */
static gboolean
set_shutdown_timeout(GError **error, const char *vm_ref, double timeout_s)
{
    g_autofree char *text = g_strdup_printf("%.0f", timeout_s);

    return api_error_vm_shutdown_timeout(error, vm_ref, text);
}

static gboolean
shut_down(ApiCall *call, const char *vm_ref, double timeout_s, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (operate(call, vm_ref, shutdown_operation, &timeout_s, NULL, &failure))
        return TRUE;
    if (api_error_is(failure, "VM_SHUTDOWN_TIMEOUT"))
        return set_shutdown_timeout(error, vm_ref, timeout_s);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* A suspended VM has no domain; what it loses is its memory image. */
static gboolean
drop_suspended(ApiCall *call, const DbRow *vm, GError **error)
{
    g_autofree char *image = g_strdup(db_row_string(vm, VM_SUSPEND_VDI));
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);

    db_txn_set_string(txn, CLASS_VM, vm->ref, VM_POWER_STATE, "Halted");
    db_txn_set_string(txn, CLASS_VM, vm->ref, VM_SUSPEND_VDI, "OpaqueRef:NULL");
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    return g_str_equal(image, "OpaqueRef:NULL") || api_vdi_destroy_disk(call, image, error);
}

static gboolean
shut_down_hard(ApiCall *call, const char *vm_ref, GError **error)
{
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;
    if (g_str_equal(db_row_string(vm, VM_POWER_STATE), "Suspended"))
        return drop_suspended(call, vm, error);
    return shut_down(call, vm_ref, HARD, error);
}

static double
shutdown_timeout_s(const ApiCall *call)
{
    return g_atomic_int_get(&call->services->clean_shutdown_timeout_s);
}

gboolean
api_vm__clean_shutdown(ApiCall *call, const VmCleanShutdownArgs *args, GError **error)
{
    return shut_down(call, args->vm.id, shutdown_timeout_s(call), error);
}

gboolean
api_vm__hard_shutdown(ApiCall *call, const VmHardShutdownArgs *args, GError **error)
{
    return shut_down_hard(call, args->vm.id, error);
}

gboolean
api_vm__shutdown(ApiCall *call, const VmShutdownArgs *args, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->vm.id, error);
    if (vm == NULL)
        return FALSE;

    if (!g_str_equal(db_row_string(vm, VM_POWER_STATE), "Running")) /* nobody in there who could react */
        return shut_down_hard(call, args->vm.id, error);
    if (shut_down(call, args->vm.id, shutdown_timeout_s(call), &failure))
        return TRUE;
    if (g_cancellable_is_cancelled(call->cancellable)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    log_info("clean shutdown of %s failed, going on with a hard one: %s", db_row_string(vm, VM_UUID),
             failure->message);
    return shut_down_hard(call, args->vm.id, error);
}

/* ---- Reboot ---- */

typedef struct RebootData {
    const DomainVmT *config; /* in force from the new boot on */
    double timeout_s;
} RebootData;

static gboolean
reboot_operation(ApiCall *call, const DomainContext *context, const char *vm_uuid, gconstpointer data,
                 GError **error)
{
    const RebootData *reboot = data;

    return domain_client_vm_add(call->services->domains, context, reboot->config, error) &&
           domain_client_vm_reboot(call->services->domains, context, vm_uuid, reboot->timeout_s, error);
}

static gboolean
reboot(ApiCall *call, const char *vm_ref, double timeout_s, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(DomainMetadataT) config = {0};
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, vm_ref, error);
    if (vm == NULL || !vm_domain_config(call->services, vm_ref, &config, error))
        return FALSE;

    g_autofree char *boot_record = vm_boot_record_encode(call->db, vm);
    const RebootData data = {&config.vm, timeout_s};
    if (operate(call, vm_ref, reboot_operation, &data, boot_record, &failure))
        return TRUE;
    if (api_error_is(failure, "VM_SHUTDOWN_TIMEOUT"))
        return set_shutdown_timeout(error, vm_ref, timeout_s);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
api_vm__clean_reboot(ApiCall *call, const VmCleanRebootArgs *args, GError **error)
{
    return reboot(call, args->vm.id, shutdown_timeout_s(call), error);
}

gboolean
api_vm__hard_reboot(ApiCall *call, const VmHardRebootArgs *args, GError **error)
{
    return reboot(call, args->vm.id, HARD, error);
}

/* ---- Reset ---- */

/* Source: API reference, VM.power_state_reset: for VMs whose host is gone. A domain that is there must not be
 * lost track of. */
gboolean
api_vm__power_state_reset(ApiCall *call, const VmPowerStateResetArgs *args, GError **error)
{
    g_auto(DomainVmEntry) entry = {0};
    g_autoptr(GError) failure = NULL;
    const DomainContext context = context_of(call);
    g_autoptr(DbRow) vm = db_require(call->db, CLASS_VM, args->vm.id, error);
    if (vm == NULL)
        return FALSE;
    if (db_row_bool(vm, VM_IS_CONTROL_DOMAIN))
        return api_error_cannot_reset_control_domain(error, args->vm.id);
    if (g_str_equal(db_row_string(vm, VM_POWER_STATE), "Suspended"))
        return drop_suspended(call, vm, error);

    if (domain_client_vm_stat(call->services->domains, &context, db_row_string(vm, VM_UUID), &entry,
                              &failure)) {
        DomainPowerState state = entry.state.power_state;
        g_autofree char *domid =
            g_strdup_printf("%" G_GINT64_FORMAT, entry.state.domids.n > 0 ? entry.state.domids.items[0] : -1);
        if (state == DOMAIN_POWER_STATE_RUNNING || state == DOMAIN_POWER_STATE_PAUSED)
            return api_error_domain_exists(error, args->vm.id, domid);
    } else if (!g_error_matches(failure, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return api_error_from_domain(error, args->vm.id);
    }
    return vm_refresh(call->services, &call->actor, args->vm.id, NULL, error);
}
