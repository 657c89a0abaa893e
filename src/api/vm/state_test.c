/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain service says, and what the rows of a VM look like afterwards. The service here is a transport
 * that answers from one state. */
#include "api/vm/state.h"

#include "api/services.h"

#include <string.h>

/* ---- The service ---- */

typedef struct Service {
    gboolean knows_vm;
    gboolean is_away;
    DomainPowerState power_state;
    gint64 domid;
    gboolean has_vnc;
} Service;

static Value *
state_value(const Service *service, const char *vm_uuid)
{
    DomainVmConsole consoles[] = {
        {.protocol = DOMAIN_VM_CONSOLE_PROTOCOL_VT100, .path = (char *)"/run/serial"},
        {.protocol = DOMAIN_VM_CONSOLE_PROTOCOL_RFB, .path = (char *)"/run/vnc"},
    };
    gint64 domids[] = {service->domid};
    DomainVmEntry entry = {
        .config = {.id = (char *)vm_uuid, .name = (char *)"web", .ty.tag = DOMAIN_VM_BUILDER_INFO_HVM},
        .state =
            {
                .power_state = service->power_state,
                .domids = {.items = domids, .n = 1},
                .consoles = {.items = consoles, .n = service->has_vnc ? 2 : 1},
                .memory_target = 1000,
                .vcpu_target = 2,
                .rtc_timeoffset = (char *)"0",
                .last_start_time = 1700000000,
            },
    };

    return domain_vm_entry_to_value(&entry);
}

static Value *
vbds_value(const char *vm_uuid)
{
    g_autofree char *id = g_strdup_printf("%s.xvda", vm_uuid);
    DomainVbdEntry entry = {
        .config = {.id = id, .ty = DOMAIN_VBD_TY_DISK},
        .state = {.id = id, .media_present = TRUE, .plugged = TRUE},
    };
    DomainVbdEntryList list = {.items = &entry, .n = 1};

    return domain_vbd_entry_list_to_value(&list);
}

static Value *
vifs_value(const char *vm_uuid)
{
    g_autofree char *id = g_strdup_printf("%s.0", vm_uuid);
    DomainVifEntry entry = {
        .config = {.id = id,
                   .mac = (char *)"",
                   .backend = {.tag = DOMAIN_NETWORK_T_LOCAL, .local = (char *)""}},
        .state = {.plugged = TRUE},
    };
    DomainVifEntryList list = {.items = &entry, .n = 1};

    return domain_vif_entry_list_to_value(&list);
}

static Value *
reply_of(const Service *service, const char *method, const Value *args)
{
    if (g_ascii_strcasecmp(method, "VBD.list") == 0)
        return vbds_value(value_map_get_string(args, "vm", ""));
    if (g_ascii_strcasecmp(method, "VIF.list") == 0)
        return vifs_value(value_map_get_string(args, "vm", ""));
    g_assert_cmpint(g_ascii_strcasecmp(method, "Vm.stat"), ==, 0);
    return state_value(service, value_map_get_string(args, "id", ""));
}

static gboolean
transport(gpointer data, const char *method, Value *params, guint timeout_ms, GCancellable *cancellable,
          Value **ret_reply, GError **error)
{
    static const char *const missing[] = {"Does_not_exist", "VM", "x", NULL};
    const Service *service = data;
    Value *reply = value_map_new(2);

    if (service->is_away) {
        value_unref(reply);
        return domain_error_failed_to_contact_remote_service(error, "xenopsd");
    }
    value_map_set(reply, "Status", value_string(service->knows_vm ? "Success" : "Failure"));
    if (service->knows_vm)
        value_map_set(reply, "Value", reply_of(service, method, value_array_get(params, 0)));
    else
        value_map_set(reply, "ErrorDescription", value_array_of_strings(missing));
    *ret_reply = reply;
    return TRUE;
}

/* ---- The rows ---- */

typedef struct Fixture {
    ApiServices services;
    Service service;
    char *vm, *vbd, *vif, *metrics; /* refs */
} Fixture;

static char *
add_host(DbTxn *txn)
{
    const char *host = db_txn_insert(txn, CLASS_HOST, NULL);

    db_txn_set_string(txn, CLASS_HOST, host, HOST_ADDRESS, "10.0.0.1");
    return g_strdup(host);
}

