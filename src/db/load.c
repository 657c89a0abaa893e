/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filling the tables from the store, and what must be written at the end so that event tokens stay true over
 * a restart.
 *
 * A restart changes what clients have seen: fields that are not stored go back to their defaults. Closed in
 * order, exactly the rows concerned get a new generation at the end (db_settle). After the process was killed
 * those get one that are noted as having been shown with such content (notes.h); after a crash of the machine
 * nobody knows which they were, so all rows of classes with such fields do. */
#include "db/internal.h"

#include "base/error.h"
#include "base/log.h"
#include "db/writer.h"
#include <string.h>

typedef struct Loader {
    Db *db;
    GPtrArray *slots; /* of all classes, as read */
    GArray *repairs;  /* of StoreChange: refs to nowhere that become null */
    GPtrArray *kept;  /* values that repairs name */
    GString *damage;  /* what could not be read, a line each */
    guint n_damaged;
    guint n_lost_refs;
    guint64 max_changed;
} Loader;

/* Enough to see what is wrong; the check lists all. */
#define DAMAGE_LINES 5

static void
note_damage(Loader *loader, const DbClassInfo *info, const char *ref, gsize field)
{
    if (loader->n_damaged++ < DAMAGE_LINES)
        g_string_append_printf(loader->damage, "\n  %s %s: %s is no %s", info->model_class->name, ref,
                               info->model_class->fields[field].name,
                               info->model_class->fields[field].type->name);
}

/* Defaults for what the store did not have. */
static void
complete_fields(Loader *loader, const DbClassInfo *info, const char *ref, Value **fields)
{
    for (gsize i = 0; i < info->model_class->n_fields; i++) {
        const ModelField *field = &info->model_class->fields[i];
        if (field->is_derived)
            continue;
        if (fields[i] == NULL)
            fields[i] = value_ref(info->defaults[i]);
        else if (value_kind(fields[i]) != db_kind_of_type(field->type))
            note_damage(loader, info, ref, i);
    }
}

static void
load_row(gpointer data, int class_id, const char *ref, guint64 created, guint64 changed, Value **fields)
{
    Loader *loader = data;
    Db *db = loader->db;
    const DbClassInfo *info = &db->schema->classes[class_id];

    complete_fields(loader, info, ref, fields);
    g_autoptr(Value) ref_value = value_string(ref);
    DbRow *row = db_row_new_with(info, ref_value, fields);
    row->created = created;
    row->changed = changed;
    DbSlot *slot = db_table_insert(db->tables[class_id], row, ++db->last_sequence);
    slot->stored = changed;
    loader->max_changed = MAX(loader->max_changed, changed);
    g_ptr_array_add(loader->slots, slot);
}

static void
load_deletion(gpointer data, int class_id, const char *ref, guint64 created, guint64 deleted)
{
    Db *db = ((Loader *)data)->db;
    g_autoptr(Value) ref_value = value_string(ref);
    const DbDeletion deletion = {deleted, created, ++db->last_order, ref_value, TRUE};

    db_table_note_deletion(db->tables[class_id], &deletion);
}

/* -- Links -- */

/* @target was of a row that is not stored, and the crash left no time to say so. */
static gboolean
drop_lost_ref(Loader *loader, DbSlot *slot, const DbRelation *relation, const char *target,
              guint64 generation)
{
    DbRow *row = slot->row;

    if (relation->on_delete != ON_DELETE_NULL || loader->db->store->is_read_only)
        return FALSE;
    Value *old = row->fields[relation->field];
    Value *new = db_relation_without(loader->db->schema, relation, old, target);
    g_ptr_array_add(loader->kept, value_ref(old));
    db_row_set_field(row, relation->field, new);
    row->changed = generation;
    slot->stored = generation;
    StoreChange repair = {.kind = STORE_SET_FIELD,
                          .class_id = relation->class_id,
                          .ref = row->ref,
                          .created = row->created,
                          .changed = generation,
                          .fields = row->fields,
                          .field = relation->field,
                          .old_value = old,
                          .new_value = new};
    g_ptr_array_add(loader->kept, value_ref(new));
    g_array_append_val(loader->repairs, repair);
    return TRUE;
}

static void
link_relation(Loader *loader, DbSlot *slot, const DbRelation *relation, guint64 generation,
              GPtrArray *targets)
{
    g_autoptr(Value) value = value_ref(slot->row->fields[relation->field]);

    g_ptr_array_set_size(targets, 0);
    db_relation_targets(relation, value, targets);
    for (guint i = 0; i < targets->len; i++) {
        const char *ref = targets->pdata[i];
        DbSlot *target = db_table_find(loader->db->tables[relation->target_class], ref);
        if (target != NULL) {
            db_slot_link(target, relation, slot);
            if (relation->shape == DB_REF_SINGLE) /* one copy of each ref */
                db_row_set_field(slot->row, relation->field, value_ref(db_row_ref_value(target->row)));
        } else if (!drop_lost_ref(loader, slot, relation, ref, generation)) {
            loader->n_lost_refs++;
        }
    }
}

