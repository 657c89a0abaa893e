/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What roles may do beyond whole messages: keys of maps, one by one, in whole maps and in new objects. That
 * every message is held by the right roles is tested where calls are dispatched (rpc). */
#include "auth/permission.h"

#include "model/api_error.h"
#include "model/classes.h"
#include "value/json.h"
#include <string.h>

typedef struct Fixture {
    Db *db;
    Sessions *sessions;
    char *vm;
} Fixture;

static gboolean
check_nothing(gpointer data, const char *user, const char *password, GError **error)
{
    return FALSE;
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->sessions = sessions_new(fixture->db, check_nothing, NULL);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    const char *vm = db_txn_insert(txn, CLASS_VM, NULL);
    db_txn_map_put(txn, CLASS_VM, vm, VM_OTHER_CONFIG, "pci", value_string("0/0000:00:00.0"));
    fixture->vm = g_strdup(vm);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    sessions_free(fixture->sessions);
    db_close(fixture->db);
    g_free(fixture->vm);
}

static Value *
from_json(const char *text)
{
    g_autoptr(GError) error = NULL;
    Value *value = json_read(text, strlen(text), &error);
    g_assert_no_error(error);
    return value;
}

/* The permission that was missing; NULL: the call is allowed. */
static char *
missing(Fixture *fixture, ModelRole role, const char *method, const char *params_json)
{
    g_autoptr(GError) error = NULL;
    const SessionSpec spec = {.user_name = "somebody", .role = role};
    g_autoptr(Session) session = sessions_open(fixture->sessions, &spec, &error);
    g_assert_no_error(error);
    g_autoptr(Value) list = from_json(params_json);
    Value *params[4] = {NULL};
    for (gsize i = 0; i < value_size(list); i++)
        params[i] = value_array_get(list, i);
    g_autoptr(Value) vm = value_string(fixture->vm);
    if (value_kind(params[0]) == VALUE_STRING)
        params[0] = vm;
    if (permission_check(fixture->db, session, model_message_by_name(method), params, &error)) {
        g_assert_no_error(error);
        return NULL;
    }
    g_assert_true(api_error_is(error, "RBAC_PERMISSION_DENIED"));
    return g_strdup(api_error_params(error)[0]);
}

/* clang-format off */
static const struct KeyCase {
    const char *method, *params;
    const char *permission; /* that is missing below the role */
    ModelRole least;
} cases[] = {
    {"VM.add_to_other_config", "[\"vm\", \"mine\", \"x\"]", "vm.add_to_other_config", ROLE_VM_ADMIN},
    {"VM.add_to_other_config", "[\"vm\", \"folder\", \"/a\"]", "vm.add_to_other_config/key:folder", ROLE_VM_OPERATOR},
    {"VM.add_to_other_config", "[\"vm\", \"folders\", \"/a\"]", "vm.add_to_other_config", ROLE_VM_ADMIN},
    {"VM.add_to_other_config", "[\"vm\", \"XenCenter.CustomFields.a\", \"b\"]", "vm.add_to_other_config/key:xencenter.customfields.*", ROLE_VM_OPERATOR},
    {"VM.add_to_other_config", "[\"vm\", \"xencenter.customfields.a\", \"b\"]", "vm.add_to_other_config", ROLE_VM_ADMIN},
    {"VM.add_to_other_config", "[\"vm\", \"pci\", \"1\"]", "vm.add_to_other_config/key:pci", ROLE_POOL_ADMIN},
    {"VM.remove_from_other_config", "[\"vm\", \"pci\"]", "vm.remove_from_other_config/key:pci", ROLE_POOL_ADMIN},
    {"VM.remove_from_other_config", "[\"vm\", \"folder\"]", "vm.remove_from_other_config/key:folder", ROLE_VM_OPERATOR},
    {"VM.add_to_platform", "[\"vm\", \"hvm_serial\", \"none\"]", "vm.add_to_platform/key:hvm_serial", ROLE_POOL_ADMIN},
    {"VM.add_to_platform", "[\"vm\", \"acpi\", \"1\"]", "vm.add_to_platform", ROLE_VM_ADMIN},
    {"task.add_to_other_config", "[\"task\", \"applies_to\", \"x\"]", "task.add_to_other_config/key:applies_to", ROLE_VM_OPERATOR},
    {"task.add_to_other_config", "[\"task\", \"other\", \"x\"]", "task.add_to_other_config", ROLE_POOL_OPERATOR},
    {"host.add_to_other_config", "[\"host\", \"folder\", \"x\"]", "host.add_to_other_config/key:folder", ROLE_VM_OPERATOR},
    /* whole maps: what stays as it is needs no permission */
    {"VM.set_other_config", "[\"vm\", {\"pci\": \"0/0000:00:00.0\", \"mine\": \"x\"}]", "vm.set_other_config", ROLE_VM_ADMIN},
    {"VM.set_other_config", "[\"vm\", {\"pci\": \"0/0000:00:00.1\"}]", "vm.add_to_other_config/key:pci", ROLE_POOL_ADMIN},
    {"VM.set_other_config", "[\"vm\", {}]", "vm.add_to_other_config/key:pci", ROLE_POOL_ADMIN},
    {"VM.set_other_config", "[\"vm\", {\"pci\": \"0/0000:00:00.0\", \"hvm_serial\": \"x\"}]", "vm.add_to_other_config/key:hvm_serial", ROLE_POOL_ADMIN},
    /* new objects */
    {"VM.create", "[{\"other_config\": {\"mine\": \"x\"}, \"platform\": \"no map\"}]", "vm.create", ROLE_VM_ADMIN},
    {"VM.create", "[{\"other_config\": {\"pci\": \"x\"}}]", "vm.add_to_other_config/key:pci", ROLE_POOL_ADMIN},
    {"VM.create", "[{\"platform\": {\"hvm_serial\": \"x\"}}]", "vm.add_to_platform/key:hvm_serial", ROLE_POOL_ADMIN},
};
/* clang-format on */

