/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which messages may begin on a VM, by its state and by what is in progress, and the marks they leave. */
#include "task/task.h"

#include "model/api_error.h"
#include "model/classes.h"
#include "model/messages.h"

typedef struct Fixture {
    Db *db;
    Tasks *tasks;
    char *vm;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    fixture->tasks = tasks_new(fixture->db);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    fixture->vm = g_strdup(db_txn_insert(txn, CLASS_VM, NULL));
    db_txn_set_string(txn, CLASS_VM, fixture->vm, VM_POWER_STATE, "Halted");
    g_assert_true(db_txn_commit(txn, NULL, &error));
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    tasks_free(fixture->tasks);
    db_close(fixture->db);
    g_free(fixture->vm);
}

static void
set_vm(Fixture *fixture, int field, Value *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_set(txn, CLASS_VM, fixture->vm, field, value);
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
}

static Task *
begin(Fixture *fixture, gboolean is_durable)
{
    g_autoptr(GError) error = NULL;
    TaskSpec spec = {.label = "test", .is_durable = is_durable};
    Task *task = task_begin(fixture->tasks, &spec, &error);
    g_assert_no_error(error);
    return task;
}

/* NULL if the message may begin; else the code it is refused with. */
static char *
try_message(Fixture *fixture, Task *task, int message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) vm = value_string(fixture->vm);
    g_autoptr(Value) no = value_bool(FALSE);
    g_autoptr(Value) name = value_string("copy");
    Value *params[] = {vm, message == MSG_VM_CLONE ? name : no, no};
    if (task_mark(task, &model_messages[message], params, &error))
        return NULL;
    return g_strdup(api_error_code(error));
}

static const struct StateCase {
    const char *state;
    int message;
    const char *code;
} state_cases[] = {
    {"Halted", MSG_VM_START, NULL},
    {"Running", MSG_VM_START, "VM_BAD_POWER_STATE"},
    {"Paused", MSG_VM_START, "VM_BAD_POWER_STATE"},
    {"Running", MSG_VM_PAUSE, NULL},
    {"Halted", MSG_VM_PAUSE, "VM_BAD_POWER_STATE"},
    {"Paused", MSG_VM_UNPAUSE, NULL},
    {"Running", MSG_VM_CLEAN_SHUTDOWN, NULL},
    {"Halted", MSG_VM_CLEAN_SHUTDOWN, "VM_BAD_POWER_STATE"},
    {"Running", MSG_VM_HARD_SHUTDOWN, NULL},
    {"Halted", MSG_VM_CLONE, NULL},
    {"Halted", MSG_VM_DESTROY, NULL},
    {"Running", MSG_VM_DESTROY, "VM_BAD_POWER_STATE"},
};

static void
test_states(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(state_cases); i++) {
        set_vm(fixture, VM_POWER_STATE, value_string(state_cases[i].state));
        Task *task = begin(fixture, FALSE);
        g_autofree char *code = try_message(fixture, task, state_cases[i].message);
        g_assert_cmpstr(code, ==, state_cases[i].code);
        task_end(task, NULL, NULL);
    }
}

static void
test_mark_shows_and_goes(Fixture *fixture, gconstpointer data)
{
    Task *task = begin(fixture, FALSE);
    g_autofree char *code = try_message(fixture, task, MSG_VM_START);
    g_assert_null(code);
    g_autoptr(DbRow) marked = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_assert_cmpstr(db_row_map_string(marked, VM_CURRENT_OPERATIONS, task_ref(task), NULL), ==, "start");
    task_end(task, NULL, NULL);
    g_autoptr(DbRow) unmarked = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_assert_cmpuint(value_size(unmarked->fields[VM_CURRENT_OPERATIONS]), ==, 0);
    g_assert_cmpuint(db_count(fixture->db, CLASS_TASK), ==, 0);
}

static void
test_second_is_refused(Fixture *fixture, gconstpointer data)
{
    Task *first = begin(fixture, FALSE);
    Task *second = begin(fixture, FALSE);
    g_autofree char *none = try_message(fixture, first, MSG_VM_START);
    g_autofree char *code = try_message(fixture, second, MSG_VM_START);
    g_assert_null(none);
    g_assert_cmpstr(code, ==, "OTHER_OPERATION_IN_PROGRESS");
    task_end(first, NULL, NULL);
    g_autofree char *after = try_message(fixture, second, MSG_VM_START);
    g_assert_null(after);
    task_end(second, NULL, NULL);
}

static void
test_templates_and_blocks(Fixture *fixture, gconstpointer data)
{
    Task *task = begin(fixture, FALSE);
    set_vm(fixture, VM_IS_A_TEMPLATE, value_bool(TRUE));
    g_autofree char *template = try_message(fixture, task, MSG_VM_START);
    g_assert_cmpstr(template, ==, "VM_IS_TEMPLATE");
    set_vm(fixture, VM_IS_A_TEMPLATE, value_bool(FALSE));
    Value *blocked = value_map_new(1);
    value_map_set(blocked, "start", value_string("because"));
    set_vm(fixture, VM_BLOCKED_OPERATIONS, blocked);
    g_autofree char *code = try_message(fixture, task, MSG_VM_START);
    g_assert_cmpstr(code, ==, "OPERATION_BLOCKED");
    task_end(task, NULL, NULL);
}

static gboolean
contains(const Value *array, const char *text)
{
    for (gsize i = 0; i < value_size(array); i++)
        if (g_str_equal(value_get_string(value_array_get(array, i)), text))
            return TRUE;
    return FALSE;
}

