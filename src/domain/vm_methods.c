/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vm.*: registering, listing, and handing operations to the queues. */
#include <string.h>

#include "base/error.h"
#include "domain/disks.h"
#include "domain/methods.h"
#include "domain/plan.h"
#include "domain/service_internal.h"
#include "domain/transfer.h"
#include "value/json.h"

#define MAX_VCPUS        255 /* what a Q35 machine takes without an IOMMU */
#define MIN_MEMORY_BYTES (1024 * 1024)
#define MAX_MEMORY_BYTES (G_GINT64_CONSTANT(1) << 46)
#define MAX_NAME_BYTES   4096

/* ---- Registering */

static gboolean
check_vm(DomainService *service, const DomainVmT *vm, GError **error)
{
    if (!domain_store_check_id(service->store, vm->id, error))
        return FALSE;
    if (vm->vcpu_max < 1 || vm->vcpu_max > MAX_VCPUS)
        return domain_error_maximum_vcpus(error, MAX_VCPUS);
    if (vm->vcpus < 1 || vm->vcpus > vm->vcpu_max)
        return domain_error_maximum_vcpus(error, vm->vcpu_max);
    if (vm->memory_static_max < MIN_MEMORY_BYTES || vm->memory_static_max > MAX_MEMORY_BYTES)
        return base_error_set(error, BASE_ERROR_INVALID, "memory_static_max is out of range");
    if (strlen(vm->name) > MAX_NAME_BYTES)
        return base_error_set(error, BASE_ERROR_INVALID, "name is too long");
    return TRUE;
}

/* What an existing VM's configuration takes over of @data, a DomainMetadataT. */
static gboolean
replace_vm(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainMetadataT *metadata = data;
    domain_vm_t_clear(&config->vm);
    domain_vm_t_copy(&metadata->vm, &config->vm);
    return TRUE;
}

static gboolean
replace_all(DomainStoreConfig *config, gpointer data, GError **error)
{
    const DomainMetadataT *metadata = data;
    domain_vbd_t_list_clear(&config->vbds);
    domain_vif_t_list_clear(&config->vifs);
    domain_pci_t_list_clear(&config->pcis);
    domain_vbd_t_list_copy(&metadata->vbds, &config->vbds);
    domain_vif_t_list_copy(&metadata->vifs, &config->vifs);
    domain_pci_t_list_copy(&metadata->pcis, &config->pcis);
    return replace_vm(config, data, error);
}

/* A VM that is new: its file first, then the table, so that nobody starts what would not survive. Two adds of
 * one id at a time both write; the later one finds the first in the table and replaces it. */
static gboolean
add_new(DomainService *service, DomainStoreConfig *data, DomainMachine **ret_existing, GError **error)
{
    if (!domain_store_save_config(service->store, data, error))
        return FALSE;
    g_autoptr(DomainConfig) config = domain_config_new(data);
    const char *id = config->data.vm.id;
    DomainMachine *machine = domain_machine_new(service, id, config);
    g_mutex_lock(&service->lock);
    DomainMachine *existing = g_hash_table_lookup(service->machines, id);
    if (existing == NULL)
        g_hash_table_insert(service->machines, machine->id, machine);
    else
        *ret_existing = domain_machine_ref(existing);
    g_mutex_unlock(&service->lock);
    if (existing != NULL)
        domain_machine_unref(machine);
    return TRUE;
}

static gboolean
register_new(DomainService *service, const DomainMetadataT *metadata, DomainMachine **ret_existing,
             GError **error)
{
    g_auto(DomainStoreConfig) data = {.version = 1};
    return replace_all(&data, (gpointer)metadata, error) && add_new(service, &data, ret_existing, error);
}

/* New or not; one that is removed while we look at it is new. */
static gboolean
register_vm(DomainService *service, const DomainMetadataT *metadata, DomainConfigEdit edit, GError **error)
{
    for (;;) {
        g_autoptr(GError) reason = NULL;
        g_autoptr(DomainMachine) machine = domain_service_find(service, metadata->vm.id, NULL);
        if (machine == NULL && !register_new(service, metadata, &machine, error))
            return FALSE;
        if (machine == NULL ||
            domain_service_edit_config(service, machine, edit, (gpointer)metadata, &reason))
            return TRUE;
        if (!domain_error_is(reason, "Does_not_exist")) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return FALSE;
        }
    }
}

