/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of one class as readers see them, with their indexes. No locking and no checks in here: readers hold
 * the database's lock, the writer thread changes tables under the same lock and has checked before. */
#pragma once

#include "db/slot_set.h"

/* How many deletions a class remembers for event tokens. */
#define DB_DELETIONS_KEPT 8192

typedef struct DbDeletion {
    guint64 generation;
    guint64 created; /* generation that had inserted the row */
    guint64 order;
    Value *ref;
    gboolean is_stored; /* the store's change log has it */
} DbDeletion;

typedef struct DbTable {
    const DbClassInfo *info;
    GHashTable *by_ref;  /* ref -> DbSlot, owned */
    GHashTable *by_uuid; /* uuid -> DbSlot; NULL without such a field */
    GHashTable *by_name; /* name_label -> DbSlotSet; NULL without such a field */
    DbSlot *created_first, *created_last;
    DbSlot *changed_first, *changed_last;
    DbDeletion *deletions; /* ring of DB_DELETIONS_KEPT, made at the first deletion */
    guint deletions_start, n_deletions;
    guint64 deletions_since; /* deletions newer than this are all in the ring */
} DbTable;

DbTable *db_table_new(const DbClassInfo *info);
void db_table_free(DbTable *table);

/** db_table_find: the object's slot, NULL for none. Borrowed. */
DbSlot *db_table_find(const DbTable *table, const char *ref);
/** db_table_find_uuid: the same by uuid. */
DbSlot *db_table_find_uuid(const DbTable *table, const char *uuid);
/** db_table_find_name: NULL for none. */
const DbSlotSet *db_table_find_name(const DbTable *table, const char *name_label);

/** db_table_insert: takes over @row, whose ref is new here. A uuid that another row has finds this one from
 * now on. */
DbSlot *db_table_insert(DbTable *table, DbRow *row, guint64 sequence);
/** db_table_replace: takes over @row, the next version. Returns the old one: the caller's. */
DbRow *db_table_replace(DbTable *table, DbSlot *slot, DbRow *row);
/** db_table_mark_changed: @slot becomes the one last changed. */
void db_table_mark_changed(DbTable *table, DbSlot *slot, guint64 order);
/** db_table_remove: returns the last version: the caller's. The slot must have been unlinked from what it
 * names. */
DbRow *db_table_remove(DbTable *table, DbSlot *slot);
/** db_table_note_deletion: remembers a copy for db_delta_new(). */
void db_table_note_deletion(DbTable *table, const DbDeletion *deletion);
/** db_table_deletion: by age: 0 is the newest. */
const DbDeletion *db_table_deletion(const DbTable *table, guint age);

/* The rows that name @target by @relation. */
void db_slot_link(DbSlot *target, const DbRelation *relation, DbSlot *source);
void db_slot_unlink(DbSlot *target, const DbRelation *relation, DbSlot *source);
/** db_slot_referrers: NULL for none. */
const DbSlotSet *db_slot_referrers(const DbSlot *target, const DbRelation *relation);
/** db_slot_relation: relations with at least one referrer, by index; NULL at the end. */
const DbRelation *db_slot_relation(const DbSlot *target, guint index);
