/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waits and the lists they stand in: by what they are about, by when to look at them, by session.
 *
 *   begun ──► armed ──► woken ──► looked at ──► over
 *     │         ▲   commit      due    │
 *     └─────────┴─── nothing to say ───┘          cancel, logout, end of the hub: over, from anywhere
 */
#include "event/internal.h"

EventWait *
event_wait_new(EventHub *hub, EventWaitKind kind, const char *session, EventAnswer answer, gpointer data)
{
    EventWait *wait = g_new0(EventWait, 1);

    wait->references = 1;
    wait->hub = hub;
    wait->kind = kind;
    wait->session = g_strdup(session);
    wait->answer = answer;
    wait->data = data;
    wait->session_link.data = wait;
    return wait;
}

EventWait *
event_wait_ref(EventWait *wait)
{
    g_atomic_int_inc(&wait->references);
    return wait;
}

void
event_wait_unref(EventWait *wait)
{
    if (wait == NULL || !g_atomic_int_dec_and_test(&wait->references))
        return;
    for (gsize i = 0; i < wait->n_nodes; i++)
        event_object_free(wait->nodes[i].object);
    g_free(wait->nodes);
    g_clear_pointer(&wait->interests, g_array_unref);
    event_subscription_free(wait->subscription);
    g_clear_error(&wait->refusal);
    g_free(wait->session);
    g_free(wait);
}

/* -- Time
 * ---------------------------------------------------------------------------------------------------------
 */

static int
compare_due(gconstpointer a, gconstpointer b, gpointer data)
{
    const EventWait *x = a, *y = b;

    return x->due < y->due ? -1 : x->due > y->due;
}

static int
compare_deadlines(gconstpointer a, gconstpointer b, gpointer data)
{
    const EventWait *x = a, *y = b;

    return x->deadline < y->deadline ? -1 : x->deadline > y->deadline;
}

static EventWait *
first_of(GSequence *waits)
{
    GSequenceIter *begin = g_sequence_get_begin_iter(waits);

    return g_sequence_iter_is_end(begin) ? NULL : g_sequence_get(begin);
}

void
event_hub_reschedule(EventHub *hub)
{
    const EventWait *due = first_of(hub->due), *expiring = first_of(hub->deadlines);
    gint64 next = G_MAXINT64;

    if (due != NULL)
        next = MIN(next, due->due);
    if (expiring != NULL)
        next = MIN(next, expiring->deadline);
    if (next == hub->ready_time)
        return;
    hub->ready_time = next;
    g_source_set_ready_time(hub->source, next == G_MAXINT64 ? -1 : next);
}

static void
leave_due(EventWait *wait)
{
    if (wait->due_place != NULL)
        g_sequence_remove(g_steal_pointer(&wait->due_place));
}

void
event_wait_wake(EventWait *wait, gint64 due)
{
    event_wait_disarm(wait); /* once is enough: later commits need not find it */
    leave_due(wait);
    wait->due = due;
    wait->due_place = g_sequence_insert_sorted(wait->hub->due, wait, compare_due, NULL);
    if (wait->due < wait->hub->ready_time) {
        wait->hub->ready_time = wait->due;
        g_source_set_ready_time(wait->hub->source, wait->due);
    }
}

/* -- What it is about -- */

static GQueue *
list_of_object(EventHub *hub, const EventObject *object)
{
    GQueue *list = g_hash_table_lookup(hub->by_object, object);

    if (list == NULL) {
        list = g_queue_new();
        g_hash_table_insert(hub->by_object, event_object_new(object->class_id, object->ref), list);
    }
    return list;
}

