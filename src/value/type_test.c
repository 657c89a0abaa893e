/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each type accepts, what it makes of it, and what it says when it refuses. */
#include "value/type.h"

#include <string.h>

#include "value/json.h"

static const char *const power_states[] = {"Halted", "Running", "Suspended", NULL};
static const TypeEnum power_state = {"vm_power_state", power_states};

static const Type type_void = {TYPE_VOID, "void", .class_id = -1};
static const Type type_string = {TYPE_STRING, "string", .class_id = -1};
static const Type type_int = {TYPE_INT, "int", .class_id = -1};
static const Type type_float = {TYPE_FLOAT, "float", .class_id = -1};
static const Type type_bool = {TYPE_BOOL, "bool", .class_id = -1};
static const Type type_datetime = {TYPE_DATETIME, "datetime", .class_id = -1};
static const Type type_ref = {TYPE_REF, "VM ref", .class_id = 0};
static const Type type_enum = {TYPE_ENUM, "vm_power_state", .enumeration = &power_state, .class_id = -1};
static const Type type_strings = {TYPE_SET, "set(string)", .element = &type_string, .class_id = -1};
static const Type type_ints = {TYPE_SET, "set(int)", .element = &type_int, .class_id = -1};
static const Type type_refs = {TYPE_SET, "set(VM ref)", .element = &type_ref, .class_id = -1};
static const Type type_lists = {TYPE_SET, "set(set(int))", .element = &type_ints, .class_id = -1};
static const Type type_string_map = {TYPE_MAP, "map(string, string)", &type_string, &type_string,
                                     .class_id = -1};
static const Type type_int_map = {TYPE_MAP, "map(int, float)", &type_int, &type_float, .class_id = -1};
static const Type type_ref_map = {TYPE_MAP, "map(VM ref, set(int))", &type_ref, &type_ints, .class_id = -1};
static const Type type_enum_map = {TYPE_MAP, "map(vm_power_state, int)", &type_enum, &type_int,
                                   .class_id = -1};
static const Type type_bool_map = {TYPE_MAP, "map(bool, int)", &type_bool, &type_int, .class_id = -1};
static const Type type_record = {TYPE_RECORD, "VM record", .class_id = 0};

static Value *
value_of(const char *json)
{
    g_autoptr(GError) error = NULL;
    Value *value = json_read(json, strlen(json), &error);

    g_assert_no_error(error);
    return value;
}

static const struct {
    const Type *type;
    const char *given;
    const char *result;
} accepted[] = {
    {&type_void, "\"\"", "="},
    {&type_void, "null", "\"\""},
    {&type_string, "\"text\"", "="},
    {&type_string, "\"\"", "="},
    {&type_int, "5", "="},
    {&type_int, "\"5\"", "5"},
    {&type_int, "\"-9223372036854775808\"", "-9223372036854775808"},
    {&type_float, "1.5", "="},
    {&type_float, "2", "2"},
    {&type_float, "\"2.5\"", "2.5"},
    {&type_bool, "true", "="},
    {&type_bool, "false", "="},
    {&type_datetime, "\"20230305T18:18:29Z\"", "\"20230305T18:18:29Z\""},
    {&type_datetime, "\"2023-03-05T18:18:29Z\"", "\"20230305T18:18:29Z\""},
    {&type_datetime, "\"2023-03-05T18:18:29.5\"", "\"20230305T18:18:29\""},
    {&type_datetime, "\"20230305T20:18:29+02:00\"", "\"20230305T18:18:29Z\""},
    {&type_ref, "\"OpaqueRef:x\"", "="},
    {&type_ref, "\"DummyRef:|a|b\"", "="},
    {&type_ref, "\"\"", "\"OpaqueRef:NULL\""},
    {&type_ref, "\"anything\"", "="},
    {&type_enum, "\"Running\"", "="},
    {&type_enum, "\"running\"", "\"Running\""},
    {&type_enum, "\"SUSPENDED\"", "\"Suspended\""},
    {&type_strings, "[]", "="},
    {&type_strings, "[\"a\",\"b\"]", "="},
    {&type_strings, "[\"a\",\"b\",\"a\",\"a\"]", "[\"a\",\"b\"]"},
    {&type_ints, "[1,2,3]", "="},
    {&type_ints, "[1,\"1\",\"2\",2]", "[1,2]"},
    {&type_refs, "[\"\",\"OpaqueRef:a\"]", "[\"OpaqueRef:NULL\",\"OpaqueRef:a\"]"},
    {&type_lists, "[[1],[1,1],[\"1\"],[2]]", "[[1],[2]]"},
    {&type_string_map, "{}", "="},
    {&type_string_map, "{\"a\":\"b\"}", "="},
    {&type_int_map, "{\"0\":1.5,\"-3\":0.5}", "="},
    {&type_int_map, "{\"0\":\"1\"}", "{\"0\":1}"},
    {&type_ref_map, "{\"\":[1,1]}", "{\"OpaqueRef:NULL\":[1]}"},
    {&type_enum_map, "{\"halted\":1}", "{\"Halted\":1}"},
    {&type_bool_map, "{\"true\":1}", "="},
    {&type_record, "{\"anything\":[1]}", "="},
};

