/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How somebody is let in: a password checked, or trust; refusals take their time. */
#include "auth/audit.h"
#include "auth/external.h"
#include "auth/internal.h"
#include "model/errors.h"

void
sessions_set_refusal_delay(Sessions *sessions, guint delay_ms)
{
    g_mutex_lock(&sessions->lock);
    sessions->refusal_delay_ms = delay_ms;
    g_cond_broadcast(&sessions->stopped);
    g_mutex_unlock(&sessions->lock);
}

void
sessions_set_external(Sessions *sessions, External *external)
{
    sessions->external = external;
}

void
sessions_set_change(Sessions *sessions, AuthChange change)
{
    sessions->change = change;
}

LoginSources *
sessions_login_sources(Sessions *sessions)
{
    return sessions->login_sources;
}

void
sessions_stop(Sessions *sessions)
{
    g_mutex_lock(&sessions->lock);
    sessions->is_stopped = TRUE;
    g_cond_broadcast(&sessions->stopped);
    g_mutex_unlock(&sessions->lock);
}

/* Waits out what is left of the delay since @started_us; a check that took longer, as PAM's may, needs none.
 */
static void
delay_refusal(Sessions *sessions, gint64 started_us)
{
    g_mutex_lock(&sessions->lock);
    for (;;) {
        gint64 until_us = started_us + (gint64)sessions->refusal_delay_ms * 1000;
        if (sessions->is_stopped || g_get_monotonic_time() >= until_us)
            break;
        g_cond_wait_until(&sessions->stopped, &sessions->lock, until_us);
    }
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

/* Root is local, always. Source: the reference: with a directory, nobody else is */
static gboolean
check_user(Sessions *sessions, const SessionSpec *spec, const char *password, ExternalGrant *ret_grant,
           GError **error)
{
    g_autoptr(GError) refused = NULL;
    const char *user = spec->user_name;
    if (sessions->external == NULL || spec->is_local || g_str_equal(user, "root"))
        return sessions->check(sessions->check_data, user, password, error);
    if (external_login(sessions->external, user, password, ret_grant, &refused))
        return TRUE;
    if (api_error_is(refused, "AUTH_IS_DISABLED"))
        return sessions->check(sessions->check_data, user, password, error);
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}

static gboolean
check_password(Sessions *sessions, const SessionSpec *spec, const char *password, ExternalGrant *ret_grant,
               GError **error)
{
    gint64 started_us = g_get_monotonic_time();
    if (!require_running(sessions, error))
        return FALSE;
    if (check_user(sessions, spec, password, ret_grant, error))
        return TRUE;
    audit_trail_refused_login(sessions->audit, spec->user_name, spec->originator);
    delay_refusal(sessions, started_us);
    return FALSE;
}

/* The subjects may have changed after they were looked at, and before the session was there to be ended. */
static Session *
keep_admitted(Sessions *sessions, Session *session, GError **error)
{
    if (session == NULL || *session->user_sid == '\0' || external_admits(sessions->external, session))
        return session;
    api_error_session_invalid(error, session->ref);
    sessions_logout(sessions, session->ref, NULL);
    session_unref(session);
    return NULL;
}

/* Whoever has a local account may do everything; a user of the directory what the grant says. */
static Session *
login(Sessions *sessions, SessionSpec *spec, const char *password, gboolean is_trusted, GError **error)
{
    g_auto(ExternalGrant) grant = {.role = ROLE_POOL_ADMIN};
    if (!is_trusted && !check_password(sessions, spec, password, &grant, error))
        return NULL;
    spec->role = grant.role;
    spec->is_local_superuser = grant.sid == NULL;
    spec->is_audited = !is_trusted;
    if (grant.sid != NULL) {
        spec->user_name = grant.name;
        spec->user_sid = grant.sid;
        spec->subject = grant.subject_ref;
    }
    return keep_admitted(sessions, sessions_open(sessions, spec, error), error);
}

Session *
sessions_login(Sessions *sessions, const char *user, const char *password, const char *originator,
               gboolean is_trusted, GError **error)
{
    SessionSpec spec = {.user_name = user, .originator = originator};
    return login(sessions, &spec, password, is_trusted, error);
}

Session *
sessions_login_local(Sessions *sessions, const char *user, const char *password, gboolean is_trusted,
                     GError **error)
{
    SessionSpec spec = {.user_name = user, .originator = "", .is_local = TRUE};
    return login(sessions, &spec, password, is_trusted, error);
}

Session *
sessions_login_internal(Sessions *sessions, const char *user, gboolean is_storage_plugin, GError **error)
{
    const SessionSpec spec = {.user_name = user,
                              .originator = "xylem",
                              .role = ROLE_POOL_ADMIN,
                              .is_local_superuser = TRUE,
                              .is_storage_plugin = is_storage_plugin,
                              .is_internal = TRUE};
    return sessions_open(sessions, &spec, error);
}

/* Who came over the Unix socket may have given any name. */
static const char *
account_of(const Session *session)
{
    return *session->user_name != '\0' ? session->user_name : "root";
}

gboolean
sessions_change_password(Sessions *sessions, const Session *session, const char *old_password,
                         const char *new_password, GError **error)
{
    if (sessions->change == NULL)
        return api_error_not_implemented(error, "session.change_password");
    return sessions->change(sessions->check_data, account_of(session), old_password, new_password, error);
}
