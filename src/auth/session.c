/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of live sessions and the rows that show them. What a session may do is decided where calls are
 * dispatched (rpc). */
#include "auth/session.h"

#include "auth/internal.h"
#include "base/text.h"
#include "model/classes.h"
#include "model/errors.h"

/* Source: protocol notes 1.5: sessions die after a day without use; the oldest make room for new ones;
 * last_active is written at most every ten minutes. */
#define SESSION_IDLE_US         ((gint64)24 * 60 * 60 * G_USEC_PER_SEC)
#define LAST_ACTIVE_PERIOD_US   ((gint64)10 * 60 * G_USEC_PER_SEC)
#define SESSIONS_MAX_PER_CLIENT 500   /* of one user and originator */
#define SESSIONS_MAX            10000 /* of all: a client chooses its originator freely */

typedef struct SessionEntry {
    Session session; /* first: a Session is a SessionEntry */
    gatomicrefcount references;
    gboolean is_internal;   /* the server's own: does not expire and makes no room */
    gint64 last_used_us;    /* monotonic, like the next one; both under Sessions.lock */
    gint64 last_written_us; /* when the row's last_active was */
    GList *link;            /* its place in Sessions.order */
} SessionEntry;

struct Sessions {
    Db *db;
    AuthCheck check;
    gpointer check_data;
    guint refusal_delay_ms;
    GMutex lock;
    GCond stopped;
    gboolean is_stopped;
    GHashTable *by_ref; /* ref -> SessionEntry, owned */
    GQueue order;       /* SessionEntry, oldest first */
    char *host_ref;
    void (*on_logout)(gpointer data, const char *ref);
    gpointer on_logout_data;
};

static void
entry_free(SessionEntry *entry)
{
    g_free((char *)entry->session.ref);
    g_free((char *)entry->session.user_name);
    g_free((char *)entry->session.originator);
    g_free(entry);
}

Session *
session_ref(Session *session)
{
    g_atomic_ref_count_inc(&((SessionEntry *)session)->references);
    return session;
}

void
session_unref(Session *session)
{
    SessionEntry *entry = (SessionEntry *)session;
    if (entry != NULL && g_atomic_ref_count_dec(&entry->references))
        entry_free(entry);
}

Sessions *
sessions_new(Db *db, AuthCheck check, gpointer check_data)
{
    Sessions *sessions = g_new0(Sessions, 1);
    sessions->db = db;
    sessions->check = check;
    sessions->check_data = check_data;
    g_mutex_init(&sessions->lock);
    g_cond_init(&sessions->stopped);
    g_queue_init(&sessions->order);
    sessions->by_ref = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)session_unref);
    return sessions;
}

void
sessions_free(Sessions *sessions)
{
    if (sessions == NULL)
        return;
    g_queue_clear(&sessions->order);
    g_hash_table_unref(sessions->by_ref);
    g_cond_clear(&sessions->stopped);
    g_mutex_clear(&sessions->lock);
    g_free(sessions->host_ref);
    g_free(sessions);
}

void
sessions_set_host(Sessions *sessions, const char *host_ref)
{
    g_free(sessions->host_ref);
    sessions->host_ref = g_strdup(host_ref);
}

void
sessions_set_refusal_delay(Sessions *sessions, guint delay_ms)
{
    sessions->refusal_delay_ms = delay_ms;
}

void
sessions_stop(Sessions *sessions)
{
    g_mutex_lock(&sessions->lock);
    sessions->is_stopped = TRUE;
    g_cond_broadcast(&sessions->stopped);
    g_mutex_unlock(&sessions->lock);
}

void
sessions_on_logout(Sessions *sessions, void (*function)(gpointer data, const char *ref), gpointer data)
{
    sessions->on_logout = function;
    sessions->on_logout_data = data;
}

static SessionEntry *
entry_new(const char *user, const char *originator, ModelRole role)
{
    g_autofree char *uuid = base_uuid_new();
    SessionEntry *entry = g_new0(SessionEntry, 1);
    g_atomic_ref_count_init(&entry->references);
    entry->session.ref = g_strdup_printf("OpaqueRef:%s", uuid);
    entry->session.user_name = g_strdup(user);
    entry->session.originator = g_strdup(originator);
    entry->session.role = role;
    entry->last_used_us = entry->last_written_us = g_get_monotonic_time();
    return entry;
}

