/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands on the service as a whole: its host, what changes, and its tasks. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "xenops/command.h"
#include "xenops/print.h"

/* ---- Host */

gboolean
xenops_run_host(Xenops *xenops, GError **error)
{
    g_autoptr(Value) service = xenops_call(xenops, "Query.query", NULL, NULL, error);
    g_autoptr(Value) host = service == NULL ? NULL : xenops_call(xenops, "Host.stat", NULL, NULL, error);
    if (host == NULL)
        return FALSE;
    g_autoptr(Value) all = value_map_new(2);
    value_map_set(all, "service", g_steal_pointer(&service));
    value_map_set(all, "host", g_steal_pointer(&host));
    if (xenops->options->is_json)
        xenops_print_json(all);
    else
        xenops_print_tree(all);
    return TRUE;
}

/* ---- Events: what has changed is asked for by its kind. */

static const struct EventKind {
    const char *name;
    const char *method; /* NULL: nothing can be asked */
} event_kinds[] = {
    [DOMAIN_DYNAMIC_ID_VM] = {"Vm", "Vm.stat"},       [DOMAIN_DYNAMIC_ID_VBD] = {"Vbd", "VBD.stat"},
    [DOMAIN_DYNAMIC_ID_VIF] = {"Vif", "VIF.stat"},    [DOMAIN_DYNAMIC_ID_PCI] = {"Pci", NULL},
    [DOMAIN_DYNAMIC_ID_TASK] = {"Task", "Task.stat"}, [DOMAIN_DYNAMIC_ID_BARRIER] = {"Barrier", NULL},
};