static void
test_allowed_operations_follow(Fixture *fixture, gconstpointer data)
{
    g_autoptr(DbRow) halted = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_autoptr(Value) when_halted = db_row_get(fixture->db, halted, VM_ALLOWED_OPERATIONS);
    g_assert_true(contains(when_halted, "start"));
    g_assert_false(contains(when_halted, "pause"));
    set_vm(fixture, VM_POWER_STATE, value_string("Running"));
    g_autoptr(DbRow) running = db_get(fixture->db, CLASS_VM, fixture->vm);
    g_autoptr(Value) when_running = db_row_get(fixture->db, running, VM_ALLOWED_OPERATIONS);
    g_assert_false(contains(when_running, "start"));
    g_assert_true(contains(when_running, "pause"));
}

static void
test_durable_task_ends(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Task *task = begin(fixture, TRUE);
    g_autofree char *ref = g_strdup(task_ref(task));
    api_error_set(&error, "VM_IS_TEMPLATE", (const char *const[]){fixture->vm, NULL});
    task_end(task, NULL, error);
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, ref);
    g_assert_cmpstr(db_row_string(row, TASK_STATUS), ==, "failure");
    g_assert_cmpstr(value_get_string(value_array_get(row->fields[TASK_ERROR_INFO], 0)), ==, "VM_IS_TEMPLATE");
    g_assert_cmpfloat(db_row_float(row, TASK_PROGRESS), ==, 1.0);
}

static void
test_destroyed_while_pending_goes_at_its_end(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Task *task = begin(fixture, TRUE);
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    db_txn_map_put(txn, CLASS_TASK, task_ref(task), TASK_CURRENT_OPERATIONS, task_ref(task),
                   value_string("destroy"));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    g_assert_cmpuint(db_count(fixture->db, CLASS_TASK), ==, 1);
    task_end(task, NULL, NULL);
    g_assert_cmpuint(db_count(fixture->db, CLASS_TASK), ==, 0);
}

static void
test_pending_task_may_be_cancelled(Fixture *fixture, gconstpointer data)
{
    Task *task = begin(fixture, TRUE);
    g_autofree char *ref = g_strdup(task_ref(task));
    g_autoptr(DbRow) pending = db_get(fixture->db, CLASS_TASK, ref);
    g_autoptr(Value) while_pending = db_row_get(fixture->db, pending, TASK_ALLOWED_OPERATIONS);
    g_assert_true(contains(while_pending, "cancel"));
    task_end(task, NULL, NULL);
    g_autoptr(DbRow) ended = db_get(fixture->db, CLASS_TASK, ref);
    g_autoptr(Value) afterwards = db_row_get(fixture->db, ended, TASK_ALLOWED_OPERATIONS);
    g_assert_cmpuint(value_size(afterwards), ==, 0);
}

static void
test_client_ends_its_own(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->db, NULL);
    g_autofree char *ref = g_strdup(db_txn_insert(txn, CLASS_TASK, NULL));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    g_assert_true(tasks_set_status(fixture->tasks, NULL, ref, TASK_STATUS_TYPE_SUCCESS, &error));
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, ref);
    g_assert_cmpstr(db_row_string(row, TASK_FINISHED), !=, "19700101T00:00:00Z");
    g_assert_cmpfloat(db_row_float(row, TASK_PROGRESS), ==, 1.0);
    g_assert_false(
        tasks_set_status(fixture->tasks, NULL, "OpaqueRef:none", TASK_STATUS_TYPE_SUCCESS, &error));
    g_assert_true(api_error_is(error, "HANDLE_INVALID"));
}

static void
test_result_is_xml(Fixture *fixture, gconstpointer data)
{
    Task *task = begin(fixture, TRUE);
    g_autofree char *ref = g_strdup(task_ref(task));
    g_autoptr(Value) result = value_string("OpaqueRef:x");
    task_end(task, result, NULL);
    g_autoptr(DbRow) row = db_get(fixture->db, CLASS_TASK, ref);
    g_assert_cmpstr(db_row_string(row, TASK_RESULT), ==, "<value>OpaqueRef:x</value>");
    g_assert_cmpstr(db_row_string(row, TASK_STATUS), ==, "success");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add("/task/mark/states-decide-what-may-begin", Fixture, NULL, set_up, test_states, tear_down);
    g_test_add("/task/mark/shows-while-running-and-goes-at-the-end", Fixture, NULL, set_up,
               test_mark_shows_and_goes, tear_down);
    g_test_add("/task/mark/a-second-operation-is-refused", Fixture, NULL, set_up, test_second_is_refused,
               tear_down);
    g_test_add("/task/mark/templates-and-blocked-operations-are-refused", Fixture, NULL, set_up,
               test_templates_and_blocks, tear_down);
    g_test_add("/task/mark/allowed-operations-follow-the-state", Fixture, NULL, set_up,
               test_allowed_operations_follow, tear_down);
    g_test_add("/task/task/a-failed-durable-task-keeps-its-error", Fixture, NULL, set_up,
               test_durable_task_ends, tear_down);
    g_test_add("/task/task/the-result-is-kept-as-xml", Fixture, NULL, set_up, test_result_is_xml, tear_down);
    g_test_add("/task/task/one-destroyed-while-pending-goes-at-its-end", Fixture, NULL, set_up,
               test_destroyed_while_pending_goes_at_its_end, tear_down);
    g_test_add("/task/task/a-pending-one-may-be-cancelled", Fixture, NULL, set_up,
               test_pending_task_may_be_cancelled, tear_down);
    g_test_add("/task/task/a-client-ends-its-own", Fixture, NULL, set_up, test_client_ends_its_own,
               tear_down);
    return g_test_run();
}