/* The value is written in JSON, as is the result; a result of "=" means that the very value comes back. */
static void
test_accepted(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(accepted); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) given = value_of(accepted[i].given);
        g_autoptr(Value) result = type_coerce(accepted[i].type, given, &error);
        g_assert_no_error(error);
        if (strcmp(accepted[i].result, "=") == 0) {
            g_assert_true(result == given);
            continue;
        }
        g_autoptr(GString) text = g_string_new(NULL);
        json_write_value(text, result);
        g_assert_cmpstr(text->str, ==, accepted[i].result);
        g_autoptr(Value) again = type_coerce(accepted[i].type, result, &error);
        g_assert_true(again == result); /* a canonical form stays as it is */
    }
}

static void
test_refused(void)
{
    static const struct {
        const Type *type;
        const char *given;
        TypeError code;
        const char *message;
    } cases[] = {
        {&type_void, "\"x\"", TYPE_ERROR_WRONG, "expected void, got string"},
        {&type_string, "5", TYPE_ERROR_WRONG, "expected string, got int"},
        {&type_string, "null", TYPE_ERROR_WRONG, "expected string, got nil"},
        {&type_string, "[]", TYPE_ERROR_WRONG, "expected string, got array"},
        {&type_int, "[]", TYPE_ERROR_WRONG, "expected int, got array"},
        {&type_int, "{}", TYPE_ERROR_WRONG, "expected int, got map"},
        {&type_int, "true", TYPE_ERROR_WRONG, "expected int, got bool"},
        {&type_int, "1.5", TYPE_ERROR_WRONG, "expected int, got float"},
        {&type_int, "\"1x\"", TYPE_ERROR_WRONG, "expected int, got string \"1x\""},
        {&type_int, "\"\"", TYPE_ERROR_WRONG, "expected int, got string \"\""},
        {&type_float, "\"x\"", TYPE_ERROR_WRONG, "expected float, got string \"x\""},
        {&type_float, "true", TYPE_ERROR_WRONG, "expected float, got bool"},
        {&type_bool, "\"true\"", TYPE_ERROR_WRONG, "expected bool, got string"},
        {&type_bool, "1", TYPE_ERROR_WRONG, "expected bool, got int"},
        {&type_datetime, "\"yesterday\"", TYPE_ERROR_VALUE, "yesterday"},
        {&type_datetime, "5", TYPE_ERROR_WRONG, "expected datetime, got int"},
        {&type_ref, "5", TYPE_ERROR_WRONG, "expected VM ref, got int"},
        {&type_enum, "\"Flying\"", TYPE_ERROR_VALUE, "Flying"},
        {&type_enum, "\"\"", TYPE_ERROR_VALUE, ""},
        {&type_enum, "[]", TYPE_ERROR_WRONG, "expected vm_power_state, got array"},
        {&type_strings, "\"a\"", TYPE_ERROR_WRONG, "expected set(string), got string"},
        {&type_strings, "[\"a\",1]", TYPE_ERROR_WRONG, "expected string, got int"},
        {&type_string_map, "[]", TYPE_ERROR_WRONG, "expected map(string, string), got array"},
        {&type_string_map, "{\"a\":true}", TYPE_ERROR_WRONG, "expected string, got bool"},
        {&type_int_map, "{\"a\":1}", TYPE_ERROR_WRONG, "expected int, got string \"a\""},
        {&type_enum_map, "{\"Flying\":1}", TYPE_ERROR_VALUE, "Flying"},
        {&type_bool_map, "{\"yes\":1}", TYPE_ERROR_WRONG, "expected bool, got string \"yes\""},
        {&type_record, "[]", TYPE_ERROR_WRONG, "expected VM record, got array"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) given = value_of(cases[i].given);
        g_assert_null(type_coerce(cases[i].type, given, &error));
        g_assert_error(error, TYPE_ERROR, (int)cases[i].code);
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
}

static void
test_not_utf8(void)
{
    static const Type *const types[] = {&type_string, &type_ref, &type_enum, &type_datetime};

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) given = value_string("a\xff");
        g_assert_null(type_coerce(types[i], given, &error));
        g_assert_error(error, TYPE_ERROR, TYPE_ERROR_NOT_UTF8);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_true(g_str_has_prefix(error->message, "a"));
    }
}

