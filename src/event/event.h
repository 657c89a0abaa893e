/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Database changes as clients wait for them: event.from with its tokens, and the older queue of
 * event.register and event.next.
 *
 * Waiting costs no thread: a wait is an entry in the hub; a commit looks up the waits it concerns, and the
 * hub's own loop answers them. */
#pragma once

#include "db/db.h"

typedef struct EventHub EventHub;
typedef struct EventWait EventWait;

/** event_hub_new: takes the commit hook of @db, which must outlive the hub. */
EventHub *event_hub_new(Db *db);
/** event_hub_free: answers what still waits with BASE_ERROR_CANCELLED. Not from a callback; nobody may cancel
 * a wait after it. NULL is fine. */
void event_hub_free(EventHub *hub);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventHub, event_hub_free)

/**
 * EventAnswer:
 * @result: (transfer full) (nullable): what the call returns
 * @error: (nullable): borrowed; exactly one of the two is set
 *
 * Runs exactly once per wait, unless event_wait_cancel() returned TRUE. On any thread, with no lock held;
 * short.
 */
typedef void (*EventAnswer)(gpointer data, Value *result, const GError *error);

/**
 * event_from_start:
 * @session: ref of the caller's session, known to be live
 * @classes: array of strings: "*", a class in any case, or "class/OpaqueRef:..."; unknown classes match
 * nothing
 * @token: "" for all there is, or one from an earlier answer or event_inject()
 * @timeout_seconds: negative or not a number: 24 hours
 *
 * Answers with the struct {events, valid_ref_counts, token} once something of @classes has changed after
 * @token, or at the time-out, then with no events. Who comes back with the token of an answer is told no
 * sooner than 50 ms after that answer, so that changes that follow each other are told together; waits for
 * tasks only are told at once. Answers on any thread, maybe even before this returns. The caller owns the
 * returned wait: event_wait_unref(). Errors of the answer: EVENT_SUBSCRIPTION_PARSE_FAILURE [class],
 * EVENT_FROM_TOKEN_PARSE_FAILURE [token], EVENTS_LOST [] (changes between @token and now are no longer
 * known), SESSION_INVALID [session] (event_cancel_session()), BASE_ERROR_CANCELLED.
 */
EventWait *event_from_start(EventHub *hub, const char *session, const Value *classes, const char *token,
                            double timeout_seconds, EventAnswer answer, gpointer data);

/**
 * event_next_start:
 *
 * Answers with the array of events queued for @session, as soon as there is one; never times out. The caller
 * owns the returned wait. Errors of the answer: SESSION_NOT_REGISTERED [session], EVENTS_LOST [] (the queue
 * ran over), SESSION_INVALID [session], BASE_ERROR_CANCELLED.
 */
EventWait *event_next_start(EventHub *hub, const char *session, EventAnswer answer, gpointer data);

/**
 * event_wait_cancel:
 *
 * The caller of the API is gone. TRUE: the answer will never run; FALSE: it has run or is running now.
 */
gboolean event_wait_cancel(EventWait *wait);
EventWait *event_wait_ref(EventWait *wait);
void event_wait_unref(EventWait *wait);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventWait, event_wait_unref)

/** event_cancel_session: the session has ended: its waits answer SESSION_INVALID [session], its queue goes
 * away. */
void event_cancel_session(EventHub *hub, const char *session);

/** event_register: adds @classes (array of strings as above) to what is queued for @session from now on.
 * Errors: EVENT_SUBSCRIPTION_PARSE_FAILURE [class]. */
gboolean event_register(EventHub *hub, const char *session, const Value *classes, GError **error);
/** event_unregister: takes them off again; with none left the queue goes away. Errors as above. */
gboolean event_unregister(EventHub *hub, const char *session, const Value *classes, GError **error);

/**
 * event_inject:
 * @class_name: exact spelling
 *
 * Marks the object as changed. Returns a token (the caller frees it) such that event.from with it reports the
 * object, and such that every later token is greater as text. Blocks like a commit. Errors: HANDLE_INVALID
 * [class, ref], also for classes without events.
 */
char *event_inject(EventHub *hub, const DbActor *actor, const char *class_name, const char *ref,
                   GError **error);

/** event_current_id: event.get_current_id: the least that the next event's id can be. */
gint64 event_current_id(EventHub *hub);
