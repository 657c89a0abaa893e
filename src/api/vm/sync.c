/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follows the domain service: one thread that waits for its updates and has the rows of what changed brought
 * up to date (state.h).
 *
 *   away ──query──► audit ──► waiting ◄──┐         away: tries again after a pause that grows to PAUSE_MAX_MS
 *    ▲                │          │  │ update: refresh the VMs it names
 *    └────────────────┴──────────┘──┘ AUDIT_INTERVAL_S without any: audit
 *
 * An audit compares all rows with all the service knows, so a change is found late rather than never. */
#include "api/services.h"
#include "api/vm/console.h"
#include "api/vm/state.h"
#include "base/error.h"
#include "base/log.h"

#include <string.h>

#define PAUSE_MIN_MS     100
#define PAUSE_MAX_MS     10000
#define AUDIT_INTERVAL_S 60.0

struct ApiVmSync {
    ApiServices *services;
    GThread *thread;
    GCancellable *cancellable; /* triggered to stop */
    GMutex lock;
    GCond wake;
};

static const DbActor sync_actor = {.task = NULL, .user = "domain service"};

/* ---- One VM ---- */

static void
refresh_row(ApiVmSync *sync, const char *vm_uuid)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(DbRow) vm = db_get_by_uuid(sync->services->db, CLASS_VM, vm_uuid);
    if (vm == NULL || db_row_bool(vm, VM_IS_CONTROL_DOMAIN) || vm_is_held(vm_uuid))
        return;
    if (!vm_refresh(sync->services, &sync_actor, vm->ref, NULL, &failure) &&
        !api_error_is(failure, "HANDLE_INVALID"))
        log_warning("VM %s: its state could not be brought up to date: %s", vm_uuid, failure->message);
}

/* Whether the service says that there is no domain; FALSE also when it says nothing. */
static gboolean
has_no_domain(ApiVmSync *sync, const char *vm_uuid)
{
    const DomainContext context = {.dbg = "sync", .cancellable = sync->cancellable};
    g_auto(DomainVmEntry) entry = {0};
    g_autoptr(GError) failure = NULL;

    if (!domain_client_vm_stat(sync->services->domains, &context, vm_uuid, &entry, &failure))
        return g_error_matches(failure, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST);
    return entry.state.power_state == DOMAIN_POWER_STATE_HALTED ||
           entry.state.power_state == DOMAIN_POWER_STATE_SUSPENDED;
}

/* Usually there are none. A VM that starts again meanwhile attaches them anew, which
 * api_storage_detach_left() respects. */
static void
detach_left_disks(ApiVmSync *sync, const char *only_vm_uuid)
{
    g_autoptr(GPtrArray) users = api_storage_left_users(sync->services);

    for (guint i = 0; i < users->len; i++) {
        const char *vm_uuid = g_ptr_array_index(users, i);
        if ((only_vm_uuid == NULL || g_str_equal(vm_uuid, only_vm_uuid)) && has_no_domain(sync, vm_uuid))
            api_storage_detach_left(sync->services, vm_uuid);
    }
}

static void
refresh(ApiVmSync *sync, const char *vm_uuid)
{
    refresh_row(sync, vm_uuid);
    detach_left_disks(sync, vm_uuid);
}

/* ---- All of them ---- */

/* Rows that say by @field that a VM has a domain here, or will have one, but the service has no such VM. */
static void
audit_rows(ApiVmSync *sync, int field, GHashTable *known)
{
    g_autoptr(GPtrArray) rows = db_referrers(sync->services->db, CLASS_VM, field, sync->services->host_ref);

    for (guint i = 0; i < rows->len; i++) {
        const DbRow *vm = g_ptr_array_index(rows, i);
        if (!g_hash_table_contains(known, db_row_string(vm, VM_UUID)))
            refresh(sync, db_row_string(vm, VM_UUID));
    }
}

/* A VM that is destroyed here, but the service was not told before a crash. Rows are made before the service
 * hears of a VM, so one that runs without a row was never ours to end. */
static void
forget(ApiVmSync *sync, const DomainVmEntry *entry)
{
    const DomainContext context = {.dbg = "sync", .cancellable = sync->cancellable};
    g_autoptr(GError) failure = NULL;

    if (entry->state.power_state != DOMAIN_POWER_STATE_HALTED)
        log_warning("the domain service has a VM %s that is not known here", entry->config.id);
    else if (domain_client_vm_remove(sync->services->domains, &context, entry->config.id, &failure))
        log_info("VM %s, destroyed before a crash, is removed from the domain service", entry->config.id);
    else if (!g_error_matches(failure, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST)) /* gone this moment */
        log_warning("VM %s cannot be removed from the domain service: %s", entry->config.id,
                    failure->message);
}

static gboolean
audit(ApiVmSync *sync, gboolean is_first, GError **error)
{
    const DomainContext context = {.dbg = "sync", .cancellable = sync->cancellable};
    g_auto(DomainVmEntryList) list = {0};
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    if (!domain_client_vm_list(sync->services->domains, &context, &list, error))
        return FALSE;

    for (gsize i = 0; i < list.n; i++) {
        const DomainVmEntry *entry = &list.items[i];
        g_autoptr(DbRow) vm = db_get_by_uuid(sync->services->db, CLASS_VM, entry->config.id);
        gboolean is_on = entry->state.power_state == DOMAIN_POWER_STATE_RUNNING ||
                         entry->state.power_state == DOMAIN_POWER_STATE_PAUSED;
        g_hash_table_add(known, entry->config.id);
        /* At first, devices and consoles of running VMs are looked at, too: they are not in the list. */
        if (vm == NULL)
            forget(sync, entry);
        else if (vm_differs(vm, entry) || (is_first && is_on))
            refresh(sync, entry->config.id);
    }
    audit_rows(sync, VM_RESIDENT_ON, known);
    audit_rows(sync, VM_SCHEDULED_TO_BE_RESIDENT_ON, known);
    detach_left_disks(sync, NULL);
    return TRUE;
}

