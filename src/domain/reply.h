/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answer to one call, given once, now or later, from any thread. A wait for it costs no thread. */
#pragma once

#include "domain/clock.h"
#include "domain/method.h"

/**
 * DomainDone:
 * @result: (nullable): an empty text for a method without result; NULL when it failed
 * @error: (nullable): a DOMAIN_ERROR; NULL when it succeeded
 */
typedef void (*DomainDone)(gpointer data, Value *result, const GError *error);

/** domain_reply_new: @n_open: atomic; one more as long as the reply is not given. */
DomainReply *domain_reply_new(const DomainMethod *method, DomainDone done, gpointer data, gint *n_open);

/** domain_reply_result: answers with @result, of the method's result type (NULL if it has none), and frees
 * the reply. */
void domain_reply_result(DomainReply *reply, gconstpointer result);

/** domain_reply_error: answers with @error (transfer full) and frees the reply. */
void domain_reply_error(DomainReply *reply, GError *error);

/* The longest a reply is parked; the client asks again. Bounds how long the wait of a caller who has gone
 * lives on. */
#define DOMAIN_WAIT_MAX_US (60 * G_USEC_PER_SEC)

/* One parked reply in its owner's list. What it waits for and its time-out may both end the wait: whoever
 * claims it first answers it. */
typedef struct DomainWaiter DomainWaiter;

/**
 * domain_waiter_new:
 * @reply: (transfer full)
 * @seen: what the caller has seen already; for the owner
 * @owner_free: (nullable): called on @owner with the waiter's end
 * @expired: called without locks on time-out; claims and answers like anybody
 */
DomainWaiter *domain_waiter_new(DomainReply *reply, gint64 seen,
                                void (*expired)(DomainWaiter *waiter, gpointer owner), gpointer owner,
                                GDestroyNotify owner_free);
DomainWaiter *domain_waiter_ref(DomainWaiter *waiter);
void domain_waiter_unref(DomainWaiter *waiter);

/** domain_waiter_arm: starts the time-out, at most DOMAIN_WAIT_MAX_US. Call it after the waiter is in its
 * list, without locks. */
void domain_waiter_arm(DomainWaiter *waiter, DomainClock *clock, gint64 timeout_us);

/** domain_waiter_claim: the reply (transfer full) for the first who asks, NULL for all others. */
DomainReply *domain_waiter_claim(DomainWaiter *waiter);

/** domain_waiter_seen: what the caller has seen already. */
gint64 domain_waiter_seen(DomainWaiter *waiter);