static void
test_wire_kinds(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) count = value_count(1000);
    g_autoptr(Value) date = value_datetime_text("2023-03-05T18:18:29Z");
    g_autoptr(Value) canonical = value_datetime(0);
    g_autoptr(Value) number = type_coerce(&type_int, count, &error);
    g_autoptr(Value) moment = type_coerce(&type_datetime, date, &error);
    g_autoptr(Value) same = type_coerce(&type_datetime, canonical, &error);

    g_assert_no_error(error);
    g_assert_cmpint(value_kind(number), ==, VALUE_INT);
    g_assert_cmpint(value_get_int(number), ==, 1000);
    g_assert_cmpint(value_kind(moment), ==, VALUE_DATETIME);
    g_assert_cmpstr(value_get_string(moment), ==, "20230305T18:18:29Z");
    g_assert_true(same == canonical);
}

/* Above a few elements duplicates are found by hashing. */
static void
test_large_set(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) numbers = value_array_new(0);
    g_autoptr(Value) lists = value_array_new(0);

    for (int i = 0; i < 3000; i++) {
        Value *list = value_array_new(1);
        value_array_add(list, value_string_printf("%d", i % 1000));
        value_array_add(lists, list);
        value_array_add(numbers, value_string_printf("%d", i % 1000));
    }
    g_autoptr(Value) few_numbers = type_coerce(&type_ints, numbers, &error);
    g_autoptr(Value) few_lists = type_coerce(&type_lists, lists, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(value_size(few_numbers), ==, 1000);
    g_assert_cmpuint(value_size(few_lists), ==, 1000);
    g_assert_cmpint(value_get_int(value_array_get(few_numbers, 999)), ==, 999);
}

static void
test_defaults(void)
{
    static const struct {
        const Type *type;
        const char *json;
    } cases[] = {
        {&type_void, "\"\""},
        {&type_string, "\"\""},
        {&type_int, "0"},
        {&type_float, "0"},
        {&type_bool, "false"},
        {&type_datetime, "\"19700101T00:00:00Z\""},
        {&type_ref, "\"OpaqueRef:NULL\""},
        {&type_enum, "\"Halted\""},
        {&type_strings, "[]"},
        {&type_string_map, "{}"},
        {&type_record, "{}"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Value) value = type_default(cases[i].type);
        g_autoptr(GString) text = g_string_new(NULL);
        json_write_value(text, value);
        g_assert_cmpstr(text->str, ==, cases[i].json);
        g_autoptr(Value) same = type_coerce(cases[i].type, value, &error);
        g_assert_true(same == value);
    }
}

static void
test_enum_index(void)
{
    for (int i = 0; power_states[i] != NULL; i++)
        g_assert_cmpint(type_enum_index(&power_state, power_states[i]), ==, i);
    g_assert_cmpint(type_enum_index(&power_state, "running"), ==, -1);
    g_assert_cmpint(type_enum_index(&power_state, ""), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/value/type/accepted-forms-become-canonical", test_accepted);
    g_test_add_func("/value/type/refusals-say-expected-and-found", test_refused);
    g_test_add_func("/value/type/text-that-is-not-utf8-is-refused", test_not_utf8);
    g_test_add_func("/value/type/kinds-of-the-xml-wire-are-taken", test_wire_kinds);
    g_test_add_func("/value/type/large-sets-lose-their-duplicates", test_large_set);
    g_test_add_func("/value/type/defaults-are-of-their-type", test_defaults);
    g_test_add_func("/value/type/enum-index-is-exact", test_enum_index);
    return g_test_run();
}
