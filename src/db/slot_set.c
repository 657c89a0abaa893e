/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slots in order of creation. A few stand in a sorted array; when they grow many, in a balanced tree, so that
 * a change stays cheap. */
#include "db/slot_set.h"

#include <string.h>

#define FEW_SLOTS 32

struct DbSlotSet {
    guint n; /* in the array */
    guint capacity;
    DbSlot **items;
    GTree *tree; /* once made, holds all */
};

static int
compare_slots(gconstpointer a, gconstpointer b, gpointer data)
{
    guint64 x = ((const DbSlot *)a)->sequence, y = ((const DbSlot *)b)->sequence;

    return x < y ? -1 : x > y;
}

DbSlotSet *
db_slot_set_new(void)
{
    return g_new0(DbSlotSet, 1);
}

void
db_slot_set_free(DbSlotSet *set)
{
    if (set == NULL)
        return;
    g_clear_pointer(&set->tree, g_tree_unref);
    g_free(set->items);
    g_free(set);
}

gsize
db_slot_set_size(const DbSlotSet *set)
{
    return set->tree != NULL ? (gsize)g_tree_nnodes(set->tree) : set->n;
}

/* The first index whose slot is not older than @slot. New slots come last, so that end is looked at first. */
static guint
find_place(const DbSlotSet *set, const DbSlot *slot)
{
    guint low = 0, high = set->n;

    if (high > 0 && set->items[high - 1]->sequence < slot->sequence)
        return high;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (set->items[middle]->sequence < slot->sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
become_tree(DbSlotSet *set)
{
    set->tree = g_tree_new_full(compare_slots, NULL, NULL, NULL);
    for (guint i = 0; i < set->n; i++)
        g_tree_insert(set->tree, set->items[i], set->items[i]);
    g_clear_pointer(&set->items, g_free);
    set->n = set->capacity = 0;
}

gboolean
db_slot_set_has(const DbSlotSet *set, const DbSlot *slot)
{
    if (set->tree != NULL)
        return g_tree_lookup(set->tree, slot) != NULL;
    guint place = find_place(set, slot);
    return place < set->n && set->items[place] == slot;
}

gboolean
db_slot_set_add(DbSlotSet *set, DbSlot *slot)
{
    if (db_slot_set_has(set, slot))
        return FALSE;
    if (set->tree == NULL && set->n == FEW_SLOTS)
        become_tree(set);
    if (set->tree != NULL) {
        g_tree_insert(set->tree, slot, slot);
        return TRUE;
    }
    if (set->n == set->capacity) {
        set->capacity = set->capacity == 0 ? 1 : set->capacity * 2;
        set->items = g_renew(DbSlot *, set->items, set->capacity);
    }
    guint place = find_place(set, slot);
    memmove(set->items + place + 1, set->items + place, (set->n - place) * sizeof(DbSlot *));
    set->items[place] = slot;
    set->n++;
    return TRUE;
}

gboolean
db_slot_set_remove(DbSlotSet *set, DbSlot *slot)
{
    if (set->tree != NULL)
        return g_tree_remove(set->tree, slot);
    guint place = find_place(set, slot);
    if (place == set->n || set->items[place] != slot)
        return FALSE;
    memmove(set->items + place, set->items + place + 1, (set->n - place - 1) * sizeof(DbSlot *));
    set->n--;
    return TRUE;
}

DbSlot *
db_slot_iter_next(DbSlotIter *iter)
{
    if (iter->set == NULL)
        return NULL;
    if (iter->set->tree == NULL)
        return iter->index < iter->set->n ? iter->set->items[iter->index++] : NULL;
    iter->node = iter->index++ == 0 ? g_tree_node_first(iter->set->tree) : g_tree_node_next(iter->node);
    return iter->node != NULL ? g_tree_node_value(iter->node) : NULL;
}
