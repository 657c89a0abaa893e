/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of live sessions and the rows that show them. How somebody is let in is in login.c; what a
 * session may do in permission.c. */
#include "auth/session.h"

#include "auth/audit.h"
#include "auth/internal.h"
#include "auth/login_source.h"
#include "auth/permission.h"
#include "base/text.h"
#include "model/classes.h"
#include "model/enums.h"
#include "model/errors.h"
#include <string.h>

/* Source: protocol notes 1.5: sessions die after a day without use; the oldest make room for new ones;
 * last_active is written at most every ten minutes. */
#define LOGINS_MAX_PER_SOURCE   32 /* under way at a time, of those that are counted */
#define LOGINS_MAX              256
#define SESSION_IDLE_US         ((gint64)24 * 60 * 60 * G_USEC_PER_SEC)
#define LAST_ACTIVE_PERIOD_US   ((gint64)10 * 60 * G_USEC_PER_SEC)
#define SESSIONS_MAX_ANONYMOUS  400   /* of root without an originator */
#define SESSIONS_MAX_PER_CLIENT 500   /* of one originator or user */
#define SESSIONS_MAX            10000 /* of all: a client chooses its originator freely */

#define NULL_REF "OpaqueRef:NULL"

typedef struct SessionEntry {
    Session session; /* first: a Session is a SessionEntry */
    gatomicrefcount references;
    gboolean is_internal;   /* in no group */
    gint64 last_used_us;    /* monotonic, like the next one; both under Sessions.lock */
    gint64 last_written_us; /* when the row's last_active was */
    SessionGroup *group;    /* while it is in the table */
} SessionEntry;

static void
entry_free(SessionEntry *entry)
{
    g_free((char *)entry->session.ref);
    g_free((char *)entry->session.user_name);
    g_free((char *)entry->session.originator);
    g_free((char *)entry->session.user_sid);
    g_free((char *)entry->session.subject);
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

static void
group_free(SessionGroup *group)
{
    g_ptr_array_unref(group->entries);
    g_free(group->name);
    g_free(group);
}

Sessions *
sessions_new(Db *db, AuthCheck check, gpointer check_data)
{
    Sessions *sessions = g_new0(Sessions, 1);
    sessions->db = db;
    sessions->check = check;
    sessions->check_data = check_data;
    sessions->login_sources = login_sources_new(LOGINS_MAX_PER_SOURCE, LOGINS_MAX);
    g_mutex_init(&sessions->lock);
    g_cond_init(&sessions->stopped);
    sessions->by_ref = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)session_unref);
    sessions->groups = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)group_free);
    for (int role = 0; role < ROLE_N; role++)
        sessions->permissions[role] = permission_names((ModelRole)role);
    return sessions;
}

