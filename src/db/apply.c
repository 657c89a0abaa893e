/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the steps of a transaction on a view of the database, with all checks: that rows exist, that values
 * are of their field's kind, that refs lead somewhere. What to do with the outcome is the writer's business.
 */
#include "db/apply.h"

#include "base/text.h"
#include "model/api_error.h"
#include <string.h>

/* -- Values -- */

static gboolean
has_duplicates(const Value *array)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(db_text_hash, g_str_equal);

    for (gsize i = 0; i < value_size(array); i++) {
        const Value *member = value_array_get(array, i);
        if (value_kind(member) == VALUE_STRING && !g_hash_table_add(seen, (gpointer)value_get_string(member)))
            return TRUE;
    }
    return FALSE;
}

static Value *
without_duplicates(const Value *array)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(db_text_hash, g_str_equal);
    Value *unique = value_array_new(value_size(array));

    for (gsize i = 0; i < value_size(array); i++) {
        Value *member = value_array_get(array, i);
        if (value_kind(member) != VALUE_STRING || g_hash_table_add(seen, (gpointer)value_get_string(member)))
            value_array_add(unique, value_ref(member));
    }
    return unique;
}

/* The form in which a value of @type rests in a row. (transfer full) */
static Value *
normalise(const DbView *view, const Type *type, Value *value)
{
    if (type->kind == TYPE_REF && value_kind(value) == VALUE_STRING && value_get_string_length(value) == 0)
        return value_ref(view->db->schema->null_ref);
    if (type->kind == TYPE_SET && (type->element->kind == TYPE_REF || type->element->kind == TYPE_ENUM) &&
        value_kind(value) == VALUE_ARRAY && value_size(value) > 1 && has_duplicates(value))
        return without_duplicates(value);
    return value_ref(value);
}

static gboolean
check_kind(const ModelClass *model_class, const ModelField *field, const Type *type, const Value *value,
           GError **error)
{
    if (value != NULL && value_kind(value) == db_kind_of_type(type))
        return TRUE;
    return db_internal_error(error, "value for %s.%s is no %s", model_class->name, field->name, type->name);
}

static gboolean
is_member(const Value *array, const Value *member)
{
    for (gsize i = 0; i < value_size(array); i++)
        if (value_equal(value_array_get(array, i), member))
            return TRUE;
    return FALSE;
}

/* Members come as text, as on the wire. */
static gboolean
is_named(const Value *member, const char *text)
{
    gint64 number;

    switch (value_kind(member)) {
    case VALUE_STRING:
    case VALUE_DATETIME:
        return strcmp(value_get_string(member), text) == 0;
    case VALUE_INT:
        return base_int_parse(text, &number) && number == value_get_int(member);
    default:
        return FALSE;
    }
}

static Value *
array_with(const Value *array, Value *member)
{
    gsize n = value_size(array);
    Value *with = value_array_new(n + 1);

    for (gsize i = 0; i < n; i++)
        value_array_add(with, value_ref(value_array_get(array, i)));
    value_array_add(with, value_ref(member));
    return with;
}

static Value *
array_without(const Value *array, const char *text)
{
    gsize n = value_size(array);
    Value *without = value_array_new(n);

    for (gsize i = 0; i < n; i++)
        if (!is_named(value_array_get(array, i), text))
            value_array_add(without, value_ref(value_array_get(array, i)));
    return without;
}

/* -- Steps of one field -- */

/* A step's row and field as they are now. */
typedef struct Place {
    const DbRow *row;
    const ModelClass *model_class;
    const ModelField *field;
    Value *value; /* borrowed from the row */
} Place;

static gboolean
find_place(const DbView *view, const Step *step, Place *ret_place, GError **error)
{
    const ModelClass *model_class = &model_classes[step->class_id];

    if (step->field < 0 || (gsize)step->field >= model_class->n_fields ||
        model_class->fields[step->field].is_derived)
        return db_internal_error(error, "field %d of %s cannot be written", step->field, model_class->name);
    const DbRow *row = db_view_row(view, step->class_id, step->ref);
    if (row == NULL)
        return db_not_found(step->class_id, value_get_string(step->ref), error);
    *ret_place = (Place){row, model_class, &model_class->fields[step->field], row->fields[step->field]};
    return TRUE;
}

static gboolean
check_container(const Place *place, TypeKind kind, GError **error)
{
    if (place->field->type->kind == kind)
        return TRUE;
    return db_internal_error(error, "%s.%s is a %s", place->model_class->name, place->field->name,
                             place->field->type->name);
}

static gboolean
run_set(DbView *view, const Step *step, GError **error)
{
    Place place;

    if (!find_place(view, step, &place, error))
        return FALSE;
    if (!check_kind(place.model_class, place.field, place.field->type, step->value, error))
        return FALSE;
    if (step->field == place.model_class->uuid_field &&
        db_view_uuid_taken(view, step->class_id, value_get_string(step->value),
                           value_get_string(step->ref))) {
        const char *params[] = {place.model_class->name, value_get_string(step->value), NULL};
        return api_error_set(error, "UUID_INVALID", params);
    }
    db_view_set(view, step->class_id, step->ref, step->field,
                normalise(view, place.field->type, step->value));
    return TRUE;
}

