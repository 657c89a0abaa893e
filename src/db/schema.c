/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts of the model in the form the database uses: defaults as values, relations as one list per class. */
#include "db/schema.h"

#include <string.h>

gboolean
db_field_is_stored(const ModelField *field)
{
    return field->is_persistent && !field->is_derived;
}

static void
add_relation(GArray *relations, const DbClassInfo *info, int field, const Type *target, DbRefShape shape)
{
    const ModelField *model_field = &info->model_class->fields[field];

    if (target == NULL || target->kind != TYPE_REF || target->class_id < 0)
        return;
    DbRelation relation = {
        .class_id = info->id,
        .field = field,
        .target_class = target->class_id,
        .shape = shape,
        .on_delete = model_field->on_delete,
        .is_stored = info->model_class->is_persistent && db_field_is_stored(model_field),
    };
    g_array_append_val(relations, relation);
}

static void
find_relations(DbClassInfo *info)
{
    GArray *relations = g_array_new(FALSE, FALSE, sizeof(DbRelation));

    for (gsize i = 0; i < info->model_class->n_fields; i++) {
        const ModelField *field = &info->model_class->fields[i];
        if (field->is_derived)
            continue;
        if (field->type->kind == TYPE_REF)
            add_relation(relations, info, (int)i, field->type, DB_REF_SINGLE);
        if (field->type->kind == TYPE_SET)
            add_relation(relations, info, (int)i, field->type->element, DB_REF_SET);
        if (field->type->kind == TYPE_MAP) {
            add_relation(relations, info, (int)i, field->type->element, DB_REF_MAP_VALUES);
            add_relation(relations, info, (int)i, field->type->key, DB_REF_MAP_KEYS);
        }
    }
    info->relations = g_array_steal(relations, &info->n_relations);
    g_array_unref(relations);
}

static void
init_class(DbClassInfo *info, int id)
{
    info->model_class = &model_classes[id];
    info->id = id;
    info->defaults = g_new0(Value *, info->model_class->n_fields);
    info->derived = g_new0(const DbRelation *, info->model_class->n_fields);
    for (gsize i = 0; i < info->model_class->n_fields; i++) {
        const ModelField *field = &info->model_class->fields[i];
        if (field->is_derived)
            continue;
        if (!field->is_persistent)
            info->has_volatile_fields = TRUE;
        info->defaults[i] =
            field->default_value != NULL ? value_ref(field->default_value) : type_default(field->type);
    }
    find_relations(info);
}

static DbRelation *
find_peer(DbSchema *schema, int target_class, const ModelField *derived)
{
    if (derived->peer_class < 0 || (gsize)derived->peer_class >= schema->n_classes)
        return NULL;
    DbClassInfo *peer = &schema->classes[derived->peer_class];
    for (gsize i = 0; i < peer->n_relations; i++)
        if (peer->relations[i].field == derived->peer_field &&
            peer->relations[i].target_class == target_class)
            return &peer->relations[i];
    return NULL;
}

static void
bind_derived(DbSchema *schema, DbClassInfo *info)
{
    for (gsize i = 0; i < info->model_class->n_fields; i++) {
        const ModelField *field = &info->model_class->fields[i];
        DbRelation *relation = field->is_derived ? find_peer(schema, info->id, field) : NULL;
        if (relation == NULL)
            continue;
        relation->has_peer = TRUE;
        info->derived[i] = relation;
    }
}

DbSchema *
db_schema_new(void)
{
    DbSchema *schema = g_new0(DbSchema, 1);

    schema->null_ref = value_string(DB_NULL_REF);
    schema->n_classes = model_n_classes;
    schema->classes = g_new0(DbClassInfo, schema->n_classes);
    for (gsize i = 0; i < schema->n_classes; i++)
        init_class(&schema->classes[i], (int)i);
    for (gsize i = 0; i < schema->n_classes; i++)
        bind_derived(schema, &schema->classes[i]);
    return schema;
}

void
db_schema_free(DbSchema *schema)
{
    if (schema == NULL)
        return;
    for (gsize i = 0; i < schema->n_classes; i++) {
        DbClassInfo *info = &schema->classes[i];
        for (gsize j = 0; j < info->model_class->n_fields; j++)
            value_unref(info->defaults[j]);
        g_free(info->defaults);
        g_free(info->relations);
        g_free(info->derived);
    }
    g_free(schema->classes);
    value_unref(schema->null_ref);
    g_free(schema);
}

