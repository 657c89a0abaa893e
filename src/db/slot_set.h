/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of slots in order of creation: the rows of one name, the rows that name another. Usually one or two,
 * sometimes 10,000. */
#pragma once

#include "db/row.h"

typedef struct DbSlotSet DbSlotSet;
typedef struct DbSlot DbSlot;

/* Where an object stands in its table, over all its versions. Fields belong to table.c and slot_set.c. */
struct DbSlot {
    DbRow *row;        /* the version that readers see */
    guint64 sequence;  /* order of creation */
    guint64 order;     /* order of last change, over all classes */
    guint64 stored;    /* generation of the last change that the store knows; 0 for a volatile row */
    gboolean is_noted; /* stands in the database's notes */
    DbSlot *created_prev, *created_next;
    DbSlot *changed_prev, *changed_next;
    struct DbIncoming *incoming; /* relations by which other rows name this one */
    guint n_incoming;
};

DbSlotSet *db_slot_set_new(void);
void db_slot_set_free(DbSlotSet *set);
/** db_slot_set_size: its members. */
gsize db_slot_set_size(const DbSlotSet *set);
/** db_slot_set_add / _remove: logarithmic at most; FALSE if it was so already. */
gboolean db_slot_set_add(DbSlotSet *set, DbSlot *slot);
/** db_slot_set_remove: see db_slot_set_add(). */
gboolean db_slot_set_remove(DbSlotSet *set, DbSlot *slot);
/** db_slot_set_has: whether @slot is in it. */
gboolean db_slot_set_has(const DbSlotSet *set, const DbSlot *slot);

/* Walks a set, which may not change meanwhile: start with {.set = set}. */
typedef struct DbSlotIter {
    const DbSlotSet *set; /* NULL: nothing */
    guint index;
    gpointer node;
} DbSlotIter;
DbSlot *db_slot_iter_next(DbSlotIter *iter);
