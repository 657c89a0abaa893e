/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of xenops: one table, and what each is given. */
#pragma once

#include "domain/client.h"
#include "domain/method.h"
#include "xenops/options.h"

typedef struct XenopsCommand XenopsCommand;

/* One run of the program. */
typedef struct Xenops {
    const XenopsOptions *options;
    const XenopsCommand *command;
    const char *const *args; /* what follows the command's name; as many as its row says */
    DomainClient *client;
    DomainContext context; /* its cancellable is triggered by Ctrl-C */
} Xenops;

struct XenopsCommand {
    const char *name;
    const char *args; /* "VM DISK" */
    guint n_args;
    guint options;      /* XenopsOption it takes beside those that all take */
    const char *method; /* (nullable): of run_operation() */
    gboolean (*run)(Xenops *xenops, GError **error);
    const char *doc;
    gboolean takes_more; /* any number of arguments beyond n_args */
};

/** xenops_command_find: NULL when there is none. */
const XenopsCommand *xenops_command_find(const char *name);

/** xenops_commands_text: all commands with their arguments, for the help. The caller frees it. */
char *xenops_commands_text(void);

/** xenops_find_vm: the id of a VM from its id, or from its name if that is unique. The caller frees it.
 * Errors: Does_not_exist; BASE_ERROR_INVALID: several have the name. */
char *xenops_find_vm(Xenops *xenops, const char *text, GError **error);

/** xenops_call_args: domain_client_call() with @args (transfer full); the result has the types of the
 * interface. (transfer full) */
Value *xenops_call_args(Xenops *xenops, const DomainMethod *method, Value *args, GError **error);

/** xenops_call: xenops_call_args() of one argument, or none when @name is NULL. (transfer full); @value
 * too.
 */
Value *xenops_call(Xenops *xenops, const char *method, const char *name, Value *value, GError **error);

/** xenops_begin_progress: the context of a long operation, whose progress is shown if there is a terminal to
 * show it on. */
DomainContext xenops_begin_progress(Xenops *xenops);
/** xenops_end_progress: takes away what was shown. */
void xenops_end_progress(Xenops *xenops);

/* vm_commands.c */
gboolean xenops_run_list(Xenops *xenops, GError **error);
gboolean xenops_run_show(Xenops *xenops, GError **error);
gboolean xenops_run_add(Xenops *xenops, GError **error);
gboolean xenops_run_export(Xenops *xenops, GError **error);
gboolean xenops_run_remove(Xenops *xenops, GError **error);
gboolean xenops_run_operation(Xenops *xenops, GError **error);
/* service_commands.c */
gboolean xenops_run_host(Xenops *xenops, GError **error);
gboolean xenops_run_events(Xenops *xenops, GError **error);
gboolean xenops_run_tasks(Xenops *xenops, GError **error);
gboolean xenops_run_wait(Xenops *xenops, GError **error);
gboolean xenops_run_cancel(Xenops *xenops, GError **error);
/* call.c, console.c */
gboolean xenops_run_call(Xenops *xenops, GError **error);
gboolean xenops_run_console(Xenops *xenops, GError **error);
