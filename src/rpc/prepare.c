/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that is checked before a call does anything: the message's name, the number and types of its
 * parameters, session, role.
 *
 * The order is part of the wire: types are read before the session is looked at; an unknown method with a
 * dead session is SESSION_INVALID. Source: protocol notes 1.4. */
#include "rpc/internal.h"

#include "auth/permission.h"
#include "model/errors.h"
#include "rpc/record.h"
#include <string.h>

static const ModelMessage *
find_message(const char *method, gboolean *ret_is_async)
{
    const char *name = method;
    *ret_is_async = FALSE;
    if (g_str_has_prefix(name, "Async.")) {
        name += strlen("Async.");
        *ret_is_async = TRUE;
    }
    return model_message_by_name(name);
}

static gboolean
refuse_unknown(RpcJob *job, const char *method, const Value *params, GError **error)
{
    if (value_size(params) > 0 && value_kind(value_array_get(params, 0)) == VALUE_STRING) {
        g_autoptr(Session) session =
            sessions_find(job->rpc->sessions, value_get_string(value_array_get(params, 0)), error);
        if (session == NULL)
            return FALSE;
    }
    return api_error_message_method_unknown(error, method);
}

static gboolean
check_count(const ModelMessage *message, const char *method, gsize n_given, GError **error)
{
    /* Source: protocol notes 1.4: with defaulted parameters, extra ones are ignored */
    gboolean has_defaults = message->n_required < message->n_params;
    if (n_given >= message->n_required && (n_given <= message->n_params || has_defaults))
        return TRUE;
    g_autofree char *expected = g_strdup_printf("%" G_GSIZE_FORMAT, message->n_required);
    g_autofree char *given = g_strdup_printf("%" G_GSIZE_FORMAT, n_given);
    return api_error_message_parameter_count_mismatch(error, method, expected, given);
}

static gboolean
read_params(RpcJob *job, const Value *params, gsize first, GError **error)
{
    const ModelMessage *message = job->message;
    job->params = g_new0(Value *, message->n_params);
    for (gsize i = 0; i < message->n_params; i++) {
        const ModelParam *param = &message->params[i];
        if (first + i >= value_size(params)) {
            job->params[i] = value_ref(param->default_value);
            continue;
        }
        job->params[i] = rpc_coerce(param->type, value_array_get(params, first + i), param->name, error);
        if (job->params[i] == NULL)
            return FALSE;
    }
    return TRUE;
}

static gboolean
find_session(RpcJob *job, const Value *params, GError **error)
{
    if (!job->message->needs_session)
        return TRUE;
    const Value *ref = value_array_get(params, 0);
    if (value_kind(ref) != VALUE_STRING)
        return api_error_internal_error(error, "parameter session_id: expected a session reference");
    job->session = sessions_find(job->rpc->sessions, value_get_string(ref), error);
    return job->session != NULL;
}

static AuditCall *
begin_audit(const RpcJob *job)
{
    const AuditOrigin origin = {.peer = job->origin.peer, .task = job->called_name};
    return audit_call_begin(sessions_audit(job->rpc->sessions), job->rpc->db, job->session, job->message,
                            job->params, &origin);
}

static gboolean
check_permission(RpcJob *job, GError **error)
{
    if (audit_trail_covers(job->message))
        job->audit = begin_audit(job);
    if (job->session == NULL ||
        permission_check(job->rpc->db, job->session, job->message, job->params, error))
        return TRUE;
    audit_call_denied(job->audit != NULL ? g_steal_pointer(&job->audit) : begin_audit(job));
    return FALSE;
}

static gboolean
check_async(const RpcJob *job, GError **error)
{
    if (!job->is_async || job->message->has_async)
        return TRUE;
    /* Source: protocol notes 1.3 */
    g_autofree char *text = g_strdup_printf("No async mode for this operation (rpc: %s)", job->called_name);
    return api_error_set(error, "Fault", (const char *const[]){text, NULL});
}

gboolean
job_prepare(RpcJob *job, const char *method, const Value *params, GError **error)
{
    job->called_name = g_strdup(method);
    job->message = find_message(method, &job->is_async);
    if (job->message == NULL)
        return refuse_unknown(job, method, params, error);
    gsize n_session = job->message->needs_session ? 1 : 0;
    gsize n_given = value_size(params);
    if (n_given < n_session)
        return check_count(job->message, method, 0, error) &&
               api_error_message_parameter_count_mismatch(error, method, "1", "0");
    return check_count(job->message, method, n_given - n_session, error) &&
           read_params(job, params, n_session, error) && find_session(job, params, error) &&
           check_permission(job, error) && check_async(job, error);
}
