/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies in XML-RPC. */
#include "rpc/internal.h"

#include "value/xmlrpc.h"
#include <string.h>

static void
success_begin(const RpcJob *job, GString *out)
{
    xmlrpc_write_success_begin(out);
}

static void
success_end(const RpcJob *job, GString *out)
{
    xmlrpc_write_success_end(out);
}

static void
failure(const RpcJob *job, GString *out, const char *code, const char *const *params)
{
    xmlrpc_write_failure(out, code, params);
}

static void
map_begin(GString *out)
{
    g_string_append(out, "<value><struct>");
}

static void
map_key(GString *out, const char *key, gboolean is_first)
{
    g_string_append(out, "<member><name>");
    xmlrpc_write_text(out, key, strlen(key));
    g_string_append(out, "</name>");
}

static void
map_key_end(GString *out)
{
    g_string_append(out, "</member>");
}

static void
map_end(GString *out)
{
    g_string_append(out, "</struct></value>");
}

const RpcCodec rpc_codec_xml = {
    .content_type = "text/xml",
    .encoding = DB_ENCODING_XMLRPC,
    .success_begin = success_begin,
    .success_end = success_end,
    .value = xmlrpc_write_value,
    .failure = failure,
    .map_begin = map_begin,
    .map_key = map_key,
    .map_key_end = map_key_end,
    .map_end = map_end,
};