static void
add_rows(DbTxn *txn, Fixture *fixture)
{
    fixture->services.host_ref = add_host(txn);
    fixture->vm = g_strdup(db_txn_insert(txn, CLASS_VM, NULL));
    fixture->vbd = g_strdup(db_txn_insert(txn, CLASS_VBD, NULL));
    fixture->vif = g_strdup(db_txn_insert(txn, CLASS_VIF, NULL));
    fixture->metrics = g_strdup(db_txn_insert(txn, CLASS_VM_METRICS, NULL));
    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_POWER_STATE, "Halted");
    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_METRICS, fixture->metrics);
    db_txn_set_int(txn, CLASS_VM, fixture->vm, VM_DOMID, -1);
    db_txn_set_string(txn, CLASS_VBD, fixture->vbd, VBD_VM, fixture->vm);
    db_txn_set_string(txn, CLASS_VBD, fixture->vbd, VBD_USERDEVICE, "0");
    db_txn_set_string(txn, CLASS_VIF, fixture->vif, VIF_VM, fixture->vm);
    db_txn_set_string(txn, CLASS_VIF, fixture->vif, VIF_DEVICE, "0");
}

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    model_init();
    fixture->services.db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->services.db, NULL);
    add_rows(txn, fixture);
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    fixture->service =
        (Service){.knows_vm = TRUE, .power_state = DOMAIN_POWER_STATE_RUNNING, .domid = 7, .has_vnc = TRUE};
    fixture->services.domains = domain_client_new(transport, &fixture->service, NULL);
    fixture->services.tls_port = 8443;
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    domain_client_free(fixture->services.domains);
    db_close(fixture->services.db);
    g_free(fixture->services.host_ref);
    g_free(fixture->vm);
    g_free(fixture->vbd);
    g_free(fixture->vif);
    g_free(fixture->metrics);
}

static void
refresh(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    vm_refresh(&fixture->services, NULL, fixture->vm, NULL, &error);
    g_assert_no_error(error);
}

static DbRow *
row_of(const Fixture *fixture, int class_id, const char *ref)
{
    DbRow *row = db_get(fixture->services.db, class_id, ref);

    g_assert_nonnull(row);
    return row;
}

static void
assert_power_state(const Fixture *fixture, const char *expected)
{
    g_autoptr(DbRow) vm = row_of(fixture, CLASS_VM, fixture->vm);

    g_assert_cmpstr(db_row_string(vm, VM_POWER_STATE), ==, expected);
}

static guint
count_consoles(const Fixture *fixture)
{
    g_autoptr(GPtrArray) consoles =
        db_referrers(fixture->services.db, CLASS_CONSOLE, CONSOLE_VM, fixture->vm);

    return consoles->len;
}

/* ---- Tests ---- */

static void
running_vm_is_on_the_host_with_all_devices(Fixture *fixture, gconstpointer data)
{
    refresh(fixture);
    g_autoptr(DbRow) vm = row_of(fixture, CLASS_VM, fixture->vm);
    g_autoptr(DbRow) vbd = row_of(fixture, CLASS_VBD, fixture->vbd);
    g_autoptr(DbRow) vif = row_of(fixture, CLASS_VIF, fixture->vif);
    g_autoptr(DbRow) metrics = row_of(fixture, CLASS_VM_METRICS, fixture->metrics);

    g_assert_cmpstr(db_row_string(vm, VM_POWER_STATE), ==, "Running");
    g_assert_cmpstr(db_row_string(vm, VM_RESIDENT_ON), ==, fixture->services.host_ref);
    g_assert_cmpint(db_row_int(vm, VM_DOMID), ==, 7);
    g_assert_true(db_row_bool(vbd, VBD_CURRENTLY_ATTACHED));
    g_assert_cmpstr(db_row_string(vbd, VBD_DEVICE), ==, "xvda");
    g_assert_true(db_row_bool(vif, VIF_CURRENTLY_ATTACHED));
    g_assert_cmpstr(value_get_string(metrics->fields[VM_METRICS_START_TIME]), ==, "20231114T22:13:20Z");
    g_assert_cmpstr(db_row_string(metrics, VM_METRICS_CURRENT_DOMAIN_TYPE), ==, "hvm");
}

static void
consoles_say_where_they_are(Fixture *fixture, gconstpointer data)
{
    refresh(fixture);
    g_autoptr(GPtrArray) consoles =
        db_referrers(fixture->services.db, CLASS_CONSOLE, CONSOLE_VM, fixture->vm);
    g_assert_cmpuint(consoles->len, ==, 2);

    for (guint i = 0; i < consoles->len; i++) {
        const DbRow *console = g_ptr_array_index(consoles, i);
        g_autofree char *expected =
            g_strdup_printf("https://10.0.0.1:8443/console?uuid=%s", db_row_string(console, CONSOLE_UUID));
        g_assert_cmpstr(db_row_string(console, CONSOLE_LOCATION), ==, expected);
    }
}

static void
second_look_changes_nothing(Fixture *fixture, gconstpointer data)
{
    refresh(fixture);
    guint64 generation = db_generation(fixture->services.db);
    refresh(fixture);
    g_assert_cmpuint(count_consoles(fixture), ==, 2);
    g_autoptr(DbRow) vm = row_of(fixture, CLASS_VM, fixture->vm);
    g_assert_cmpuint(vm->changed, <=, generation);
}

