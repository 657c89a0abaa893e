/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exact bytes that clients depend on. */
#include "value/xmlrpc.h"

#include <math.h>
#include <string.h>

static void
assert_written(Value *value, const char *wanted)
{
    g_autoptr(GString) out = g_string_new(NULL);

    xmlrpc_write_value(out, value);
    g_assert_cmpstr(out->str, ==, wanted);
    value_unref(value);
}

static void
test_scalars(void)
{
    assert_written(value_string("text"), "<value>text</value>");
    assert_written(value_string(""), "<value></value>");
    assert_written(value_string(" a\tb\n"), "<value> a\tb\n</value>");
    assert_written(value_int(0), "<value>0</value>");
    assert_written(value_int(-42), "<value>-42</value>");
    assert_written(value_int(G_MAXINT64), "<value>9223372036854775807</value>");
    assert_written(value_int(G_MININT64), "<value>-9223372036854775808</value>");
    assert_written(value_count(7), "<value><i4>7</i4></value>");
    assert_written(value_bool(TRUE), "<value><boolean>1</boolean></value>");
    assert_written(value_bool(FALSE), "<value><boolean>0</boolean></value>");
    assert_written(value_nil(), "<value><nil/></value>");
    assert_written(value_datetime(0),
                   "<value><dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601></value>");
    assert_written(value_datetime_text("20230305T18:18:29"),
                   "<value><dateTime.iso8601>20230305T18:18:29</dateTime.iso8601></value>");
}

static void
test_floats(void)
{
    assert_written(value_float(0.0), "<value><double>0</double></value>");
    assert_written(value_float(1.5), "<value><double>1.5</double></value>");
    assert_written(value_float(0.1), "<value><double>0.1</double></value>");
    assert_written(value_float(-1e300), "<value><double>-1e+300</double></value>");
    assert_written(value_float(1.0 / 3), "<value><double>0.3333333333333333</double></value>");
    assert_written(value_float(NAN), "<value><double>nan</double></value>");
    assert_written(value_float(-NAN), "<value><double>nan</double></value>");
    assert_written(value_float(INFINITY), "<value><double>inf</double></value>");
    assert_written(value_float(-INFINITY), "<value><double>-inf</double></value>");
}

static void
test_containers(void)
{
    Value *array = value_array_new(2);
    Value *map = value_map_new(2);

    assert_written(value_array_empty(), "<value><array><data></data></array></value>");
    assert_written(value_map_empty(), "<value><struct></struct></value>");
    value_array_add(array, value_string("a"));
    value_array_add(array, value_array_empty());
    value_map_set(map, "list", array);
    value_map_set(map, "<&>", value_int(1));
    assert_written(map, "<value><struct><member><name>list</name><value><array><data><value>a</value>"
                        "<value><array><data></data></array></value></data></array></value></member>"
                        "<member><name>&lt;&amp;&gt;</name><value>1</value></member></struct></value>");
}

static void
test_escapes(void)
{
    static const struct {
        const char *text;
        gsize length;
        const char *wanted;
    } cases[] = {
        {"a<b>c&d\"e'f", 11, "a&lt;b&gt;c&amp;d&quot;e'f"},
        {"tab\tline\nreturn\r", 16, "tab\tline\nreturn\r"},
        {"\x01\x08\x0b\x0c\x0e\x1f|\x7f", 8, "|\x7f"},
        {"a\0b", 3, "ab"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd", 10,
         "a\xef\xbf\xbd"}, /* no XML characters, but the last one */
        {"", 0, ""},
        {"<<", 2, "&lt;&lt;"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        xmlrpc_write_text(out, cases[i].text, cases[i].length);
        g_assert_cmpstr(out->str, ==, cases[i].wanted);
    }
    for (int byte = 1; byte < 0x20; byte++) {
        g_autoptr(GString) out = g_string_new(NULL);
        char text = (char)byte;
        xmlrpc_write_text(out, &text, 1);
        g_assert_cmpuint(out->len, ==, byte == '\t' || byte == '\n' || byte == '\r' ? 1 : 0);
    }
}

static void
test_call(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(Value) params = value_array_new(2);

    value_array_add(params, value_string("x"));
    value_array_add(params, value_int(2));
    xmlrpc_write_call(out, "VM.start", params);
    g_assert_cmpstr(out->str, ==,
                    "<?xml version=\"1.0\"?><methodCall><methodName>VM.start</methodName><params>"
                    "<param><value>x</value></param><param><value>2</value></param></params></methodCall>");
}

static void
test_success(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    xmlrpc_write_success_begin(out);
    xmlrpc_write_value(out, value_string(""));
    xmlrpc_write_success_end(out);
    g_assert_cmpstr(out->str, ==,
                    "<?xml version=\"1.0\"?><methodResponse><params><param><value><struct>"
                    "<member><name>Status</name><value>Success</value></member>"
                    "<member><name>Value</name><value></value></member>"
                    "</struct></value></param></params></methodResponse>");
}

static void
test_failure(void)
{
    static const char *const params[] = {"VM", "<ref>", NULL};
    g_autoptr(GString) out = g_string_new(NULL);

    xmlrpc_write_failure(out, "HANDLE_INVALID", params);
    g_assert_cmpstr(out->str, ==,
                    "<?xml version=\"1.0\"?><methodResponse><params><param><value><struct>"
                    "<member><name>Status</name><value>Failure</value></member>"
                    "<member><name>ErrorDescription</name><value><array><data><value>HANDLE_INVALID</value>"
                    "<value>VM</value><value>&lt;ref&gt;</value></data></array></value></member>"
                    "</struct></value></param></params></methodResponse>");
    g_string_truncate(out, 0);
    xmlrpc_write_failure(out, "CODE", NULL);
    g_assert_nonnull(strstr(out->str, "<data><value>CODE</value></data>"));
}

static void
test_bare_and_fault(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    xmlrpc_write_bare_begin(out);
    xmlrpc_write_value(out, value_array_empty());
    xmlrpc_write_bare_end(out);
    g_assert_cmpstr(out->str, ==,
                    "<?xml version=\"1.0\"?><methodResponse><params><param>"
                    "<value><array><data></data></array></value></param></params></methodResponse>");
    g_string_truncate(out, 0);
    xmlrpc_write_fault(out, -3, "a & b");
    g_assert_cmpstr(out->str, ==,
                    "<?xml version=\"1.0\"?><methodResponse><fault><value><struct>"
                    "<member><name>faultCode</name><value><int>-3</int></value></member>"
                    "<member><name>faultString</name><value>a &amp; b</value></member>"
                    "</struct></value></fault></methodResponse>");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/value/xmlrpc-write/scalars-have-their-exact-form", test_scalars);
    g_test_add_func("/value/xmlrpc-write/floats-have-sixteen-digits", test_floats);
    g_test_add_func("/value/xmlrpc-write/containers-have-no-white-space", test_containers);
    g_test_add_func("/value/xmlrpc-write/text-is-escaped-and-control-bytes-dropped", test_escapes);
    g_test_add_func("/value/xmlrpc-write/call-envelope", test_call);
    g_test_add_func("/value/xmlrpc-write/success-envelope", test_success);
    g_test_add_func("/value/xmlrpc-write/failure-envelope", test_failure);
    g_test_add_func("/value/xmlrpc-write/bare-and-fault-envelopes", test_bare_and_fault);
    return g_test_run();
}
