/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies in JSON-RPC 1.0 and 2.0. Source: protocol notes 1.6. */
#include "rpc/internal.h"

#include "value/json.h"
#include <string.h>

static void
write_id(const RpcJob *job, GString *out)
{
    g_string_append(out, ",\"id\":");
    json_write_value(out, job->json_id);
    g_string_append_c(out, '}');
}

static void
success_begin(const RpcJob *job, GString *out)
{
    g_string_append(out, job->is_json_2 ? "{\"jsonrpc\":\"2.0\",\"result\":" : "{\"result\":");
}

static void
success_end(const RpcJob *job, GString *out)
{
    if (!job->is_json_2)
        g_string_append(out, ",\"error\":null");
    write_id(job, out);
}

static void
write_strings(GString *out, const char *const *texts, gboolean is_first)
{
    for (; *texts != NULL; texts++) {
        if (!is_first)
            g_string_append_c(out, ',');
        json_write_string(out, *texts, strlen(*texts));
        is_first = FALSE;
    }
}

/* 1.0 has code and parameters in one array; 2.0 the code as message and the parameters as data. */
static void
failure(const RpcJob *job, GString *out, const char *code, const char *const *params)
{
    g_string_append(out, job->is_json_2 ? "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":"
                                        : "{\"result\":null,\"error\":[");
    json_write_string(out, code, strlen(code));
    if (job->is_json_2)
        g_string_append(out, ",\"data\":[");
    write_strings(out, params, job->is_json_2);
    g_string_append(out, job->is_json_2 ? "]}" : "]");
    write_id(job, out);
}

static void
map_begin(GString *out)
{
    g_string_append_c(out, '{');
}

static void
map_key(GString *out, const char *key, gboolean is_first)
{
    if (!is_first)
        g_string_append_c(out, ',');
    json_write_string(out, key, strlen(key));
    g_string_append_c(out, ':');
}

static void
map_key_end(GString *out)
{
}

static void
map_end(GString *out)
{
    g_string_append_c(out, '}');
}

const RpcCodec rpc_codec_json = {
    .content_type = "application/json",
    .encoding = DB_ENCODING_JSON,
    .wraps_method_list = TRUE,
    .success_begin = success_begin,
    .success_end = success_end,
    .value = json_write_value,
    .failure = failure,
    .map_begin = map_begin,
    .map_key = map_key,
    .map_key_end = map_key_end,
    .map_end = map_end,
};
