/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins of a directory's users, and what ends their sessions before they do. The directory itself is behind
 * a vtable (directory.h). */
#include "auth/external.h"

#include "auth/internal.h"
#include "auth/role.h"
#include "base/log.h"
#include "base/text.h"
#include "model/classes.h"
#include "model/errors.h"

struct External {
    Db *db;
    GMutex lock;
    GCond changed;
    Directory *directory; /* NULL: none */
    GHashTable
        *members;    /* sid -> GStrv: the user's identifier and those of the user's groups, as last heard */
    GThread *thread; /* NULL: not started */
    Sessions *sessions; /* the thread's */
    guint period_s;
    gboolean is_stopped;
};

External *
external_new(Db *db)
{
    External *external = g_new0(External, 1);
    external->db = db;
    g_mutex_init(&external->lock);
    g_cond_init(&external->changed);
    external->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
    return external;
}

void
external_free(External *external)
{
    if (external == NULL)
        return;
    external_stop(external);
    directory_unref(external->directory);
    g_hash_table_unref(external->members);
    g_cond_clear(&external->changed);
    g_mutex_clear(&external->lock);
    g_free(external);
}

void
external_use(External *external, Directory *directory)
{
    g_mutex_lock(&external->lock);
    Directory *former = external->directory;
    external->directory = directory != NULL ? directory_ref(directory) : NULL;
    g_mutex_unlock(&external->lock);
    directory_unref(former);
}

Directory *
external_directory(External *external, GError **error)
{
    g_mutex_lock(&external->lock);
    Directory *directory = external->directory != NULL ? directory_ref(external->directory) : NULL;
    g_mutex_unlock(&external->lock);
    if (directory == NULL)
        api_error_auth_is_disabled(error);
    return directory;
}

void
external_grant_clear(ExternalGrant *grant)
{
    g_clear_pointer(&grant->sid, g_free);
    g_clear_pointer(&grant->name, g_free);
    g_clear_pointer(&grant->subject_ref, g_free);
}

gboolean
external_error(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain != DIRECTORY_ERROR)
        return FALSE;
    g_autoptr(GError) directory_error = g_steal_pointer(error);
    if (directory_error->code == DIRECTORY_ERROR_NOT_FOUND)
        return api_error_subject_cannot_be_resolved(error);
    return api_error_auth_service_error(error, directory_error->message);
}

/* -- What subjects give
 * --------------------------------------------------------------------------------------------------- */

/* What the subjects among @identifiers give together; the first identifier is the user's own. ROLE_N for
 * nothing; *@ret_subject stays NULL if there is no such subject at all. */
static ModelRole
role_of(Db *db, const char *const *identifiers, char **ret_subject)
{
    g_autoptr(GPtrArray) all = db_get_all(db, CLASS_SUBJECT);
    g_autoptr(GPtrArray) subjects = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        DbRow *row = g_ptr_array_index(all, i);
        const char *identifier = db_row_string(row, SUBJECT_SUBJECT_IDENTIFIER);
        if (!g_strv_contains(identifiers, identifier))
            continue;
        if (*ret_subject == NULL || g_str_equal(identifier, identifiers[0])) {
            g_free(*ret_subject);
            *ret_subject = g_strdup(row->ref);
        }
        g_ptr_array_add(subjects, row);
    }
    ModelRole role = ROLE_N;
    return role_of_subjects(db, subjects, &role) ? role : ROLE_N;
}

/* -- Logging in
 * ----------------------------------------------------------------------------------------------------- */

static gboolean
refuse(const char *user, const char *why, GError **error)
{
    return api_error_set(error, "SESSION_AUTHENTICATION_FAILED", (const char *const[]){user, why, NULL});
}

/* The user's identifier, then those of all groups. */
static char **
ask_members(Directory *directory, const char *sid, GError **error)
{
    g_auto(GStrv) groups = directory->kind->groups(directory, sid, error);
    if (groups == NULL)
        return NULL;
    GStrvBuilder *builder = g_strv_builder_new();
    g_strv_builder_add(builder, sid);
    g_strv_builder_addv(builder, (const char **)groups);
    char **members = g_strv_builder_end(builder);
    g_strv_builder_unref(builder);
    return members;
}

static void
remember_members(External *external, const char *sid, char **members)
{
    g_mutex_lock(&external->lock);
    g_hash_table_replace(external->members, g_strdup(sid), members);
    g_mutex_unlock(&external->lock);
}