/* What it is now; nil when it is no more. */
static gboolean
ask(Xenops *xenops, const DomainDynamicId *id, Value **ret_object, GError **error)
{
    const struct EventKind *kind = &event_kinds[id->tag];
    g_autoptr(GError) reason = NULL;
    *ret_object = kind->method == NULL
                      ? value_nil()
                      : xenops_call(xenops, kind->method, "id", value_string(id->vm), &reason);
    if (*ret_object == NULL && domain_error_is(reason, "Does_not_exist"))
        *ret_object = value_nil();
    if (*ret_object != NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

/* The second of [config, state], if it is that. */
static Value *
state_of(Value *object)
{
    gboolean is_entry = value_kind(object) == VALUE_ARRAY && value_size(object) == 2;
    Value *state = is_entry ? value_array_get(object, 1) : NULL;
    return state != NULL && value_kind(state) == VALUE_MAP ? state : NULL;
}

/* One word or two on what @object is now. The caller frees it. */
static char *
summary_of(Value *object)
{
    if (value_kind(object) == VALUE_NIL)
        return g_strdup("gone");
    Value *state = state_of(object);
    if (state != NULL) {
        Value *plugged = value_map_get(state, "plugged");
        gboolean is_plugged = plugged != NULL && value_kind(plugged) == VALUE_BOOL && value_get_bool(plugged);
        return g_strdup(value_map_get_string(state, "power_state", is_plugged ? "plugged" : "unplugged"));
    }
    Value *result = value_kind(object) == VALUE_MAP ? value_map_get(object, "result") : NULL;
    g_auto(DomainTaskResult) task = {0};
    if (result == NULL || !domain_task_result_from_value(result, &task, NULL))
        return g_strdup("changed");
    if (task.tag == DOMAIN_TASK_RESULT_FAILED)
        return g_strdup_printf("Failed %s", task.failed);
    if (task.tag == DOMAIN_TASK_RESULT_COMPLETED)
        return g_strdup_printf("Completed in %.1f s", task.completed);
    return g_strdup_printf("Pending %.0f %%", task.pending * 100);
}

static gboolean
print_event(Xenops *xenops, const DomainDynamicId *id, GError **error)
{
    const char *kind = event_kinds[id->tag].name;
    g_autoptr(Value) object = NULL;
    if (id->tag == DOMAIN_DYNAMIC_ID_BARRIER)
        return TRUE;
    if (!ask(xenops, id, &object, error))
        return FALSE;
    g_autoptr(Value) event = value_map_new(3);
    g_autofree char *summary = summary_of(object);
    value_map_set(event, "kind", value_string(kind));
    value_map_set(event, "id", value_string(id->vm));
    value_map_set(event, "object", g_steal_pointer(&object));
    if (xenops->options->is_json) {
        xenops_print_json(event);
        return TRUE;
    }
    g_autofree char *line = g_strdup_printf("%s %s %s", kind, id->vm, summary);
    g_autoptr(Value) text = value_string(line);
    xenops_print_tree(text);
    fflush(stdout);
    return TRUE;
}

static gboolean
print_delta(Xenops *xenops, const DomainUpdatesDelta *delta, GError **error)
{
    for (gsize i = 0; i < delta->barriers.n; i++) {
        const DomainDynamicIdList *before = &delta->barriers.items[i].events;
        for (gsize j = 0; j < before->n; j++) {
            if (!print_event(xenops, &before->items[j], error))
                return FALSE;
        }
    }
    for (gsize i = 0; i < delta->events.n; i++) {
        if (!print_event(xenops, &delta->events.items[i], error))
            return FALSE;
    }
    return TRUE;
}

/* Until something fails, being cancelled among it. From now on, so what there is already is passed over. */
static void
follow(Xenops *xenops, GError **error)
{
    gint64 last = -1;
    for (double timeout_s = 0;; timeout_s = -1) {
        g_auto(DomainUpdatesDelta) delta = {0};
        if (!domain_client_updates_get(xenops->client, &xenops->context, last, timeout_s, &delta, error))
            return;
        if (last >= 0 && !print_delta(xenops, &delta, error))
            return;
        last = delta.next;
    }
}

gboolean
xenops_run_events(Xenops *xenops, GError **error)
{
    g_autoptr(GError) reason = NULL;
    follow(xenops, &reason);
    if (g_error_matches(reason, BASE_ERROR, BASE_ERROR_CANCELLED))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

/* ---- Tasks */

static char **
task_row(const DomainTaskT *task)
{
    g_autoptr(Value) value = domain_task_t_to_value(task);
    g_autofree char *summary = summary_of(value);
    gsize n_steps = task->subtasks == NULL ? 0 : value_size(task->subtasks);
    const char *step = n_steps == 0 ? "-" : value_map_key(task->subtasks, n_steps - 1);
    g_autoptr(GStrvBuilder) row = g_strv_builder_new();
    g_strv_builder_add_many(row, task->id, step, summary, NULL);
    return g_strv_builder_end(row);
}

static void
print_tasks(const DomainTaskTList *tasks)
{
    static const char *const head[] = {"TASK", "STEP", "RESULT", NULL};
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (gsize i = 0; i < tasks->n; i++)
        g_ptr_array_add(rows, task_row(&tasks->items[i]));
    xenops_print_table(head, rows);
}

gboolean
xenops_run_tasks(Xenops *xenops, GError **error)
{
    g_autoptr(Value) value = xenops_call(xenops, "Task.list", NULL, NULL, error);
    g_auto(DomainTaskTList) tasks = {0};
    if (value == NULL || !domain_task_t_list_from_value(value, &tasks, error))
        return FALSE;
    if (xenops->options->is_json)
        xenops_print_json(value);
    else if (!xenops->options->is_quiet)
        print_tasks(&tasks);
    for (gsize i = 0; xenops->options->is_quiet && i < tasks.n; i++)
        printf("%s\n", tasks.items[i].id);
    return TRUE;
}

gboolean
xenops_run_wait(Xenops *xenops, GError **error)
{
    DomainContext context = xenops_begin_progress(xenops);
    gboolean is_done = domain_client_task_wait(xenops->client, &context, xenops->args[0], error);
    xenops_end_progress(xenops);
    return is_done;
}

gboolean
xenops_run_cancel(Xenops *xenops, GError **error)
{
    g_autoptr(Value) nothing = xenops_call(xenops, "Task.cancel", "id", value_string(xenops->args[0]), error);
    return nothing != NULL;
}
