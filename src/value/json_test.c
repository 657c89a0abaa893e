/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON in both directions. */
#include "value/json.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

static Value *
read_ok(const char *text)
{
    g_autoptr(GError) error = NULL;
    Value *value = json_read(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_nonnull(value);
    return value;
}

/* What is read and written again has one canonical form. */
static void
test_round_trip(void)
{
    static const struct {
        const char *text;
        const char *canonical;
    } cases[] = {
        {"null", "null"},
        {"true", "true"},
        {" false ", "false"},
        {"0", "0"},
        {"-1", "-1"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1.5", "1.5"},
        {"-2.5e-3", "-0.0025"},
        {"\"\"", "\"\""},
        {"\"a\\u00e4\\n\\\"\\\\\\/\\u0001\"", "\"a\xc3\xa4\\n\\\"\\\\/\\u0001\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[ 1 , \"two\" , [ ] , { } , null ]", "[1,\"two\",[],{},null]"},
        {"{\"b\": {\"c\": [true]}, \"a\": 1}\n", "{\"b\":{\"c\":[true]},\"a\":1}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"\"back\\\\u0000slash\"", "\"back\\\\u0000slash\""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Value) value = read_ok(cases[i].text);
        g_autoptr(GString) out = g_string_new(NULL);
        json_write_value(out, value);
        g_assert_cmpstr(out->str, ==, cases[i].canonical);
        g_autoptr(Value) again = read_ok(out->str);
        g_assert_true(value_equal(value, again));
    }
}

static void
test_kinds(void)
{
    static const struct {
        const char *text;
        ValueKind kind;
    } cases[] = {
        {"null", VALUE_NIL},  {"true", VALUE_BOOL},    {"3", VALUE_INT},     {"3.0", VALUE_FLOAT},
        {"3e0", VALUE_FLOAT}, {"\"3\"", VALUE_STRING}, {"[3]", VALUE_ARRAY}, {"{\"a\":3}", VALUE_MAP},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Value) value = read_ok(cases[i].text);
        g_assert_cmpint(value_kind(value), ==, cases[i].kind);
    }
}

static void
assert_refused(const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) value = json_read(text, length, &error);

    if (value != NULL)
        g_error("accepted: %s", text);
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
}

static void
test_refused(void)
{
    static const char *const cases[] = {
        "",
        " ",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:2}",
        "'a'",
        "\"a",
        "nul",
        "nulll",
        "True",
        "1 2",
        "[] x",
        "{} {}",
        "+1",
        "01",

        ".5",
        "1e",
        "--1",
        "0x10",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u0000\"",
        "{\"a\\u0000b\":1}",
        "\"\\\\\\u0000\"",
        "// c\n1",
        "[1] // c",
        "/* c */ 1",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_refused(cases[i], strlen(cases[i]));
    assert_refused("\"\xff\"", 3);
    assert_refused("\"a\0b\"", 5);
    assert_refused("1\0", 2);
}

static void
test_lax(void)
{
    static const char text[] = "[18446744073709551615, 9223372036854775808, 9223372036854775807, -1]";
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) list = json_read_lax(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_cmpfloat(value_get_float(value_array_get(list, 0)), ==, 18446744073709551615.0);
    g_assert_cmpfloat(value_get_float(value_array_get(list, 1)), ==, 9223372036854775808.0);
    g_assert_cmpint(value_get_int(value_array_get(list, 2)), ==, G_MAXINT64);
    g_assert_cmpint(value_get_int(value_array_get(list, 3)), ==, -1);
}

/* The text need not end with a NUL: the length counts. */
static void
test_length(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) number = json_read("123456", 3, &error);
    g_autoptr(Value) list = json_read("[1,2]]]]", 5, &error);

    g_assert_no_error(error);
    g_assert_cmpint(value_get_int(number), ==, 123);
    g_assert_cmpuint(value_size(list), ==, 2);
}

static char *
nested(int depth)
{
    g_autofree char *opening = g_strnfill((gsize)depth, '[');
    g_autofree char *closing = g_strnfill((gsize)depth, ']');

    return g_strconcat(opening, closing, NULL);
}

static void
test_depth(void)
{
    g_autofree char *deep = nested(JSON_MAX_DEPTH - 1);
    g_autofree char *too_deep = nested(JSON_MAX_DEPTH + 1);
    g_autofree char *much_too_deep = nested(100000);

    g_autoptr(Value) value = read_ok(deep);
    g_assert_cmpint(value_kind(value), ==, VALUE_ARRAY);
    assert_refused(too_deep, strlen(too_deep));
    assert_refused(much_too_deep, strlen(much_too_deep));
}

static void
assert_written(Value *value, const char *wanted)
{
    g_autoptr(GString) out = g_string_new(NULL);

    json_write_value(out, value);
    g_assert_cmpstr(out->str, ==, wanted);
    value_unref(value);
}

static void
test_written_forms(void)
{
    assert_written(value_count(3), "3");
    assert_written(value_datetime(0), "\"19700101T00:00:00Z\"");
    assert_written(value_float(2.0), "2");
    assert_written(value_float(0.1), "0.1");
    assert_written(value_float(-0.0), "-0.0");
    assert_written(value_float(NAN), "null");
    assert_written(value_float(-INFINITY), "null");
    assert_written(value_string("\b\f\r\t\x1f\x7f<&>'"), "\"\\b\\f\\r\\t\\u001f\x7f<&>'\"");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/value/json/reads-and-writes-alike", test_round_trip);
    g_test_add_func("/value/json/kinds-follow-the-notation", test_kinds);
    g_test_add_func("/value/json/malformed-text-is-refused", test_refused);
    g_test_add_func("/value/json/text-ends-at-its-length", test_length);
    g_test_add_func("/value/json/numbers-without-a-sign-are-floats", test_lax);
    g_test_add_func("/value/json/depth-is-bounded", test_depth);
    g_test_add_func("/value/json/written-forms", test_written_forms);
    return g_test_run();
}
