/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.from: the difference between the database at a token and now.
 *
 * A change is told at once to who has been waiting quietly; who has just been told something hears of what
 * follows a little later, and all together: see rest_after(). */
#include "event/internal.h"

#include "event/token.h"
#include "model/api_error.h"
#include <math.h>
#include <string.h>

#define TIMEOUT_MAX_SECONDS (24.0 * 3600)

static Value *
counts_value(const DbDelta *delta)
{
    Value *counts = value_map_new(model_n_classes);

    for (gsize i = 0; i < model_n_classes; i++)
        if (model_classes[i].has_rows)
            value_map_set(counts, model_classes[i].event_name, value_count((gint64)delta->counts[i]));
    return counts;
}

/* Kept by the peer outside of its database, without generations. */
static gboolean
is_message(const DbDeltaChange *change)
{
    return strcmp(model_classes[change->class_id].event_name, "message") == 0;
}

static void
add_events(EventHub *hub, const DbDelta *delta, gboolean of_messages, Value *events)
{
    for (gsize i = 0; i < delta->n_changes; i++) {
        const DbDeltaChange *change = &delta->changes[i];
        if (is_message(change) != of_messages)
            continue;
        Value *snapshot = change->row != NULL ? event_snapshot(hub, change->row) : NULL;
        value_array_add(events, event_record_new(of_messages ? 0 : change->changed, 0, change->class_id,
                                                 change->operation, change->ref, snapshot));
    }
}

/* Source: protocol notes, section 2: messages (with id 0), then add, mod, del. */
static Value *
answer_value(EventHub *hub, const DbDelta *delta)
{
    g_autofree char *token = event_token_format(delta->generation);
    Value *events = value_array_new(delta->n_changes);
    Value *answer = value_map_new(3);

    add_events(hub, delta, TRUE, events);
    add_events(hub, delta, FALSE, events);
    value_map_set(answer, "events", events);
    value_map_set(answer, "valid_ref_counts", counts_value(delta));
    value_map_set(answer, "token", value_string(token));
    return answer;
}

static gboolean
claim(EventWait *wait)
{
    g_mutex_lock(&wait->hub->mutex);
    gboolean is_mine = event_wait_claim(wait);
    g_mutex_unlock(&wait->hub->mutex);
    return is_mine;
}

static void
fail_lost(EventWait *wait)
{
    g_autoptr(GError) error = NULL;

    api_error_set(&error, "EVENTS_LOST", (const char *const[]){NULL});
    event_wait_fail(wait, error);
}

/* With the mutex held. */
static void
forget_told(EventHub *hub, gint64 now)
{
    for (EventTold *first; (first = g_queue_peek_head(&hub->told)) != NULL;) {
        if (first->when + EVENT_FROM_REST_US > now)
            return;
        g_free(g_queue_pop_head(&hub->told));
    }
}

/* On the loop: clients that come back with this generation have just been told something. */
static void
note_told(EventHub *hub, guint64 generation)
{
    gint64 now = g_get_monotonic_time();

    g_mutex_lock(&hub->mutex);
    forget_told(hub, now);
    EventTold *last = g_queue_peek_tail(&hub->told);
    if (last == NULL || last->generation != generation) {
        last = g_new0(EventTold, 1);
        last->generation = generation;
        g_queue_push_tail(&hub->told, last);
    }
    last->when = now;
    g_mutex_unlock(&hub->mutex);
}

/* With the mutex held: until when a client with this token is to be left in peace. Tokens belong to no
 * session, so the answer that gave it is found by its generation. */
static gint64
rest_after(EventHub *hub, guint64 generation)
{
    forget_told(hub, g_get_monotonic_time());
    for (const GList *link = hub->told.tail; link != NULL; link = link->prev) {
        const EventTold *told = link->data;
        if (told->generation <= generation)
            return told->generation == generation ? told->when + EVENT_FROM_REST_US : 0;
    }
    return 0;
}

guint
event_question_hash(gconstpointer wait)
{
    return ((const EventWait *)wait)->question;
}

