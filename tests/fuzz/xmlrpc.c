/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: XML-RPC, as a text that is read and written, and as a call to a server. */
#include "fuzz.h"

#include "value/xmlrpc.h"

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    return 0;
}

/* What is written can be read again, and is then written alike. */
static void
check_round_trip(const Value *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);
    xmlrpc_write_value(first, value);
    g_autoptr(Value) again = xmlrpc_read_value(first->str, first->len, &error);
    g_assert_no_error(error);
    xmlrpc_write_value(second, again);
    g_assert_cmpstr(first->str, ==, second->str);
}

static void
read_as_value(const guint8 *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = xmlrpc_read_value((const char *)data, size, &error);
    g_assert_true((value == NULL) == (error != NULL));
    if (value != NULL)
        check_round_trip(value);
}

static void
read_as_reply(const guint8 *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = xmlrpc_read_reply((const char *)data, size, &error);
    g_assert_true((value == NULL) == (error != NULL));
    if (value != NULL)
        check_round_trip(value);
}

/* Every answer is well-formed, whatever was asked. */
static void
call_server(const guint8 *data, size_t size)
{
    FuzzWorld *world = fuzz_world();
    g_autoptr(GString) body = fuzz_with_session(world, data, size);
    g_autoptr(GString) reply = NULL;
    g_auto(XmlrpcCall) call = {NULL, NULL};
    g_autoptr(GError) error = NULL;
    if (body->len > RPC_BODY_MAX_BYTES)
        return;
    if (xmlrpc_read_call(body->str, body->len, &call, &error))
        check_round_trip(call.params);
    gboolean may_wait = fuzz_may_wait(call.method);
    guint status = fuzz_post(world, "/", body, may_wait, &reply);
    if (status == 0)
        return;
    g_assert_cmpuint(status, ==, 200);
    g_autoptr(GError) malformed = NULL;
    g_autoptr(Value) answer G_GNUC_UNUSED = xmlrpc_read_reply(reply->str, reply->len, &malformed);
    g_assert_no_error(malformed);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    read_as_value(data, size);
    read_as_reply(data, size);
    call_server(data, size);
    return 0;
}
