/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a message may run now, by the model's from_states and conflicts, and the marks it leaves on its
 * objects meanwhile.
 *
 * Check and mark are one step of the database's writer, so of two messages that exclude each other exactly
 * one gets through. */
#include "task/internal.h"

#include "model/classes.h"
#include "model/enums.h"
#include "model/errors.h"
#include "task/state.h"
#include <string.h>

/* ---- Rules
 * ---------------------------------------------------------------------------------------------------- */

static gboolean
has_name(const char *const *names, const char *name)
{
    return names != NULL && g_strv_contains(names, name);
}

static const char *
current_operation(const DbRow *row, const char *const *conflicts, const char *own_task)
{
    int field = row->model_class->current_operations_field;
    if (field < 0)
        return NULL;
    Value *operations = row->fields[field];
    for (gsize i = 0; i < value_size(operations); i++) {
        if (own_task != NULL && g_str_equal(value_map_key(operations, i), own_task))
            continue;
        const char *operation = value_get_string(value_map_value(operations, i));
        if (conflicts == NULL || has_name(conflicts, operation))
            return operation;
    }
    return NULL;
}

static gboolean
check_vm(const DbRow *row, const ModelEngine *engine, const char *operation, GError **error)
{
    const char *blocked = db_row_map_string(row, VM_BLOCKED_OPERATIONS, operation, NULL);
    if (blocked != NULL)
        return api_error_operation_blocked(error, row->ref, blocked);
    if (db_row_bool(row, VM_IS_A_TEMPLATE) && !engine->allows_template)
        return api_error_vm_is_template(error, row->ref);
    if (db_row_bool(row, VM_IS_CONTROL_DOMAIN) && !engine->allows_control_domain)
        return api_error_operation_not_allowed(error, "this cannot be done to the control domain");
    const char *state = db_row_string(row, VM_POWER_STATE);
    if (engine->from_states == NULL || has_name(engine->from_states, state))
        return TRUE;
    /* Source: protocol notes 3: states in lower case */
    g_autofree char *wanted = g_strjoinv(", ", (char **)engine->from_states);
    g_autofree char *wanted_lower = g_ascii_strdown(wanted, -1);
    g_autofree char *state_lower = g_ascii_strdown(state, -1);
    return api_error_vm_bad_power_state(error, row->ref, wanted_lower, state_lower);
}

/* VBD and VIF: "plugged" or "unplugged", by currently_attached. */
static gboolean
check_device(const DbRow *row, int attached_field, const ModelEngine *engine, GError **error)
{
    if (engine->from_states == NULL)
        return TRUE;
    gboolean is_attached = db_row_bool(row, attached_field);
    if (has_name(engine->from_states, is_attached ? "plugged" : "unplugged"))
        return TRUE;
    return is_attached ? api_error_device_already_attached(error, row->ref)
                       : api_error_device_already_detached(error, row->ref);
}

static gboolean
check_from_states(const DbRow *row, const ModelEngine *engine, const char *operation, GError **error)
{
    switch (model_class_id(row->model_class)) {
    case CLASS_VM:
        return check_vm(row, engine, operation, error);
    case CLASS_VBD:
        return check_device(row, VBD_CURRENTLY_ATTACHED, engine, error);
    case CLASS_VIF:
        return check_device(row, VIF_CURRENTLY_ATTACHED, engine, error);
    default:
        return TRUE;
    }
}

/* Whether the state of @row, leaving aside what else is running, lets a message with @engine begin. */
static gboolean
check_state(const StateReader *reader, const DbRow *row, const ModelEngine *engine, const char *operation,
            GError **error)
{
    return check_from_states(row, engine, operation, error) && state_check(reader, row, operation, error);
}

static gboolean
check_free(const DbRow *row, const char *const *conflicts, const char *own_task, GError **error)
{
    if (current_operation(row, conflicts, own_task) == NULL)
        return TRUE;
    return api_error_other_operation_in_progress(error, row->model_class->name, row->ref);
}

/* ---- allowed_operations
 * ---------------------------------------------------------------------------------------- */

/* Per class: its operations with the engines of the messages that begin them. */
static GPtrArray **operation_engines; /* by class: of OperationEngine */

