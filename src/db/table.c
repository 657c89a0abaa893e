/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of one class and their indexes: by ref, uuid and name; in order of creation and of last change; and
 * per row, who names it. */
#include "db/table.h"

#include <string.h>

/* Rows that name a slot by one relation. */
struct DbIncoming {
    const DbRelation *relation;
    DbSlotSet *sources;
};

/* Rows of one name. */
typedef struct NameEntry {
    Value *name; /* holds the key */
    DbSlotSet *slots;
} NameEntry;

static void
name_entry_free(gpointer data)
{
    NameEntry *entry = data;

    db_slot_set_free(entry->slots);
    value_unref(entry->name);
    g_free(entry);
}

static void
slot_free(gpointer data)
{
    DbSlot *slot = data;

    for (guint i = 0; i < slot->n_incoming; i++)
        db_slot_set_free(slot->incoming[i].sources);
    g_free(slot->incoming);
    db_row_unref(slot->row);
    g_free(slot);
}

DbTable *
db_table_new(const DbClassInfo *info)
{
    DbTable *table = g_new0(DbTable, 1);

    table->info = info;
    table->by_ref = g_hash_table_new_full(db_text_hash, g_str_equal, NULL, slot_free);
    if (info->model_class->uuid_field >= 0)
        table->by_uuid = g_hash_table_new(db_text_hash, g_str_equal);
    if (info->model_class->name_label_field >= 0)
        table->by_name = g_hash_table_new_full(db_text_hash, g_str_equal, NULL, name_entry_free);
    return table;
}

void
db_table_free(DbTable *table)
{
    if (table == NULL)
        return;
    g_clear_pointer(&table->by_uuid, g_hash_table_unref);
    g_clear_pointer(&table->by_name, g_hash_table_unref);
    g_hash_table_unref(table->by_ref);
    for (guint i = 0; i < table->n_deletions; i++)
        value_unref(table->deletions[(table->deletions_start + i) % DB_DELETIONS_KEPT].ref);
    g_free(table->deletions);
    g_free(table);
}

DbSlot *
db_table_find(const DbTable *table, const char *ref)
{
    return g_hash_table_lookup(table->by_ref, ref);
}

DbSlot *
db_table_find_uuid(const DbTable *table, const char *uuid)
{
    return table->by_uuid != NULL ? g_hash_table_lookup(table->by_uuid, uuid) : NULL;
}

const DbSlotSet *
db_table_find_name(const DbTable *table, const char *name_label)
{
    NameEntry *entry = table->by_name != NULL ? g_hash_table_lookup(table->by_name, name_label) : NULL;

    return entry != NULL ? entry->slots : NULL;
}

/* -- Lists -- */

static void
changed_append(DbTable *table, DbSlot *slot)
{
    slot->changed_next = NULL;
    slot->changed_prev = table->changed_last;
    if (table->changed_last != NULL)
        table->changed_last->changed_next = slot;
    else
        table->changed_first = slot;
    table->changed_last = slot;
}

static void
changed_unlink(DbTable *table, DbSlot *slot)
{
    if (slot->changed_prev != NULL)
        slot->changed_prev->changed_next = slot->changed_next;
    else
        table->changed_first = slot->changed_next;
    if (slot->changed_next != NULL)
        slot->changed_next->changed_prev = slot->changed_prev;
    else
        table->changed_last = slot->changed_prev;
}

static void
created_append(DbTable *table, DbSlot *slot)
{
    slot->created_prev = table->created_last;
    if (table->created_last != NULL)
        table->created_last->created_next = slot;
    else
        table->created_first = slot;
    table->created_last = slot;
}

static void
created_unlink(DbTable *table, DbSlot *slot)
{
    if (slot->created_prev != NULL)
        slot->created_prev->created_next = slot->created_next;
    else
        table->created_first = slot->created_next;
    if (slot->created_next != NULL)
        slot->created_next->created_prev = slot->created_prev;
    else
        table->created_last = slot->created_prev;
}

/* -- Indexes -- */

static Value *
key_of(const DbRow *row, int field)
{
    Value *key = field >= 0 ? row->fields[field] : NULL;

    return key != NULL && value_kind(key) == VALUE_STRING ? key : NULL;
}

/* The key is the text in the row's own value: it is taken out before that version goes. Inside a batch the
 * row that had the uuid may be changed or removed after the one that gets it. */
static void
index_uuid(DbTable *table, DbSlot *slot, Value *uuid)
{
    if (uuid != NULL)
        g_hash_table_replace(table->by_uuid, (gpointer)value_get_string(uuid), slot);
}

static void
unindex_uuid(DbTable *table, DbSlot *slot, Value *uuid)
{
    if (uuid != NULL && db_table_find_uuid(table, value_get_string(uuid)) == slot)
        g_hash_table_remove(table->by_uuid, value_get_string(uuid));
}

static void
index_name(DbTable *table, DbSlot *slot, Value *name)
{
    if (name == NULL)
        return;
    NameEntry *entry = g_hash_table_lookup(table->by_name, value_get_string(name));
    if (entry == NULL) {
        entry = g_new(NameEntry, 1);
        *entry = (NameEntry){value_ref(name), db_slot_set_new()};
        g_hash_table_insert(table->by_name, (gpointer)value_get_string(name), entry);
    }
    db_slot_set_add(entry->slots, slot);
}

