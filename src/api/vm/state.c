/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the domain service says of a VM, written into its rows. Who asks, and when, is up to the handlers
 * (power.c) and to the thread that follows the service (sync.c). */
#include "api/vm/state.h"

#include "api/services.h"
#include "api/vm/config.h"
#include "api/vm/device.h"
#include "base/text.h"
#include "task/state.h"

#include <string.h>

#define NULL_REF "OpaqueRef:NULL"

/* Asking is not cancelled, since what became of a cancelled call must be written down, too; a service that
 * hangs is asked again by the thread that follows it. */
#define ASK_TIMEOUT_MS 10000

/* ---- VMs that a handler is at work on ---- */

static GMutex held_lock;
static GHashTable *held; /* uuid -> how many times, as a pointer */

static guint
held_count(const char *vm_uuid)
{
    return held == NULL ? 0 : GPOINTER_TO_UINT(g_hash_table_lookup(held, vm_uuid));
}

void
vm_hold(const char *vm_uuid)
{
    g_mutex_lock(&held_lock);
    if (held == NULL)
        held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_replace(held, g_strdup(vm_uuid), GUINT_TO_POINTER(held_count(vm_uuid) + 1));
    g_mutex_unlock(&held_lock);
}

void
vm_release(const char *vm_uuid)
{
    g_mutex_lock(&held_lock);
    guint count = held_count(vm_uuid);
    g_assert(count > 0);
    if (count > 1)
        g_hash_table_replace(held, g_strdup(vm_uuid), GUINT_TO_POINTER(count - 1));
    else
        g_hash_table_remove(held, vm_uuid);
    if (g_hash_table_size(held) == 0)
        g_clear_pointer(&held, g_hash_table_unref);
    g_mutex_unlock(&held_lock);
}

gboolean
vm_is_held(const char *vm_uuid)
{
    g_mutex_lock(&held_lock);
    gboolean is_held = held_count(vm_uuid) > 0;
    g_mutex_unlock(&held_lock);
    return is_held;
}

/* ---- What is to be written ---- */

static const VmPowerState power_states[DOMAIN_POWER_STATE_N] = {
    [DOMAIN_POWER_STATE_RUNNING] = VM_POWER_STATE_RUNNING,
    [DOMAIN_POWER_STATE_HALTED] = VM_POWER_STATE_HALTED,
    [DOMAIN_POWER_STATE_SUSPENDED] = VM_POWER_STATE_SUSPENDED,
    [DOMAIN_POWER_STATE_PAUSED] = VM_POWER_STATE_PAUSED,
};

/* The service's answer, and what of our own side goes with it. */
typedef struct Observation {
    const ApiServices *services;
    const char *vm_ref;
    const char *boot_record; /* nullable */
    char *console_base;      /* "https://10.0.0.1/console" */
    VmPowerState power_state;
    DomainVmEntry entry; /* all zero when the service does not know the VM */
    GHashTable *plugged; /* ids of the devices that the VM has now */
} Observation;

static void
observation_clear(Observation *observation)
{
    g_free(observation->console_base);
    domain_vm_entry_clear(&observation->entry);
    g_hash_table_unref(observation->plugged);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Observation, observation_clear)

static gboolean
has_domain(VmPowerState power_state)
{
    return power_state == VM_POWER_STATE_RUNNING || power_state == VM_POWER_STATE_PAUSED;
}

static gint64
domain_number(const Observation *observation)
{
    const DomainInt64List *domids = &observation->entry.state.domids;

    return has_domain(observation->power_state) && domids->n > 0 ? domids->items[0] : -1;
}

/* ---- Writing it: on the database's writer thread ---- */

static void
write_vm(DbTxn *txn, const Observation *observation)
{
    const char *ref = observation->vm_ref;
    gboolean is_on = has_domain(observation->power_state);

    db_txn_set_string(txn, CLASS_VM, ref, VM_POWER_STATE, vm_power_state_name(observation->power_state));
    db_txn_set_string(txn, CLASS_VM, ref, VM_RESIDENT_ON, is_on ? observation->services->host_ref : NULL_REF);
    db_txn_set_string(txn, CLASS_VM, ref, VM_SCHEDULED_TO_BE_RESIDENT_ON, NULL_REF);
    db_txn_set_int(txn, CLASS_VM, ref, VM_DOMID, domain_number(observation));
    db_txn_set_string(txn, CLASS_VM, ref, VM_DOMARCH, is_on ? "x86_64" : "");
    if (is_on)
        db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY_TARGET, observation->entry.state.memory_target);
    if (!is_on)
        db_txn_set_bool(txn, CLASS_VM, ref, VM_REQUIRES_REBOOT, FALSE);
    if (observation->boot_record != NULL)
        db_txn_set_string(txn, CLASS_VM, ref, VM_LAST_BOOTED_RECORD, observation->boot_record);
}

