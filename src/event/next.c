/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.register, event.next, event.unregister: a queue of events per session, filled by commits. */
#include "event/internal.h"

#include "model/api_error.h"

/* About; over it the queue is lost. Source: protocol notes, section 2. */
#define QUEUE_MAX_BYTES ((gsize)10 * 1024 * 1024)
/* Of all sessions together: over it the longest queue is lost. */
#define QUEUES_MAX_BYTES ((gsize)64 * 1024 * 1024)

/* What an event is taken to need: the row's fields are mostly shared, so this is a rough middle. */
#define EVENT_BYTES       256
#define EVENT_FIELD_BYTES 48

static void
queued_free(gpointer data)
{
    EventQueued *queued = data;

    value_unref(queued->ref);
    db_row_unref(queued->row);
    g_free(queued);
}

/* How much it holds has changed to @n_bytes. */
static void
set_bytes(EventQueue *queue, gsize n_bytes)
{
    queue->hub->queued_bytes += n_bytes - queue->n_bytes;
    queue->n_bytes = n_bytes;
}

static void
drop_events(EventQueue *queue)
{
    g_queue_clear_full(&queue->events, queued_free);
    set_bytes(queue, 0);
}

void
event_queue_free(gpointer data)
{
    EventQueue *queue = data;

    g_assert(g_queue_is_empty(&queue->waits));
    drop_events(queue);
    event_subscription_free(queue->subscription);
    g_free(queue);
}

/* -- Filling -- */

static gsize
event_bytes(const EventQueued *queued)
{
    return EVENT_BYTES + (queued->row != NULL ? queued->row->model_class->n_fields * EVENT_FIELD_BYTES : 0);
}

static void
wake_all(GQueue *waits, gint64 due)
{
    for (EventWait *wait; (wait = g_queue_peek_head(waits)) != NULL;)
        event_wait_wake(wait, due); /* leaves @waits by this */
}

static void
lose(EventQueue *queue)
{
    drop_events(queue);
    queue->is_lost = TRUE;
}

static void
queue_add(EventQueue *queue, guint64 generation, const DbChange *change)
{
    if (queue->is_lost)
        return;
    EventQueued *queued = g_new(EventQueued, 1);
    *queued = (EventQueued){.operation = change->operation,
                            .class_id = change->class_id,
                            .id = generation,
                            .time_s = g_get_real_time() / G_USEC_PER_SEC,
                            .ref = value_string(change->ref),
                            .row = change->row != NULL ? db_row_ref(change->row) : NULL};
    g_queue_push_tail(&queue->events, queued);
    set_bytes(queue, queue->n_bytes + event_bytes(queued));
    if (queue->n_bytes > QUEUE_MAX_BYTES)
        lose(queue);
}

/* Those who ask keep theirs short. */
static void
bound_all(EventHub *hub)
{
    while (hub->queued_bytes > QUEUES_MAX_BYTES) {
        GHashTableIter iter;
        gpointer data;
        EventQueue *longest = NULL;
        g_hash_table_iter_init(&iter, hub->queues);
        while (g_hash_table_iter_next(&iter, NULL, &data))
            if (longest == NULL || ((EventQueue *)data)->n_bytes > longest->n_bytes)
                longest = data;
        lose(longest);
    }
}

void
event_queues_add(EventHub *hub, guint64 generation, const DbChange *changes, gsize n_changes)
{
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, hub->queues);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        EventQueue *queue = data;
        for (gsize i = 0; i < n_changes; i++)
            if (event_subscription_matches(queue->subscription, changes[i].class_id, changes[i].ref))
                queue_add(queue, generation, &changes[i]);
        if (queue->is_lost || !g_queue_is_empty(&queue->events))
            wake_all(&queue->waits, g_get_monotonic_time() + EVENT_NEXT_REST_US);
        bound_all(hub);
    }
}

/* -- Emptying -- */

