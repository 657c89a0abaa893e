/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hub: commits come in on the database's writer thread and wake waits; a loop of its own looks at what is
 * due and answers. */
#include "event/event.h"

#include "base/error.h"
#include "event/internal.h"
#include "event/token.h"
#include "model/api_error.h"

/* -- Commits -- */

static void
wake_list(GQueue *list)
{
    for (EventWait *wait; list != NULL && (wait = g_queue_peek_head(list)) != NULL;) {
        gboolean is_last = list->length == 1; /* waking the last of an object's list frees the list */
        event_wait_wake(wait, wait->rest_until);
        if (is_last)
            return;
    }
}

static void
wake_concerned(EventHub *hub, const DbChange *change)
{
    const EventObject probe = {change->class_id, (char *)change->ref};

    if (!model_classes[change->class_id].has_events)
        return;
    wake_list(&hub->all);
    wake_list(&hub->by_class[change->class_id]);
    wake_list(g_hash_table_lookup(hub->by_object, &probe));
}

static void
on_commit(gpointer data, guint64 generation, const DbChange *changes, gsize n_changes)
{
    EventHub *hub = data;

    g_mutex_lock(&hub->mutex);
    for (gsize i = 0; i < n_changes; i++)
        wake_concerned(hub, &changes[i]);
    event_queues_add(hub, generation, changes, n_changes);
    g_mutex_unlock(&hub->mutex);
}

/* -- The loop's look at what is due -- */

static void
take_due(EventHub *hub, gint64 now, GPtrArray *due)
{
    for (;;) {
        GSequenceIter *first = g_sequence_get_begin_iter(hub->due);
        EventWait *wait = g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
        if (wait == NULL || wait->due > now)
            return;
        g_sequence_remove(first);
        wait->due_place = NULL;
        g_ptr_array_add(due, event_wait_ref(wait));
    }
}

static void
take_expired(EventHub *hub, gint64 now, GPtrArray *expired)
{
    for (;;) {
        GSequenceIter *first = g_sequence_get_begin_iter(hub->deadlines);
        EventWait *wait = g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
        if (wait == NULL || wait->deadline > now)
            return;
        g_sequence_remove(first);
        wait->deadline_place = NULL;
        g_ptr_array_add(expired, event_wait_ref(wait));
    }
}

static void
look_at_all(EventHub *hub, const GPtrArray *due, const GPtrArray *expired)
{
    /* Several waits mostly tell of the same rows. */
    if (due->len + expired->len > 1) {
        hub->records =
            g_hash_table_new_full(NULL, NULL, (GDestroyNotify)db_row_unref, (GDestroyNotify)value_unref);
        hub->answers = g_hash_table_new_full(event_question_hash, event_question_equal, NULL,
                                             (GDestroyNotify)value_unref);
    }
    for (guint i = 0; i < expired->len; i++)
        event_from_look(expired->pdata[i], TRUE);
    for (guint i = 0; i < due->len; i++) {
        EventWait *wait = due->pdata[i];
        if (wait->kind == WAIT_FROM)
            event_from_look(wait, FALSE);
        else
            event_next_look(wait);
    }
    g_clear_pointer(&hub->answers, g_hash_table_unref); /* @due and @expired still have its keys */
    g_clear_pointer(&hub->records, g_hash_table_unref);
}

static gboolean
on_due(GSource *source, GSourceFunc callback, gpointer data)
{
    EventHub *hub = data;
    g_autoptr(GPtrArray) due = g_ptr_array_new_with_free_func((GDestroyNotify)event_wait_unref);
    g_autoptr(GPtrArray) expired = g_ptr_array_new_with_free_func((GDestroyNotify)event_wait_unref);
    gint64 now = g_get_monotonic_time();

    g_mutex_lock(&hub->mutex);
    take_due(hub, now, due);
    take_expired(hub, now, expired);
    event_hub_reschedule(hub);
    g_mutex_unlock(&hub->mutex);
    look_at_all(hub, due, expired);
    return G_SOURCE_CONTINUE;
}

