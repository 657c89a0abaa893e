/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Methods that belong to no class. */
#include "rpc/internal.h"

#include "value/xmlrpc.h"

static Value *
method_names(void)
{
    Value *names = value_array_new(model_n_messages);
    for (gsize i = 0; i < model_n_messages; i++)
        value_array_add(names, value_string(model_messages[i].name));
    return names;
}

/* Source: protocol notes 1.2: over XML-RPC a bare array, without the Status struct. */
gboolean
system_answer(RpcJob *job, const char *method, const Value *params)
{
    if (!g_str_equal(method, "system.listMethods"))
        return FALSE;
    g_autoptr(Value) names = method_names();
    if (job->request == NULL || job->codec->wraps_method_list) {
        job_answer(job, g_steal_pointer(&names));
        return TRUE;
    }
    GString *body = g_string_new(NULL);
    xmlrpc_write_bare_begin(body);
    xmlrpc_write_value(body, names);
    xmlrpc_write_bare_end(body);
    job_answer_text(job, body);
    return TRUE;
}
