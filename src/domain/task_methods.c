/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Task.* and Updates.*. */
#include "domain/methods.h"
#include "domain/service_internal.h"

/* Source: existing services wait this long when a caller gives no time-out. */
#define DEFAULT_UPDATES_TIMEOUT_S 30.0

gboolean
domain_task__stat(DomainService *service, const DomainTaskStatArgs *args, DomainTaskT *ret_t, GError **error)
{
    return domain_tasks_stat(service->tasks, args->id, ret_t, error);
}

gboolean
domain_task__cancel(DomainService *service, const DomainTaskCancelArgs *args, GError **error)
{
    return domain_tasks_cancel(service->tasks, args->id, error);
}

gboolean
domain_task__destroy(DomainService *service, const DomainTaskDestroyArgs *args, GError **error)
{
    return domain_tasks_destroy(service->tasks, args->id, error);
}

gboolean
domain_task__list(DomainService *service, const DomainTaskListArgs *args, DomainTaskTList *ret_tasks,
                  GError **error)
{
    domain_tasks_list(service->tasks, ret_tasks);
    return TRUE;
}

static gint64
to_us(double seconds)
{
    return (gint64)(CLAMP(seconds, 0.0, 3600.0) * G_USEC_PER_SEC);
}

void
domain_task__wait(DomainService *service, const DomainTaskWaitArgs *args, DomainReply *reply)
{
    double seen = args->seen == NULL ? 2.0 : *args->seen;
    domain_tasks_wait(service->tasks, args->id, seen, to_us(args->timeout), reply);
}

void
domain_updates__get(DomainService *service, const DomainUpdatesGetArgs *args, DomainReply *reply)
{
    gint64 last = args->last == NULL ? -1 : *args->last;
    double timeout_s = args->timeout == NULL ? DEFAULT_UPDATES_TIMEOUT_S : *args->timeout;
    domain_updates_get(service->updates, last, to_us(timeout_s), reply);
}

gboolean
domain_updates__inject_barrier(DomainService *service, const DomainUpdatesInjectBarrierArgs *args,
                               GError **error)
{
    domain_updates_inject_barrier(service->updates, args->id);
    return TRUE;
}

gboolean
domain_updates__remove_barrier(DomainService *service, const DomainUpdatesRemoveBarrierArgs *args,
                               GError **error)
{
    domain_updates_remove_barrier(service->updates, args->id);
    return TRUE;
}
