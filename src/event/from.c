/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.from: the difference between the database at a token and now. */
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
        if (model_classes[i].has_events)
            value_map_set(counts, model_classes[i].event_name, value_count((gint64)delta->counts[i]));
    return counts;
}

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
        value_array_add(events, event_record_new(change->changed, change->class_id, change->operation,
                                                 change->ref, snapshot));
    }
}

/* Source: protocol notes, section 2: messages, then add, mod, del. */
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

void
event_from_look(EventWait *wait, gboolean is_timed_out)
{
    if (wait->refusal != NULL) {
        if (claim(wait))
            event_wait_fail(wait, wait->refusal);
        return;
    }
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
    event_subscription_add(wait->subscription, classes);
    wait->interests = event_subscription_interests(wait->subscription);
    wait->pace = event_subscription_is_tasks_only(wait->subscription) ? PACE_AT_ONCE : PACE_FROM;
    gboolean is_token = event_token_parse(token, &wait->since, &wait->refusal);
    /* Changes that are there already rest for a while too, as more often follow; but who knows nothing yet
     * gets all now. */
    gboolean is_first = !is_token || wait->since == 0;

    g_mutex_lock(&hub->mutex);
    event_wait_begin(wait, deadline_after(timeout_seconds));
    event_wait_wake(wait, is_first ? PACE_AT_ONCE : wait->pace);
    event_hub_reschedule(hub);
    g_mutex_unlock(&hub->mutex);
    event_wait_check_session(wait);
    return wait;
}