gboolean
domain_vm__add(DomainService *service, const DomainVmAddArgs *args, char **ret_id, GError **error)
{
    DomainMetadataT metadata = {.vm = args->t}; /* borrowed */
    if (!check_vm(service, &args->t, error) || !register_vm(service, &metadata, replace_vm, error))
        return FALSE;
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VM, args->t.id);
    *ret_id = g_strdup(args->t.id);
    return TRUE;
}

static gboolean
check_devices(const DomainMetadataT *metadata, GError **error)
{
    for (gsize i = 0; i < metadata->vbds.n; i++) {
        if (!domain_vbd_check(&metadata->vbds.items[i], metadata->vm.id, error))
            return FALSE;
    }
    for (gsize i = 0; i < metadata->vifs.n; i++) {
        if (!domain_vif_check(&metadata->vifs.items[i], metadata->vm.id, error))
            return FALSE;
    }
    return TRUE;
}

/* Devices of a domain may not be taken from under it. */
static gboolean
require_no_domain(DomainMachine *machine, GError **error)
{
    g_autoptr(DomainView) view = domain_machine_view(machine);
    return !view->has_domain ||
           domain_error_bad_power_state(error, view->state.power_state, DOMAIN_POWER_STATE_HALTED);
}

gboolean
domain_vm__register(DomainService *service, const DomainVmRegisterArgs *args, char **ret_id, GError **error)
{
    const DomainStoreConfig after = {.vm = args->t.vm, .vbds = args->t.vbds, .vifs = args->t.vifs};
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->t.vm.id, NULL);
    g_autoptr(DomainConfig) before = machine == NULL ? NULL : domain_machine_config(machine);
    if (!check_vm(service, &args->t.vm, error) || !check_devices(&args->t, error) ||
        (machine != NULL && !require_no_domain(machine, error)) ||
        !register_vm(service, &args->t, replace_all, error))
        return FALSE;
    if (before != NULL)
        domain_service_touch(service, &before->data);
    domain_service_touch(service, &after);
    *ret_id = g_strdup(args->t.vm.id);
    return TRUE;
}

/* Through the queue, so that it comes after what was asked for before, and answered from there. */
void
domain_vm__remove(DomainService *service, const DomainVmRemoveArgs *args, DomainReply *reply)
{
    static const DomainOperationArgs no_args = {.timeout_s = -1};
    GError *error = NULL;
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->id, &error);
    if (machine == NULL) {
        domain_reply_error(reply, error);
        return;
    }
    DomainOperation *operation = domain_operation_new(domain_plan_find("remove"), NULL, &no_args);
    operation->reply = reply;
    domain_machine_push(machine, operation, NULL); /* answers the reply in any case */
}

/* ---- Looking */

static void
fill_entry(DomainMachine *machine, DomainVmEntry *ret)
{
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    g_autoptr(DomainView) view = domain_machine_view(machine);
    domain_vm_t_copy(&config->data.vm, &ret->config);
    domain_vm_state_copy(&view->state, &ret->state);
}

gboolean
domain_vm__stat(DomainService *service, const DomainVmStatArgs *args, DomainVmEntry **ret_state,
                GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->id, error);
    if (machine == NULL)
        return FALSE;
    *ret_state = g_new0(DomainVmEntry, 1);
    fill_entry(machine, *ret_state);
    return TRUE;
}

static GPtrArray *
all_machines(DomainService *service)
{
    GPtrArray *machines = g_ptr_array_new_with_free_func((GDestroyNotify)domain_machine_unref);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&service->lock);
    GHashTableIter iter;
    gpointer machine;
    g_hash_table_iter_init(&iter, service->machines);
    while (g_hash_table_iter_next(&iter, NULL, &machine))
        g_ptr_array_add(machines, domain_machine_ref(machine));
    return machines;
}

