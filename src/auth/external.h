/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* External authentication: which directory is asked, and what its users may do here, which the subjects' rows
 * say. A user has the roles of all subjects that are the user or one of the user's groups. */
#pragma once

#include "auth/directory.h"
#include "auth/session.h"

typedef struct External External;

/** external_new: @db outlives it. */
External *external_new(Db *db);
/** external_free: after external_stop(), if it was started. NULL is fine. */
void external_free(External *external);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(External, external_free)

/** external_use: @directory from now on; NULL for none, which ends the sessions of its users at the next
 * external_review(). */
void external_use(External *external, Directory *directory);
/** external_directory: (transfer full): AUTH_IS_DISABLED if there is none. */
Directory *external_directory(External *external, GError **error);

/* What the directory and the subjects say about a user. */
typedef struct ExternalGrant {
    char *sid;         /* the user's identifier in the directory */
    char *name;        /* as the directory calls the user */
    char *subject_ref; /* the subject that lets the user in: the user's own, else a group's */
    ModelRole role;    /* the most privileged of all its subjects */
} ExternalGrant;

/** external_grant_clear: frees what the fields hold; twice is harmless. */
void external_grant_clear(ExternalGrant *grant);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ExternalGrant, external_grant_clear)

/**
 * external_login:
 * @ret_grant: filled on success
 *
 * Whether @password is @user's and a subject lets the user in. Blocks while the directory is asked. Errors:
 * AUTH_IS_DISABLED; SESSION_AUTHENTICATION_FAILED [user, why], also when the directory does not answer.
 */
gboolean external_login(External *external, const char *user, const char *password, ExternalGrant *ret_grant,
                        GError **error);

/** external_admits: whether the subjects, as they are now, give the user of @session what it has. Asks no
 * directory. */
gboolean external_admits(External *external, const Session *session);
/** external_review: ends those sessions of the directory's users that the subjects, as they are now, do not
 * let in any more or give less than the session has. Asks no directory: call it when subjects have changed.
 */
void external_review(External *external, Sessions *sessions);
/** external_revalidate: the same after asking the directory about each user: accounts that are gone or may
 * not log in end. While it does not answer, sessions live on. */
void external_revalidate(External *external, Sessions *sessions);
/** external_logout: ends the sessions of the user @sid but the one called @except_ref (nullable). */
void external_logout(Sessions *sessions, const char *sid, const char *except_ref);

/** external_start: revalidates @sessions every @period_s on a thread of its own. */
void external_start(External *external, Sessions *sessions, guint period_s);
/** external_set_period: counted from the last time. */
void external_set_period(External *external, guint period_s);
/** external_stop: ends that thread; NULL, or never started, is fine. */
void external_stop(External *external);

/** external_error: turns a DIRECTORY_ERROR into what class auth answers, SUBJECT_CANNOT_BE_RESOLVED or
 * AUTH_SERVICE_ERROR [text]; in place. Returns FALSE. */
gboolean external_error(GError **error);
