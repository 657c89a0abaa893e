/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream of changes: a list in order of latest change, an index by object, and the parked calls. */
#include "domain/updates.h"

/* Objects that are gone stay known so that a reader learns of it; over this many entries the oldest are
 * dropped. */
#define MAX_ENTRIES 100000

typedef struct Entry {
    DomainDynamicIdTag tag;
    char *id;          /* also of a barrier: its number as text */
    gint64 barrier_id; /* Barrier only */
    gint64 token;      /* of the latest change */
    GList link;        /* in DomainUpdates.entries */
} Entry;

struct DomainUpdates {
    DomainClock *clock;
    GMutex lock;
    gint64 token;      /* of the latest change of all */
    GQueue entries;    /* Entry, oldest change first */
    GHashTable *index; /* Entry to itself, by tag and id */
    GPtrArray *waiters;
};

static guint
entry_hash(gconstpointer key)
{
    const Entry *entry = key;
    return g_str_hash(entry->id) * 31 + (guint)entry->tag;
}

static gboolean
entry_equal(gconstpointer a, gconstpointer b)
{
    const Entry *left = a;
    const Entry *right = b;
    return left->tag == right->tag && g_str_equal(left->id, right->id);
}

static void
entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->id);
    g_free(entry);
}

DomainUpdates *
domain_updates_new(DomainClock *clock)
{
    DomainUpdates *updates = g_new0(DomainUpdates, 1);
    updates->clock = clock;
    g_mutex_init(&updates->lock);
    updates->token = domain_clock_wall_us(clock);
    g_queue_init(&updates->entries);
    updates->index = g_hash_table_new_full(entry_hash, entry_equal, NULL, entry_free);
    updates->waiters = g_ptr_array_new_with_free_func((GDestroyNotify)domain_waiter_unref);
    return updates;
}

/* ---- Under the lock */

static void
drop_entry(DomainUpdates *updates, Entry *entry)
{
    g_queue_unlink(&updates->entries, &entry->link);
    g_hash_table_remove(updates->index, entry);
}

static Entry *
find_entry(DomainUpdates *updates, DomainDynamicIdTag tag, const char *id)
{
    Entry key = {.tag = tag, .id = (char *)id};
    return g_hash_table_lookup(updates->index, &key);
}

static Entry *
touch_entry(DomainUpdates *updates, DomainDynamicIdTag tag, const char *id)
{
    Entry *entry = find_entry(updates, tag, id);
    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        entry->tag = tag;
        entry->id = g_strdup(id);
        entry->link.data = entry;
        g_hash_table_add(updates->index, entry);
    } else {
        g_queue_unlink(&updates->entries, &entry->link);
    }
    entry->token = ++updates->token;
    g_queue_push_tail_link(&updates->entries, &entry->link);
    while (updates->entries.length > MAX_ENTRIES)
        drop_entry(updates, updates->entries.head->data);
    return entry;
}

static void
fill_id(const Entry *entry, DomainDynamicId *ret)
{
    ret->tag = entry->tag;
    if (entry->tag == DOMAIN_DYNAMIC_ID_BARRIER)
        ret->barrier = entry->barrier_id;
    else
        ret->vm = g_strdup(entry->id); /* every other payload is an id in the same place */
}

static DomainDynamicIdList
take_ids(GArray *ids)
{
    gsize n = ids->len;
    return (DomainDynamicIdList){.items = (DomainDynamicId *)g_array_free(ids, n == 0), .n = n};
}

