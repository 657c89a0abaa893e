/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of live sessions and the rows that show them. What a session may do is decided where calls are
 * dispatched (rpc). */
#include "auth/session.h"

#include "base/text.h"
#include "model/classes.h"
#include "model/errors.h"

/* Source: protocol notes 1.5: sessions die after a day without use; the oldest make room for new ones. */
#define SESSION_IDLE_S          (24 * 60 * 60)
#define SESSIONS_MAX_PER_CLIENT 500 /* of one user and originator */

typedef struct SessionEntry {
    Session session; /* first: a Session is a SessionEntry */
    gatomicrefcount references;
    gint64 last_used_us; /* monotonic; atomic enough: a lost update costs nothing */
    GList *link;         /* its place in Sessions.order */
} SessionEntry;

struct Sessions {
    Db *db;
    AuthCheck check;
    gpointer check_data;
    GMutex lock;
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
    entry->last_used_us = g_get_monotonic_time();
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

/* Takes what has to go out of the table, under the lock; the caller ends them after it. */
static GPtrArray *
take_expired(Sessions *sessions, const Session *newcomer)
{
    GPtrArray *gone = g_ptr_array_new_with_free_func((GDestroyNotify)session_unref);
    gint64 oldest_us = g_get_monotonic_time() - (gint64)SESSION_IDLE_S * G_USEC_PER_SEC;
    guint alike = 0;
    for (GList *link = sessions->order.tail; link != NULL;) {
        SessionEntry *entry = link->data;
        link = link->prev;
        gboolean is_alike = g_str_equal(entry->session.user_name, newcomer->user_name) &&
                            g_str_equal(entry->session.originator, newcomer->originator);
        alike += is_alike;
        if (entry->last_used_us >= oldest_us && !(is_alike && alike >= SESSIONS_MAX_PER_CLIENT))
            continue;
        g_queue_delete_link(&sessions->order, entry->link);
        g_hash_table_steal(sessions->by_ref, entry->session.ref);
        g_ptr_array_add(gone, entry);
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
    g_autoptr(GPtrArray) gone = take_expired(sessions, session);
    g_hash_table_insert(sessions->by_ref, (gpointer)session->ref, session_ref(session));
    g_queue_push_tail(&sessions->order, entry);
    entry->link = sessions->order.tail;
    g_mutex_unlock(&sessions->lock);
    end_sessions(sessions, gone);
    return g_steal_pointer(&session);
}

Session *
sessions_login(Sessions *sessions, const char *user, const char *password, const char *originator,
               gboolean is_trusted, GError **error)
{
    if (!is_trusted && !sessions->check(sessions->check_data, user, password, error))
        return NULL;
    SessionEntry *entry = entry_new(user, originator, ROLE_POOL_ADMIN);
    entry->session.is_local_superuser = TRUE;
    return add(sessions, entry, error);
}

Session *
sessions_login_internal(Sessions *sessions, const char *user, gboolean is_storage_plugin, GError **error)
{
    SessionEntry *entry = entry_new(user, "xylem", ROLE_POOL_ADMIN);
    entry->session.is_local_superuser = TRUE;
    entry->session.is_storage_plugin = is_storage_plugin;
    return add(sessions, entry, error);
}

Session *
sessions_find(Sessions *sessions, const char *ref, GError **error)
{
    g_mutex_lock(&sessions->lock);
    SessionEntry *entry = g_hash_table_lookup(sessions->by_ref, ref);
    if (entry != NULL) {
        entry->last_used_us = g_get_monotonic_time();
        session_ref(&entry->session);
    }
    g_mutex_unlock(&sessions->lock);
    if (entry == NULL)
        api_error_session_invalid(error, ref);
    return entry != NULL ? &entry->session : NULL;
}

gboolean
sessions_logout(Sessions *sessions, const char *ref, GError **error)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func((GDestroyNotify)session_unref);
    g_mutex_lock(&sessions->lock);
    SessionEntry *entry = g_hash_table_lookup(sessions->by_ref, ref);
    if (entry != NULL) {
        g_queue_delete_link(&sessions->order, entry->link);
        g_hash_table_steal(sessions->by_ref, ref);
        g_ptr_array_add(gone, entry);
    }
    g_mutex_unlock(&sessions->lock);
    if (entry == NULL)
        return api_error_session_invalid(error, ref);
    end_sessions(sessions, gone);
    return TRUE;
}
