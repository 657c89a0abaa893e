/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scalars, singletons, arrays, comparison, and references across threads. Maps are in map_test.c. */
#include "value/value.h"

#include <math.h>
#include <string.h>

static void
test_scalars(void)
{
    g_autoptr(Value) text = value_string("text");
    g_autoptr(Value) part = value_string_sized("text", 2);
    g_autoptr(Value) printed = value_string_printf("%s-%d", "a", 7);
    g_autoptr(Value) number = value_int(G_MININT64);
    g_autoptr(Value) count = value_count(3);
    g_autoptr(Value) real = value_float(1.5);
    g_autoptr(Value) date = value_datetime(0);
    g_autoptr(Value) kept = value_datetime_text("20230305T18:18:29");

    g_assert_cmpstr(value_get_string(text), ==, "text");
    g_assert_cmpuint(value_get_string_length(text), ==, 4);
    g_assert_cmpstr(value_get_string(part), ==, "te");
    g_assert_cmpstr(value_get_string(printed), ==, "a-7");
    g_assert_cmpint(value_get_int(number), ==, G_MININT64);
    g_assert_cmpint(value_kind(count), ==, VALUE_COUNT);
    g_assert_cmpint(value_get_int(count), ==, 3);
    g_assert_cmpfloat(value_get_float(real), ==, 1.5);
    g_assert_cmpint(value_kind(date), ==, VALUE_DATETIME);
    g_assert_cmpstr(value_get_string(date), ==, "19700101T00:00:00Z");
    g_assert_cmpstr(value_get_string(kept), ==, "20230305T18:18:29");
}

static void
test_singletons(void)
{
    Value *null_ref = value_string("OpaqueRef:NULL");

    g_assert_true(value_nil() == value_nil());
    g_assert_true(value_bool(TRUE) == value_bool(7));
    g_assert_true(value_get_bool(value_bool(TRUE)));
    g_assert_false(value_get_bool(value_bool(FALSE)));
    g_assert_true(value_string("") == value_string_sized("x", 0));
    g_assert_true(null_ref == value_string("OpaqueRef:NULL"));
    g_assert_cmpstr(value_get_string(null_ref), ==, "OpaqueRef:NULL");
    g_assert_cmpuint(value_get_string_length(null_ref), ==, 14);
    g_assert_true(value_float(0.0) == value_float(0.0));
    g_assert_true(value_array_empty() == value_array_empty());
    g_assert_cmpuint(value_size(value_map_empty()), ==, 0);
    for (int i = -1; i <= 255; i++) {
        g_assert_true(value_int(i) == value_int(i));
        g_assert_cmpint(value_get_int(value_int(i)), ==, i);
    }
    /* Counting them does nothing, however often. */
    for (int i = 0; i < 10; i++)
        value_unref(value_nil());
    g_assert_true(value_ref(value_nil()) == value_nil());
    value_unref(NULL);
}

static void
test_arrays(void)
{
    static const char *const texts[] = {"a", "b", NULL};
    g_autoptr(Value) array = value_array_new(0);
    g_autoptr(Value) strings = value_array_of_strings(texts);
    g_autoptr(Value) none = value_array_of_strings(NULL);

    for (int i = 0; i < 1000; i++)
        value_array_add(array, value_int(i));
    g_assert_cmpuint(value_size(array), ==, 1000);
    for (int i = 0; i < 1000; i++)
        g_assert_cmpint(value_get_int(value_array_get(array, (gsize)i)), ==, i);
    g_assert_cmpuint(value_size(strings), ==, 2);
    g_assert_cmpstr(value_get_string(value_array_get(strings, 1)), ==, "b");
    g_assert_cmpuint(value_size(none), ==, 0);
}

static Value *
pair(Value *first, Value *second)
{
    Value *array = value_array_new(2);

    value_array_add(array, first);
    value_array_add(array, second);
    return array;
}

/* Every value equals itself and a copy made alike, and none of the others. */
static void
test_equal(void)
{
    Value *(*const make[])(void) = {value_nil, value_array_empty, value_map_empty};
    Value *some[2][16];
    gsize n = 0;

    for (int round = 0; round < 2; round++) {
        n = 0;
        for (gsize i = 0; i < G_N_ELEMENTS(make); i++)
            some[round][n++] = make[i]();
        some[round][n++] = value_string("");
        some[round][n++] = value_string("20230305T18:18:29Z");
        some[round][n++] = value_datetime_text("20230305T18:18:29Z");
        some[round][n++] = value_int(1);
        some[round][n++] = value_int(100000);
        some[round][n++] = value_count(1);
        some[round][n++] = value_bool(TRUE);
        some[round][n++] = value_bool(FALSE);
        some[round][n++] = value_float(1.0);
        some[round][n++] = value_float(NAN);
        some[round][n++] = pair(value_int(1), value_string("x"));
        some[round][n++] = pair(value_string("x"), value_int(1));
        some[round][n++] = pair(value_int(1), pair(value_int(2), value_nil()));
    }
    for (gsize i = 0; i < n; i++) {
        for (gsize j = 0; j < n; j++)
            g_assert_cmpint(value_equal(some[0][i], some[1][j]), ==, i == j);
    }
    for (gsize i = 0; i < n; i++) {
        value_unref(some[0][i]);
        value_unref(some[1][i]);
    }
}

static gpointer
ref_and_unref(gpointer data)
{
    for (int i = 0; i < 50000; i++)
        value_unref(value_ref(data));
    value_unref(data);
    return NULL;
}

static void
test_threads(void)
{
    g_autoptr(Value) shared = pair(value_string("one"), value_string("two"));
    GThread *threads[4];

    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("counter", ref_and_unref, value_ref(shared));
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpstr(value_get_string(value_array_get(shared, 1)), ==, "two");
}

static void
test_wrong_kind(void)
{
    if (g_test_subprocess()) {
        value_get_string(value_nil());
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

static void
test_shared_is_closed(void)
{
    if (g_test_subprocess()) {
        g_autoptr(Value) array = value_array_new(1);
        g_autoptr(Value) other = value_ref(array);
        value_array_add(other, value_nil());
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/value/value/scalars-keep-what-they-were-given", test_scalars);
    g_test_add_func("/value/value/common-values-are-shared", test_singletons);
    g_test_add_func("/value/value/arrays-grow", test_arrays);
    g_test_add_func("/value/value/equal-means-kind-and-content", test_equal);
    g_test_add_func("/value/value/references-are-counted-across-threads", test_threads);
    g_test_add_func("/value/value/reading-another-kind-is-an-assertion", test_wrong_kind);
    g_test_add_func("/value/value/adding-to-a-shared-array-is-an-assertion", test_shared_is_closed);
    return g_test_run();
}