static void
write_metrics(DbTxn *txn, const Observation *observation, const char *metrics)
{
    const DomainVmEntry *entry = &observation->entry;
    gboolean is_on = has_domain(observation->power_state);
    gboolean is_hvm = is_on && entry->config.ty.tag == DOMAIN_VM_BUILDER_INFO_HVM;
    const char *domain_type = !is_on ? "unspecified" : is_hvm ? "hvm" : "pv";

    db_txn_set_int(txn, CLASS_VM_METRICS, metrics, VM_METRICS_MEMORY_ACTUAL,
                   is_on ? entry->state.memory_target : 0);
    db_txn_set_int(txn, CLASS_VM_METRICS, metrics, VM_METRICS_VCPUS_NUMBER,
                   is_on ? entry->state.vcpu_target : 0);
    db_txn_set_bool(txn, CLASS_VM_METRICS, metrics, VM_METRICS_HVM, is_hvm);
    db_txn_set_string(txn, CLASS_VM_METRICS, metrics, VM_METRICS_CURRENT_DOMAIN_TYPE, domain_type);
    if (is_on && entry->state.last_start_time > 0)
        db_txn_set(txn, CLASS_VM_METRICS, metrics, VM_METRICS_START_TIME,
                   value_datetime((gint64)entry->state.last_start_time));
}

static void
write_devices(DbTxn *txn, const Observation *observation, const char *vm_uuid)
{
    g_autoptr(GPtrArray) vbds = db_txn_referrers(txn, CLASS_VBD, VBD_VM, observation->vm_ref);
    g_autoptr(GPtrArray) vifs = db_txn_referrers(txn, CLASS_VIF, VIF_VM, observation->vm_ref);

    for (guint i = 0; i < vbds->len; i++) {
        const DbRow *vbd = g_ptr_array_index(vbds, i);
        g_autofree char *id = vm_domain_vbd_id(vm_uuid, vbd);
        gboolean is_plugged = id != NULL && g_hash_table_contains(observation->plugged, id);
        db_txn_set_bool(txn, CLASS_VBD, vbd->ref, VBD_CURRENTLY_ATTACHED, is_plugged);
        if (is_plugged != db_row_bool(vbd, VBD_CURRENTLY_ATTACHED))
            state_touch_dependents(txn, vbd);
        if (is_plugged)
            db_txn_set_string(txn, CLASS_VBD, vbd->ref, VBD_DEVICE, strrchr(id, '.') + 1);
    }
    for (guint i = 0; i < vifs->len; i++) {
        const DbRow *vif = g_ptr_array_index(vifs, i);
        g_autofree char *id = vm_domain_vif_id(vm_uuid, vif);
        db_txn_set_bool(txn, CLASS_VIF, vif->ref, VIF_CURRENTLY_ATTACHED,
                        g_hash_table_contains(observation->plugged, id));
    }
}

static gboolean
is_offered(const Observation *observation, DomainVmConsoleProtocol protocol)
{
    const DomainVmConsoleList *consoles = &observation->entry.state.consoles;

    for (gsize i = 0; has_domain(observation->power_state) && i < consoles->n; i++)
        if (consoles->items[i].protocol == protocol)
            return TRUE;
    return FALSE;
}

static void
add_console(DbTxn *txn, const Observation *observation, const char *protocol)
{
    g_autofree char *uuid = base_uuid_new();
    g_autofree char *location = g_strdup_printf("%s?uuid=%s", observation->console_base, uuid);
    const char *ref = db_txn_insert(txn, CLASS_CONSOLE, NULL);

    db_txn_set_string(txn, CLASS_CONSOLE, ref, CONSOLE_UUID, uuid);
    db_txn_set_string(txn, CLASS_CONSOLE, ref, CONSOLE_PROTOCOL, protocol);
    db_txn_set_string(txn, CLASS_CONSOLE, ref, CONSOLE_LOCATION, location);
    db_txn_set_string(txn, CLASS_CONSOLE, ref, CONSOLE_VM, observation->vm_ref);
}

