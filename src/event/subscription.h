/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client wants to hear of: everything, classes, single objects. */
#pragma once

#include "db/db.h"

typedef struct EventSubscription {
    gboolean has_all;
    gboolean *has_class; /* by class id */
    GHashTable *objects; /* set of EventObject */
} EventSubscription;

/* One object, as a key of hash tables. */
typedef struct EventObject {
    int class_id;
    char *ref;
} EventObject;

EventObject *event_object_new(int class_id, const char *ref);
void event_object_free(EventObject *object);
/** event_object_hash: for hash tables keyed by EventObject. */
guint event_object_hash(gconstpointer object);
/** event_object_equal: same class and ref. */
gboolean event_object_equal(gconstpointer a, gconstpointer b);

EventSubscription *event_subscription_new(void);
void event_subscription_free(EventSubscription *subscription);

/* Single objects in one subscription: what a session may add by event.register() call after call. */
#define EVENT_OBJECTS_MAX 16384

/** event_subscription_check: whether @classes is an array of strings that are each "*", a class in any case,
 * or "class/OpaqueRef:...". EVENT_SUBSCRIPTION_PARSE_FAILURE [string]. Classes need not be known: clients
 * name newer ones. */
gboolean event_subscription_check(const Value *classes, GError **error);
/** event_subscription_add: all of @classes, which have been checked, or nothing. Classes that are not known
 * or have no events count for nothing. EVENT_SUBSCRIPTION_PARSE_FAILURE [string]: one more than
 * EVENT_OBJECTS_MAX. */
gboolean event_subscription_add(EventSubscription *subscription, const Value *classes, GError **error);
/** event_subscription_remove: what of @classes, which have been checked, is there. */
void event_subscription_remove(EventSubscription *subscription, const Value *classes);

/** event_subscription_is_empty: nothing can match it. */
gboolean event_subscription_is_empty(const EventSubscription *subscription);
/** event_subscription_matches: whether it covers the object @ref of class @class_id. */
gboolean event_subscription_matches(const EventSubscription *subscription, int class_id, const char *ref);

/** event_subscription_interests: (element-type DbInterest): refs are borrowed from @subscription. */
GArray *event_subscription_interests(const EventSubscription *subscription);

/** event_subscription_is_tasks_only: nothing but the class task or single tasks. */
gboolean event_subscription_is_tasks_only(const EventSubscription *subscription);
