/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes not yet in the tables: rows, links between rows, uuids; of a running transaction or of a whole
 * batch. */
#pragma once

#include "db/row.h"

/* A row that a layer changes. */
typedef struct DbPending {
    int class_id;
    Value *ref;
    DbRow *before;       /* in the layer below; NULL: none */
    DbRow *now;          /* NULL: deleted */
    guint64 first_order; /* place of the first and of the last change among all of the view */
    guint64 order;
    gboolean needs_touch; /* batch layer: the new generation must be stored even if no stored field changed */
    gboolean is_stored;   /* some StoreChange carries the new generation */
    gboolean is_noted;    /* stands in the database's notes */
} DbPending;

/* A row beginning or ceasing to name another. */
typedef struct DbLink {
    const DbRelation *relation;
    Value *source;
    Value *target;
    gboolean was; /* in the layer below */
    gboolean now;
} DbLink;

typedef struct DbLayer {
    GHashTable *pendings;   /* set of DbPending, by class and ref */
    GPtrArray *links;       /* of DbLink, in order of making; the next two are indexes of it */
    GHashTable *link_index; /* set of DbLink, by relation, source and target */
    GHashTable *by_target;  /* target (DbTarget) -> its links */
    GHashTable *uuids;      /* set of DbUuid: taken or freed */
} DbLayer;

DbLayer *db_layer_new(void);
void db_layer_free(DbLayer *layer);
/** db_layer_clear: forgets all. */
void db_layer_clear(DbLayer *layer);

/** db_layer_pending: NULL if the layer leaves this row alone. */
DbPending *db_layer_pending(const DbLayer *layer, int class_id, Value *ref);
void db_pending_free(gpointer pending);
/** db_layer_pendings: (element-type DbPending): in order of change. */
GPtrArray *db_layer_pendings(const DbLayer *layer);

/** db_layer_add_link: takes over @link, which the layer does not have. */
void db_layer_add_link(DbLayer *layer, DbLink *link);
/** db_layer_links_to: (element-type DbLink): those with this target; NULL for none. */
const GPtrArray *db_layer_links_to(const DbLayer *layer, int class_id, Value *ref);

/* A uuid taken or freed. */
typedef struct DbUuid {
    int class_id;
    char *uuid;
    Value *ref; /* of the row that has it; NULL: nobody now */
} DbUuid;

/** db_layer_set_uuid: @ref has it from now on; NULL: nobody. */
void db_layer_set_uuid(DbLayer *layer, int class_id, const char *uuid, Value *ref);
/** db_layer_uuid: NULL if the layer leaves it alone. */
const DbUuid *db_layer_uuid(const DbLayer *layer, int class_id, const char *uuid);