/* One console per protocol that the domain offers; those that stay keep their refs. */
static void
write_consoles(DbTxn *txn, const Observation *observation)
{
    static const ConsoleProtocol protocols[DOMAIN_VM_CONSOLE_PROTOCOL_N] = {
        [DOMAIN_VM_CONSOLE_PROTOCOL_RFB] = CONSOLE_PROTOCOL_RFB,
        [DOMAIN_VM_CONSOLE_PROTOCOL_VT100] = CONSOLE_PROTOCOL_VT100,
    };
    gboolean is_there[DOMAIN_VM_CONSOLE_PROTOCOL_N] = {FALSE};
    g_autoptr(GPtrArray) rows = db_txn_referrers(txn, CLASS_CONSOLE, CONSOLE_VM, observation->vm_ref);

    for (guint i = 0; i < rows->len; i++) {
        const DbRow *row = g_ptr_array_index(rows, i);
        gboolean is_wanted = FALSE;
        for (guint protocol = 0; protocol < DOMAIN_VM_CONSOLE_PROTOCOL_N; protocol++) {
            if (!g_str_equal(db_row_string(row, CONSOLE_PROTOCOL),
                             console_protocol_name(protocols[protocol])))
                continue;
            is_wanted = is_offered(observation, protocol) && !is_there[protocol] &&
                        g_str_has_prefix(db_row_string(row, CONSOLE_LOCATION), observation->console_base);
            is_there[protocol] = is_there[protocol] || is_wanted;
        }
        if (!is_wanted)
            db_txn_delete(txn, CLASS_CONSOLE, row->ref);
    }
    for (guint protocol = 0; protocol < DOMAIN_VM_CONSOLE_PROTOCOL_N; protocol++)
        if (is_offered(observation, protocol) && !is_there[protocol])
            add_console(txn, observation, console_protocol_name(protocols[protocol]));
}

static gboolean
shows_domain(const char *power_state)
{
    return g_str_equal(power_state, vm_power_state_name(VM_POWER_STATE_RUNNING)) ||
           g_str_equal(power_state, vm_power_state_name(VM_POWER_STATE_PAUSED));
}

static gboolean
write_step(DbTxn *txn, gpointer data, GError **error)
{
    const Observation *observation = data;
    g_autoptr(DbRow) vm = db_txn_read(txn, CLASS_VM, observation->vm_ref);
    if (vm == NULL)
        return api_error_handle_invalid(error, "VM", observation->vm_ref);
    gboolean is_suspended = g_str_equal(db_row_string(vm, VM_POWER_STATE), "Suspended");
    if (is_suspended && observation->power_state == VM_POWER_STATE_HALTED)
        return TRUE;

    g_autoptr(DbRow) metrics = db_txn_read(txn, CLASS_VM_METRICS, db_row_string(vm, VM_METRICS));
    write_vm(txn, observation);
    if (shows_domain(db_row_string(vm, VM_POWER_STATE)) != has_domain(observation->power_state))
        state_touch_dependents(txn, vm);
    if (metrics != NULL)
        write_metrics(txn, observation, metrics->ref);
    write_devices(txn, observation, db_row_string(vm, VM_UUID));
    write_consoles(txn, observation);
    return TRUE;
}

/* ---- Asking ---- */