static void
console_that_is_gone_loses_its_row(Fixture *fixture, gconstpointer data)
{
    refresh(fixture);
    fixture->service.has_vnc = FALSE;
    refresh(fixture);
    g_assert_cmpuint(count_consoles(fixture), ==, 1);
}

static void
vm_that_went_is_halted(Fixture *fixture, gconstpointer data)
{
    refresh(fixture);
    fixture->service.knows_vm = FALSE;
    refresh(fixture);
    g_autoptr(DbRow) vm = row_of(fixture, CLASS_VM, fixture->vm);
    g_autoptr(DbRow) vbd = row_of(fixture, CLASS_VBD, fixture->vbd);

    g_assert_cmpstr(db_row_string(vm, VM_POWER_STATE), ==, "Halted");
    g_assert_cmpstr(db_row_string(vm, VM_RESIDENT_ON), ==, "OpaqueRef:NULL");
    g_assert_cmpint(db_row_int(vm, VM_DOMID), ==, -1);
    g_assert_false(db_row_bool(vbd, VBD_CURRENTLY_ATTACHED));
    g_assert_cmpuint(count_consoles(fixture), ==, 0);
}

static void
paused_vm_keeps_its_host(Fixture *fixture, gconstpointer data)
{
    fixture->service.power_state = DOMAIN_POWER_STATE_PAUSED;
    refresh(fixture);
    assert_power_state(fixture, "Paused");
    g_assert_cmpuint(count_consoles(fixture), ==, 2);
}

static void
suspended_vm_without_domain_stays_suspended(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->services.db, NULL);

    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_POWER_STATE, "Suspended");
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    fixture->service.knows_vm = FALSE;
    refresh(fixture);
    assert_power_state(fixture, "Suspended");
}

static void
absent_service_changes_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    refresh(fixture);
    fixture->service.is_away = TRUE;
    g_assert_false(vm_refresh(&fixture->services, NULL, fixture->vm, NULL, &error));
    g_assert_cmpstr(api_error_code(error), ==, "INTERNAL_ERROR");
    assert_power_state(fixture, "Running");
}

/* The service died in the middle of a start, and whoever asked for it could not find out what became of it.
 */
static void
claim_of_a_lost_start_is_a_difference(Fixture *fixture, gconstpointer data)
{
    DomainVmEntry halted = {.state.power_state = DOMAIN_POWER_STATE_HALTED};
    g_autoptr(DbTxn) txn = db_txn_new(fixture->services.db, NULL);
    g_autoptr(DbRow) before = db_get(fixture->services.db, CLASS_VM, fixture->vm);
    g_assert_false(vm_differs(before, &halted));

    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_SCHEDULED_TO_BE_RESIDENT_ON, fixture->services.host_ref);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    g_autoptr(DbRow) claimed = db_get(fixture->services.db, CLASS_VM, fixture->vm);
    g_assert_true(vm_differs(claimed, &halted));
    g_assert_true(vm_differs(claimed, NULL));

    fixture->service.knows_vm = FALSE;
    refresh(fixture);
    g_autoptr(DbRow) after = db_get(fixture->services.db, CLASS_VM, fixture->vm);
    g_assert_false(vm_differs(after, NULL));
}

static void
holds_nest(void)
{
    vm_hold("a");
    vm_hold("a");
    vm_hold("b");
    vm_release("a");
    g_assert_true(vm_is_held("a"));
    vm_release("a");
    g_assert_false(vm_is_held("a"));
    g_assert_true(vm_is_held("b"));
    vm_release("b");
    g_assert_false(vm_is_held("b"));
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/api/vm/state/running-vm-is-on-the-host-with-all-devices",
        running_vm_is_on_the_host_with_all_devices);
    ADD("/api/vm/state/consoles-say-where-they-are", consoles_say_where_they_are);
    ADD("/api/vm/state/second-look-changes-nothing", second_look_changes_nothing);
    ADD("/api/vm/state/console-that-is-gone-loses-its-row", console_that_is_gone_loses_its_row);
    ADD("/api/vm/state/vm-that-went-is-halted", vm_that_went_is_halted);
    ADD("/api/vm/state/paused-vm-keeps-its-host", paused_vm_keeps_its_host);
    ADD("/api/vm/state/suspended-vm-without-domain-stays-suspended",
        suspended_vm_without_domain_stays_suspended);
    ADD("/api/vm/state/absent-service-changes-nothing", absent_service_changes_nothing);
    ADD("/api/vm/state/claim-of-a-lost-start-is-a-difference", claim_of_a_lost_start_is_a_difference);
    g_test_add_func("/api/vm/state/holds-nest", holds_nest);
    return g_test_run();
}
