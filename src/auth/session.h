/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is logged in: sessions with their user and roles, and the check of a name and password. */
#pragma once

#include "db/db.h"

typedef struct AuditTrail AuditTrail;     /* auth/audit.h */
typedef struct External External;         /* auth/external.h */
typedef struct LoginSources LoginSources; /* auth/login_source.h */
typedef struct Sessions Sessions;

/* A logged-in client; immutable but for the time of last use. */
typedef struct Session {
    const char *ref; /* a secret */
    const char *user_name;
    const char *originator;
    const char *user_sid; /* identifier in the directory; "" for a local account */
    const char *subject;  /* ref; OpaqueRef:NULL for a local account */
    ModelRole role;       /* the most privileged of its roles */
    gboolean is_local_superuser;
    gboolean is_local;          /* by slave_local_login_with_password */
    gboolean is_storage_plugin; /* its row says so to the plugins' library */
    gboolean is_audited;        /* its end is told in the audit log, as its begin was */
} Session;

/* What a session is opened with. Texts are copied; NULL counts as "". */
typedef struct SessionSpec {
    const char *user_name;
    const char *originator; /* at most SESSION_ORIGINATOR_MAX bytes: INVALID_VALUE */
    const char *user_sid;
    const char *subject; /* (nullable) */
    ModelRole role;
    gboolean is_local_superuser;
    gboolean is_local;
    gboolean is_storage_plugin;
    gboolean is_audited;
    gboolean is_internal; /* the server's own: does not expire and makes no room */
} SessionSpec;

#define SESSION_ORIGINATOR_MAX 4096

/** session_ref / session_unref: a session outlives its logout as long as somebody holds it. NULL is fine in
 * session_unref(). */
Session *session_ref(Session *session);
void session_unref(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_unref)

/**
 * AuthCheck:
 *
 * Whether @password is @user's: PAM, or the generated password. May take seconds. FALSE with API_ERROR
 * SESSION_AUTHENTICATION_FAILED [user, text].
 */
typedef gboolean (*AuthCheck)(gpointer data, const char *user, const char *password, GError **error);

/**
 * AuthChange:
 *
 * Makes @new_password @user's. @old_password is looked at where the system asks for it: not for root. FALSE
 * with CHANGE_PASSWORD_REJECTED [text].
 */
typedef gboolean (*AuthChange)(gpointer data, const char *user, const char *old_password,
                               const char *new_password, GError **error);

/**
 * sessions_new:
 * @db: outlives the table
 * @check: from any thread, several at a time
 */
Sessions *sessions_new(Db *db, AuthCheck check, gpointer check_data);
void sessions_free(Sessions *sessions); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sessions, sessions_free)

/** sessions_set_host: the host that new sessions' rows name. Before the first login. */
void sessions_set_host(Sessions *sessions, const char *host_ref);

/** sessions_set_change: who changes passwords; gets the check's data. Before the first login. */
void sessions_set_change(Sessions *sessions, AuthChange change);
/** sessions_change_password: of the account that @session was opened with. Blocks. NOT_IMPLEMENTED without
 * sessions_set_change(). */
gboolean sessions_change_password(Sessions *sessions, const Session *session, const char *old_password,
                                  const char *new_password, GError **error);

/** sessions_set_audit: (nullable): where logins, refusals and logouts are told. Before the first login. */
void sessions_set_audit(Sessions *sessions, AuditTrail *audit);
/** sessions_audit: (nullable) what sessions_set_audit() was given; borrowed. */
AuditTrail *sessions_audit(Sessions *sessions);

/** sessions_set_external: (nullable): who judges names other than root's while it has a directory. Before the
 * first login. */
void sessions_set_external(Sessions *sessions, External *external);

/** sessions_set_refusal_delay: how long a refused login takes, if the check was quicker; 0, as at first, for
 * none. Before the first login. Source: protocol notes 1.5 */
void sessions_set_refusal_delay(Sessions *sessions, guint delay_ms);

/** sessions_login_sources: (not nullable): to be entered around sessions_login() by those whose threads a
 * flood of wrong passwords could use up. Borrowed. */
LoginSources *sessions_login_sources(Sessions *sessions);

/** sessions_stop: the server is going down: refusals are not delayed any more, and passwords no longer looked
 * at. From any thread. */
void sessions_stop(Sessions *sessions);

/**
 * sessions_open:
 *
 * A new session as a row of class session (not stored on disk: refs are secrets), for somebody who has been
 * checked. The one of the same group that was used longest ago makes room for it: root's sessions are grouped
 * by originator, those of others by user. Source: protocol notes 1.5
 */
Session *sessions_open(Sessions *sessions, const SessionSpec *spec, GError **error);

/**
 * sessions_login:
 * @is_trusted: a Unix socket's root: no password is looked at
 *
 * sessions_open() for a local account or, where a directory is used, one of it. Blocks while the password is
 * checked and a refusal delayed.
 */
Session *sessions_login(Sessions *sessions, const char *user, const char *password, const char *originator,
                        gboolean is_trusted, GError **error);
/** sessions_login_local: the same for a host that is cut off from its master: sessions_logout_local() ends
 * it. */
Session *sessions_login_local(Sessions *sessions, const char *user, const char *password, gboolean is_trusted,
                              GError **error);
/** sessions_logout_local: SESSION_INVALID [ref] if @session is no local one. */
gboolean sessions_logout_local(Sessions *sessions, const Session *session, GError **error);
/** sessions_login_internal: for storage plugins and the daemon itself: does not expire. */
Session *sessions_login_internal(Sessions *sessions, const char *user, gboolean is_storage_plugin,
                                 GError **error);
/** sessions_find: (transfer full): a live one, marked as used; SESSION_INVALID [ref] otherwise. Cheap enough
 * for every call. */
Session *sessions_find(Sessions *sessions, const char *ref, GError **error);
/** sessions_expire: ends those that nobody has used for a day before @now_us (monotonic), unless one of their
 * tasks still runs. To be called now and then. */
void sessions_expire(Sessions *sessions, gint64 now_us);
/** sessions_logout: ends it and deletes its row. SESSION_INVALID [ref] if it is not there. */
gboolean sessions_logout(Sessions *sessions, const char *ref, GError **error);
/** sessions_on_logout: @function runs after a session is gone (logout, expiry), to wake what waits for it.
 * One. */
void sessions_on_logout(Sessions *sessions, void (*function)(gpointer data, const char *ref), gpointer data);