const DbRelation *
db_schema_relation(const DbSchema *schema, int class_id, int field)
{
    const DbClassInfo *info = &schema->classes[class_id];

    for (gsize i = 0; i < info->n_relations; i++)
        if (info->relations[i].field == field)
            return &info->relations[i];
    return NULL;
}

/* -- Refs inside values -- */

/* Above this many refs a hash finds the duplicates. */
#define FEW_TARGETS 16

static gboolean
is_known_target(const GPtrArray *targets, guint from, const char *ref)
{
    for (guint i = from; i < targets->len; i++)
        if (strcmp(targets->pdata[i], ref) == 0)
            return TRUE;
    return FALSE;
}

static const char *
member_ref(const DbRelation *relation, const Value *value, gsize index)
{
    if (relation->shape == DB_REF_MAP_KEYS)
        return value_map_key(value, index);
    const Value *member =
        relation->shape == DB_REF_SET ? value_array_get(value, index) : value_map_value(value, index);
    return value_kind(member) == VALUE_STRING ? value_get_string(member) : DB_NULL_REF;
}

static void
member_targets(const DbRelation *relation, const Value *value, GPtrArray *targets)
{
    gsize n = value_size(value);
    guint from = targets->len;
    g_autoptr(GHashTable) seen = n > FEW_TARGETS ? g_hash_table_new(db_text_hash, g_str_equal) : NULL;

    for (gsize i = 0; i < n; i++) {
        const char *ref = member_ref(relation, value, i);
        if (strcmp(ref, DB_NULL_REF) == 0)
            continue;
        if (seen != NULL ? g_hash_table_add(seen, (gpointer)ref) : !is_known_target(targets, from, ref))
            g_ptr_array_add(targets, (gpointer)ref);
    }
}

void
db_relation_targets(const DbRelation *relation, const Value *value, GPtrArray *targets)
{
    if (relation->shape == DB_REF_SINGLE) {
        if (value_kind(value) == VALUE_STRING && strcmp(value_get_string(value), DB_NULL_REF) != 0)
            g_ptr_array_add(targets, (gpointer)value_get_string(value));
        return;
    }
    ValueKind kind = relation->shape == DB_REF_SET ? VALUE_ARRAY : VALUE_MAP;
    if (value_kind(value) == kind)
        member_targets(relation, value, targets);
}

Value *
db_relation_without(const DbSchema *schema, const DbRelation *relation, Value *value, const char *ref)
{
    if (relation->shape == DB_REF_SINGLE)
        return value_ref(schema->null_ref);
    gsize n = value_size(value);
    Value *without = relation->shape == DB_REF_SET ? value_array_new(n) : value_map_new(n);
    for (gsize i = 0; i < n; i++) {
        if (strcmp(member_ref(relation, value, i), ref) == 0)
            continue;
        if (relation->shape == DB_REF_SET)
            value_array_add(without, value_ref(value_array_get(value, i)));
        else
            value_map_set(without, value_map_key(value, i), value_ref(value_map_value(value, i)));
    }
    return without;
}

ValueKind
db_kind_of_type(const Type *type)
{
    switch (type->kind) {
    case TYPE_VOID:
        return VALUE_NIL;
    case TYPE_STRING:
    case TYPE_REF:
    case TYPE_ENUM:
        return VALUE_STRING;
    case TYPE_INT:
        return VALUE_INT;
    case TYPE_FLOAT:
        return VALUE_FLOAT;
    case TYPE_BOOL:
        return VALUE_BOOL;
    case TYPE_DATETIME:
        return VALUE_DATETIME;
    case TYPE_SET:
        return VALUE_ARRAY;
    case TYPE_MAP:
    case TYPE_RECORD:
        return VALUE_MAP;
    }
    g_assert_not_reached();
}

guint
db_text_hash(gconstpointer text)
{
    const guint64 multiplier = G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    const char *p = text;
    gsize left = strlen(p);
    guint64 hash = left * multiplier;

    for (; left >= sizeof(guint64); left -= sizeof(guint64), p += sizeof(guint64)) {
        guint64 word;
        memcpy(&word, p, sizeof word);
        hash = (hash ^ word) * multiplier;
        hash ^= hash >> 32;
    }
    guint64 tail = 0;
    memcpy(&tail, p, left);
    hash = (hash ^ tail) * multiplier;
    return (guint)(hash ^ (hash >> 32));
}
