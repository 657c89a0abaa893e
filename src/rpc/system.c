/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Methods that belong to no class. */
#include "rpc/internal.h"

#include "model/errors.h"
#include "value/xmlrpc.h"

#define IS_ALIVE "system.isAlive:"

static Value *
method_names(void)
{
    Value *names = value_array_new(model_n_messages);
    for (gsize i = 0; i < model_n_messages; i++)
        value_array_add(names, value_string(model_messages[i].name));
    return names;
}

/* Source: protocol notes 1.2: over XML-RPC a bare array, without the Status struct. */
static void
answer_names(RpcJob *job)
{
    g_autoptr(Value) names = method_names();
    if (job->request == NULL || job->codec->wraps_method_list) {
        job_answer(job, g_steal_pointer(&names));
        return;
    }
    GString *body = g_string_new(NULL);
    xmlrpc_write_bare_begin(body);
    xmlrpc_write_value(body, names);
    xmlrpc_write_bare_end(body);
    job_answer_text(job, body);
}

/* Source: protocol notes 1.2: whatever follows the colon, the first parameter comes back. */
static void
answer_is_alive(RpcJob *job, const char *method, const Value *params)
{
    g_autoptr(GError) error = NULL;
    if (value_size(params) > 0) {
        job_answer(job, value_ref(value_array_get(params, 0)));
        return;
    }
    api_error_message_parameter_count_mismatch(&error, method, "1", "0");
    job_fail(job, error);
}

gboolean
system_answer(RpcJob *job, const char *method, const Value *params)
{
    if (g_str_equal(method, "system.listMethods"))
        answer_names(job);
    else if (g_str_has_prefix(method, IS_ALIVE))
        answer_is_alive(job, method, params);
    else
        return FALSE;
    return TRUE;
}
