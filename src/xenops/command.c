/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands, and what several of them need. */
#include "xenops/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define NAME_WIDTH 22

/* clang-format off */
static const XenopsCommand commands[] = {
    {"list",     "",           0, XENOPS_OPTION_JSON,    NULL,          xenops_run_list,
     "list VMs"},
    {"show",     "VM",         1, XENOPS_OPTION_JSON,    NULL,          xenops_run_show,
     "print all of a VM: configuration, state, devices"},
    {"add",      "FILE",       1, XENOPS_OPTION_REPLACE, NULL,          xenops_run_add,
     "register a VM from JSON: with its devices, or alone; - reads standard input"},
    {"export",   "VM",         1, 0,                     NULL,          xenops_run_export,
     "print what add takes"},
    {"remove",   "VM",         1, 0,                     NULL,          xenops_run_remove,
     "forget a VM that does not run, with its devices"},
    {"start",    "VM",         1, XENOPS_OPTION_PAUSED,  "Vm.start",    xenops_run_operation,
     "start a VM"},
    {"shutdown", "VM",         1, XENOPS_OPTION_TIMEOUT, "Vm.shutdown", xenops_run_operation,
     "shut a VM down"},
    {"reboot",   "VM",         1, XENOPS_OPTION_TIMEOUT, "Vm.reboot",   xenops_run_operation,
     "reboot a VM"},
    {"pause",    "VM",         1, 0,                     "Vm.pause",    xenops_run_operation,
     "stop a VM's processors"},
    {"unpause",  "VM",         1, 0,                     "Vm.unpause",  xenops_run_operation,
     "let them run again"},
    {"suspend",  "VM DISK",    2, 0,                     "Vm.suspend",  xenops_run_operation,
     "write a VM's state to a disk: /PATH or SR/VDI"},
    {"resume",   "VM DISK",    2, 0,                     "Vm.resume",   xenops_run_operation,
     "restore a VM from there"},
    {"console",  "VM",         1, 0,                     NULL,          xenops_run_console,
     "connect to a VM's terminal; Ctrl-] leaves it"},
    {"events",   "",           0, XENOPS_OPTION_JSON,    NULL,          xenops_run_events,
     "print what changes, until Ctrl-C"},
    {"tasks",    "",           0, XENOPS_OPTION_JSON,    NULL,          xenops_run_tasks,
     "list operations at work and those that have ended"},
    {"wait",     "TASK",       1, 0,                     NULL,          xenops_run_wait,
     "wait for the end of one, and forget it"},
    {"cancel",   "TASK",       1, 0,                     NULL,          xenops_run_cancel,
     "ask one to stop"},
    {"host",     "",           0, XENOPS_OPTION_JSON,    NULL,          xenops_run_host,
     "print what this host and its service are"},
    {"call",     "METHOD",     1, 0,                     NULL,          xenops_run_call,
     "call any method with arguments in JSON, in order; print its result", .takes_more = TRUE},
};
/* clang-format on */

const XenopsCommand *
xenops_command_find(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

char *
xenops_commands_text(void)
{
    GString *text = g_string_new("Runs virtual machines through the domain service, xenopsd.\n\nCommands:");
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        const XenopsCommand *command = &commands[i];
        g_autofree char *head =
            g_strdup_printf("%s %s%s", command->name, command->args, command->takes_more ? " [JSON...]" : "");
        g_string_append_printf(text, "\n  %-*s %s", NAME_WIDTH, head, command->doc);
    }
    g_string_append(text, "\n\nA VM is named by its id, or by its name when no other has that.");
    return g_string_free(text, FALSE);
}

/* Numbers of 64 bits come as texts over XML-RPC: they become numbers again. */
static Value *
normalize(const DomainType *type, Value *value, GError **error)
{
    g_autofree gpointer data = g_malloc0(type->size);
    if (!domain_type_read(type, value, data, error))
        return NULL;
    Value *normal = domain_type_write(type, data);
    domain_type_clear(type, data);
    return normal;
}

Value *
xenops_call_args(Xenops *xenops, const DomainMethod *method, Value *args, GError **error)
{
    g_autoptr(Value) result = NULL;
    if (!domain_client_call(xenops->client, &xenops->context, method->name, args, &result, error))
        return NULL;
    return method->result == NULL ? g_steal_pointer(&result) : normalize(method->result, result, error);
}

Value *
xenops_call(Xenops *xenops, const char *method, const char *name, Value *value, GError **error)
{
    Value *args = value_map_new(2);
    if (name != NULL)
        value_map_set(args, name, value);
    return xenops_call_args(xenops, domain_method_find(method), args, error);
}

/* ---- Progress */

static gboolean
shows_progress(const Xenops *xenops)
{
    return !xenops->options->is_quiet && isatty(STDERR_FILENO);
}

static void
show_progress(double fraction, gpointer data)
{
    const Xenops *xenops = data;
    fprintf(stderr, "\r%s %s: %3.0f %%", xenops->command->name, xenops->args[0], fraction * 100);
}

DomainContext
xenops_begin_progress(Xenops *xenops)
{
    DomainContext context = xenops->context;
    context.progress = shows_progress(xenops) ? show_progress : NULL;
    context.progress_data = xenops;
    return context;
}

void
xenops_end_progress(Xenops *xenops)
{
    if (shows_progress(xenops))
        fprintf(stderr, "\r\033[K");
}

/* ---- VMs by name */

/* The only VM called so. */
static char *
find_by_name(Xenops *xenops, const char *name, GError **error)
{
    g_auto(DomainVmEntryList) list = {0};
    const char *found = NULL;
    guint n = 0;
    if (!domain_client_vm_list(xenops->client, &xenops->context, &list, error))
        return NULL;
    for (gsize i = 0; i < list.n; i++) {
        if (strcmp(list.items[i].config.name, name) != 0)
            continue;
        found = list.items[i].config.id;
        n++;
    }
    if (n > 1)
        base_error_set(error, BASE_ERROR_INVALID, "%u VMs are called '%s': say which by its id", n, name);
    else if (n == 0)
        domain_error_does_not_exist(error, "VM", name);
    return n == 1 ? g_strdup(found) : NULL;
}

char *
xenops_find_vm(Xenops *xenops, const char *text, GError **error)
{
    g_auto(DomainVmEntry) entry = {0};
    g_autoptr(GError) reason = NULL;
    if (domain_client_vm_stat(xenops->client, &xenops->context, text, &entry, &reason))
        return g_strdup(text);
    if (domain_error_is(reason, "Does_not_exist"))
        return find_by_name(xenops, text, error);
    g_propagate_error(error, g_steal_pointer(&reason));
    return NULL;
}