void
sessions_free(Sessions *sessions)
{
    if (sessions == NULL)
        return;
    g_hash_table_unref(sessions->groups);
    g_hash_table_unref(sessions->by_ref);
    for (int role = 0; role < ROLE_N; role++)
        value_unref(sessions->permissions[role]);
    login_sources_free(sessions->login_sources);
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
sessions_set_audit(Sessions *sessions, AuditTrail *audit)
{
    sessions->audit = audit;
}

AuditTrail *
sessions_audit(Sessions *sessions)
{
    return sessions->audit;
}

void
sessions_on_logout(Sessions *sessions, void (*function)(gpointer data, const char *ref), gpointer data)
{
    sessions->on_logout = function;
    sessions->on_logout_data = data;
}

/* ---- Groups, under the lock ---- */

static gboolean
is_root(const Session *session)
{
    return *session->user_name == '\0' || g_str_equal(session->user_name, "root");
}

/* Source: protocol notes 1.5: anonymous sessions, or else those of an originator or a user */
static SessionGroup *
find_group(Sessions *sessions, const Session *session)
{
    g_autofree char *name = is_root(session) ? g_strconcat("originator:", session->originator, NULL)
                                             : g_strconcat("user:", session->user_name, NULL);
    SessionGroup *group = g_hash_table_lookup(sessions->groups, name);
    if (group != NULL)
        return group;
    gboolean is_anonymous = is_root(session) && *session->originator == '\0';
    group = g_new(SessionGroup, 1);
    *group = (SessionGroup){.name = g_steal_pointer(&name),
                            .max = is_anonymous ? SESSIONS_MAX_ANONYMOUS : SESSIONS_MAX_PER_CLIENT,
                            .entries = g_ptr_array_new()};
    g_hash_table_insert(sessions->groups, group->name, group);
    return group;
}

static void
leave_group(Sessions *sessions, SessionEntry *entry)
{
    SessionGroup *group = entry->group;
    if (group == NULL)
        return;
    entry->group = NULL;
    g_ptr_array_remove_fast(group->entries, entry);
    if (group->entries->len == 0)
        g_hash_table_remove(sessions->groups, group->name);
}

static void
insert(Sessions *sessions, SessionEntry *entry)
{
    g_hash_table_insert(sessions->by_ref, (gpointer)entry->session.ref, session_ref(&entry->session));
    if (entry->is_internal)
        return;
    entry->group = find_group(sessions, &entry->session);
    g_ptr_array_add(entry->group->entries, entry);
}

static gint
compare_last_use(gconstpointer a, gconstpointer b)
{
    const SessionEntry *first = *(const SessionEntry *const *)a, *second = *(const SessionEntry *const *)b;
    return (first->last_used_us > second->last_used_us) - (first->last_used_us < second->last_used_us);
}

static void
add_candidate(GPtrArray *candidates, SessionEntry *entry, const SessionEntry *newcomer)
{
    if (entry != newcomer && !entry->is_internal)
        g_ptr_array_add(candidates, session_ref(&entry->session));
}

/* Those that could make room for @newcomer, longest unused first; NULL while there is room. */
static GPtrArray *
candidates_for_room(Sessions *sessions, const SessionEntry *newcomer)
{
    const SessionGroup *group = newcomer->group;
    gboolean is_full = group != NULL && group->entries->len > group->max;
    gboolean is_all_full = g_hash_table_size(sessions->by_ref) > SESSIONS_MAX;
    if (!is_full && !is_all_full)
        return NULL;
    GPtrArray *candidates = g_ptr_array_new_with_free_func((GDestroyNotify)session_unref);
    if (is_full) {
        for (guint i = 0; i < group->entries->len; i++)
            add_candidate(candidates, g_ptr_array_index(group->entries, i), newcomer);
    } else {
        GHashTableIter iter;
        gpointer entry;
        g_hash_table_iter_init(&iter, sessions->by_ref);
        while (g_hash_table_iter_next(&iter, NULL, &entry))
            add_candidate(candidates, entry, newcomer);
    }
    g_ptr_array_sort(candidates, compare_last_use);
    return candidates;
}

/* ---- Ends ---- */

/* Whether one of its tasks still runs. Source: the reference spares such sessions */
static gboolean
is_busy(Sessions *sessions, const Session *session)
{
    g_autoptr(GPtrArray) tasks = db_referrers(sessions->db, CLASS_TASK, TASK_SESSION, session->ref);
    for (guint i = 0; i < tasks->len; i++) {
        const char *status = db_row_string(g_ptr_array_index(tasks, i), TASK_STATUS);
        if (g_str_equal(status, task_status_type_name(TASK_STATUS_TYPE_PENDING)) ||
            g_str_equal(status, task_status_type_name(TASK_STATUS_TYPE_CANCELLING)))
            return TRUE;
    }
    return FALSE;
}

/* Takes the session out of the table and tells whom it concerns; FALSE if it was not there any more. */
static gboolean
end_session(Sessions *sessions, const char *ref)
{
    g_mutex_lock(&sessions->lock);
    SessionEntry *entry = g_hash_table_lookup(sessions->by_ref, ref);
    if (entry != NULL) {
        g_hash_table_steal(sessions->by_ref, ref);
        leave_group(sessions, entry);
    }
    g_mutex_unlock(&sessions->lock);
    if (entry == NULL)
        return FALSE;
    g_autoptr(Session) session = &entry->session;
    g_autoptr(DbTxn) txn = db_txn_new(sessions->db, NULL);
    db_txn_delete(txn, CLASS_SESSION, session->ref);
    db_txn_commit(txn, NULL, NULL); /* its row is for show; the table above is what counts */
    if (session->is_audited)
        audit_trail_session(sessions->audit, session, "session.destroy");
    if (sessions->on_logout != NULL)
        sessions->on_logout(sessions->on_logout_data, session->ref);
    return TRUE;
}

/* Ends the first of @candidates that is not busy, else the first. */
static void
make_room(Sessions *sessions, const GPtrArray *candidates)
{
    const Session *victim = candidates->len > 0 ? g_ptr_array_index(candidates, 0) : NULL;
    for (guint i = 0; i < candidates->len; i++) {
        const Session *candidate = g_ptr_array_index(candidates, i);
        if (!is_busy(sessions, candidate)) {
            victim = candidate;
            break;
        }
    }
    if (victim != NULL)
        end_session(sessions, victim->ref);
}

static gboolean
is_idle(const SessionEntry *entry, gint64 now_us)
{
    return !entry->is_internal && now_us - entry->last_used_us > SESSION_IDLE_US;
}

void
sessions_expire(Sessions *sessions, gint64 now_us)
{
    g_autoptr(GPtrArray) idle = g_ptr_array_new_with_free_func((GDestroyNotify)session_unref);
    GHashTableIter iter;
    gpointer entry;
    g_mutex_lock(&sessions->lock);
    g_hash_table_iter_init(&iter, sessions->by_ref);
    while (g_hash_table_iter_next(&iter, NULL, &entry)) {
        if (is_idle(entry, now_us))
            g_ptr_array_add(idle, session_ref(entry));
    }
    g_mutex_unlock(&sessions->lock);
    for (guint i = 0; i < idle->len; i++) {
        const Session *session = g_ptr_array_index(idle, i);
        if (!is_busy(sessions, session))
            end_session(sessions, session->ref);
    }
}

gboolean
sessions_logout(Sessions *sessions, const char *ref, GError **error)
{
    return end_session(sessions, ref) || api_error_session_invalid(error, ref);
}

gboolean
sessions_logout_local(Sessions *sessions, const Session *session, GError **error)
{
    if (!session->is_local)
        return api_error_session_invalid(error, session->ref);
    return sessions_logout(sessions, session->ref, error);
}

/* ---- Begin ---- */

static const char *
text_or(const char *text, const char *fallback)
{
    return text != NULL ? text : fallback;
}

static SessionEntry *
entry_new(const SessionSpec *spec)
{
    g_autofree char *uuid = base_uuid_new();
    SessionEntry *entry = g_new0(SessionEntry, 1);
    g_atomic_ref_count_init(&entry->references);
    entry->session = (Session){
        .ref = g_strdup_printf("OpaqueRef:%s", uuid),
        .user_name = g_strdup(text_or(spec->user_name, "")),
        .originator = g_strdup(text_or(spec->originator, "")),
        .user_sid = g_strdup(text_or(spec->user_sid, "")),
        .subject = g_strdup(text_or(spec->subject, NULL_REF)),
        .role = spec->role,
        .is_local_superuser = spec->is_local_superuser,
        .is_local = spec->is_local,
        .is_storage_plugin = spec->is_storage_plugin,
        .is_audited = spec->is_audited,
    };
    entry->is_internal = spec->is_internal;
    entry->last_used_us = entry->last_written_us = g_get_monotonic_time();
    return entry;
}

static void
write_row(Sessions *sessions, DbTxn *txn, const Session *session)
{
    gint64 now = base_now_us() / G_USEC_PER_SEC;
    const char *ref = db_txn_insert(txn, CLASS_SESSION, session->ref);
    db_txn_set_bool(txn, CLASS_SESSION, ref, SESSION_IS_LOCAL_SUPERUSER, session->is_local_superuser);
    db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_SUBJECT, session->subject);
    db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_AUTH_USER_SID, session->user_sid);
    db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_AUTH_USER_NAME, session->user_name);
    db_txn_set(txn, CLASS_SESSION, ref, SESSION_RBAC_PERMISSIONS,
               value_ref(sessions->permissions[session->role]));
    db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_ORIGINATOR, session->originator);
    db_txn_set(txn, CLASS_SESSION, ref, SESSION_LAST_ACTIVE, value_datetime(now));
    db_txn_set(txn, CLASS_SESSION, ref, SESSION_VALIDATION_TIME, value_datetime(now));
    if (sessions->host_ref != NULL)
        db_txn_set_string(txn, CLASS_SESSION, ref, SESSION_THIS_HOST, sessions->host_ref);
    if (session->is_storage_plugin) {
        Value *config = value_map_new(1);
        value_map_set(config, "_sm_session", value_string(""));
        db_txn_set(txn, CLASS_SESSION, ref, SESSION_OTHER_CONFIG, config);
    }
}