static void
write_row(Sessions *sessions, DbTxn *txn, const Session *session)
{
    const char *ref = db_txn_insert(txn, CLASS_SESSION, session->ref);
    db_txn_set_bool(txn, CLASS_SESSION, ref, SESSION_IS_LOCAL_SUPERUSER, session->is_local_superuser);
    db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_AUTH_USER_NAME, session->user_name);
    db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_ORIGINATOR, session->originator);
    db_txn_set(txn, CLASS_SESSION, ref, SESSION_LAST_ACTIVE, value_datetime(base_now_us() / G_USEC_PER_SEC));
    db_txn_set(txn, CLASS_SESSION, ref, SESSION_VALIDATION_TIME,
               value_datetime(base_now_us() / G_USEC_PER_SEC));
    if (sessions->host_ref != NULL)
        db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_THIS_HOST, sessions->host_ref);
    if (session->is_storage_plugin) {
        Value *config = value_map_new(1);
        value_map_set(config, "_sm_session", value_string(""));
        db_txn_set(txn, CLASS_SESSION, ref, SESSION_OTHER_CONFIG, config);
    }
}

/* Takes @entry out of the table, under the lock, for end_sessions(). */
static void
take(Sessions *sessions, SessionEntry *entry, GPtrArray *gone)
{
    g_queue_delete_link(&sessions->order, entry->link);
    g_hash_table_steal(sessions->by_ref, entry->session.ref);
    g_ptr_array_add(gone, entry);
}

static GPtrArray *
gone_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)session_unref);
}

static gboolean
is_idle(const SessionEntry *entry, gint64 now_us)
{
    return !entry->is_internal && now_us - entry->last_used_us > SESSION_IDLE_US;
}

/* Makes room for @newcomer, under the lock: the youngest stay. */
static GPtrArray *
take_oldest(Sessions *sessions, const Session *newcomer)
{
    GPtrArray *gone = gone_new();
    guint n_alike = 0, n_all = 0;
    for (GList *link = sessions->order.tail; link != NULL;) {
        SessionEntry *entry = link->data;
        link = link->prev;
        if (entry->is_internal)
            continue;
        gboolean is_alike = g_str_equal(entry->session.user_name, newcomer->user_name) &&
                            g_str_equal(entry->session.originator, newcomer->originator);
        n_alike += is_alike;
        n_all++;
        if ((is_alike && n_alike >= SESSIONS_MAX_PER_CLIENT) || n_all >= SESSIONS_MAX)
            take(sessions, entry, gone);
    }
    return gone;
}

static void
end_sessions(Sessions *sessions, GPtrArray *gone)
{
    for (guint i = 0; i < gone->len; i++) {
        Session *session = g_ptr_array_index(gone, i);
        g_autoptr(DbTxn) txn = db_txn_new(sessions->db, NULL);
        db_txn_delete(txn, CLASS_SESSION, session->ref);
        db_txn_commit(txn, NULL, NULL); /* its row is for show; the table above is what counts */
        if (sessions->on_logout != NULL)
            sessions->on_logout(sessions->on_logout_data, session->ref);
    }
}

/* Takes over @entry; returns a reference of the caller's own. */
static Session *
add(Sessions *sessions, SessionEntry *entry, GError **error)
{
    g_autoptr(Session) session = &entry->session;
    g_autoptr(DbTxn) txn = db_txn_new(sessions->db, NULL);
    write_row(sessions, txn, session);
    if (!db_txn_commit(txn, NULL, error))
        return NULL;

    g_mutex_lock(&sessions->lock);
    g_autoptr(GPtrArray) gone = take_oldest(sessions, session);
    g_hash_table_insert(sessions->by_ref, (gpointer)session->ref, session_ref(session));
    g_queue_push_tail(&sessions->order, entry);
    entry->link = sessions->order.tail;
    g_mutex_unlock(&sessions->lock);
    end_sessions(sessions, gone);
    return g_steal_pointer(&session);
}

/* Waits out what is left of the delay since @started_us; a check that took longer, as PAM's may, needs none.
 */
static void
delay_refusal(Sessions *sessions, gint64 started_us)
{
    gint64 until_us = started_us + (gint64)sessions->refusal_delay_ms * 1000;
    g_mutex_lock(&sessions->lock);
    while (!sessions->is_stopped && g_get_monotonic_time() < until_us)
        g_cond_wait_until(&sessions->stopped, &sessions->lock, until_us);
    g_mutex_unlock(&sessions->lock);
}