static Value *
events_value(EventHub *hub, GQueue *events)
{
    Value *array = value_array_new(events->length);

    for (EventQueued *queued; (queued = g_queue_pop_head(events)) != NULL; queued_free(queued)) {
        Value *snapshot = queued->row != NULL ? event_snapshot(hub, queued->row) : NULL;
        value_array_add(array, event_record_new(queued->id, queued->time_s, queued->class_id,
                                                queued->operation, queued->ref, snapshot));
    }
    return array;
}

/* With the mutex held: what @wait is to be answered with, in @ret_events or @error; FALSE for nothing yet:
 * then it waits on. The events leave the queue together with the wait, so that none is lost to a caller who
 * has gone. */
static gboolean
take_answer(EventWait *wait, EventQueue *queue, GQueue *ret_events, GError **error)
{
    if (queue != NULL && !queue->is_lost && g_queue_is_empty(&queue->events)) {
        wait->nodes[0].list = &queue->waits;
        g_queue_push_tail_link(&queue->waits, &wait->nodes[0].link);
        return FALSE;
    }
    if (!event_wait_claim(wait))
        return FALSE;
    if (queue == NULL) {
        const char *params[] = {wait->session, NULL};
        api_error_set(error, "SESSION_NOT_REGISTERED", params);
    } else if (queue->is_lost) {
        queue->is_lost = FALSE; /* said once */
        api_error_set(error, "EVENTS_LOST", (const char *const[]){NULL});
    } else {
        *ret_events = queue->events;
        g_queue_init(&queue->events);
        set_bytes(queue, 0);
    }
    return TRUE;
}

void
event_next_look(EventWait *wait)
{
    EventHub *hub = wait->hub;
    GQueue events = G_QUEUE_INIT;
    g_autoptr(GError) error = NULL;

    g_mutex_lock(&hub->mutex);
    gboolean is_mine =
        !wait->is_over && take_answer(wait, g_hash_table_lookup(hub->queues, wait->session), &events, &error);
    g_mutex_unlock(&hub->mutex);
    if (!is_mine)
        return;
    if (error != NULL)
        event_wait_fail(wait, error);
    else
        event_wait_succeed(wait, events_value(hub, &events));
}

EventWait *
event_next_start(EventHub *hub, const char *session, EventAnswer answer, gpointer data)
{
    EventWait *wait = event_wait_new(hub, WAIT_NEXT, session, answer, data);

    wait->n_nodes = 1;
    wait->nodes = g_new0(EventNode, 1);
    wait->nodes[0].link.data = wait;
    g_mutex_lock(&hub->mutex);
    event_wait_begin(wait, G_MAXINT64);
    event_wait_wake(wait, 0);
    g_mutex_unlock(&hub->mutex);
    event_check_session(hub, session);
    return wait;
}

/* -- Registering -- */

static EventQueue *
queue_of(EventHub *hub, const char *session)
{
    EventQueue *queue = g_hash_table_lookup(hub->queues, session);

    if (queue == NULL) {
        queue = g_new0(EventQueue, 1);
        queue->hub = hub;
        queue->subscription = event_subscription_new();
        g_hash_table_insert(hub->queues, g_strdup(session), queue);
    }
    return queue;
}

gboolean
event_register(EventHub *hub, const char *session, const Value *classes, GError **error)
{
    if (!event_subscription_check(classes, error))
        return FALSE;
    g_mutex_lock(&hub->mutex);
    gboolean is_fine = event_subscription_add(queue_of(hub, session)->subscription, classes, error);
    g_mutex_unlock(&hub->mutex);
    event_check_session(hub, session);
    return is_fine;
}

gboolean
event_unregister(EventHub *hub, const char *session, const Value *classes, GError **error)
{
    if (!event_subscription_check(classes, error))
        return FALSE;
    g_mutex_lock(&hub->mutex);
    EventQueue *queue = g_hash_table_lookup(hub->queues, session);
    if (queue != NULL) {
        event_subscription_remove(queue->subscription, classes);
        if (event_subscription_is_empty(queue->subscription)) {
            wake_all(&queue->waits, 0); /* to be told so */
            g_hash_table_remove(hub->queues, session);
        }
    }
    g_mutex_unlock(&hub->mutex);
    return TRUE;
}
