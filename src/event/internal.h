/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hub from the inside, shared by the files of this folder only. */
#pragma once

#include "base/loop.h"
#include "event/event.h"
#include "event/subscription.h"

/* Changes that come close together are told together. A client of event.from that has been told something is
 * told more this long after it; event.next, which has no token to know its last answer by, answers this long
 * after the first event. Source: protocol notes, section 2. */
#define EVENT_FROM_REST_US (50 * 1000)
#define EVENT_NEXT_REST_US (200 * 1000)

typedef enum EventWaitKind { WAIT_FROM, WAIT_NEXT } EventWaitKind;

/* A place in one of the lists by which commits find waits. */
typedef struct EventNode {
    GList link;          /* data: the wait */
    GQueue *list;        /* NULL while it stands in none */
    EventObject *object; /* key of the list in hub->by_object; NULL for lists of classes */
} EventNode;

struct EventWait {
    gint references; /* atomic */
    EventHub *hub;
    EventWaitKind kind;
    char *session;
    EventAnswer answer;
    gpointer data;

    /* event.from only */
    EventSubscription *subscription;
    GArray *interests; /* of DbInterest, borrowed from the subscription */
    guint question;    /* hash of interests and since */
    guint64 since;
    GError *refusal;   /* what it is answered with at once; NULL: none */
    gint64 rest_until; /* monotonic, microseconds: not to be answered with events before it */

    /* The hub's, under its mutex. */
    gboolean is_over; /* answered, being answered, or cancelled */
    EventNode *nodes; /* one per interest; one in all for "*" */
    gsize n_nodes;
    GSequenceIter *deadline_place; /* NULL: none */
    gint64 deadline;               /* monotonic, microseconds */
    GSequenceIter *due_place;      /* in hub->due; NULL: not woken */
    gint64 due;                    /* when to look again */
    GList session_link;            /* in the session's list */
};

/* An event waiting for event.next. */
typedef struct EventQueued {
    DbOperation operation;
    int class_id;
    guint64 id;
    gint64 time_s; /* since 1970 */
    Value *ref;
    DbRow *row; /* NULL for DB_DEL */
} EventQueued;

/* An answer with events of event.from. */
typedef struct EventTold {
    guint64 generation; /* that its token holds */
    gint64 when;        /* monotonic, microseconds */
} EventTold;

/* What event.register made for a session. */
typedef struct EventQueue {
    EventHub *hub;
    EventSubscription *subscription;
    GQueue events; /* of EventQueued */
    gsize n_bytes; /* about */
    gboolean is_lost;
    GQueue waits; /* of EventWait: event.next calls with nothing to answer yet, by their node */
} EventQueue;

struct EventHub {
    Db *db;
    Loop *loop;
    GSource *source; /* runs the hub's look at what is due */

    GMutex mutex;          /* guards all below; never held over calls out of this folder, but for
                              g_source_set_ready_time() */
    GQueue *by_class;      /* by class id: waits for the class */
    GQueue all;            /* waits for everything */
    GHashTable *by_object; /* EventObject -> GQueue of waits */
    GSequence *due;        /* of EventWait: woken ones, the next due first */
    GSequence *deadlines;  /* of EventWait, the next first */
    GQueue told;           /* of EventTold, by generation and by time: the last EVENT_FROM_REST_US */
    gint64 ready_time;     /* of the source; G_MAXINT64 for never */
    GHashTable *sessions;  /* ref -> GQueue of waits */
    GHashTable *queues;    /* session ref -> EventQueue */
    gsize queued_bytes;    /* of all of them, about */

    /* The loop's own, while one look answers several waits. */
    GHashTable *records; /* DbRow -> its record */
    GHashTable *answers; /* EventWait -> what it was answered: also for others with the same question */
};

/* -- wait.c: all with the mutex held unless said otherwise -- */

EventWait *event_wait_new(EventHub *hub, EventWaitKind kind, const char *session, EventAnswer answer,
                          gpointer data);
/** event_wait_begin: enters the wait into the hub; the hub holds a reference until it is over. */
void event_wait_begin(EventWait *wait, gint64 deadline);
/** event_wait_arm / _disarm: enters it into, or takes it out of, the lists by which commits find it. */
void event_wait_arm(EventWait *wait);
/** event_wait_disarm: see event_wait_arm(). */
void event_wait_disarm(EventWait *wait);
/** event_wait_wake: lets the loop look at it at @due (monotonic, microseconds), at once if that has passed.
 */
void event_wait_wake(EventWait *wait, gint64 due);
/** event_wait_claim: ends it: FALSE if somebody else did. The caller answers it, without the mutex, and then
 * drops the hub's reference. */
gboolean event_wait_claim(EventWait *wait);
/** event_hub_reschedule: sets the source's time from what is due and from deadlines. */
void event_hub_reschedule(EventHub *hub);

/** event_check_session: without the mutex, once something of it has begun here: ends that if the session is
 * gone. */
void event_check_session(EventHub *hub, const char *session);

/** event_wait_fail: without the mutex: answers a claimed wait with @error and drops the hub's reference. */
void event_wait_fail(EventWait *wait, const GError *error);
/** event_wait_succeed: without the mutex: takes over @result. */
void event_wait_succeed(EventWait *wait, Value *result);

/* -- from.c, next.c -- */

/** event_question_hash, event_question_equal: for hash tables of waits that ask the same. */
guint event_question_hash(gconstpointer wait);
/** event_question_equal: same interests and token. */
gboolean event_question_equal(gconstpointer a, gconstpointer b);

/** event_from_look / event_next_look: on the loop, without the mutex: answers the wait if there is something
 * to say. */
void event_from_look(EventWait *wait, gboolean is_timed_out);
void event_next_look(EventWait *wait);

/** event_queues_add: with the mutex held: a commit's changes for those who registered. */
void event_queues_add(EventHub *hub, guint64 generation, const DbChange *changes, gsize n_changes);
void event_queue_free(gpointer queue);

/* -- record.c -- */

/** event_record_new: one event as clients get it. @time_s: since 1970; 0 in event.from. @snapshot is taken
 * over; NULL for DB_DEL. */
Value *event_record_new(guint64 id, gint64 time_s, int class_id, DbOperation operation, Value *ref,
                        Value *snapshot);
/** event_snapshot: on the loop: (transfer full): a row's record. */
Value *event_snapshot(EventHub *hub, const DbRow *row);
