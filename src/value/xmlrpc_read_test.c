/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every accepted form of XML-RPC, malformed and hostile documents, and the way back from what we write. */
#include "value/xmlrpc.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "value/json.h"

static char *
as_json(const Value *value)
{
    GString *text = g_string_new(NULL);

    json_write_value(text, value);
    return g_string_free(text, FALSE);
}

static Value *
read_value(const char *text)
{
    g_autoptr(GError) error = NULL;
    Value *value = xmlrpc_read_value(text, strlen(text), &error);

    if (value == NULL)
        g_error("%s: %s", text, error->message);
    g_assert_no_error(error);
    return value;
}

static const struct {
    const char *xml;
    ValueKind kind;
    const char *json;
} forms[] = {
    {"<value>text</value>", VALUE_STRING, "\"text\""},
    {"<value></value>", VALUE_STRING, "\"\""},
    {"<value/>", VALUE_STRING, "\"\""},
    {"<value> two  words </value>", VALUE_STRING, "\" two  words \""},
    {"<value>\n</value>", VALUE_STRING, "\"\\n\""},
    {"<value>a\r\nb</value>", VALUE_STRING, "\"a\\nb\""},
    {"<value>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#xe4;</value>", VALUE_STRING, "\"<>&\\\"'AB\xc3\xa4\""},
    {"<value>a<!-- not this -->b</value>", VALUE_STRING, "\"ab\""},
    {"<value><![CDATA[<b> & ]]></value>", VALUE_STRING, "\"<b> & \""},
    {"<value><string>text</string></value>", VALUE_STRING, "\"text\""},
    {"<value><string> text </string></value>", VALUE_STRING, "\" text \""},
    {"<value>\n <string>text</string>\n </value>", VALUE_STRING, "\"text\""},
    {"<value><string/></value>", VALUE_STRING, "\"\""},
    {"<value>42</value>", VALUE_STRING, "\"42\""},
    {"<value><int>42</int></value>", VALUE_INT, "42"},
    {"<value><i4>-42</i4></value>", VALUE_INT, "-42"},
    {"<value><i8>9223372036854775807</i8></value>", VALUE_INT, "9223372036854775807"},
    {"<value><int> 5\n</int></value>", VALUE_INT, "5"},
    {"<value><boolean>1</boolean></value>", VALUE_BOOL, "true"},
    {"<value><boolean> 0 </boolean></value>", VALUE_BOOL, "false"},
    {"<value><double>1.5</double></value>", VALUE_FLOAT, "1.5"},
    {"<value><double>-1e3</double></value>", VALUE_FLOAT, "-1000"},
    {"<value><double>nan</double></value>", VALUE_FLOAT, "null"},
    {"<value><dateTime.iso8601>20230305T18:18:29Z</dateTime.iso8601></value>", VALUE_DATETIME,
     "\"20230305T18:18:29Z\""},
    {"<value><dateTime.iso8601>20230305T18:18:29</dateTime.iso8601></value>", VALUE_DATETIME,
     "\"20230305T18:18:29\""},
    {"<value><dateTime.iso8601>2023-03-05T18:18:29Z</dateTime.iso8601></value>", VALUE_DATETIME,
     "\"2023-03-05T18:18:29Z\""},
    {"<value><dateTime.iso8601>soon</dateTime.iso8601></value>", VALUE_STRING, "\"soon\""},
    {"<value><nil/></value>", VALUE_NIL, "null"},
    {"<value><nil></nil></value>", VALUE_NIL, "null"},
    {"<value xmlns:ex='urn:extensions'><ex:nil/></value>", VALUE_NIL, "null"},
    {"<value><array/></value>", VALUE_ARRAY, "[]"},
    {"<value><array><data/></array></value>", VALUE_ARRAY, "[]"},
    {"<value><array><data></data></array></value>", VALUE_ARRAY, "[]"},
    {"<value> <array> <data> <value>a</value> <value><int>1</int></value> </data> </array> </value>",
     VALUE_ARRAY, "[\"a\",1]"},
    {"<value><struct/></value>", VALUE_MAP, "{}"},
    {"<value><struct></struct></value>", VALUE_MAP, "{}"},
    {"<value><struct>\n<member>\n<name>a b</name>\n<value>c</value>\n</member>\n</struct></value>", VALUE_MAP,
     "{\"a b\":\"c\"}"},
    {"<value><struct><member><name>&lt;</name><value/></member><member><name/><value/></member></"
     "struct></value>",
     VALUE_MAP, "{\"<\":\"\",\"\":\"\"}"},
    {"<value><struct><member><name>a</name><value>1</value></member><member><name>a</name><value>2</"
     "value></member>"
     "</struct></value>",
     VALUE_MAP, "{\"a\":\"2\"}"},
    {"<?xml version='1.0'?><value>a</value>", VALUE_STRING, "\"a\""},
    {"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<value>\xc3\xa4</value>\n", VALUE_STRING, "\"\xc3\xa4\""},
    {"<?xml version='1.0' encoding='us-ascii' standalone='yes'?><value>a</value>", VALUE_STRING, "\"a\""},
    {"\xef\xbb\xbf<value>a</value>", VALUE_STRING, "\"a\""},
    {"<!-- before --><value>a</value><!-- after -->", VALUE_STRING, "\"a\""},
    {" <value>a</value> ", VALUE_STRING, "\"a\""},
    {"<value type='x'>a</value>", VALUE_STRING, "\"a\""},
};

