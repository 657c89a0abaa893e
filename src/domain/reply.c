/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies and their parking. */
#include "domain/reply.h"

#include "domain/error.h"

struct DomainReply {
    const DomainMethod *method;
    DomainDone done;
    gpointer data;
    gint *n_open; /* atomic */
};

struct DomainWaiter {
    gatomicrefcount refs;
    DomainReply *reply; /* taken by the one who claims */
    gint64 seen;
    void (*expired)(DomainWaiter *waiter, gpointer owner);
    gpointer owner;
    GDestroyNotify owner_free;
    GMutex lock;        /* of the two below */
    DomainTimer *timer; /* holds a reference while armed */
    gboolean is_claimed;
};

DomainReply *
domain_reply_new(const DomainMethod *method, DomainDone done, gpointer data, gint *n_open)
{
    DomainReply *reply = g_new0(DomainReply, 1);
    reply->method = method;
    reply->done = done;
    reply->data = data;
    reply->n_open = n_open;
    g_atomic_int_inc(n_open);
    return reply;
}

static void
finish(DomainReply *reply, Value *result, const GError *error)
{
    g_atomic_int_add(reply->n_open, -1);
    reply->done(reply->data, result, error);
    g_free(reply);
}

void
domain_reply_result(DomainReply *reply, gconstpointer result)
{
    const DomainType *type = reply->method->result;
    g_autoptr(Value) value = type == NULL ? value_string("") : domain_type_write(type, result);
    finish(reply, value, NULL);
}

void
domain_reply_error(DomainReply *reply, GError *error)
{
    g_autoptr(GError) owned = error;
    domain_error_from(&owned);
    finish(reply, NULL, owned);
}

DomainWaiter *
domain_waiter_new(DomainReply *reply, gint64 seen, void (*expired)(DomainWaiter *waiter, gpointer owner),
                  gpointer owner, GDestroyNotify owner_free)
{
    DomainWaiter *waiter = g_new0(DomainWaiter, 1);
    g_atomic_ref_count_init(&waiter->refs);
    g_mutex_init(&waiter->lock);
    waiter->reply = reply;
    waiter->seen = seen;
    waiter->expired = expired;
    waiter->owner = owner;
    waiter->owner_free = owner_free;
    return waiter;
}

DomainWaiter *
domain_waiter_ref(DomainWaiter *waiter)
{
    g_atomic_ref_count_inc(&waiter->refs);
    return waiter;
}

void
domain_waiter_unref(DomainWaiter *waiter)
{
    if (!g_atomic_ref_count_dec(&waiter->refs))
        return;
    g_assert(waiter->is_claimed);
    if (waiter->owner_free != NULL)
        waiter->owner_free(waiter->owner);
    g_mutex_clear(&waiter->lock);
    g_free(waiter);
}

static void
unref_data(gpointer data)
{
    domain_waiter_unref(data);
}

static void
timer_fired(gpointer data)
{
    DomainWaiter *waiter = data;
    waiter->expired(waiter, waiter->owner);
}

void
domain_waiter_arm(DomainWaiter *waiter, DomainClock *clock, gint64 timeout_us)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&waiter->lock);
    if (waiter->is_claimed)
        return;
    waiter->timer = domain_clock_call_after(clock, MIN(timeout_us, DOMAIN_WAIT_MAX_US), timer_fired,
                                            domain_waiter_ref(waiter), unref_data);
}

DomainReply *
domain_waiter_claim(DomainWaiter *waiter)
{
    g_mutex_lock(&waiter->lock);
    gboolean was_claimed = waiter->is_claimed;
    DomainTimer *timer = g_steal_pointer(&waiter->timer);
    waiter->is_claimed = TRUE;
    g_mutex_unlock(&waiter->lock);
    domain_timer_cancel(timer);
    return was_claimed ? NULL : g_steal_pointer(&waiter->reply);
}

gint64
domain_waiter_seen(DomainWaiter *waiter)
{
    return waiter->seen;
}
