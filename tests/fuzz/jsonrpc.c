/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: JSON-RPC, as a text that is read and written, and as a call to a server. */
#include "fuzz.h"

#include "value/json.h"

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    return 0;
}

static void
check_round_trip(const Value *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);
    json_write_value(first, value);
    g_autoptr(Value) again = json_read(first->str, first->len, &error);
    g_assert_no_error(error);
    json_write_value(second, again);
    g_assert_cmpstr(first->str, ==, second->str);
}

static const char *
called_method(const Value *value)
{
    return value != NULL && value_kind(value) == VALUE_MAP ? value_map_get_string(value, "method", NULL)
                                                           : NULL;
}

/* A batch is not taken apart: whatever has such a word in it may wait. */
static gboolean
may_wait(const Value *value, const GString *body)
{
    return fuzz_may_wait(called_method(value)) ||
           (value != NULL && value_kind(value) == VALUE_ARRAY && fuzz_may_wait(body->str));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    FuzzWorld *world = fuzz_world();
    g_autoptr(GString) body = fuzz_with_session(world, data, size);
    g_autoptr(GString) reply = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = json_read(body->str, body->len, &error);
    g_assert_true((value == NULL) == (error != NULL));
    if (value != NULL)
        check_round_trip(value);
    if (body->len > RPC_BODY_MAX_BYTES)
        return 0;

    guint status = fuzz_post(world, "/jsonrpc", body, may_wait(value, body), &reply);
    if (status != 200)
        return 0; /* broken off, or no call at all: a page that says so */
    g_autoptr(GError) malformed = NULL;
    g_autoptr(Value) answer G_GNUC_UNUSED = json_read(reply->str, reply->len, &malformed);
    g_assert_no_error(malformed);
    return 0;
}