static void
test_forms(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autoptr(Value) value = read_value(forms[i].xml);
        g_autofree char *json = as_json(value);
        g_assert_cmpstr(json, ==, forms[i].json);
        g_assert_cmpint(value_kind(value), ==, forms[i].kind);
    }
}

static void
assert_refused(const char *text, gsize length, BaseError code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = xmlrpc_read_value(text, length, &error);

    if (value != NULL)
        g_error("accepted: %.300s", text);
    g_assert_error(error, BASE_ERROR, (int)code);
    g_assert_true(g_str_has_prefix(error->message, "XML-RPC: "));
    g_assert_null(strchr(error->message, '\n'));
}

static const char *const malformed[] = {
    "",
    " ",
    "text",
    "<",
    "<value",
    "<value>",
    "<value>a",
    "</value>",
    "<value>a</valu>",
    "<value>a</value>b",
    "<value/><value/>",
    "<value>&nbsp;</value>",
    "<value>&</value>",
    "<value>a<b</value>",
    "<value>\x01</value>",
    "<value>&#0;</value>",
    "<value>&#1;</value>",
    "<string>a</string>",
    "<Value>a</Value>",
    "<value><text>a</text></value>",
    "<value><base64>YQ==</base64></value>",
    "<value>a<string>b</string></value>",
    "<value><string>a</string>b</value>",
    "<value><string>a</string><string>b</string></value>",
    "<value><nil/><nil/></value>",
    "<value><string>a<string>b</string></string></value>",
    "<value><value>a</value></value>",
    "<value><int></int></value>",
    "<value><int>a</int></value>",
    "<value><int>1 2</int></value>",
    "<value><int>1.5</int></value>",
    "<value><i8>9223372036854775808</i8></value>",
    "<value><boolean>true</boolean></value>",
    "<value><boolean>2</boolean></value>",
    "<value><boolean/></value>",
    "<value><double>x</double></value>",
    "<value><double/></value>",
    "<value><nil>x</nil></value>",
    "<value><array>x</array></value>",
    "<value><array><value/></array></value>",
    "<value><array><data/><data/></array></value>",
    "<value><array><data>x</data></array></value>",
    "<value><array><data><string/></data></array></value>",
    "<value><struct>x</struct></value>",
    "<value><struct><value/></struct></value>",
    "<value><struct><member/></struct></value>",
    "<value><struct><member><name>a</name></member></struct></value>",
    "<value><struct><member><value/></member></struct></value>",
    "<value><struct><member><value/><name>a</name></member></struct></value>",
    "<value><struct><member><name>a</name><name>b</name><value/></member></struct></value>",
    "<value><struct><member><name>a</name><value/><value/></member></struct></value>",
    "<value><struct><member><name><value/></name></member></struct></value>",
    "<value><params/></value>",
    "<methodCall><methodName>a</methodName></methodCall>",
};

static void
test_malformed(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++)
        assert_refused(malformed[i], strlen(malformed[i]), BASE_ERROR_INVALID);
}