static void
unindex_name(DbTable *table, DbSlot *slot, Value *name)
{
    NameEntry *entry = name != NULL ? g_hash_table_lookup(table->by_name, value_get_string(name)) : NULL;

    if (entry == NULL)
        return;
    db_slot_set_remove(entry->slots, slot);
    if (db_slot_set_size(entry->slots) == 0)
        g_hash_table_remove(table->by_name, value_get_string(entry->name));
}

static void
reindex(DbTable *table, DbSlot *slot, const DbRow *before, const DbRow *now)
{
    const ModelClass *model_class = table->info->model_class;
    Value *old_uuid = before != NULL ? key_of(before, model_class->uuid_field) : NULL;
    Value *new_uuid = now != NULL ? key_of(now, model_class->uuid_field) : NULL;
    Value *old_name = before != NULL ? key_of(before, model_class->name_label_field) : NULL;
    Value *new_name = now != NULL ? key_of(now, model_class->name_label_field) : NULL;

    if (old_uuid != new_uuid) {
        unindex_uuid(table, slot, old_uuid);
        index_uuid(table, slot, new_uuid);
    }
    if (old_name != new_name) {
        unindex_name(table, slot, old_name);
        index_name(table, slot, new_name);
    }
}

/* -- Changes -- */

DbSlot *
db_table_insert(DbTable *table, DbRow *row, guint64 sequence)
{
    DbSlot *slot = g_new0(DbSlot, 1);

    slot->row = row;
    slot->sequence = sequence;
    /* Every version shares the ref's value, and the slot holds a version until it goes: the key stays valid.
     */
    g_hash_table_insert(table->by_ref, (gpointer)row->ref, slot);
    created_append(table, slot);
    changed_append(table, slot);
    reindex(table, slot, NULL, row);
    return slot;
}

DbRow *
db_table_replace(DbTable *table, DbSlot *slot, DbRow *row)
{
    DbRow *old = slot->row;

    if (old->ref !=
        row->ref) { /* deleted and made anew in one batch: the key must belong to the version that stays */
        g_hash_table_steal(table->by_ref, old->ref);
        g_hash_table_insert(table->by_ref, (gpointer)row->ref, slot);
    }
    slot->row = row;
    reindex(table, slot, old, row);
    return old;
}

void
db_table_mark_changed(DbTable *table, DbSlot *slot, guint64 order)
{
    slot->order = order;
    changed_unlink(table, slot);
    changed_append(table, slot);
}

DbRow *
db_table_remove(DbTable *table, DbSlot *slot)
{
    DbRow *row = slot->row;

    reindex(table, slot, row, NULL);
    changed_unlink(table, slot);
    created_unlink(table, slot);
    g_hash_table_steal(table->by_ref, row->ref);
    slot->row = NULL;
    slot_free(slot);
    return row;
}

void
db_table_note_deletion(DbTable *table, const DbDeletion *deletion)
{
    if (table->deletions == NULL)
        table->deletions = g_new0(DbDeletion, DB_DELETIONS_KEPT);
    if (table->n_deletions == DB_DELETIONS_KEPT) {
        DbDeletion *oldest = &table->deletions[table->deletions_start];
        table->deletions_since = MAX(table->deletions_since, oldest->generation);
        value_unref(oldest->ref);
        table->deletions_start = (table->deletions_start + 1) % DB_DELETIONS_KEPT;
        table->n_deletions--;
    }
    guint place = (table->deletions_start + table->n_deletions++) % DB_DELETIONS_KEPT;
    table->deletions[place] = *deletion;
    value_ref(deletion->ref);
}

const DbDeletion *
db_table_deletion(const DbTable *table, guint age)
{
    return &table->deletions[(table->deletions_start + table->n_deletions - 1 - age) % DB_DELETIONS_KEPT];
}

/* -- Who names whom -- */

static struct DbIncoming *
find_incoming(const DbSlot *target, const DbRelation *relation)
{
    for (guint i = 0; i < target->n_incoming; i++)
        if (target->incoming[i].relation == relation)
            return &target->incoming[i];
    return NULL;
}

void
db_slot_link(DbSlot *target, const DbRelation *relation, DbSlot *source)
{
    struct DbIncoming *incoming = find_incoming(target, relation);

    if (incoming == NULL) {
        target->incoming = g_renew(struct DbIncoming, target->incoming, target->n_incoming + 1);
        incoming = &target->incoming[target->n_incoming++];
        *incoming = (struct DbIncoming){relation, db_slot_set_new()};
    }
    db_slot_set_add(incoming->sources, source);
}

void
db_slot_unlink(DbSlot *target, const DbRelation *relation, DbSlot *source)
{
    struct DbIncoming *incoming = find_incoming(target, relation);

    if (incoming == NULL)
        return;
    db_slot_set_remove(incoming->sources, source);
    if (db_slot_set_size(incoming->sources) > 0)
        return;
    db_slot_set_free(incoming->sources);
    *incoming = target->incoming[--target->n_incoming];
}

const DbSlotSet *
db_slot_referrers(const DbSlot *target, const DbRelation *relation)
{
    const struct DbIncoming *incoming = find_incoming(target, relation);

    return incoming != NULL ? incoming->sources : NULL;
}

const DbRelation *
db_slot_relation(const DbSlot *target, guint index)
{
    return index < target->n_incoming ? target->incoming[index].relation : NULL;
}