/* What is newer than @last: walks only that. A barrier ends the list of what came before it. */
static void
collect(DomainUpdates *updates, gint64 last, DomainUpdatesDelta *ret)
{
    GList *link = updates->entries.tail;
    while (link != NULL && ((Entry *)link->data)->token > last)
        link = link->prev;
    link = link == NULL ? updates->entries.head : link->next;

    GArray *ids = g_array_new(FALSE, TRUE, sizeof(DomainDynamicId));
    GArray *barriers = g_array_new(FALSE, TRUE, sizeof(DomainUpdatesBarrier));
    for (; link != NULL; link = link->next) {
        const Entry *entry = link->data;
        if (entry->tag == DOMAIN_DYNAMIC_ID_BARRIER) {
            DomainUpdatesBarrier barrier = {.id = entry->barrier_id, .events = take_ids(ids)};
            g_array_append_val(barriers, barrier);
            ids = g_array_new(FALSE, TRUE, sizeof(DomainDynamicId));
            continue;
        }
        DomainDynamicId id = {0};
        fill_id(entry, &id);
        g_array_append_val(ids, id);
    }
    gsize n_barriers = barriers->len;
    ret->barriers = (DomainUpdatesBarrierList){
        .items = (DomainUpdatesBarrier *)g_array_free(barriers, n_barriers == 0), .n = n_barriers};
    ret->events = take_ids(ids);
    ret->next = updates->token;
}

/* ---- Answering, without the lock */

static void
answer(DomainUpdates *updates, DomainWaiter *waiter)
{
    DomainReply *reply = domain_waiter_claim(waiter);
    if (reply == NULL)
        return;
    g_auto(DomainUpdatesDelta) delta = {0};
    g_mutex_lock(&updates->lock);
    collect(updates, domain_waiter_seen(waiter), &delta);
    g_mutex_unlock(&updates->lock);
    domain_reply_result(reply, &delta);
}

static void
wake(DomainUpdates *updates)
{
    g_autoptr(GPtrArray) waiters = g_ptr_array_new_with_free_func((GDestroyNotify)domain_waiter_unref);
    g_mutex_lock(&updates->lock);
    GPtrArray *woken = updates->waiters;
    updates->waiters = waiters;
    g_mutex_unlock(&updates->lock);
    waiters = woken;
    for (guint i = 0; i < waiters->len; i++)
        answer(updates, waiters->pdata[i]);
}

static void
expired(DomainWaiter *waiter, gpointer owner)
{
    DomainUpdates *updates = owner;
    answer(updates, waiter);
    g_mutex_lock(&updates->lock);
    g_ptr_array_remove_fast(updates->waiters, waiter);
    g_mutex_unlock(&updates->lock);
}

void
domain_updates_free(DomainUpdates *updates)
{
    if (updates == NULL)
        return;
    wake(updates);
    g_ptr_array_unref(updates->waiters);
    g_hash_table_unref(updates->index);
    g_mutex_clear(&updates->lock);
    g_free(updates);
}

void
domain_updates_touch(DomainUpdates *updates, DomainDynamicIdTag tag, const char *id)
{
    g_mutex_lock(&updates->lock);
    touch_entry(updates, tag, id);
    g_mutex_unlock(&updates->lock);
    wake(updates);
}

void
domain_updates_forget(DomainUpdates *updates, DomainDynamicIdTag tag, const char *id)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&updates->lock);
    Entry *entry = find_entry(updates, tag, id);
    if (entry != NULL)
        drop_entry(updates, entry);
}

void
domain_updates_inject_barrier(DomainUpdates *updates, gint64 id)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, id);
    g_mutex_lock(&updates->lock);
    touch_entry(updates, DOMAIN_DYNAMIC_ID_BARRIER, text)->barrier_id = id;
    g_mutex_unlock(&updates->lock);
    wake(updates);
}

void
domain_updates_remove_barrier(DomainUpdates *updates, gint64 id)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, id);
    domain_updates_forget(updates, DOMAIN_DYNAMIC_ID_BARRIER, text);
}

void
domain_updates_get(DomainUpdates *updates, gint64 last, gint64 timeout_us, DomainReply *reply)
{
    DomainWaiter *waiter = domain_waiter_new(reply, last, expired, updates, NULL);
    g_mutex_lock(&updates->lock);
    const Entry *newest = updates->entries.tail == NULL ? NULL : updates->entries.tail->data;
    gboolean is_ready = timeout_us <= 0 || (newest != NULL && newest->token > last);
    if (!is_ready)
        g_ptr_array_add(updates->waiters, domain_waiter_ref(waiter));
    g_mutex_unlock(&updates->lock);

    if (is_ready)
        answer(updates, waiter);
    else
        domain_waiter_arm(waiter, updates->clock, timeout_us);
    domain_waiter_unref(waiter);
}