/* Everything about the user, who has given the right password. */
static gboolean
fill_grant(External *external, Directory *directory, const char *user, ExternalGrant *grant, GError **error)
{
    g_auto(GStrv) members = ask_members(directory, grant->sid, error);
    if (members == NULL)
        return FALSE;
    grant->role = role_of(external->db, (const char *const *)members, &grant->subject_ref);
    if (grant->subject_ref == NULL)
        return refuse(user, "no subject of this pool lets this user in", error);
    if (grant->role == ROLE_N)
        return refuse(user, "the subjects of this user have no role", error);
    g_autoptr(Value) description = directory->kind->describe(directory, grant->sid, error);
    if (description == NULL)
        return FALSE;
    grant->name = g_strdup(value_map_get_string(description, "subject-name", user));
    remember_members(external, grant->sid, g_steal_pointer(&members));
    return TRUE;
}

static gboolean
log_in(External *external, Directory *directory, const char *user, const char *password, ExternalGrant *grant,
       GError **error)
{
    grant->sid = directory->kind->authenticate(directory, user, password, error);
    return grant->sid != NULL && fill_grant(external, directory, user, grant, error);
}

gboolean
external_login(External *external, const char *user, const char *password, ExternalGrant *ret_grant,
               GError **error)
{
    g_autoptr(GError) failed = NULL;
    g_autoptr(Directory) directory = external_directory(external, error);
    if (directory == NULL)
        return FALSE;
    g_auto(ExternalGrant) grant = {.role = ROLE_N};
    if (log_in(external, directory, user, password, &grant, &failed)) {
        *ret_grant = grant;
        grant = (ExternalGrant){.role = ROLE_N};
        return TRUE;
    }
    if (failed->domain == API_ERROR) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    if (failed->code != DIRECTORY_ERROR_REFUSED)
        log_warning("login of a directory's user: %s", failed->message);
    return refuse(user, failed->message, error);
}

/* -- Sessions that are there
 * ------------------------------------------------------------------------------------------------ */

/* (element-type Session): those of directory users. */
static GPtrArray *
external_sessions(Sessions *sessions)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)session_unref);
    GHashTableIter iter;
    gpointer session = NULL;
    g_mutex_lock(&sessions->lock);
    g_hash_table_iter_init(&iter, sessions->by_ref);
    while (g_hash_table_iter_next(&iter, NULL, &session)) {
        if (*((Session *)session)->user_sid != '\0')
            g_ptr_array_add(found, session_ref(session));
    }
    g_mutex_unlock(&sessions->lock);
    return found;
}

static void
end_session(Sessions *sessions, const Session *session, const char *why)
{
    if (sessions_logout(sessions, session->ref, NULL))
        log_info("a session of '%s' ends: %s", session->user_name, why);
}

void
external_logout(Sessions *sessions, const char *sid, const char *except_ref)
{
    g_autoptr(GPtrArray) found = external_sessions(sessions);
    for (guint i = 0; i < found->len; i++) {
        const Session *session = g_ptr_array_index(found, i);
        if (g_str_equal(session->user_sid, sid) && g_strcmp0(session->ref, except_ref) != 0)
            end_session(sessions, session, "an administrator has asked for it");
    }
}

/* Why @session may not go on; NULL if it may, and for a user whom the next external_revalidate() asks about.
 */
static const char *
find_obstacle(External *external, const Session *session)
{
    g_mutex_lock(&external->lock);
    gboolean is_disabled = external->directory == NULL;
    g_auto(GStrv) members = g_strdupv(g_hash_table_lookup(external->members, session->user_sid));
    g_mutex_unlock(&external->lock);
    if (is_disabled)
        return "the directory is not in use any more";
    if (members == NULL)
        return NULL;
    g_autofree char *subject = NULL;
    ModelRole role = role_of(external->db, (const char *const *)members, &subject);
    if (subject == NULL)
        return "its subject is gone";
    return role > session->role ? "its subject has lost a role" : NULL;
}

gboolean
external_admits(External *external, const Session *session)
{
    return find_obstacle(external, session) == NULL;
}

void
external_review(External *external, Sessions *sessions)
{
    g_autoptr(GPtrArray) found = external_sessions(sessions);
    for (guint i = 0; i < found->len; i++) {
        const Session *session = g_ptr_array_index(found, i);
        const char *obstacle = find_obstacle(external, session);
        if (obstacle != NULL)
            end_session(sessions, session, obstacle);
    }
}

