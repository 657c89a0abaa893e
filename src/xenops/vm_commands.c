/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands on VMs: listing, showing, registering, and all operations. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "value/json.h"
#include "xenops/command.h"
#include "xenops/print.h"

#define FILE_MAX_BYTES (8 * 1024 * 1024) /* half of what the service takes in one call */
#define BYTES_OF_MIB   (1024 * 1024)

/* ---- Looking */

static int
compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp(((const DomainVmEntry *)a)->config.id, ((const DomainVmEntry *)b)->config.id);
}

static char **
row_of(const DomainVmEntry *entry)
{
    const DomainVmState *state = &entry->state;
    gboolean has_domain = state->domids.n > 0;
    gint64 memory = has_domain ? state->memory_target : entry->config.memory_static_max;
    g_autoptr(GStrvBuilder) row = g_strv_builder_new();
    g_autofree char *domid =
        has_domain ? g_strdup_printf("%" G_GINT64_FORMAT, state->domids.items[0]) : g_strdup("-");
    g_autofree char *mib = g_strdup_printf("%" G_GINT64_FORMAT, memory / BYTES_OF_MIB);
    g_autofree char *vcpus =
        g_strdup_printf("%" G_GINT64_FORMAT, has_domain ? state->vcpu_target : entry->config.vcpus);
    g_strv_builder_add_many(row, entry->config.id, domain_power_state_name(state->power_state), domid, mib,
                            vcpus, entry->config.name, NULL);
    return g_strv_builder_end(row);
}

static void
print_list(const DomainVmEntryList *list)
{
    static const char *const head[] = {"ID", "STATE", "DOMAIN", "MIB", "VCPUS", "NAME", NULL};
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (gsize i = 0; i < list->n; i++)
        g_ptr_array_add(rows, row_of(&list->items[i]));
    xenops_print_table(head, rows);
}

gboolean
xenops_run_list(Xenops *xenops, GError **error)
{
    g_auto(DomainVmEntryList) list = {0};
    if (!domain_client_vm_list(xenops->client, &xenops->context, &list, error))
        return FALSE;
    if (list.n > 0)
        qsort(list.items, list.n, sizeof *list.items, compare_entries);
    if (xenops->options->is_json) {
        g_autoptr(Value) value = domain_vm_entry_list_to_value(&list);
        xenops_print_json(value);
    } else if (xenops->options->is_quiet) {
        for (gsize i = 0; i < list.n; i++)
            printf("%s\n", list.items[i].config.id);
    } else {
        print_list(&list);
    }
    return TRUE;
}

/* A VM's answer [config, state] and its devices' as one map. */
static Value *
describe(Xenops *xenops, const char *id, GError **error)
{
    g_autoptr(Value) vm = xenops_call(xenops, "Vm.stat", "id", value_string(id), error);
    g_autoptr(Value) vbds =
        vm == NULL ? NULL : xenops_call(xenops, "VBD.list", "vm", value_string(id), error);
    g_autoptr(Value) vifs =
        vbds == NULL ? NULL : xenops_call(xenops, "VIF.list", "vm", value_string(id), error);
    if (vifs == NULL)
        return NULL;
    if (value_kind(vm) != VALUE_ARRAY || value_size(vm) != 2) {
        domain_error_internal_error(error, "Vm.stat: the answer is not understood");
        return NULL;
    }
    Value *all = value_map_new(4);
    value_map_set(all, "config", value_ref(value_array_get(vm, 0)));
    value_map_set(all, "state", value_ref(value_array_get(vm, 1)));
    value_map_set(all, "vbds", g_steal_pointer(&vbds));
    value_map_set(all, "vifs", g_steal_pointer(&vifs));
    return all;
}

gboolean
xenops_run_show(Xenops *xenops, GError **error)
{
    g_autofree char *id = xenops_find_vm(xenops, xenops->args[0], error);
    g_autoptr(Value) all = id == NULL ? NULL : describe(xenops, id, error);
    if (all == NULL)
        return FALSE;
    if (xenops->options->is_json)
        xenops_print_json(all);
    else
        xenops_print_tree(all);
    return TRUE;
}

/* ---- Registering */

static Value *
read_json_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    const char *name = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
    if (!base_file_read(name, FILE_MAX_BYTES, &text, &length, error))
        return NULL;
    Value *value = json_read(text, length, error);
    if (value == NULL)
        g_prefix_error(error, "%s: ", path);
    return value;
}

/* A VM alone becomes one without devices. */
static Value *
read_metadata(const char *path, GError **error)
{
    g_autoptr(Value) value = read_json_file(path, error);
    if (value == NULL)
        return NULL;
    if (value_kind(value) != VALUE_MAP) {
        base_error_set(error, BASE_ERROR_INVALID, "%s: not a JSON object", path);
        return NULL;
    }
    if (value_map_get(value, "vm") != NULL)
        return g_steal_pointer(&value);
    Value *metadata = value_map_new(1);
    value_map_set(metadata, "vm", g_steal_pointer(&value));
    return metadata;
}

static Value *
as_text(const Value *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, value);
    return value_string_sized(text->str, text->len);
}

gboolean
xenops_run_add(Xenops *xenops, GError **error)
{
    g_autoptr(Value) metadata = read_metadata(xenops->args[0], error);
    if (metadata == NULL)
        return FALSE;
    g_autoptr(Value) id = xenops->options->is_replacing
                              ? xenops_call(xenops, "Vm.register", "t", value_ref(metadata), error)
                              : xenops_call(xenops, "Vm.import_metadata", "config", as_text(metadata), error);
    if (id == NULL)
        return FALSE;
    xenops_print_tree(id);
    return TRUE;
}

gboolean
xenops_run_export(Xenops *xenops, GError **error)
{
    g_autofree char *id = xenops_find_vm(xenops, xenops->args[0], error);
    g_autoptr(Value) text =
        id == NULL ? NULL : xenops_call(xenops, "Vm.export_metadata", "id", value_string(id), error);
    if (text == NULL)
        return FALSE;
    printf("%s\n", value_get_string(text));
    return TRUE;
}

gboolean
xenops_run_remove(Xenops *xenops, GError **error)
{
    g_autofree char *id = xenops_find_vm(xenops, xenops->args[0], error);
    return id != NULL && domain_client_vm_remove(xenops->client, &xenops->context, id, error);
}

/* ---- Operations */

/* "/path" or "SR/VDI" as a disk. */
static Value *
disk_of(const char *text)
{
    Value *disk = value_array_new(2);
    value_array_add(disk, value_string(*text == '/' ? "Local" : "VDI"));
    value_array_add(disk, value_string(text));
    return disk;
}

gboolean
xenops_run_operation(Xenops *xenops, GError **error)
{
    const XenopsOptions *options = xenops->options;
    g_autofree char *id = xenops_find_vm(xenops, xenops->args[0], error);
    if (id == NULL)
        return FALSE;
    Value *args = value_map_new(4);
    value_map_set(args, "id", value_string(id));
    if (options->is_paused)
        value_map_set(args, "paused", value_bool(TRUE));
    if ((xenops->command->options & XENOPS_OPTION_TIMEOUT) != 0 && !options->is_forced)
        value_map_set(args, "clean_shutdown_timeout", value_float(options->timeout_s));
    if (xenops->command->n_args == 2)
        value_map_set(args, "disk", disk_of(xenops->args[1]));
    DomainContext context = xenops_begin_progress(xenops);
    gboolean is_done =
        domain_client_operation(xenops->client, &context, xenops->command->method, args, error);
    xenops_end_progress(xenops);
    return is_done;
}