typedef struct OperationEngine {
    const char *operation;
    const ModelEngine *engine; /* NULL: it goes along with something done to another object */
} OperationEngine;

static void
add_operation(int class_id, const char *operation, const ModelEngine *engine)
{
    OperationEngine *row = g_new(OperationEngine, 1);
    *row = (OperationEngine){operation, engine};
    if (operation_engines[class_id] == NULL)
        operation_engines[class_id] = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(operation_engines[class_id], row);
}

/* The rules of a message are about its first object; from_states, about what the parameter itself names. */
static void
add_engine(const ModelEngine *engine)
{
    for (gsize i = 0; i < engine->n_marks; i++)
        add_operation(engine->marks[i].class_id, engine->marks[i].operation, i == 0 ? engine : NULL);
}

static void
init_operation_engines(void)
{
    static gsize once = 0;
    if (!g_once_init_enter(&once))
        return;
    operation_engines = g_new0(GPtrArray *, model_n_classes);
    for (gsize i = 0; i < model_n_messages; i++) {
        const ModelEngine *engine = model_messages[i].engine;
        /* What nobody has written cannot be done, whatever the state. */
        if (engine != NULL && !model_messages[i].is_pending)
            add_engine(engine);
    }
    /* Their objects stand in records, which the model does not look into. */
    add_operation(CLASS_SR, "vdi_create", NULL);
    add_operation(CLASS_SR, "pbd_create", NULL);
    g_once_init_leave(&once, 1);
}

/* Several messages may begin the same operation. */
static gboolean
contains(const Value *names, const char *name)
{
    for (gsize i = 0; i < value_size(names); i++)
        if (g_str_equal(value_get_string(value_array_get(names, i)), name))
            return TRUE;
    return FALSE;
}

/* Source: protocol notes 3: cancel, as long as there is something to cancel. Every message can be cancelled
 * where it waits. */
static Value *
allowed_on_task(const DbRow *row)
{
    static const char *const cancel[] = {"cancel", NULL};
    static const char *const none[] = {NULL};
    gboolean is_pending =
        g_str_equal(db_row_string(row, TASK_STATUS), task_status_type_name(TASK_STATUS_TYPE_PENDING));
    return value_array_of_strings(is_pending ? cancel : none);
}

/* What must not be under way on an object that another one's operation needs. */
static const char *const leaving[] = {"destroy", "forget", "unplug", NULL};

static gboolean
is_allowed(const StateReader *reader, const DbRow *row, const OperationEngine *entry)
{
    if (entry->engine == NULL)
        return current_operation(row, leaving, NULL) == NULL &&
               state_check(reader, row, entry->operation, NULL);
    return current_operation(row, entry->engine->conflicts, NULL) == NULL &&
           check_state(reader, row, entry->engine, entry->operation, NULL);
}

Value *
task_allowed_operations(Db *db, const DbRow *row)
{
    const StateReader reader = {db, NULL};
    init_operation_engines();
    if (model_class_id(row->model_class) == CLASS_TASK)
        return allowed_on_task(row);
    if (row->model_class->operations == NULL)
        return value_array_empty();
    GPtrArray *engines = operation_engines[model_class_id(row->model_class)];
    Value *allowed = value_array_new(8);
    for (guint i = 0; engines != NULL && i < engines->len; i++) {
        const OperationEngine *entry = g_ptr_array_index(engines, i);
        if (is_allowed(&reader, row, entry) && !contains(allowed, entry->operation))
            value_array_add(allowed, value_string(entry->operation));
    }
    return allowed;
}

/* ---- Marks
 * ------------------------------------------------------------------------------------------------------ */

static void
add_mark(GArray *marks, int class_id, const char *ref, const char *operation)
{
    TaskMark mark = {class_id, g_strdup(ref), operation};
    g_array_append_val(marks, mark);
}

static gboolean
is_null_ref(const char *ref)
{
    return g_str_equal(ref, "OpaqueRef:NULL");
}