static gboolean
require_running(Sessions *sessions, GError **error)
{
    g_mutex_lock(&sessions->lock);
    gboolean is_stopped = sessions->is_stopped;
    g_mutex_unlock(&sessions->lock);
    return !is_stopped || api_error_internal_error(error, "the server is stopping");
}

static gboolean
check_password(Sessions *sessions, const char *user, const char *password, GError **error)
{
    gint64 started_us = g_get_monotonic_time();
    if (!require_running(sessions, error))
        return FALSE;
    if (sessions->check(sessions->check_data, user, password, error))
        return TRUE;
    delay_refusal(sessions, started_us);
    return FALSE;
}

Session *
sessions_login(Sessions *sessions, const char *user, const char *password, const char *originator,
               gboolean is_trusted, GError **error)
{
    if (!is_trusted && !check_password(sessions, user, password, error))
        return NULL;
    SessionEntry *entry = entry_new(user, originator, ROLE_POOL_ADMIN);
    entry->session.is_local_superuser = TRUE;
    return add(sessions, entry, error);
}

Session *
sessions_login_internal(Sessions *sessions, const char *user, gboolean is_storage_plugin, GError **error)
{
    SessionEntry *entry = entry_new(user, "xylem", ROLE_POOL_ADMIN);
    entry->is_internal = TRUE;
    entry->session.is_local_superuser = TRUE;
    entry->session.is_storage_plugin = is_storage_plugin;
    return add(sessions, entry, error);
}

/* The row may be gone by then, and a lost time costs nothing. */
static void
last_active_written(gpointer data, guint64 generation, const GError *error)
{
}

static void
write_last_active(Sessions *sessions, const Session *session)
{
    DbTxn *txn = db_txn_new(sessions->db, NULL);
    db_txn_set(txn, CLASS_SESSION, session->ref, SESSION_LAST_ACTIVE,
               value_datetime(base_now_us() / G_USEC_PER_SEC));
    db_txn_commit_async(txn, last_active_written, NULL);
}

/* Marks @entry as used, under the lock; whether its row is to say so. */
static gboolean
mark_used(SessionEntry *entry, gint64 now_us)
{
    entry->last_used_us = now_us;
    if (now_us - entry->last_written_us < LAST_ACTIVE_PERIOD_US)
        return FALSE;
    entry->last_written_us = now_us;
    return TRUE;
}

Session *
sessions_find_at(Sessions *sessions, const char *ref, gint64 now_us, GError **error)
{
    gboolean is_news = FALSE;
    g_mutex_lock(&sessions->lock);
    SessionEntry *entry = g_hash_table_lookup(sessions->by_ref, ref);
    if (entry != NULL && is_idle(entry, now_us))
        entry = NULL; /* dead; sessions_expire() clears it away */
    if (entry != NULL) {
        is_news = mark_used(entry, now_us);
        session_ref(&entry->session);
    }
    g_mutex_unlock(&sessions->lock);
    if (entry == NULL) {
        api_error_session_invalid(error, ref);
        return NULL;
    }
    if (is_news)
        write_last_active(sessions, &entry->session);
    return &entry->session;
}

Session *
sessions_find(Sessions *sessions, const char *ref, GError **error)
{
    return sessions_find_at(sessions, ref, g_get_monotonic_time(), error);
}

void
sessions_expire(Sessions *sessions, gint64 now_us)
{
    g_autoptr(GPtrArray) gone = gone_new();
    g_mutex_lock(&sessions->lock);
    for (GList *link = sessions->order.head; link != NULL;) {
        SessionEntry *entry = link->data;
        link = link->next;
        if (is_idle(entry, now_us))
            take(sessions, entry, gone);
    }
    g_mutex_unlock(&sessions->lock);
    end_sessions(sessions, gone);
}

gboolean
sessions_logout(Sessions *sessions, const char *ref, GError **error)
{
    g_autoptr(GPtrArray) gone = gone_new();
    g_mutex_lock(&sessions->lock);
    SessionEntry *entry = g_hash_table_lookup(sessions->by_ref, ref);
    if (entry != NULL)
        take(sessions, entry, gone);
    g_mutex_unlock(&sessions->lock);
    if (entry == NULL)
        return api_error_session_invalid(error, ref);
    end_sessions(sessions, gone);
    return TRUE;
}