static void
link_rows(Loader *loader, guint64 generation)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new();

    for (guint i = 0; i < loader->slots->len; i++) {
        DbSlot *slot = loader->slots->pdata[i];
        const DbClassInfo *info = &loader->db->schema->classes[model_class_id(slot->row->model_class)];
        for (gsize j = 0; j < info->n_relations; j++)
            link_relation(loader, slot, &info->relations[j], generation, targets);
    }
}

/* -- Generations -- */

static gboolean
may_have_been_shown(const Loader *loader, const DbRow *row, GHashTable *noted)
{
    if (noted == NULL)
        return loader->db->schema->classes[model_class_id(row->model_class)].has_volatile_fields;
    g_autofree char *key = db_notes_key(row->model_class->name, row->ref);
    return g_hash_table_contains(noted, key);
}

/* After a crash: rows that were shown with what the store does not know. @noted: which these are; NULL:
 * nobody knows. */
static void
renew_generations(Loader *loader, guint64 generation, GHashTable *noted)
{
    for (guint i = 0; i < loader->slots->len; i++) {
        DbSlot *slot = loader->slots->pdata[i];
        if (slot->row->changed == generation || !may_have_been_shown(loader, slot->row, noted))
            continue;
        slot->row->changed = slot->stored = generation;
        const StoreChange touch = {.kind = STORE_TOUCH_ROW,
                                   .class_id = model_class_id(slot->row->model_class),
                                   .ref = slot->row->ref,
                                   .created = slot->row->created,
                                   .changed = generation,
                                   .fields = slot->row->fields,
                                   .field = -1};
        g_array_append_val(loader->repairs, touch);
    }
}

static void
renew_after_crash(Loader *loader, const StoreState *state)
{
    const Db *db = loader->db;
    g_autoptr(GHashTable) noted =
        db->store->notes_path != NULL ? db_notes_read(db->store->notes_path, state->generation) : NULL;

    renew_generations(loader, db->generation, noted);
}

static int
compare_changed(gconstpointer a, gconstpointer b)
{
    const DbSlot *x = *(DbSlot *const *)a, *y = *(DbSlot *const *)b;

    if (x->row->changed != y->row->changed)
        return x->row->changed < y->row->changed ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void
order_by_change(Loader *loader)
{
    g_ptr_array_sort(loader->slots, compare_changed);
    for (guint i = 0; i < loader->slots->len; i++) {
        DbSlot *slot = loader->slots->pdata[i];
        db_table_mark_changed(loader->db->tables[model_class_id(slot->row->model_class)], slot,
                              ++loader->db->last_order);
    }
}

static gboolean
refuse_damage(const Loader *loader, GError **error)
{
    if (loader->n_damaged == 0 || loader->db->store->is_read_only)
        return TRUE;
    return base_error_set(error, BASE_ERROR_INVALID,
                          "the database holds %u values that do not fit their fields; check it, correct them "
                          "by hand or restore a backup:%s",
                          loader->n_damaged, loader->damage->str);
}

static gboolean
store_repairs(Loader *loader, GError **error)
{
    Db *db = loader->db;
    const StoreChange *repairs = (const StoreChange *)(gpointer)loader->repairs->data;

    return loader->repairs->len == 0 ||
           db->store->vtable->apply(db->store, db->generation, repairs, loader->repairs->len, error);
}

static gboolean
load(Loader *loader, GError **error)
{
    Db *db = loader->db;
    StoreState state = {0};

    if (!db->store->vtable->read_all(db->store, load_row, load_deletion, loader, &state, error))
        return FALSE;
    if (!refuse_damage(loader, error))
        return FALSE;
    db->generation = MAX(state.generation, loader->max_changed);
    for (gsize i = 0; i < db->schema->n_classes; i++)
        db->tables[i]->deletions_since = MAX(db->tables[i]->deletions_since, state.deletions_since);
    if (!db->store->is_read_only)
        db->generation++; /* what this start itself changes */
    link_rows(loader, db->generation);
    if (!db->store->is_read_only && !state.was_closed)
        renew_after_crash(loader, &state);
    order_by_change(loader);
    if (db->store->is_read_only)
        return TRUE;
    if (loader->n_lost_refs > 0)
        log_warning("database: %u refs lead nowhere; a check lists them", loader->n_lost_refs);
    db->reserved = db->generation + DB_RESERVE_AHEAD;
    if (!store_repairs(loader, error) || !db->store->vtable->reserve(db->store, db->reserved, error))
        return FALSE;
    if (db->store->notes_path != NULL)
        db->notes = db_notes_new(db->store->notes_path, db->reserved);
    return TRUE;
}

static void
unref_value(gpointer value)
{
    value_unref(value);
}

gboolean
db_load(Db *db, GError **error)
{
    Loader loader = {.db = db,
                     .slots = g_ptr_array_new(),
                     .repairs = g_array_new(FALSE, FALSE, sizeof(StoreChange)),
                     .kept = g_ptr_array_new_with_free_func(unref_value),
                     .damage = g_string_new(NULL)};
    gboolean is_fine = load(&loader, error);

    g_ptr_array_unref(loader.slots);
    g_array_unref(loader.repairs);
    g_ptr_array_unref(loader.kept);
    g_string_free(loader.damage, TRUE);
    return is_fine;
}