/* By what describe() says; the keys are those of the wire. */
static const char *
account_obstacle(const Value *description)
{
    static const char *const obstacles[][2] = {
        {"subject-account-disabled", "the account is disabled"},
        {"subject-account-expired", "the account has expired"},
        {"subject-account-locked", "the account is locked"},
        {"subject-password-expired", "the password has expired"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(obstacles); i++) {
        if (g_str_equal(value_map_get_string(description, obstacles[i][0], "false"), "true"))
            return obstacles[i][1];
    }
    return NULL;
}

/* Asks about one user: an obstacle in *@ret_why, or news of the groups remembered. FALSE if the directory
 * gave no answer. */
static gboolean
ask_about(External *external, Directory *directory, const char *sid, const char **ret_why, GError **error)
{
    g_autoptr(GError) failed = NULL;
    g_autoptr(Value) description = directory->kind->describe(directory, sid, &failed);
    g_auto(GStrv) members = description != NULL ? ask_members(directory, sid, &failed) : NULL;
    if (members != NULL) {
        *ret_why = account_obstacle(description);
        remember_members(external, sid, g_steal_pointer(&members));
        return TRUE;
    }
    *ret_why = "the directory does not know its user any more";
    if (g_error_matches(failed, DIRECTORY_ERROR, DIRECTORY_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

static void
write_validation_time(External *external, const Session *session)
{
    g_autoptr(DbTxn) txn = db_txn_new(external->db, NULL);
    db_txn_set(txn, CLASS_SESSION, session->ref, SESSION_VALIDATION_TIME,
               value_datetime(base_now_us() / G_USEC_PER_SEC));
    db_txn_commit(txn, NULL, NULL); /* the session may have ended meanwhile */
}

/* Forgets the groups of users who have no session. */
static void
forget_others(External *external, GHashTable *sids)
{
    GHashTableIter iter;
    gpointer sid = NULL;
    g_mutex_lock(&external->lock);
    g_hash_table_iter_init(&iter, external->members);
    while (g_hash_table_iter_next(&iter, &sid, NULL)) {
        if (!g_hash_table_contains(sids, sid))
            g_hash_table_iter_remove(&iter);
    }
    g_mutex_unlock(&external->lock);
}

void
external_revalidate(External *external, Sessions *sessions)
{
    g_autoptr(GPtrArray) found = external_sessions(sessions);
    g_autoptr(Directory) directory = external_directory(external, NULL);
    /* sid -> why its sessions end: "" for not at all */
    g_autoptr(GHashTable) asked = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; directory != NULL && i < found->len; i++) {
        g_autoptr(GError) error = NULL;
        const Session *session = g_ptr_array_index(found, i);
        const char *why = g_hash_table_lookup(asked, session->user_sid);
        if (why == NULL && !ask_about(external, directory, session->user_sid, &why, &error)) {
            log_warning("sessions of the directory's users are not checked: %s", error->message);
            return;
        }
        g_hash_table_insert(asked, (gpointer)session->user_sid, (gpointer)(why != NULL ? why : ""));
        if (why != NULL && *why != '\0')
            end_session(sessions, session, why);
        else
            write_validation_time(external, session);
    }
    external_review(external, sessions);
    if (found->len == 0 || directory != NULL)
        forget_others(external, asked);
}

/* -- Every so often
 * ------------------------------------------------------------------------------------------------- */

static gpointer
revalidate_often(gpointer data)
{
    External *external = data;
    gint64 last_us = g_get_monotonic_time();
    g_mutex_lock(&external->lock);
    while (!external->is_stopped) {
        gint64 next_us = last_us + (gint64)external->period_s * G_USEC_PER_SEC;
        if (g_get_monotonic_time() < next_us) {
            g_cond_wait_until(&external->changed, &external->lock, next_us);
            continue;
        }
        g_mutex_unlock(&external->lock);
        external_revalidate(external, external->sessions);
        last_us = g_get_monotonic_time();
        g_mutex_lock(&external->lock);
    }
    g_mutex_unlock(&external->lock);
    return NULL;
}

void
external_set_period(External *external, guint period_s)
{
    g_mutex_lock(&external->lock);
    external->period_s = period_s;
    g_cond_broadcast(&external->changed);
    g_mutex_unlock(&external->lock);
}

void
external_start(External *external, Sessions *sessions, guint period_s)
{
    external->sessions = sessions;
    external_set_period(external, period_s);
    external->thread = g_thread_new("directory", revalidate_often, external);
}

void
external_stop(External *external)
{
    if (external == NULL || external->thread == NULL)
        return;
    g_mutex_lock(&external->lock);
    external->is_stopped = TRUE;
    g_cond_broadcast(&external->changed);
    g_mutex_unlock(&external->lock);
    g_thread_join(g_steal_pointer(&external->thread));
}
