/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the database needs to know of the model, worked out once when it opens: defaults, and which fields
 * name other rows. */
#pragma once

#include "model/model.h"

#define DB_NULL_REF "OpaqueRef:NULL"

/* Where in a field's value the refs stand. */
typedef enum DbRefShape { DB_REF_SINGLE, DB_REF_SET, DB_REF_MAP_VALUES, DB_REF_MAP_KEYS } DbRefShape;

/* One way in which rows name other rows. Its address stands for the relation in indexes. */
typedef struct DbRelation {
    int class_id; /* of the rows that hold the field */
    int field;
    int target_class;
    DbRefShape shape;
    FieldOnDelete on_delete;
    gboolean is_stored; /* the field is persistent */
    gboolean has_peer;  /* a derived field of the target shows it */
} DbRelation;

typedef struct DbClassInfo {
    const ModelClass *model_class;
    int id;
    Value **defaults; /* by field; NULL for derived ones */
    DbRelation *relations;
    gsize n_relations;
    const DbRelation **derived; /* by field: what a derived field shows, else NULL */
    gboolean has_volatile_fields;
} DbClassInfo;

typedef struct DbSchema {
    DbClassInfo *classes; /* by class id */
    gsize n_classes;
    Value *null_ref; /* DB_NULL_REF */
} DbSchema;

DbSchema *db_schema_new(void);
void db_schema_free(DbSchema *schema);

/** db_schema_relation: the relation of a field, or NULL. */
const DbRelation *db_schema_relation(const DbSchema *schema, int class_id, int field);

/** db_field_is_stored: persistent and not derived. */
gboolean db_field_is_stored(const ModelField *field);

/**
 * db_relation_targets:
 * @value: of the relation's field; of another kind than the model says (a damaged store): nothing
 *
 * Appends the refs in @value, borrowed, without OpaqueRef:NULL, each once.
 */
void db_relation_targets(const DbRelation *relation, const Value *value, GPtrArray *targets);

/** db_relation_without: (transfer full): @value as it is when @ref is gone (ON_DELETE_NULL). */
Value *db_relation_without(const DbSchema *schema, const DbRelation *relation, Value *value, const char *ref);

/** db_kind_of_type: the kind that values of @type have. */
ValueKind db_kind_of_type(const Type *type);

/** db_text_hash: for refs and names; quicker than g_str_hash() by eight bytes a turn. */
guint db_text_hash(gconstpointer text);