gboolean
domain_vm__list(DomainService *service, const DomainVmListArgs *args, DomainVmEntryList *ret_VMs,
                GError **error)
{
    g_autoptr(GPtrArray) machines = all_machines(service);
    ret_VMs->items = g_new0(DomainVmEntry, machines->len + 1);
    ret_VMs->n = machines->len;
    for (guint i = 0; i < machines->len; i++)
        fill_entry(machines->pdata[i], &ret_VMs->items[i]);
    return TRUE;
}

gboolean
domain_vm__consoles(DomainService *service, const DomainVmConsolesArgs *args,
                    DomainVmConsolePlaceList *ret_consoles, GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->id, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainView) view = domain_machine_view(machine);
    const DomainVmConsoleList *consoles = &view->state.consoles;
    ret_consoles->n = consoles->n;
    ret_consoles->items = g_new0(DomainVmConsolePlace, consoles->n + 1);
    for (gsize i = 0; i < consoles->n; i++)
        ret_consoles->items[i] = (DomainVmConsolePlace){consoles->items[i].protocol, consoles->items[i].port,
                                                        g_strdup(consoles->items[i].path)};
    return TRUE;
}

/* ---- Metadata */

gboolean
domain_vm__export_metadata(DomainService *service, const DomainVmExportMetadataArgs *args, char **ret_vm,
                           GError **error)
{
    g_autoptr(DomainMachine) machine = domain_service_find(service, args->id, error);
    if (machine == NULL)
        return FALSE;
    g_autoptr(DomainConfig) config = domain_machine_config(machine);
    /* Borrowed members: written, not freed. */
    DomainMetadataT metadata = {.vm = config->data.vm,
                                .vbds = config->data.vbds,
                                .vifs = config->data.vifs,
                                .pcis = config->data.pcis,
                                .domains = config->data.machine};
    g_autoptr(Value) value = domain_metadata_t_to_value(&metadata);
    GString *text = g_string_new(NULL);
    json_write_value(text, value);
    *ret_vm = g_string_free(text, FALSE);
    return TRUE;
}

gboolean
domain_vm__import_metadata(DomainService *service, const DomainVmImportMetadataArgs *args, char **ret_id,
                           GError **error)
{
    g_autoptr(Value) value = json_read(args->config, strlen(args->config), error);
    g_auto(DomainMetadataT) metadata = {0};
    if (value == NULL || !domain_metadata_t_from_value(value, &metadata, error) ||
        !check_vm(service, &metadata.vm, error) || !check_devices(&metadata, error))
        return FALSE;
    g_autofree char *id = g_strdup(metadata.vm.id);
    g_autoptr(DomainMachine) existing = domain_service_find(service, id, NULL);
    if (existing != NULL)
        return domain_error_already_exists(error);

    g_auto(DomainStoreConfig) data = {.version = 1,
                                      .machine = g_steal_pointer(&metadata.domains),
                                      .vm = metadata.vm,
                                      .vbds = metadata.vbds,
                                      .vifs = metadata.vifs,
                                      .pcis = metadata.pcis};
    metadata = (DomainMetadataT){0};
    if (!add_new(service, &data, &existing, error))
        return FALSE;
    domain_updates_touch(service->updates, DOMAIN_DYNAMIC_ID_VM, id);
    *ret_id = g_steal_pointer(&id);
    return TRUE;
}

/* ---- Operations: each hands a plan to the VM's queue and answers the task. */

gboolean
domain_vm__create(DomainService *service, const DomainVmCreateArgs *args, char **ret_task, GError **error)
{
    return domain_operation_submit(service, args->id, "create", NULL, ret_task, error);
}

gboolean
domain_vm__build(DomainService *service, const DomainVmBuildArgs *args, char **ret_task, GError **error)
{
    return domain_operation_submit(service, args->id, "build", NULL, ret_task, error);
}

