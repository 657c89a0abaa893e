/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps below and above the size where they get an index. */
#include "value/value.h"

#include <string.h>

/* Sizes on both sides of the index, and of its growth. */
static const int sizes[] = {0, 1, 2, 15, 16, 17, 18, 24, 25, 48, 49, 90, 200, 1000};

static char *
key_of(int number)
{
    /* Short ones are shared between maps, long ones are not. */
    return g_strdup_printf(number % 2 == 0 ? "field_%d" : "OpaqueRef:00000000-0000-0000-0000-%012d", number);
}

static Value *
make_map(int size, gsize reserve)
{
    Value *map = value_map_new(reserve);

    for (int i = 0; i < size; i++) {
        g_autofree char *key = key_of(i);
        value_map_set(map, key, value_int(i * 1000));
    }
    return map;
}

static void
assert_holds(const Value *map, int size)
{
    g_assert_cmpuint(value_size(map), ==, (gsize)size);
    for (int i = 0; i < size; i++) {
        g_autofree char *key = key_of(i);
        g_assert_cmpstr(value_map_key(map, (gsize)i), ==, key);
        g_assert_cmpint(value_get_int(value_map_value(map, (gsize)i)), ==, i * 1000);
        g_assert_true(value_map_get(map, key) == value_map_value(map, (gsize)i));
    }
    g_assert_null(value_map_get(map, "absent"));
    g_assert_null(value_map_get(map, ""));
}

static void
test_order(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(Value) grown = make_map(sizes[i], 0);
        g_autoptr(Value) reserved = make_map(sizes[i], (gsize)sizes[i]);
        assert_holds(grown, sizes[i]);
        assert_holds(reserved, sizes[i]);
        g_assert_true(value_equal(grown, reserved));
    }
}

static void
test_replace(void)
{
    for (gsize i = 1; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(Value) map = make_map(sizes[i], 0);
        g_autofree char *last = key_of(sizes[i] - 1);
        value_map_set(map, last, value_string("new"));
        g_assert_cmpuint(value_size(map), ==, (gsize)sizes[i]);
        g_assert_cmpstr(value_map_get_string(map, last, ""), ==, "new");
    }
}

static void
test_with(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        int size = sizes[i];
        g_autoptr(Value) map = make_map(size, 0);
        g_autofree char *next = key_of(size);
        g_autoptr(Value) larger = value_map_with(map, next, value_int(size * 1000));
        g_autoptr(Value) same_size = value_map_with(larger, next, value_string("new"));
        assert_holds(map, size);
        assert_holds(larger, size + 1);
        g_assert_cmpuint(value_size(same_size), ==, (gsize)size + 1);
        g_assert_cmpstr(value_map_get_string(same_size, next, ""), ==, "new");
    }
}

static void
test_without(void)
{
    for (gsize i = 1; i < G_N_ELEMENTS(sizes); i++) {
        int size = sizes[i];
        g_autoptr(Value) map = make_map(size, 0);
        g_autofree char *last = key_of(size - 1);
        g_autofree char *first = key_of(0);
        g_autoptr(Value) smaller = value_map_without(map, last);
        g_autoptr(Value) beheaded = value_map_without(map, first);
        g_autoptr(Value) unchanged = value_map_without(map, "absent");
        assert_holds(map, size);
        assert_holds(smaller, size - 1);
        assert_holds(unchanged, size);
        g_assert_cmpuint(value_size(beheaded), ==, (gsize)size - 1);
        g_assert_null(value_map_get(beheaded, first));
        for (int j = 1; j < size; j++) {
            g_autofree char *key = key_of(j);
            g_assert_cmpint(value_get_int(value_map_get(beheaded, key)), ==, j * 1000);
        }
    }
}

static void
test_copy(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(Value) map = make_map(sizes[i], 0);
        g_autoptr(Value) copy = value_map_copy(map);
        assert_holds(copy, sizes[i]);
        g_autofree char *next = key_of(sizes[i]);
        value_map_set(copy, next, value_int(sizes[i] * 1000)); /* a copy is open, and its index is its own */
        assert_holds(copy, sizes[i] + 1);
        assert_holds(map, sizes[i]);
    }
}

static void
test_equal(void)
{
    for (gsize i = 2; i < G_N_ELEMENTS(sizes); i++) {
        int size = sizes[i];
        g_autoptr(Value) map = make_map(size, 0);
        g_autoptr(Value) reversed = value_map_new(0);
        for (int j = size - 1; j >= 0; j--) {
            g_autofree char *key = key_of(j);
            value_map_set(reversed, key, value_int(j * 1000));
        }
        g_autofree char *last = key_of(size - 1);
        g_autoptr(Value) smaller = value_map_without(map, last);
        g_autoptr(Value) renamed = value_map_with(smaller, "another", value_int((size - 1) * 1000));
        g_autoptr(Value) changed = value_map_with(map, last, value_nil());
        g_assert_true(value_equal(map, reversed));
        g_assert_false(value_equal(map, smaller));
        g_assert_false(value_equal(map, renamed));
        g_assert_false(value_equal(map, changed));
    }
}

static void
test_get_string(void)
{
    g_autoptr(Value) map = value_map_new(3);

    value_map_set(map, "text", value_string("here"));
    value_map_set(map, "number", value_int(5));
    value_map_set(map, "", value_string("no name"));
    g_assert_cmpstr(value_map_get_string(map, "text", "other"), ==, "here");
    g_assert_cmpstr(value_map_get_string(map, "number", "other"), ==, "other");
    g_assert_cmpstr(value_map_get_string(map, "absent", "other"), ==, "other");
    g_assert_cmpstr(value_map_get_string(map, "", "other"), ==, "no name");
    g_assert_null(value_map_get_string(map, "absent", NULL));
}

/* Rows share their field names, also rows made by a thread that has ended. */
static gpointer
make_row(gpointer data)
{
    return make_map(90, 90);
}

static void
test_keys_are_shared(void)
{
    g_autoptr(Value) one = make_map(90, 90);
    g_autoptr(Value) two = make_map(90, 90);
    g_autoptr(Value) foreign = g_thread_join(g_thread_new("maker", make_row, NULL));

    guint n_shared = 0;
    for (gsize i = 0; i < 90; i++)
        n_shared += value_map_key(one, i) == value_map_key(two, i);
    g_assert_cmpuint(n_shared, >, 40); /* 45 are short; a few may have pushed one another out of a set */
    assert_holds(foreign, 90);
    g_assert_true(value_equal(one, foreign));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/value/map/members-keep-their-order-and-are-found", test_order);
    g_test_add_func("/value/map/set-replaces-an-existing-member", test_replace);
    g_test_add_func("/value/map/with-leaves-the-original-alone", test_with);
    g_test_add_func("/value/map/without-leaves-the-original-alone", test_without);
    g_test_add_func("/value/map/copy-can-be-added-to", test_copy);
    g_test_add_func("/value/map/equal-whatever-the-order", test_equal);
    g_test_add_func("/value/map/get-string-falls-back", test_get_string);
    g_test_add_func("/value/map/short-keys-are-shared", test_keys_are_shared);
    return g_test_run();
}