static gboolean
run_map_put(DbView *view, const Step *step, GError **error)
{
    Place place;

    if (!find_place(view, step, &place, error) || !check_container(&place, TYPE_MAP, error))
        return FALSE;
    const Type *element = place.field->type->element;
    if (!check_kind(place.model_class, place.field, element, step->value, error))
        return FALSE;
    if (step->kind == STEP_MAP_ADD && value_map_get(place.value, step->key) != NULL) {
        const char *params[] = {place.model_class->name, place.field->name, value_get_string(step->ref),
                                step->key, NULL};
        return api_error_set(error, "MAP_DUPLICATE_KEY", params);
    }
    db_view_set(view, step->class_id, step->ref, step->field,
                value_map_with(place.value, step->key, normalise(view, element, step->value)));
    return TRUE;
}

static gboolean
run_map_remove(DbView *view, const Step *step, GError **error)
{
    Place place;

    if (!find_place(view, step, &place, error) || !check_container(&place, TYPE_MAP, error))
        return FALSE;
    if (value_map_get(place.value, step->key) != NULL)
        db_view_set(view, step->class_id, step->ref, step->field, value_map_without(place.value, step->key));
    return TRUE;
}

static gboolean
run_set_add(DbView *view, const Step *step, GError **error)
{
    Place place;

    if (!find_place(view, step, &place, error) || !check_container(&place, TYPE_SET, error))
        return FALSE;
    const Type *element = place.field->type->element;
    if (!check_kind(place.model_class, place.field, element, step->value, error))
        return FALSE;
    g_autoptr(Value) member = normalise(view, element, step->value);
    if (!is_member(place.value, member))
        db_view_set(view, step->class_id, step->ref, step->field, array_with(place.value, member));
    return TRUE;
}

static gboolean
run_set_remove(DbView *view, const Step *step, GError **error)
{
    Place place;

    if (!find_place(view, step, &place, error) || !check_container(&place, TYPE_SET, error))
        return FALSE;
    db_view_set(view, step->class_id, step->ref, step->field, array_without(place.value, step->key));
    return TRUE;
}

/* -- Steps of whole rows -- */

static gboolean
run_insert(DbView *view, const Step *step, GError **error)
{
    const DbClassInfo *info = &view->db->schema->classes[step->class_id];

    if (db_view_row(view, step->class_id, step->ref) != NULL)
        return db_internal_error(error, "%s %s exists already", info->model_class->name,
                                 value_get_string(step->ref));
    DbRow *row = db_row_new(info, step->ref, step->kind == STEP_INSERT_VOLATILE);
    if (step->key != NULL)
        db_row_set_field(row, info->model_class->uuid_field, value_string(step->key));
    db_view_insert(view, step->class_id, row);
    return TRUE;
}

static gboolean
run_touch(DbView *view, const Step *step, GError **error)
{
    if (db_view_row(view, step->class_id, step->ref) == NULL)
        return db_not_found(step->class_id, value_get_string(step->ref), error);
    db_view_touch(view, step->class_id, step->ref);
    return TRUE;
}

/* A row still to be deleted. */
typedef struct Doomed {
    int class_id;
    Value *ref;
} Doomed;

static void
doomed_clear(gpointer data)
{
    value_unref(((Doomed *)data)->ref);
}

/* What the model says of rows that name one just deleted; those to be deleted too are appended to @doomed.
 * Refused ones are found at the end of the transaction, which may yet delete or change them. */
static void
release_referrers(DbView *view, const Doomed *deleted, GArray *doomed)
{
    g_autoptr(GArray) referrers = db_view_referrers(view, deleted->class_id, deleted->ref, NULL);

    for (guint i = 0; i < referrers->len; i++) {
        const DbReferrer *referrer = &g_array_index(referrers, DbReferrer, i);
        const DbRelation *relation = referrer->relation;
        if (relation->on_delete == ON_DELETE_CASCADE) {
            Doomed next = {relation->class_id, value_ref(referrer->source)};
            g_array_append_val(doomed, next);
        } else if (relation->on_delete == ON_DELETE_NULL) {
            Value *value = db_view_row(view, relation->class_id, referrer->source)->fields[relation->field];
            db_view_set(
                view, relation->class_id, referrer->source, relation->field,
                db_relation_without(view->db->schema, relation, value, value_get_string(deleted->ref)));
        }
    }
}

static gboolean
run_delete(DbView *view, const Step *step, GError **error)
{
    if (db_view_row(view, step->class_id, step->ref) == NULL)
        return db_not_found(step->class_id, value_get_string(step->ref), error);
    g_autoptr(GArray) doomed = g_array_new(FALSE, FALSE, sizeof(Doomed));
    g_array_set_clear_func(doomed, doomed_clear);
    Doomed first = {step->class_id, value_ref(step->ref)};
    g_array_append_val(doomed, first);

    for (guint i = 0; i < doomed->len; i++) {
        Doomed next = g_array_index(doomed, Doomed, i); /* a copy: the array moves when it grows */
        if (db_view_row(view, next.class_id, next.ref) == NULL)
            continue;
        db_view_delete(view, next.class_id, next.ref);
        release_referrers(view, &next, doomed);
    }
    return TRUE;
}