static void
test_hostile(void)
{
    static const char *const cases[] = {
        "<!DOCTYPE value><value>a</value>",
        "<!DOCTYPE value SYSTEM 'file:///etc/passwd'><value>a</value>",
        "<!DOCTYPE value [<!ENTITY a 'b'>]><value>&a;</value>",
        "<!DOCTYPE value [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><value>&a;</value>",
        "<!DOCTYPE v [<!ENTITY a 'aaaaa'><!ENTITY b '&a;&a;&a;'><!ENTITY c '&b;&b;'>]><value>&c;</value>",
        "<!DOCTYPE v [<!ENTITY % p SYSTEM 'http://127.0.0.1/x'> %p;]><value>a</value>",
        "<?php echo ?><value>a</value>",
        "<value><?target data?></value>",
        "<value>a</value><?xml-stylesheet href='x'?>",
        "<?xml version='1.0'?><!DOCTYPE value><value>a</value>",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_refused(cases[i], strlen(cases[i]), BASE_ERROR_INVALID);
}

static void
test_encodings(void)
{
    static const struct {
        const char *text;
        gsize length;
    } cases[] = {
        {"<value>\xff</value>", 16},
        {"<value>\xc3</value>", 16},
        {"<value>\xed\xa0\x80</value>", 18},
        {"<value>a\0b</value>", 18},
        {"\xff\xfe<\0v\0a\0l\0u\0e\0/\0>\0", 18},
        {"<?xml version='1.0' encoding='ISO-8859-1'?><value>a</value>", 59},
        {"<?xml version='1.0' encoding = \"latin1\" ?><value>a</value>", 58},
        {"<?xml version='1.0' encoding='UTF-16'?><value>a</value>", 55},
        {"<?xml version='1.0' encoding='UTF-7'?><value>a</value>", 54},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(xmlrpc_read_value(cases[i].text, cases[i].length, &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "UTF-8"));
    }
}

static char *
repeated(const char *before, const char *text, int times, const char *after)
{
    GString *made = g_string_new(before);

    for (int i = 0; i < times; i++)
        g_string_append(made, text);
    g_string_append(made, after);
    return g_string_free(made, FALSE);
}

/* @levels values around each other, in arrays or in structs. */
static char *
nested(int levels, const char *opening, const char *closing)
{
    g_autofree char *front = repeated("", opening, levels - 1, "<value>x</value>");

    return repeated(front, closing, levels - 1, "");
}

static void
test_depth(void)
{
    static const char *const tags[][2] = {
        {"<value><array><data>", "</data></array></value>"},
        {"<value><struct><member><name>a</name>", "</member></struct></value>"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(tags); i++) {
        g_autofree char *deepest = nested(XMLRPC_MAX_DEPTH, tags[i][0], tags[i][1]);
        g_autofree char *too_deep = nested(XMLRPC_MAX_DEPTH + 1, tags[i][0], tags[i][1]);
        g_autofree char *unbounded = repeated("", tags[i][0], 100000, "");
        g_autoptr(Value) value = read_value(deepest);
        g_assert_cmpuint(value_size(value), ==, 1);
        assert_refused(too_deep, strlen(too_deep), BASE_ERROR_TOO_LARGE);
        assert_refused(unbounded, strlen(unbounded), BASE_ERROR_TOO_LARGE);
    }
}

static void
test_count(void)
{
    const char *front = "<value><array><data>", *back = "</data></array></value>";
    g_autofree char *most = repeated(front, "<value/>", XMLRPC_MAX_VALUES - 1, back);
    g_autofree char *too_many = repeated(front, "<value/>", XMLRPC_MAX_VALUES, back);

    g_autoptr(Value) value = read_value(most);
    g_assert_cmpuint(value_size(value), ==, XMLRPC_MAX_VALUES - 1);
    assert_refused(too_many, strlen(too_many), BASE_ERROR_TOO_LARGE);
}

/* Above libxml2's own limits for buffers, which do not apply here. */
static void
test_long_text(void)
{
    g_autofree char *text = g_strnfill(12 * 1024 * 1024, 'x');
    g_autofree char *plain = g_strconcat("<value>", text, "</value>", NULL);
    g_autofree char *mixed = g_strconcat("<value>&lt;", text, "&gt;</value>", NULL);
    g_autoptr(Value) value = read_value(plain);
    g_autoptr(Value) other = read_value(mixed);

    g_assert_cmpuint(value_get_string_length(value), ==, strlen(text));
    g_assert_cmpstr(value_get_string(value), ==, text);
    g_assert_cmpuint(value_get_string_length(other), ==, strlen(text) + 2);
}

static void
test_call(void)
{
    static const struct {
        const char *xml;
        const char *method;
        const char *params;
    } cases[] = {
        {"<methodCall><methodName>VM.start</methodName><params><param><value>a</value></param><param><value>"
         "<boolean>0</boolean></value></param></params></methodCall>",
         "VM.start", "[\"a\",false]"},
        {"<?xml version='1.0'?>\n<methodCall>\n<methodName> a.b "
         "</methodName>\n<params>\n</params>\n</methodCall>\n",
         "a.b", "[]"},
        {"<methodCall><methodName>a.b</methodName><params/></methodCall>", "a.b", "[]"},
        {"<methodCall><methodName>a.b</methodName></methodCall>", "a.b", "[]"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(XmlrpcCall) call = {0};
        g_assert_true(xmlrpc_read_call(cases[i].xml, strlen(cases[i].xml), &call, &error));
        g_assert_no_error(error);
        g_autofree char *params = as_json(call.params);
        g_assert_cmpstr(call.method, ==, cases[i].method);
        g_assert_cmpstr(params, ==, cases[i].params);
    }
}

static void
test_call_refused(void)
{
    static const char *const cases[] = {
        "<methodCall/>",
        "<methodCall><params/></methodCall>",
        "<methodCall><methodName/></methodCall>",
        "<methodCall><methodName> </methodName></methodCall>",
        "<methodCall><params/><methodName>a</methodName></methodCall>",
        "<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>",
        "<methodCall><methodName>a</methodName><params/><params/></methodCall>",
        "<methodCall><methodName>a</methodName><params><value/></params></methodCall>",
        "<methodCall><methodName>a</methodName><params><param/></params></methodCall>",
        "<methodCall><methodName>a</methodName><params><param><value/><value/></param></params></methodCall>",
        "<methodCall><methodName>a</methodName><params>x</params></methodCall>",
        "<methodCall>x<methodName>a</methodName></methodCall>",
        "<methodResponse><params><param><value/></param></params></methodResponse>",
        "<value/>",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        XmlrpcCall call = {0};
        if (xmlrpc_read_call(cases[i], strlen(cases[i]), &call, &error))
            g_error("accepted: %s", cases[i]);
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
        g_assert_null(call.method);
        g_assert_null(call.params);
    }
}

static void
test_reply(void)
{
    static const char xml[] =
        "<methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>";
    static const char *const refused[] = {
        "<methodResponse/>",
        "<methodResponse><params/></methodResponse>",
        "<methodResponse><params><param><value/></param><param><value/></param></params></methodResponse>",
        "<methodResponse><fault/></methodResponse>",
        "<methodResponse><params><param><value/></param></params><fault><value/></fault></methodResponse>",
        "<methodCall><methodName>a</methodName></methodCall>",
        "<html><body>Bad gateway</body></html>",
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = xmlrpc_read_reply(xml, strlen(xml), &error);

    g_assert_no_error(error);
    g_assert_cmpint(value_get_int(value), ==, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) refusal = NULL;
        g_assert_null(xmlrpc_read_reply(refused[i], strlen(refused[i]), &refusal));
        g_assert_error(refusal, BASE_ERROR, BASE_ERROR_INVALID);
    }
}

static void
test_fault(void)
{
#define FAULT(value) "<methodResponse><fault><value>" value "</value></fault></methodResponse>"
#define CODE(value)  "<member><name>faultCode</name><value>" value "</value></member>"
#define TEXT(value)  "<member><name>faultString</name><value>" value "</value></member>"
    static const struct {
        const char *xml;
        int code;
        const char *text;
    } cases[] = {
        {FAULT("<struct>" CODE("<int>4</int>") TEXT("<string>no</string>") "</struct>"), 4, "no"},
        {FAULT("<struct>" CODE("5") TEXT("no") "</struct>"), 5, "no"},
        {FAULT("<struct>" CODE("x") "</struct>"), 0, ""},
        {FAULT("<struct>" CODE("<i8>99999999999</i8>") TEXT("big") "</struct>"), G_MAXINT, "big"},
        {FAULT("just text"), 0, ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(xmlrpc_read_reply(cases[i].xml, strlen(cases[i].xml), &error));
        g_assert_error(error, XMLRPC_FAULT, cases[i].code);
        g_assert_cmpstr(error->message, ==, cases[i].text);
    }
}

/* All kinds at once, as xmlrpc_write_value() writes them; ints come back as the texts they are on the wire.
 */
static void
test_round_trip(void)
{
    g_autoptr(Value) map = value_map_new(0);
    g_autoptr(Value) array = value_array_new(0);
    g_autoptr(GString) out = g_string_new(NULL);

    value_map_set(map, "text <&>", value_string("a <b> & \"c\" \xf0\x9f\x98\x80 \t\n"));
    value_map_set(map, "empty", value_string(""));
    value_map_set(map, "bool", value_bool(TRUE));
    value_map_set(map, "float", value_float(0.1));
    value_map_set(map, "nan", value_float(NAN));
    value_map_set(map, "date", value_datetime(1678040309));
    value_map_set(map, "nil", value_nil());
    value_map_set(map, "none", value_array_empty());
    value_map_set(map, "nothing", value_map_empty());
    value_array_add(array, value_ref(map));
    value_array_add(array, value_string("42"));
    xmlrpc_write_value(out, array);
    g_autoptr(Value) value = read_value(out->str);
    g_assert_true(value_equal(value, array));

    g_string_truncate(out, 0);
    xmlrpc_write_call(out, "a.b", array);
    g_auto(XmlrpcCall) call = {0};
    g_assert_true(xmlrpc_read_call(out->str, out->len, &call, NULL));
    g_assert_true(value_equal(call.params, array));
}

/* What one document leaves in the thread's reader must not show in the next. */
static void
test_independence(void)
{
    static const char broken[] = "<value><struct><member><name>a</name><value><array><data><value>x</value>";
    static const char named[] = "<value><verystrange/></value>";

    for (int i = 0; i < 100; i++) {
        assert_refused(broken, strlen(broken), BASE_ERROR_INVALID);
        assert_refused(named, strlen(named), BASE_ERROR_INVALID);
        g_autoptr(Value) value = read_value("<value><array><data><value>y</value></data></array></value>");
        g_autofree char *json = as_json(value);
        g_assert_cmpstr(json, ==, "[\"y\"]");
    }
}

/* The text need not end with a NUL: the length counts. */
static void
test_length(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = xmlrpc_read_value("<value>a</value><more", 16, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(value_get_string(value), ==, "a");
}

/* Every cut and every changed byte of a document is answered, with a value or an error. */
static void
test_mutations(void)
{
    static const char xml[] =
        "<?xml version='1.0'?><value><struct><member><name>a&lt;</name><value><int>1</int></value></member>"
        "<member><name>b</name><value><array><data><value>x</value><value><nil/></value></data></array>"
        "</value></member></struct></value>";
    static const char bytes[] = "<>/&'!?\xff\x01 x";

    for (gsize i = 0; i < strlen(xml); i++) {
        assert_refused(xml, i, BASE_ERROR_INVALID);
        for (gsize j = 0; j < strlen(bytes); j++) {
            g_autofree char *changed = g_strdup(xml);
            g_autoptr(GError) error = NULL;
            changed[i] = bytes[j];
            g_autoptr(Value) value = xmlrpc_read_value(changed, strlen(changed), &error);
            g_assert_true((value == NULL) == (error != NULL));
        }
    }
}

static gpointer
read_often(gpointer data)
{
    for (int i = 0; i < 300; i++) {
        g_autoptr(Value) value = read_value("<value><array><data><value>y</value></data></array></value>");
        g_assert_cmpuint(value_size(value), ==, 1);
        assert_refused("<value>", 7, BASE_ERROR_INVALID);
    }
    return NULL;
}

static void
test_threads(void)
{
    GThread *threads[4];

    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("reader", read_often, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* Before anything else is read: what the parser makes for itself is made by the first document. */
    g_test_add_func("/value/xmlrpc-read/reads-in-several-threads", test_threads);
    g_test_add_func("/value/xmlrpc-read/all-accepted-forms", test_forms);
    g_test_add_func("/value/xmlrpc-read/malformed-values-are-refused", test_malformed);
    g_test_add_func("/value/xmlrpc-read/dtds-entities-and-instructions-are-refused", test_hostile);
    g_test_add_func("/value/xmlrpc-read/only-utf8-is-read", test_encodings);
    g_test_add_func("/value/xmlrpc-read/depth-is-bounded", test_depth);
    g_test_add_func("/value/xmlrpc-read/count-is-bounded", test_count);
    g_test_add_func("/value/xmlrpc-read/long-texts-are-read", test_long_text);
    g_test_add_func("/value/xmlrpc-read/calls", test_call);
    g_test_add_func("/value/xmlrpc-read/malformed-calls-are-refused", test_call_refused);
    g_test_add_func("/value/xmlrpc-read/replies", test_reply);
    g_test_add_func("/value/xmlrpc-read/faults-become-errors", test_fault);
    g_test_add_func("/value/xmlrpc-read/written-values-are-read-back", test_round_trip);
    g_test_add_func("/value/xmlrpc-read/documents-do-not-touch-one-another", test_independence);
    g_test_add_func("/value/xmlrpc-read/text-ends-at-its-length", test_length);
    g_test_add_func("/value/xmlrpc-read/mutated-documents-are-answered", test_mutations);
    return g_test_run();
}
