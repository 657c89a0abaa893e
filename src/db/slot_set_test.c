/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of slots hold what was added, once, in order of creation, whether few or many. */
#include "db/slot_set.h"

#define N_SLOTS 500

/* Against an array of flags, which is right by inspection. */
static void
assert_holds(const DbSlotSet *set, DbSlot *slots, const gboolean *wanted)
{
    DbSlotIter iter = {.set = set};
    gsize n = 0;

    for (gsize i = 0; i < N_SLOTS; i++) {
        g_assert_cmpint(db_slot_set_has(set, &slots[i]), ==, wanted[i]);
        if (!wanted[i])
            continue;
        g_assert_true(db_slot_iter_next(&iter) == &slots[i]);
        n++;
    }
    g_assert_null(db_slot_iter_next(&iter));
    g_assert_cmpuint(db_slot_set_size(set), ==, n);
}

static void
test_random_changes(gconstpointer data)
{
    guint range = GPOINTER_TO_UINT(data);
    DbSlotSet *set = db_slot_set_new();
    DbSlot *slots = g_new0(DbSlot, N_SLOTS);
    gboolean wanted[N_SLOTS] = {FALSE};

    for (gsize i = 0; i < N_SLOTS; i++)
        slots[i].sequence = i * 3 + 1;
    for (int round = 0; round < 3000; round++) {
        guint index = (guint)g_test_rand_int_range(0, (gint32)range);
        gboolean adds = g_test_rand_bit();
        gboolean changes =
            adds ? db_slot_set_add(set, &slots[index]) : db_slot_set_remove(set, &slots[index]);
        g_assert_cmpint(changes, ==, (wanted[index] != adds));
        wanted[index] = adds;
        if (round % 50 == 0)
            assert_holds(set, slots, wanted);
    }
    assert_holds(set, slots, wanted);
    db_slot_set_free(set);
    g_free(slots);
}

static void
test_nothing_to_walk(void)
{
    DbSlotIter iter = {.set = NULL};

    g_assert_null(db_slot_iter_next(&iter));
    db_slot_set_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/db/slot_set/few", GUINT_TO_POINTER(8), test_random_changes);
    g_test_add_data_func("/db/slot_set/around-the-change-of-form", GUINT_TO_POINTER(64), test_random_changes);
    g_test_add_data_func("/db/slot_set/many", GUINT_TO_POINTER(N_SLOTS), test_random_changes);
    g_test_add_func("/db/slot_set/nothing-to-walk", test_nothing_to_walk);
    return g_test_run();
}