static void
make_nodes(EventWait *wait)
{
    gboolean has_all = wait->subscription->has_all;

    wait->n_nodes = has_all ? 1 : wait->interests->len;
    wait->nodes = g_new0(EventNode, wait->n_nodes);
    for (gsize i = 0; i < wait->n_nodes; i++) {
        const DbInterest *interest = &g_array_index(wait->interests, DbInterest, i);
        wait->nodes[i].link.data = wait;
        if (!has_all && interest->ref != NULL)
            wait->nodes[i].object = event_object_new(interest->class_id, interest->ref);
    }
}

static GQueue *
list_of_node(EventWait *wait, gsize index)
{
    if (wait->subscription->has_all)
        return &wait->hub->all;
    if (wait->nodes[index].object != NULL)
        return list_of_object(wait->hub, wait->nodes[index].object);
    return &wait->hub->by_class[g_array_index(wait->interests, DbInterest, index).class_id];
}

void
event_wait_arm(EventWait *wait)
{
    if (wait->nodes == NULL)
        make_nodes(wait);
    for (gsize i = 0; i < wait->n_nodes; i++) {
        EventNode *node = &wait->nodes[i];
        if (node->list != NULL)
            continue;
        node->list = list_of_node(wait, i);
        g_queue_push_tail_link(node->list, &node->link);
    }
}

void
event_wait_disarm(EventWait *wait)
{
    for (gsize i = 0; i < wait->n_nodes; i++) {
        EventNode *node = &wait->nodes[i];
        if (node->list == NULL)
            continue;
        g_queue_unlink(node->list, &node->link);
        if (node->object != NULL && g_queue_is_empty(node->list))
            g_hash_table_remove(wait->hub->by_object, node->object);
        node->list = NULL;
    }
}

/* -- Beginning and end -- */

void
event_wait_begin(EventWait *wait, gint64 deadline)
{
    EventHub *hub = wait->hub;
    GQueue *waits = g_hash_table_lookup(hub->sessions, wait->session);

    event_wait_ref(wait);
    if (waits == NULL) {
        waits = g_queue_new();
        g_hash_table_insert(hub->sessions, g_strdup(wait->session), waits);
    }
    g_queue_push_tail_link(waits, &wait->session_link);
    wait->deadline = deadline;
    if (deadline != G_MAXINT64)
        wait->deadline_place = g_sequence_insert_sorted(hub->deadlines, wait, compare_deadlines, NULL);
}

gboolean
event_wait_claim(EventWait *wait)
{
    EventHub *hub = wait->hub;

    if (wait->is_over)
        return FALSE;
    wait->is_over = TRUE;
    event_wait_disarm(wait);
    leave_due(wait);
    if (wait->deadline_place != NULL)
        g_sequence_remove(g_steal_pointer(&wait->deadline_place));
    GQueue *waits = g_hash_table_lookup(hub->sessions, wait->session);
    g_queue_unlink(waits, &wait->session_link);
    if (g_queue_is_empty(waits))
        g_hash_table_remove(hub->sessions, wait->session);
    return TRUE;
}

void
event_wait_fail(EventWait *wait, const GError *error)
{
    wait->answer(wait->data, NULL, error);
    event_wait_unref(wait);
}

void
event_wait_succeed(EventWait *wait, Value *result)
{
    wait->answer(wait->data, result, NULL);
    event_wait_unref(wait);
}

/* A session may have ended after the caller looked and before what it began here could be found by
 * event_cancel_session(). Its row goes first. */
void
event_check_session(EventHub *hub, const char *session)
{
    const ModelClass *model_class = model_class_by_name("session");

    if (model_class == NULL)
        return;
    g_autoptr(DbRow) row = db_get(hub->db, model_class_id(model_class), session);
    if (row == NULL)
        event_cancel_session(hub, session);
}

gboolean
event_wait_cancel(EventWait *wait)
{
    EventHub *hub = wait->hub;

    g_mutex_lock(&hub->mutex);
    gboolean is_mine = event_wait_claim(wait);
    g_mutex_unlock(&hub->mutex);
    if (is_mine)
        event_wait_unref(wait); /* the hub's */
    return is_mine;
}