/* -- Transactions -- */

static gboolean run_steps(DbView *view, DbTxn *txn, const GArray *steps, GError **error);

static gboolean
run_call(DbView *view, DbTxn *txn, const Step *step, GError **error)
{
    g_autoptr(GArray) nested = db_steps_new();
    GError *failure = NULL;

    txn->nested = nested;
    gboolean is_fine = step->call(txn, step->data, &failure);
    txn->nested = NULL;
    if (is_fine)
        return run_steps(view, txn, nested, error);
    if (failure == NULL)
        return db_internal_error(error, "a step failed without saying why");
    g_propagate_error(error, failure);
    return FALSE;
}

static gboolean
run_step(DbView *view, DbTxn *txn, const Step *step, GError **error)
{
    switch (step->kind) {
    case STEP_INSERT:
    case STEP_INSERT_VOLATILE:
        return run_insert(view, step, error);
    case STEP_SET:
        return run_set(view, step, error);
    case STEP_MAP_ADD:
    case STEP_MAP_PUT:
        return run_map_put(view, step, error);
    case STEP_MAP_REMOVE:
        return run_map_remove(view, step, error);
    case STEP_SET_ADD:
        return run_set_add(view, step, error);
    case STEP_SET_REMOVE:
        return run_set_remove(view, step, error);
    case STEP_TOUCH:
        return run_touch(view, step, error);
    case STEP_DELETE:
        return run_delete(view, step, error);
    case STEP_CALL:
        return run_call(view, txn, step, error);
    }
    g_assert_not_reached();
}

static gboolean
run_steps(DbView *view, DbTxn *txn, const GArray *steps, GError **error)
{
    for (guint i = 0; i < steps->len; i++)
        if (!run_step(view, txn, &g_array_index(steps, Step, i), error))
            return FALSE;
    return TRUE;
}

static gboolean
check_links(const DbView *view, GError **error)
{
    const GPtrArray *links = view->txn->links;

    for (guint i = 0; i < links->len; i++) {
        const DbLink *link = links->pdata[i];
        int class_id = link->relation->target_class;
        if (link->now && db_view_row(view, class_id, link->target) == NULL)
            return db_not_found(class_id, value_get_string(link->target), error);
    }
    return TRUE;
}

static gboolean
check_deleted(const DbView *view, const DbPending *deleted, GError **error)
{
    g_autoptr(GArray) referrers = db_view_referrers(view, deleted->class_id, deleted->ref, NULL);

    if (referrers->len == 0)
        return TRUE;
    const DbReferrer *referrer = &g_array_index(referrers, DbReferrer, 0);
    const ModelClass *source = &model_classes[referrer->relation->class_id];
    g_autofree char *reason =
        g_strdup_printf("%s %s still has the %s %s as its %s", source->name,
                        value_get_string(referrer->source), model_classes[deleted->class_id].name,
                        value_get_string(deleted->ref), source->fields[referrer->relation->field].name);
    const char *params[] = {reason, NULL};
    return api_error_set(error, "OPERATION_NOT_ALLOWED", params);
}

static gboolean
check_deletions(const DbView *view, GError **error)
{
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, view->txn->pendings);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        const DbPending *pending = data;
        if (pending->now == NULL && pending->before != NULL && !check_deleted(view, pending, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
db_apply_txn(DbView *view, DbTxn *txn, GError **error)
{
    txn->view = view;
    gboolean is_fine =
        run_steps(view, txn, txn->steps, error) && check_links(view, error) && check_deletions(view, error);
    txn->view = NULL;
    return is_fine;
}

/* -- Reading from inside a step -- */

DbRow *
db_txn_read(DbTxn *txn, int class_id, const char *ref)
{
    g_return_val_if_fail(txn->view != NULL, NULL);
    g_autoptr(Value) ref_value = value_string(ref);
    DbRow *row = db_view_row(txn->view, class_id, ref_value);
    return row != NULL ? db_row_ref(row) : NULL;
}

GPtrArray *
db_txn_referrers(DbTxn *txn, int class_id, int field, const char *ref)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)db_row_unref);

    g_return_val_if_fail(txn->view != NULL, rows);
    const DbRelation *relation = db_schema_relation(txn->view->db->schema, class_id, field);
    if (relation == NULL)
        return rows;
    g_autoptr(Value) target = value_string(ref);
    g_autoptr(GArray) referrers = db_view_referrers(txn->view, relation->target_class, target, relation);
    for (guint i = 0; i < referrers->len; i++) {
        Value *source = g_array_index(referrers, DbReferrer, i).source;
        g_ptr_array_add(rows, db_row_ref(db_view_row(txn->view, class_id, source)));
    }
    return rows;
}