/* The objects behind one mark of the model: the parameter itself, or what its relation names. */
static gboolean
collect(Task *task, const ModelMessage *message, const ModelMark *mark, Value *const *params, GError **error)
{
    const char *ref = value_get_string(params[mark->param]);
    if (mark->relation < 0) {
        add_mark(task->marks, mark->class_id, ref, mark->operation);
        return TRUE;
    }
    g_autoptr(DbRow) row =
        db_require(task->tasks->db, message->params[mark->param].type->class_id, ref, error);
    if (row == NULL)
        return FALSE;
    g_autoptr(Value) related = db_row_get(task->tasks->db, row, mark->relation);
    if (value_kind(related) == VALUE_STRING) {
        if (!is_null_ref(value_get_string(related)))
            add_mark(task->marks, mark->class_id, value_get_string(related), mark->operation);
        return TRUE;
    }
    for (gsize i = 0; i < value_size(related); i++)
        add_mark(task->marks, mark->class_id, value_get_string(value_array_get(related, i)), mark->operation);
    return TRUE;
}

typedef struct MarkStep {
    Task *task;
    const ModelMessage *message; /* NULL: mark without rules */
    guint first;                 /* marks from here on are new */
} MarkStep;

/* The first object follows the message's own rules; the others must only not be on their way out. */
static gboolean
check_mark(const MarkStep *step, guint index, const StateReader *reader, const DbRow *row,
           const TaskMark *mark, GError **error)
{
    if (step->message == NULL || index > 0)
        return check_free(row, leaving, step->task->ref, error);
    const ModelEngine *engine = step->message->engine;
    return check_state(reader, row, engine, mark->operation, error) &&
           check_free(row, engine->conflicts, step->task->ref, error);
}

static gboolean
mark_step(DbTxn *txn, gpointer data, GError **error)
{
    MarkStep *step = data;
    const StateReader reader = {step->task->tasks->db, txn};
    for (guint i = step->first; i < step->task->marks->len; i++) {
        const TaskMark *mark = &g_array_index(step->task->marks, TaskMark, i);
        g_autoptr(DbRow) row = db_txn_read(txn, mark->class_id, mark->ref);
        if (row == NULL)
            return api_error_handle_invalid(error, model_classes[mark->class_id].name, mark->ref);
        if (!check_mark(step, i, &reader, row, mark, error))
            return FALSE;
        int field = row->model_class->current_operations_field;
        if (field >= 0)
            db_txn_map_put(txn, mark->class_id, mark->ref, field, step->task->ref,
                           value_string(mark->operation));
    }
    return TRUE;
}

static gboolean
commit_marks(MarkStep *step, GError **error)
{
    if (step->task->marks->len == step->first)
        return TRUE;
    DbActor actor = task_actor(step->task);
    g_autoptr(DbTxn) txn = db_txn_new(step->task->tasks->db, &actor);
    db_txn_step(txn, mark_step, step, NULL);
    if (db_txn_commit(txn, NULL, error))
        return TRUE;
    g_array_set_size(step->task->marks, step->first);
    return FALSE;
}

gboolean
task_mark(Task *task, const ModelMessage *message, Value *const *params, GError **error)
{
    if (message->engine == NULL)
        return TRUE;
    MarkStep step = {task, message, task->marks->len};
    for (gsize i = 0; i < message->engine->n_marks; i++) {
        if (collect(task, message, &message->engine->marks[i], params, error))
            continue;
        g_array_set_size(task->marks, step.first);
        return FALSE;
    }
    return commit_marks(&step, error);
}

gboolean
task_mark_object(Task *task, int class_id, const char *ref, const char *operation, GError **error)
{
    MarkStep step = {task, NULL, task->marks->len};
    add_mark(task->marks, class_id, ref, operation);
    return commit_marks(&step, error);
}

/* What is gone by now needs no mark taken off. */
static gboolean
unmark_step(DbTxn *txn, gpointer data, GError **error)
{
    Task *task = data;
    for (guint i = 0; i < task->marks->len; i++) {
        const TaskMark *mark = &g_array_index(task->marks, TaskMark, i);
        int field = model_classes[mark->class_id].current_operations_field;
        g_autoptr(DbRow) row = field >= 0 ? db_txn_read(txn, mark->class_id, mark->ref) : NULL;
        if (row != NULL)
            db_txn_map_remove(txn, mark->class_id, mark->ref, field, task->ref);
    }
    return TRUE;
}

void
task_unmark(Task *task, DbTxn *txn)
{
    if (task->marks->len > 0)
        db_txn_step(txn, unmark_step, task, NULL);
}
