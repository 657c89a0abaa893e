/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One layer of pending changes: sets keyed by class and text, or by link. What they mean is view.c's
 * business. */
#include "db/layer.h"

#include <string.h>

/* All links of a layer with one target. */
typedef struct DbTarget {
    int class_id;
    Value *ref;
    GPtrArray *links; /* borrowed from the layer */
} DbTarget;

static guint
hash_class_text(int class_id, const char *text)
{
    return db_text_hash(text) + (guint)class_id * 0x9e3779b1u;
}

static guint
pending_hash(gconstpointer data)
{
    const DbPending *pending = data;
    return hash_class_text(pending->class_id, value_get_string(pending->ref));
}

static gboolean
pending_equal(gconstpointer a, gconstpointer b)
{
    const DbPending *x = a, *y = b;
    return x->class_id == y->class_id && strcmp(value_get_string(x->ref), value_get_string(y->ref)) == 0;
}

void
db_pending_free(gpointer data)
{
    DbPending *pending = data;

    value_unref(pending->ref);
    db_row_unref(pending->before);
    db_row_unref(pending->now);
    g_free(pending);
}

static guint
link_hash(gconstpointer data)
{
    const DbLink *link = data;
    return g_direct_hash(link->relation) + db_text_hash(value_get_string(link->source)) * 31 +
           db_text_hash(value_get_string(link->target));
}

static gboolean
link_equal(gconstpointer a, gconstpointer b)
{
    const DbLink *x = a, *y = b;
    return x->relation == y->relation &&
           strcmp(value_get_string(x->source), value_get_string(y->source)) == 0 &&
           strcmp(value_get_string(x->target), value_get_string(y->target)) == 0;
}

static void
link_free(gpointer data)
{
    DbLink *link = data;

    if (link == NULL)
        return;
    value_unref(link->source);
    value_unref(link->target);
    g_free(link);
}

static guint
target_hash(gconstpointer data)
{
    const DbTarget *target = data;
    return hash_class_text(target->class_id, value_get_string(target->ref));
}

static gboolean
target_equal(gconstpointer a, gconstpointer b)
{
    const DbTarget *x = a, *y = b;
    return x->class_id == y->class_id && strcmp(value_get_string(x->ref), value_get_string(y->ref)) == 0;
}

static void
target_free(gpointer data)
{
    DbTarget *target = data;

    value_unref(target->ref);
    g_ptr_array_unref(target->links);
    g_free(target);
}

static guint
uuid_hash(gconstpointer data)
{
    const DbUuid *uuid = data;
    return hash_class_text(uuid->class_id, uuid->uuid);
}

static gboolean
uuid_equal(gconstpointer a, gconstpointer b)
{
    const DbUuid *x = a, *y = b;
    return x->class_id == y->class_id && strcmp(x->uuid, y->uuid) == 0;
}

static void
uuid_free(gpointer data)
{
    DbUuid *uuid = data;

    value_unref(uuid->ref);
    g_free(uuid->uuid);
    g_free(uuid);
}

DbLayer *
db_layer_new(void)
{
    DbLayer *layer = g_new(DbLayer, 1);

    layer->pendings = g_hash_table_new_full(pending_hash, pending_equal, db_pending_free, NULL);
    layer->links = g_ptr_array_new_with_free_func(link_free);
    layer->link_index = g_hash_table_new(link_hash, link_equal);
    layer->by_target = g_hash_table_new_full(target_hash, target_equal, target_free, NULL);
    layer->uuids = g_hash_table_new_full(uuid_hash, uuid_equal, uuid_free, NULL);
    return layer;
}

void
db_layer_clear(DbLayer *layer)
{
    g_hash_table_remove_all(layer->pendings);
    g_hash_table_remove_all(layer->by_target);
    g_hash_table_remove_all(layer->link_index);
    g_ptr_array_set_size(layer->links, 0);
    g_hash_table_remove_all(layer->uuids);
}

void
db_layer_free(DbLayer *layer)
{
    g_hash_table_unref(layer->pendings);
    g_hash_table_unref(layer->by_target);
    g_hash_table_unref(layer->link_index);
    g_ptr_array_unref(layer->links);
    g_hash_table_unref(layer->uuids);
    g_free(layer);
}

DbPending *
db_layer_pending(const DbLayer *layer, int class_id, Value *ref)
{
    const DbPending probe = {.class_id = class_id, .ref = ref};

    return g_hash_table_lookup(layer->pendings, &probe);
}

const GPtrArray *
db_layer_links_to(const DbLayer *layer, int class_id, Value *ref)
{
    const DbTarget probe = {.class_id = class_id, .ref = ref};
    const DbTarget *target = g_hash_table_lookup(layer->by_target, &probe);

    return target != NULL ? target->links : NULL;
}

void
db_layer_add_link(DbLayer *layer, DbLink *link)
{
    const DbTarget probe = {.class_id = link->relation->target_class, .ref = link->target};
    DbTarget *target = g_hash_table_lookup(layer->by_target, &probe);

    g_ptr_array_add(layer->links, link);
    g_hash_table_add(layer->link_index, link);
    if (target == NULL) {
        target = g_new(DbTarget, 1);
        *target = (DbTarget){probe.class_id, value_ref(link->target), g_ptr_array_new()};
        g_hash_table_add(layer->by_target, target);
    }
    g_ptr_array_add(target->links, link);
}

void
db_layer_set_uuid(DbLayer *layer, int class_id, const char *text, Value *ref)
{
    DbUuid *uuid = g_new(DbUuid, 1);

    *uuid = (DbUuid){class_id, g_strdup(text), ref != NULL ? value_ref(ref) : NULL};
    g_hash_table_add(layer->uuids, uuid); /* an equal one is freed */
}

const DbUuid *
db_layer_uuid(const DbLayer *layer, int class_id, const char *text)
{
    const DbUuid probe = {.class_id = class_id, .uuid = (char *)text};

    return g_hash_table_lookup(layer->uuids, &probe);
}

static int
compare_order(gconstpointer a, gconstpointer b)
{
    const DbPending *x = *(DbPending *const *)a, *y = *(DbPending *const *)b;

    return x->order < y->order ? -1 : x->order > y->order;
}

GPtrArray *
db_layer_pendings(const DbLayer *layer)
{
    GPtrArray *pendings = g_ptr_array_sized_new(g_hash_table_size(layer->pendings));
    GHashTableIter iter;
    gpointer pending;

    g_hash_table_iter_init(&iter, layer->pendings);
    while (g_hash_table_iter_next(&iter, &pending, NULL))
        g_ptr_array_add(pendings, pending);
    g_ptr_array_sort(pendings, compare_order);
    return pendings;
}