static gboolean
ask_vm(const ApiServices *services, const DomainContext *context, const char *vm_uuid,
       Observation *observation, GError **error)
{
    g_autoptr(GError) failure = NULL;

    observation->power_state = VM_POWER_STATE_HALTED;
    if (domain_client_vm_stat(services->domains, context, vm_uuid, &observation->entry, &failure)) {
        observation->power_state = power_states[observation->entry.state.power_state];
        return TRUE;
    }
    if (g_error_matches(failure, DOMAIN_ERROR, DOMAIN_ERROR_DOES_NOT_EXIST))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
ask_devices(const ApiServices *services, const DomainContext *context, const char *vm_uuid,
            GHashTable *plugged, GError **error)
{
    g_auto(DomainVbdEntryList) vbds = {0};
    g_auto(DomainVifEntryList) vifs = {0};

    if (!domain_client_vbd_list(services->domains, context, vm_uuid, &vbds, error) ||
        !domain_client_vif_list(services->domains, context, vm_uuid, &vifs, error))
        return FALSE;
    for (gsize i = 0; i < vbds.n; i++)
        if (vbds.items[i].state.plugged)
            g_hash_table_add(plugged, g_strdup(vbds.items[i].config.id));
    for (gsize i = 0; i < vifs.n; i++)
        if (vifs.items[i].state.plugged)
            g_hash_table_add(plugged, g_strdup(vifs.items[i].config.id));
    return TRUE;
}

/* Where clients reach this server: at the host's address, unless only this machine can reach it. */
static char *
own_address(const ApiServices *services)
{
    g_autoptr(GInetAddress) bound =
        services->bind_address != NULL ? g_inet_address_new_from_string(services->bind_address) : NULL;
    if (bound != NULL && g_inet_address_get_is_loopback(bound))
        return g_strdup(services->bind_address);
    g_autoptr(DbRow) host = db_get(services->db, CLASS_HOST, services->host_ref);
    return g_strdup(host != NULL ? db_row_string(host, HOST_ADDRESS) : "");
}

/* Source: protocol notes 4.1. Without TLS clients are shown the plain port. */
static char *
console_base(const ApiServices *services)
{
    g_autofree char *address = own_address(services);
    gboolean is_ipv6 = strchr(address, ':') != NULL;
    gboolean has_tls = services->tls_port != 0 || services->plain_port == 0;
    guint16 port = has_tls ? services->tls_port : services->plain_port;
    g_autofree char *port_text =
        port == 0 || port == (has_tls ? 443 : 80) ? g_strdup("") : g_strdup_printf(":%u", port);

    return g_strdup_printf("%s://%s%s%s%s/console", has_tls ? "https" : "http", is_ipv6 ? "[" : "", address,
                           is_ipv6 ? "]" : "", port_text);
}

static gboolean
observe_and_write(const ApiServices *services, const DbActor *actor, const DbRow *vm, const char *boot_record,
                  GError **error)
{
    const char *uuid = db_row_string(vm, VM_UUID);
    const DomainContext context = {.dbg = actor != NULL ? actor->task : "sync",
                                   .call_timeout_ms = ASK_TIMEOUT_MS};
    g_auto(Observation) observation = {
        .services = services,
        .vm_ref = vm->ref,
        .boot_record = boot_record,
        .console_base = console_base(services),
        .plugged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };

    if (!ask_vm(services, &context, uuid, &observation, error))
        return FALSE;
    if (has_domain(observation.power_state) &&
        !ask_devices(services, &context, uuid, observation.plugged, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(services->db, actor);
    db_txn_step(txn, write_step, &observation, NULL);
    return db_txn_commit(txn, NULL, error);
}

gboolean
vm_refresh(const ApiServices *services, const DbActor *actor, const char *vm_ref, const char *boot_record,
           GError **error)
{
    /* An answer must not be overtaken by an older one on its way into the database. Asking is a short call to
     * a socket on this host and waits for nothing but the service, so a few locks shared by all VMs do. */
    static GMutex locks[16];
    GMutex *lock = &locks[g_str_hash(vm_ref) % G_N_ELEMENTS(locks)];
    g_autoptr(DbRow) vm = db_require(services->db, CLASS_VM, vm_ref, error);
    if (vm == NULL)
        return FALSE;

    g_mutex_lock(lock);
    gboolean is_done = observe_and_write(services, actor, vm, boot_record, error);
    g_mutex_unlock(lock);
    return is_done || api_error_from_domain(error, vm_ref);
}

gboolean
vm_differs(const DbRow *vm, const DomainVmEntry *entry)
{
    VmPowerState power_state = entry == NULL ? VM_POWER_STATE_HALTED : power_states[entry->state.power_state];
    gint64 domid = entry != NULL && has_domain(power_state) && entry->state.domids.n > 0
                       ? entry->state.domids.items[0]
                       : -1;
    gboolean is_suspended = g_str_equal(db_row_string(vm, VM_POWER_STATE), "Suspended");

    if (is_suspended && power_state == VM_POWER_STATE_HALTED)
        return FALSE;
    return !g_str_equal(db_row_string(vm, VM_POWER_STATE), vm_power_state_name(power_state)) ||
           domid != db_row_int(vm, VM_DOMID) ||
           !g_str_equal(db_row_string(vm, VM_SCHEDULED_TO_BE_RESIDENT_ON), NULL_REF);
}