static gboolean
keep_source(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = on_due};

/* -- Beginning and end -- */

EventHub *
event_hub_new(Db *db)
{
    EventHub *hub = g_new0(EventHub, 1);

    hub->db = db;
    g_mutex_init(&hub->mutex);
    hub->by_class = g_new0(GQueue, model_n_classes);
    hub->by_object = g_hash_table_new_full(event_object_hash, event_object_equal,
                                           (GDestroyNotify)event_object_free, (GDestroyNotify)g_queue_free);
    hub->due = g_sequence_new(NULL);
    hub->deadlines = g_sequence_new(NULL);
    hub->ready_time = G_MAXINT64;
    hub->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_queue_free);
    hub->queues = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, event_queue_free);
    hub->loop = loop_new("events");
    hub->source = g_source_new(&source_functions, sizeof(GSource));
    g_source_set_callback(hub->source, keep_source, hub, NULL);
    g_source_attach(hub->source, loop_context(hub->loop));
    db_set_commit_hook(db, on_commit, hub);
    return hub;
}

/* Ends all waits of a session, and its queue. */
static void
end_session(EventHub *hub, const char *session, const GError *error)
{
    g_autoptr(GPtrArray) claimed = g_ptr_array_new();

    g_mutex_lock(&hub->mutex);
    for (GQueue *waits; (waits = g_hash_table_lookup(hub->sessions, session)) != NULL;) {
        EventWait *wait = g_queue_peek_head(waits);
        event_wait_claim(wait);
        g_ptr_array_add(claimed, wait);
    }
    g_hash_table_remove(hub->queues, session);
    g_mutex_unlock(&hub->mutex);
    for (guint i = 0; i < claimed->len; i++)
        event_wait_fail(claimed->pdata[i], error);
}

static void
end_all_sessions(EventHub *hub)
{
    g_autoptr(GError) error = NULL;

    base_error_set(&error, BASE_ERROR_CANCELLED, "the server is shutting down");
    for (;;) {
        GHashTableIter iter;
        gpointer session;
        g_hash_table_iter_init(&iter, hub->sessions);
        if (!g_hash_table_iter_next(&iter, &session, NULL))
            return;
        g_autofree char *copy = g_strdup(session);
        end_session(hub, copy, error);
    }
}

void
event_hub_free(EventHub *hub)
{
    if (hub == NULL)
        return;
    db_set_commit_hook(hub->db, NULL, NULL);
    g_source_destroy(hub->source);
    loop_free(hub->loop);
    end_all_sessions(hub);
    g_source_unref(hub->source);
    g_hash_table_unref(hub->queues);
    g_hash_table_unref(hub->sessions);
    g_hash_table_unref(hub->by_object);
    g_sequence_free(hub->due);
    g_sequence_free(hub->deadlines);
    g_queue_clear_full(&hub->told, g_free);
    g_free(hub->by_class);
    g_mutex_clear(&hub->mutex);
    g_free(hub);
}

void
event_cancel_session(EventHub *hub, const char *session)
{
    const char *params[] = {session, NULL};
    g_autoptr(GError) error = NULL;

    api_error_set(&error, "SESSION_INVALID", params);
    end_session(hub, session, error);
}

/* -- The rest of the API -- */

char *
event_inject(EventHub *hub, const DbActor *actor, const char *class_name, const char *ref, GError **error)
{
    const ModelClass *model_class = model_class_by_name(class_name);
    guint64 generation;

    if (model_class == NULL || !model_class->has_events) {
        const char *params[] = {class_name, ref, NULL};
        api_error_set(error, "HANDLE_INVALID", params);
        return NULL;
    }
    g_autoptr(DbTxn) txn = db_txn_new(hub->db, actor);
    db_txn_touch(txn, model_class_id(model_class), ref);
    if (!db_txn_commit(txn, &generation, error))
        return NULL;
    return event_token_format(generation - 1);
}

gint64
event_current_id(EventHub *hub)
{
    return (gint64)db_generation(hub->db) + 1;
}
