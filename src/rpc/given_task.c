/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work done as a task that the client has made: who may, and of which parents a new one may be. */
#include "rpc/rpc.h"

#include "auth/permission.h"
#include "model/classes.h"
#include "model/errors.h"

#define RUN_ANY "task.run/any"

/* The session made it, or another one of the same user did. */
static gboolean
is_owner(Db *db, const Session *session, const DbRow *task)
{
    const char *owner = db_row_string(task, TASK_SESSION);
    if (g_str_equal(owner, session->ref))
        return TRUE;
    g_autoptr(DbRow) row = db_get(db, CLASS_SESSION, owner);
    return row != NULL && g_str_equal(db_row_string(row, SESSION_AUTH_USER_NAME), session->user_name) &&
           g_str_equal(db_row_string(row, SESSION_AUTH_USER_SID), session->user_sid);
}

Task *
rpc_adopt_task(Tasks *tasks, Db *db, const Session *session, const char *ref, const TaskSpec *spec,
               GError **error)
{
    g_autoptr(DbRow) row = db_require(db, CLASS_TASK, ref, error);
    if (row == NULL)
        return NULL;
    if (!is_owner(db, session, row) && !permission_check_role(session, RUN_ANY, ROLE_POOL_OPERATOR, error))
        return NULL;
    return task_adopt(tasks, ref, spec, error);
}

Task *
rpc_begin_task(Tasks *tasks, Db *db, const TaskSpec *spec, GError **error)
{
    TaskSpec known = *spec;
    g_autoptr(DbRow) parent = spec->subtask_of != NULL ? db_get(db, CLASS_TASK, spec->subtask_of) : NULL;
    known.subtask_of = parent != NULL ? parent->ref : NULL;
    return task_begin(tasks, &known, error);
}
