/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subscription strings of event.from and event.register: checked, and read once into class ids and refs. */
#include "event/subscription.h"

#include "model/api_error.h"
#include <string.h>

EventObject *
event_object_new(int class_id, const char *ref)
{
    EventObject *object = g_new(EventObject, 1);

    *object = (EventObject){class_id, g_strdup(ref)};
    return object;
}

void
event_object_free(EventObject *object)
{
    if (object == NULL)
        return;
    g_free(object->ref);
    g_free(object);
}

guint
event_object_hash(gconstpointer data)
{
    const EventObject *object = data;

    return g_str_hash(object->ref) + (guint)object->class_id;
}

gboolean
event_object_equal(gconstpointer a, gconstpointer b)
{
    const EventObject *x = a, *y = b;

    return x->class_id == y->class_id && strcmp(x->ref, y->ref) == 0;
}

EventSubscription *
event_subscription_new(void)
{
    EventSubscription *subscription = g_new0(EventSubscription, 1);

    subscription->has_class = g_new0(gboolean, model_n_classes);
    subscription->objects =
        g_hash_table_new_full(event_object_hash, event_object_equal, (GDestroyNotify)event_object_free, NULL);
    return subscription;
}

void
event_subscription_free(EventSubscription *subscription)
{
    if (subscription == NULL)
        return;
    g_free(subscription->has_class);
    g_hash_table_unref(subscription->objects);
    g_free(subscription);
}

/* The class's id, or -1. */
static int
find_class(const char *name)
{
    const ModelClass *model_class = model_class_by_event_name(name);

    return model_class != NULL && model_class->has_events ? model_class_id(model_class) : -1;
}

static void
change_object(EventSubscription *subscription, const char *text, const char *slash, gboolean is_wanted)
{
    g_autofree char *name = g_strndup(text, (gsize)(slash - text));
    int class_id = find_class(name);

    if (class_id < 0)
        return;
    EventObject *object = event_object_new(class_id, slash + 1);
    if (is_wanted) {
        g_hash_table_add(subscription->objects, object);
    } else {
        g_hash_table_remove(subscription->objects, object);
        event_object_free(object);
    }
}

static void
change_one(EventSubscription *subscription, const char *text, gboolean is_wanted)
{
    const char *slash = strchr(text, '/');

    if (strcmp(text, "*") == 0) {
        subscription->has_all = is_wanted;
    } else if (slash != NULL) {
        change_object(subscription, text, slash, is_wanted);
    } else {
        int class_id = find_class(text);
        if (class_id >= 0)
            subscription->has_class[class_id] = is_wanted;
    }
}

static gboolean
refuse(const char *text, GError **error)
{
    const char *params[] = {text, NULL};

    return api_error_set(error, "EVENT_SUBSCRIPTION_PARSE_FAILURE", params);
}

/* Source: API reference, EVENT_SUBSCRIPTION_PARSE_FAILURE: valid are *, class-name,
 * class-name/object-reference */
static gboolean
is_well_formed(const char *text)
{
    gsize length = strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_");

    if (strcmp(text, "*") == 0)
        return TRUE;
    if (length == 0)
        return FALSE;
    return text[length] == '\0' ||
           (text[length] == '/' && text[length + 1] != '\0' && strchr(text + length + 1, '/') == NULL);
}

gboolean
event_subscription_check(const Value *classes, GError **error)
{
    for (gsize i = 0; i < value_size(classes); i++) {
        const Value *text = value_array_get(classes, i);
        if (value_kind(text) != VALUE_STRING || !is_well_formed(value_get_string(text)))
            return refuse(value_kind(text) == VALUE_STRING ? value_get_string(text) : "", error);
    }
    return TRUE;
}

static const char *
text_at(const Value *classes, gsize index)
{
    return value_get_string(value_array_get(classes, index));
}

gboolean
event_subscription_add(EventSubscription *subscription, const Value *classes, GError **error)
{
    gsize n_objects = g_hash_table_size(subscription->objects);

    for (gsize i = 0; i < value_size(classes); i++)
        if (strchr(text_at(classes, i), '/') != NULL && ++n_objects > EVENT_OBJECTS_MAX)
            return refuse(text_at(classes, i), error);
    for (gsize i = 0; i < value_size(classes); i++)
        change_one(subscription, text_at(classes, i), TRUE);
    return TRUE;
}

void
event_subscription_remove(EventSubscription *subscription, const Value *classes)
{
    for (gsize i = 0; i < value_size(classes); i++)
        change_one(subscription, text_at(classes, i), FALSE);
}

static gsize
count_classes(const EventSubscription *subscription)
{
    gsize n = 0;

    for (gsize i = 0; i < model_n_classes; i++)
        n += subscription->has_class[i] ? 1 : 0;
    return n;
}

gboolean
event_subscription_is_empty(const EventSubscription *subscription)
{
    return !subscription->has_all && count_classes(subscription) == 0 &&
           g_hash_table_size(subscription->objects) == 0;
}

gboolean
event_subscription_matches(const EventSubscription *subscription, int class_id, const char *ref)
{
    const EventObject probe = {class_id, (char *)ref};

    if (!model_classes[class_id].has_events)
        return FALSE;
    return subscription->has_all || subscription->has_class[class_id] ||
           g_hash_table_contains(subscription->objects, &probe);
}

GArray *
event_subscription_interests(const EventSubscription *subscription)
{
    GArray *interests = g_array_new(FALSE, FALSE, sizeof(DbInterest));
    GHashTableIter iter;
    gpointer data;

    for (gsize i = 0; i < model_n_classes; i++) {
        DbInterest interest = {(int)i, NULL};
        if (model_classes[i].has_events && (subscription->has_all || subscription->has_class[i]))
            g_array_append_val(interests, interest);
    }
    g_hash_table_iter_init(&iter, subscription->objects);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        const EventObject *object = data;
        DbInterest interest = {object->class_id, object->ref};
        if (!subscription->has_all && !subscription->has_class[object->class_id])
            g_array_append_val(interests, interest);
    }
    return interests;
}

gboolean
event_subscription_is_tasks_only(const EventSubscription *subscription)
{
    GHashTableIter iter;
    gpointer object;

    if (subscription->has_all || event_subscription_is_empty(subscription))
        return FALSE;
    for (gsize i = 0; i < model_n_classes; i++)
        if (subscription->has_class[i] && strcmp(model_classes[i].event_name, "task") != 0)
            return FALSE;
    g_hash_table_iter_init(&iter, subscription->objects);
    while (g_hash_table_iter_next(&iter, &object, NULL))
        if (strcmp(model_classes[((EventObject *)object)->class_id].event_name, "task") != 0)
            return FALSE;
    return TRUE;
}