gboolean
domain_vm__create_device_model(DomainService *service, const DomainVmCreateDeviceModelArgs *args,
                               char **ret_task, GError **error)
{
    if (args->is_resuming)
        return domain_error_unimplemented(error);
    return domain_operation_submit(service, args->id, "device-model", NULL, ret_task, error);
}

gboolean
domain_vm__destroy(DomainService *service, const DomainVmDestroyArgs *args, char **ret_task, GError **error)
{
    return domain_operation_submit(service, args->id, "destroy", NULL, ret_task, error);
}

gboolean
domain_vm__pause(DomainService *service, const DomainVmPauseArgs *args, char **ret_task, GError **error)
{
    return domain_operation_submit(service, args->id, "pause", NULL, ret_task, error);
}

gboolean
domain_vm__unpause(DomainService *service, const DomainVmUnpauseArgs *args, char **ret_task, GError **error)
{
    return domain_operation_submit(service, args->id, "unpause", NULL, ret_task, error);
}

gboolean
domain_vm__start(DomainService *service, const DomainVmStartArgs *args, char **ret_task, GError **error)
{
    const DomainOperationArgs operation = {.timeout_s = -1, .leaves_paused = args->paused};
    return domain_operation_submit(service, args->id, "start", &operation, ret_task, error);
}

static DomainOperationArgs
with_timeout(const double *timeout)
{
    return (DomainOperationArgs){.timeout_s = timeout == NULL ? -1 : MAX(*timeout, 0)};
}

gboolean
domain_vm__shutdown(DomainService *service, const DomainVmShutdownArgs *args, char **ret_task, GError **error)
{
    const DomainOperationArgs operation = with_timeout(args->clean_shutdown_timeout);
    return domain_operation_submit(service, args->id, "shutdown", &operation, ret_task, error);
}

gboolean
domain_vm__reboot(DomainService *service, const DomainVmRebootArgs *args, char **ret_task, GError **error)
{
    const DomainOperationArgs operation = with_timeout(args->clean_shutdown_timeout);
    return domain_operation_submit(service, args->id, "reboot", &operation, ret_task, error);
}

gboolean
domain_vm__set_vcpus(DomainService *service, const DomainVmSetVcpusArgs *args, char **ret_task,
                     GError **error)
{
    const DomainOperationArgs operation = {.timeout_s = -1, .number = args->num_vpcus};
    return domain_operation_submit(service, args->id, "set-vcpus", &operation, ret_task, error);
}

gboolean
domain_vm__set_memory_dynamic_range(DomainService *service, const DomainVmSetMemoryDynamicRangeArgs *args,
                                    char **ret_task, GError **error)
{
    const DomainOperationArgs operation = {.timeout_s = -1, .number = args->min, .number_to = args->max};
    return domain_operation_submit(service, args->id, "set-memory", &operation, ret_task, error);
}

gboolean
domain_vm__set_shadow_multiplier(DomainService *service, const DomainVmSetShadowMultiplierArgs *args,
                                 char **ret_task, GError **error)
{
    const DomainOperationArgs operation = {.timeout_s = -1, .multiplier = args->shadow_multiplier};
    return domain_operation_submit(service, args->id, "set-shadow", &operation, ret_task, error);
}

/* ---- Operations that move the guest's state */

static DomainTransfer *
transfer_by(const DomainDisk *disk)
{
    DomainTransfer *transfer = domain_transfer_new();
    domain_disk_copy(disk, &transfer->disk);
    return transfer;
}

gboolean
domain_vm__suspend(DomainService *service, const DomainVmSuspendArgs *args, char **ret_task, GError **error)
{
    const DomainOperationArgs operation = {.timeout_s = -1, .transfer = transfer_by(&args->disk)};
    return domain_operation_submit(service, args->id, "suspend", &operation, ret_task, error);
}

gboolean
domain_vm__resume(DomainService *service, const DomainVmResumeArgs *args, char **ret_task, GError **error)
{
    const DomainOperationArgs operation = {
        .timeout_s = -1, .leaves_paused = args->paused, .transfer = transfer_by(&args->disk)};
    return domain_operation_submit(service, args->id, "resume", &operation, ret_task, error);
}
