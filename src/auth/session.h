/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is logged in: sessions with their user and roles, and the check of a name and password. */
#pragma once

#include "db/db.h"

typedef struct Sessions Sessions;

/* A logged-in client; immutable but for the time of last use. */
typedef struct Session {
    const char *ref; /* a secret */
    const char *user_name;
    const char *originator;
    ModelRole role; /* the most privileged of its roles */
    gboolean is_local_superuser;
    gboolean is_storage_plugin; /* its row says so to the plugins' library */
} Session;

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
 * sessions_new:
 * @db: outlives the table
 * @check: from any thread, several at a time
 */
Sessions *sessions_new(Db *db, AuthCheck check, gpointer check_data);
void sessions_free(Sessions *sessions); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sessions, sessions_free)

/** sessions_set_host: the host that new sessions' rows name. Before the first login. */
void sessions_set_host(Sessions *sessions, const char *host_ref);

/** sessions_set_refusal_delay: how long a refused login takes, if the check was quicker; 0, as at first, for
 * none. Before the first login. Source: protocol notes 1.5 */
void sessions_set_refusal_delay(Sessions *sessions, guint delay_ms);

/** sessions_stop: the server is going down: refusals are not delayed any more, and passwords no longer looked
 * at. From any thread. */
void sessions_stop(Sessions *sessions);

/**
 * sessions_login:
 * @is_trusted: a Unix socket's root: no password is looked at
 *
 * A new session as a row of class session (not stored on disk: refs are secrets). The oldest of the same user
 * and originator make room for it. Blocks while the password is checked and a refusal delayed.
 */
Session *sessions_login(Sessions *sessions, const char *user, const char *password, const char *originator,
                        gboolean is_trusted, GError **error);
/** sessions_login_internal: for storage plugins and the daemon itself: does not expire. */
Session *sessions_login_internal(Sessions *sessions, const char *user, gboolean is_storage_plugin,
                                 GError **error);
/** sessions_find: (transfer full): a live one, marked as used; SESSION_INVALID [ref] otherwise. Cheap enough
 * for every call. */
Session *sessions_find(Sessions *sessions, const char *ref, GError **error);
/** sessions_expire: ends those that nobody has used for a day before @now_us (monotonic). To be called now
 * and then. */
void sessions_expire(Sessions *sessions, gint64 now_us);
/** sessions_logout: ends it and deletes its row. SESSION_INVALID [ref] if it is not there. */
gboolean sessions_logout(Sessions *sessions, const char *ref, GError **error);
/** sessions_on_logout: @function runs after a session is gone (logout, expiry), to wake what waits for it.
 * One. */
void sessions_on_logout(Sessions *sessions, void (*function)(gpointer data, const char *ref), gpointer data);