/* ---- Following ---- */

/* "uuid.xvda" -> "uuid" */
static char *
vm_of_device(const char *device_id)
{
    const char *stop = strchr(device_id, '.');

    return stop != NULL ? g_strndup(device_id, (gsize)(stop - device_id)) : g_strdup(device_id);
}

static char *
vm_of_event(const DomainDynamicId *id)
{
    switch (id->tag) {
    case DOMAIN_DYNAMIC_ID_VM:
        return g_strdup(id->vm);
    case DOMAIN_DYNAMIC_ID_VBD:
        return vm_of_device(id->vbd);
    case DOMAIN_DYNAMIC_ID_VIF:
        return vm_of_device(id->vif);
    default:
        return NULL;
    }
}

static void
follow_delta(ApiVmSync *sync, const DomainUpdatesDelta *delta)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (gsize i = 0; i < delta->events.n; i++) {
        char *vm_uuid = vm_of_event(&delta->events.items[i]);
        if (vm_uuid != NULL && g_hash_table_add(seen, vm_uuid)) /* takes it over, also when it is there */
            refresh(sync, vm_uuid);
    }
}

/* Where the stream of updates is now, without what was before. */
static gboolean
find_token(ApiVmSync *sync, gint64 *ret_token, GError **error)
{
    const DomainContext context = {.dbg = "sync", .cancellable = sync->cancellable};
    g_auto(DomainUpdatesDelta) delta = {0};

    if (!domain_client_updates_get(sync->services->domains, &context, -1, 0, &delta, error))
        return FALSE;
    *ret_token = delta.next;
    return TRUE;
}

/* Until the service is away or the thread is to stop. */
static gboolean
follow(ApiVmSync *sync, gint64 token, GError **error)
{
    const DomainContext context = {.dbg = "sync", .cancellable = sync->cancellable};

    for (;;) {
        g_auto(DomainUpdatesDelta) delta = {0};
        if (!domain_client_updates_get(sync->services->domains, &context, token, AUDIT_INTERVAL_S, &delta,
                                       error))
            return FALSE;
        if (g_cancellable_set_error_if_cancelled(sync->cancellable, error))
            return FALSE;
        token = delta.next;
        follow_delta(sync, &delta);
        if (delta.events.n == 0 && !audit(sync, FALSE, error))
            return FALSE;
    }
}

static gboolean
connect_and_follow(ApiVmSync *sync, gboolean *ret_was_there, GError **error)
{
    gint64 token;

    if (!find_token(sync, &token, error) || !audit(sync, TRUE, error))
        return FALSE;
    *ret_was_there = TRUE;
    log_info("following the domain service");
    return follow(sync, token, error);
}

static void
wake_up(GCancellable *cancellable, gpointer data)
{
    ApiVmSync *sync = data;

    g_mutex_lock(&sync->lock);
    g_cond_broadcast(&sync->wake);
    g_mutex_unlock(&sync->lock);
}

static void
pause_for(ApiVmSync *sync, guint pause_ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)pause_ms * 1000;

    g_mutex_lock(&sync->lock);
    while (!g_cancellable_is_cancelled(sync->cancellable) && g_cond_wait_until(&sync->wake, &sync->lock, end))
        ;
    g_mutex_unlock(&sync->lock);
}

static gpointer
run(gpointer data)
{
    ApiVmSync *sync = data;
    guint pause_ms = PAUSE_MIN_MS;
    gboolean is_told = FALSE;

    while (!g_cancellable_is_cancelled(sync->cancellable)) {
        g_autoptr(GError) failure = NULL;
        gboolean was_there = FALSE;
        connect_and_follow(sync, &was_there, &failure);
        if (g_cancellable_is_cancelled(sync->cancellable))
            break;
        if (was_there)
            pause_ms = PAUSE_MIN_MS;
        if (was_there || !is_told)
            log_warning("the domain service is away, trying again: %s", failure->message);
        is_told = TRUE;
        pause_for(sync, pause_ms);
        pause_ms = MIN(pause_ms * 2, PAUSE_MAX_MS);
    }
    return NULL;
}

ApiVmSync *
api_vm_sync_start(ApiServices *services)
{
    ApiVmSync *sync = g_new0(ApiVmSync, 1);

    sync->services = services;
    sync->cancellable = g_cancellable_new();
    g_mutex_init(&sync->lock);
    g_cond_init(&sync->wake);
    g_cancellable_connect(sync->cancellable, G_CALLBACK(wake_up), sync, NULL);
    sync->thread = g_thread_new("vm-sync", run, sync);
    return sync;
}

void
api_vm_sync_stop(ApiVmSync *sync)
{
    if (sync == NULL)
        return;
    vm_console_wait(); /* they use the same services, which end after this */
    g_cancellable_cancel(sync->cancellable);
    g_thread_join(sync->thread);
    g_object_unref(sync->cancellable);
    g_mutex_clear(&sync->lock);
    g_cond_clear(&sync->wake);
    g_free(sync);
}