static void
test_keys(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct KeyCase *test = &cases[i];
        for (int role = 0; role < ROLE_N; role++) {
            g_autofree char *permission = missing(fixture, (ModelRole)role, test->method, test->params);
            gboolean is_allowed = role <= (int)test->least;
            g_test_message("%s %s as %s", test->method, test->params, model_role_names[role]);
            g_assert_cmpint(permission == NULL, ==, is_allowed);
        }
        /* the nearest role that lacks it is told what it lacks */
        g_autofree char *permission =
            missing(fixture, (ModelRole)(test->least + 1), test->method, test->params);
        g_assert_cmpstr(permission, ==, test->permission);
    }
}

static void
test_superuser(Fixture *fixture, gconstpointer data)
{
    const SessionSpec spec = {.user_name = "root", .role = ROLE_READ_ONLY, .is_local_superuser = TRUE};
    g_autoptr(Session) session = sessions_open(fixture->sessions, &spec, NULL);
    for (gsize i = 0; i < model_n_messages; i++)
        g_assert_true(permission_check(fixture->db, session, &model_messages[i], NULL, NULL));
    g_assert_true(permission_check_role(session, "http/get_host_backup", ROLE_POOL_ADMIN, NULL));
}

static void
test_named(Fixture *fixture, gconstpointer data)
{
    const SessionSpec spec = {.user_name = "somebody", .role = ROLE_VM_ADMIN};
    g_autoptr(Session) session = sessions_open(fixture->sessions, &spec, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(permission_check_role(session, "http/put_import", ROLE_VM_ADMIN, &error));
    g_assert_false(permission_check_role(session, "http/put_blob", ROLE_VM_POWER_ADMIN, &error));
    g_assert_cmpstr(api_error_params(error)[0], ==, "http/put_blob");
    g_assert_cmpstr(api_error_params(error)[1], ==,
                    "No permission in user session. (Roles with this permission: pool-admin, pool-operator, "
                    "vm-power-admin)");
}

static gboolean
holds(const Value *names, const char *name)
{
    for (gsize i = 0; i < value_size(names); i++) {
        if (g_str_equal(value_get_string(value_array_get(names, i)), name))
            return TRUE;
    }
    return FALSE;
}

static void
test_names(Fixture *fixture, gconstpointer data)
{
    gsize n_more = G_MAXSIZE;
    for (int role = 0; role < ROLE_N; role++) {
        g_autoptr(Value) names = permission_names((ModelRole)role);
        g_assert_cmpuint(value_size(names), <, n_more);
        n_more = value_size(names);
        g_assert_true(holds(names, "vm.get_record"));
        g_assert_cmpint(holds(names, "vm.start"), ==, role <= ROLE_VM_OPERATOR);
        g_assert_cmpint(holds(names, "task.destroy/any"), ==, role <= ROLE_POOL_OPERATOR);
        g_assert_cmpint(holds(names, "vm.add_to_other_config/key:pci"), ==, role == ROLE_POOL_ADMIN);
        g_assert_false(holds(names, "session.change_password")); /* local superusers only */
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/auth/permission/keys-of-maps-have-roles-of-their-own", Fixture, NULL, set_up, test_keys,
               tear_down);
    g_test_add("/auth/permission/local-superusers-may-do-all", Fixture, NULL, set_up, test_superuser,
               tear_down);
    g_test_add("/auth/permission/others-are-told-which-roles-would-do", Fixture, NULL, set_up, test_named,
               tear_down);
    g_test_add("/auth/permission/roles-hold-what-lesser-ones-hold", Fixture, NULL, set_up, test_names,
               tear_down);
    return g_test_run();
}