gboolean
event_question_equal(gconstpointer a, gconstpointer b)
{
    const EventWait *x = a, *y = b;

    if (x->since != y->since || x->interests->len != y->interests->len)
        return FALSE;
    for (guint i = 0; i < x->interests->len; i++) {
        const DbInterest *p = &g_array_index(x->interests, DbInterest, i);
        const DbInterest *q = &g_array_index(y->interests, DbInterest, i);
        if (p->class_id != q->class_id || g_strcmp0(p->ref, q->ref) != 0)
            return FALSE;
    }
    return TRUE;
}

static guint
hash_question(const EventWait *wait)
{
    guint hash = (guint)wait->since;

    for (guint i = 0; i < wait->interests->len; i++) {
        const DbInterest *interest = &g_array_index(wait->interests, DbInterest, i);
        hash =
            hash * 33 + (guint)interest->class_id + (interest->ref != NULL ? g_str_hash(interest->ref) : 0);
    }
    return hash;
}

/* Says again what another wait with the same question has just been told. What has changed since has a newer
 * generation than that answer's token. */
static gboolean
answer_as_before(EventWait *wait)
{
    Value *answer = wait->hub->answers != NULL ? g_hash_table_lookup(wait->hub->answers, wait) : NULL;

    if (answer == NULL)
        return FALSE;
    if (claim(wait))
        event_wait_succeed(wait, value_ref(answer));
    return TRUE;
}

static void
answer_with_events(EventWait *wait, const DbDelta *delta)
{
    Value *answer = answer_value(wait->hub, delta);

    note_told(wait->hub, delta->generation);
    if (wait->hub->answers != NULL)
        g_hash_table_insert(wait->hub->answers, wait, value_ref(answer));
    event_wait_succeed(wait, answer);
}

void
event_from_look(EventWait *wait, gboolean is_timed_out)
{
    if (wait->refusal != NULL) {
        if (claim(wait))
            event_wait_fail(wait, wait->refusal);
        return;
    }
    if (answer_as_before(wait))
        return;
    /* Armed before looking: a commit after the look wakes it again. */
    g_mutex_lock(&wait->hub->mutex);
    if (!wait->is_over)
        event_wait_arm(wait);
    g_mutex_unlock(&wait->hub->mutex);

    g_autoptr(DbDelta) delta =
        db_delta_new(wait->hub->db, wait->since, (const DbInterest *)(gpointer)wait->interests->data,
                     wait->interests->len);
    if (delta->n_changes == 0 && !delta->is_lost && !is_timed_out)
        return;
    if (!claim(wait))
        return;
    if (delta->is_lost)
        fail_lost(wait);
    else if (delta->n_changes > 0)
        answer_with_events(wait, delta);
    else
        event_wait_succeed(wait, answer_value(wait->hub, delta));
}

static gint64
deadline_after(double timeout_seconds)
{
    if (!(timeout_seconds >= 0) || timeout_seconds > TIMEOUT_MAX_SECONDS)
        timeout_seconds = TIMEOUT_MAX_SECONDS;
    return g_get_monotonic_time() + (gint64)(timeout_seconds * G_USEC_PER_SEC);
}

EventWait *
event_from_start(EventHub *hub, const char *session, const Value *classes, const char *token,
                 double timeout_seconds, EventAnswer answer, gpointer data)
{
    EventWait *wait = event_wait_new(hub, WAIT_FROM, session, answer, data);

    wait->subscription = event_subscription_new();
    gboolean is_fine = event_subscription_check(classes, &wait->refusal) &&
                       event_subscription_add(wait->subscription, classes, &wait->refusal) &&
                       event_token_parse(token, &wait->since, &wait->refusal);
    wait->interests = event_subscription_interests(wait->subscription);
    wait->question = hash_question(wait);
    gboolean rests = is_fine && !event_subscription_is_tasks_only(wait->subscription);

    g_mutex_lock(&hub->mutex);
    wait->rest_until = rests ? rest_after(hub, wait->since) : 0;
    event_wait_begin(wait, deadline_after(timeout_seconds));
    event_wait_wake(wait, wait->rest_until);
    event_hub_reschedule(hub);
    g_mutex_unlock(&hub->mutex);
    event_check_session(hub, session);
    return wait;
}