Session *
sessions_open(Sessions *sessions, const SessionSpec *spec, GError **error)
{
    if (spec->originator != NULL && strlen(spec->originator) > SESSION_ORIGINATOR_MAX) {
        api_error_invalid_value(error, "originator", "(longer than 4096 bytes)");
        return NULL;
    }
    SessionEntry *entry = entry_new(spec);
    g_autoptr(Session) session = &entry->session;
    g_autoptr(DbTxn) txn = db_txn_new(sessions->db, NULL);
    write_row(sessions, txn, session);
    if (!db_txn_commit(txn, NULL, error))
        return NULL;

    g_mutex_lock(&sessions->lock);
    insert(sessions, entry);
    g_autoptr(GPtrArray) candidates = candidates_for_room(sessions, entry);
    g_mutex_unlock(&sessions->lock);
    if (candidates != NULL)
        make_room(sessions, candidates);
    if (session->is_audited)
        audit_trail_session(sessions->audit, session, "session.create");
    return g_steal_pointer(&session);
}

/* ---- Use ---- */

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

/* One whose task runs lives on, however long that takes. */
static gboolean
is_dead(Sessions *sessions, const Session *session, gboolean was_idle)
{
    return was_idle && !is_busy(sessions, session);
}

Session *
sessions_find_at(Sessions *sessions, const char *ref, gint64 now_us, GError **error)
{
    gboolean is_news = FALSE, was_idle = FALSE;
    g_mutex_lock(&sessions->lock);
    SessionEntry *entry = g_hash_table_lookup(sessions->by_ref, ref);
    g_autoptr(Session) session = entry != NULL ? session_ref(&entry->session) : NULL;
    if (entry != NULL) {
        was_idle = is_idle(entry, now_us);
        is_news = !was_idle && mark_used(entry, now_us);
    }
    g_mutex_unlock(&sessions->lock);
    if (session == NULL || is_dead(sessions, session, was_idle)) { /* sessions_expire() clears it away */
        api_error_session_invalid(error, ref);
        return NULL;
    }
    if (is_news)
        write_last_active(sessions, session);
    return g_steal_pointer(&session);
}

Session *
sessions_find(Sessions *sessions, const char *ref, GError **error)
{
    return sessions_find_at(sessions, ref, g_get_monotonic_time(), error);
}
