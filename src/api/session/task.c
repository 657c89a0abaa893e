/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks that clients make, change, cancel and clear away. */
#include "api/services.h"

#include "auth/permission.h"
#include "base/text.h"

/* Those that clients make stay until the clients clear them away, or a day. */
#define TASKS_MAX 10000

/* Source: protocol notes 3: for HTTP handlers: the client passes its ref as task_id */
gboolean
api_task__create(ApiCall *call, const TaskCreateArgs *args, Value **ret_value, GError **error)
{
    if (db_count(call->db, CLASS_TASK) >= TASKS_MAX)
        return api_error_too_many_pending_tasks(error);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    const char *ref = db_txn_insert(txn, CLASS_TASK, NULL);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_NAME_LABEL, args->label);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_NAME_DESCRIPTION, args->description);
    db_txn_set(txn, CLASS_TASK, ref, TASK_CREATED, value_datetime(base_now_us() / G_USEC_PER_SEC));
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_TYPE, "<none/>");
    db_txn_set_int(txn, CLASS_TASK, ref, TASK_EXTERNALPID, -1);
    db_txn_set_int(txn, CLASS_TASK, ref, TASK_STUNNELPID, -1);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_BACKTRACE, "()");
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_RESIDENT_ON, call->services->host_ref);
    db_txn_set_string(txn, CLASS_TASK, ref, TASK_SESSION, call->session->ref);
    g_autoptr(Value) result = value_string(ref);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

/* A session's own, or its user's. */
static gboolean
is_own(ApiCall *call, const DbRow *task)
{
    const char *owner = db_row_string(task, TASK_SESSION);
    g_autoptr(DbRow) session = db_get(call->db, CLASS_SESSION, owner);
    gboolean is_same_user =
        session != NULL && *call->session->user_sid != '\0' &&
        g_str_equal(db_row_string(session, SESSION_AUTH_USER_SID), call->session->user_sid);
    return is_same_user || g_str_equal(owner, call->session->ref);
}

/* Every role may do this to tasks of its own. Source: the reference */
static gboolean
require_own(ApiCall *call, TaskRef self, GError **error)
{
    g_autoptr(DbRow) task = db_require(call->db, CLASS_TASK, self.id, error);
    if (task == NULL)
        return FALSE;
    return is_own(call, task) ||
           permission_check_role(call->session, "task.destroy/any", ROLE_POOL_OPERATOR, error);
}

gboolean
api_task__destroy(ApiCall *call, const TaskDestroyArgs *args, GError **error)
{
    return require_own(call, args->self, error) &&
           tasks_destroy(call->services->tasks, &call->actor, args->self.id, error);
}

gboolean
api_task__cancel(ApiCall *call, const TaskCancelArgs *args, GError **error)
{
    return require_own(call, args->task, error) &&
           tasks_cancel(call->services->tasks, &call->actor, args->task.id, error);
}

static gboolean
set_field(ApiCall *call, TaskRef task, int field, Value *value, GError **error)
{
    g_autoptr(Value) owned = value;
    if (!require_own(call, task, error))
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_set(txn, CLASS_TASK, task.id, field, value_ref(value));
    return db_txn_commit(txn, NULL, error);
}

gboolean
api_task__set_status(ApiCall *call, const TaskSetStatusArgs *args, GError **error)
{
    return require_own(call, args->self, error) &&
           tasks_set_status(call->services->tasks, &call->actor, args->self.id, args->value, error);
}

gboolean
api_task__set_progress(ApiCall *call, const TaskSetProgressArgs *args, GError **error)
{
    return set_field(call, args->self, TASK_PROGRESS, value_float(CLAMP(args->value, 0.0, 1.0)), error);
}

gboolean
api_task__set_result(ApiCall *call, const TaskSetResultArgs *args, GError **error)
{
    return set_field(call, args->self, TASK_RESULT, value_string(args->value), error);
}

gboolean
api_task__set_resident_on(ApiCall *call, const TaskSetResidentOnArgs *args, GError **error)
{
    return set_field(call, args->self, TASK_RESIDENT_ON, value_string(args->value.id), error);
}

gboolean
api_task__set_error_info(ApiCall *call, const TaskSetErrorInfoArgs *args, GError **error)
{
    return set_field(call, args->self, TASK_ERROR_INFO, value_ref(args->value), error);
}
