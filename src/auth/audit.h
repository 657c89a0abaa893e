/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit log: one line for each call that has side effects, for each refusal, and for logins, in a file of
 * its own that is rotated by size. Lines are written by a thread of their own, soon after; a crash may lose
 * the last ones, never half of one that others follow.
 *
 * Source: protocol notes 4 (/audit_log); the line is the reference's:
 *   [20230305T18:18:29.123Z|info|host|thread peer|task|audit] ('trackid=..' 'sid' 'user' 'ALLOWED' 'OK' 'API'
 *   'VM.start' (('vm' 'name' 'uuid' 'OpaqueRef:..') ..)) */
#pragma once

#include "auth/session.h"

/* Names begin with more than audit_: PAM brings libaudit along, whose functions are called audit_open and so
 * on, and would find these instead. */
typedef struct AuditCall AuditCall;

/**
 * audit_trail_open:
 * @path: made with mode 0600 or added to; older lines are in @path.1, @path.2, ...
 * @max_bytes: of one file
 * @n_kept: older files
 *
 * Errors: BASE_ERROR.
 */
AuditTrail *audit_trail_open(const char *path, gsize max_bytes, guint n_kept, GError **error);
/** audit_trail_free: writes what has been told, then closes. NULL is fine. */
void audit_trail_free(AuditTrail *audit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditTrail, audit_trail_free)
/** audit_trail_flush: waits until all that has been told so far is in the file. */
void audit_trail_flush(AuditTrail *audit);

/** audit_trail_covers: whether calls of @message are told. Cheap: a look at a table. */
gboolean audit_trail_covers(const ModelMessage *message);

/* What a line tells of where a call comes from. NULL counts as "". */
typedef struct AuditOrigin {
    const char *peer; /* "127.0.0.1", "unix" */
    const char *task; /* name of the task */
} AuditOrigin;

/**
 * audit_call_begin:
 * @audit: NULL returns NULL
 *
 * A call that is about to run: looks up the names of its objects while they are there. Only for messages that
 * audit_trail_covers(). (transfer full) (nullable)
 */
AuditCall *audit_call_begin(AuditTrail *audit, Db *db, const Session *session, const ModelMessage *message,
                            Value *const *params, const AuditOrigin *origin);
/** audit_call_end: the call ended with @error (NULL: well); takes over @call; NULL is fine. */
void audit_call_end(AuditCall *call, const GError *error);
/** audit_call_denied: the call was refused for want of a permission; takes over @call; NULL is fine. */
void audit_call_denied(AuditCall *call);

/** audit_trail_http: the same for an HTTP handler: @action is its permission ("http/get_export"). */
void audit_trail_http(AuditTrail *audit, const Session *session, const char *action, gboolean is_allowed,
                      const AuditOrigin *origin, const GError *error);
/** audit_trail_session: @session begins ("session.create") or ends ("session.destroy"). */
void audit_trail_session(AuditTrail *audit, const Session *session, const char *action);
/** audit_trail_refused_login: somebody gave a wrong name or password. */
void audit_trail_refused_login(AuditTrail *audit, const char *user, const char *originator);
/** audit_call_unanswered: the call ended before anybody could say how; takes over @call; NULL is fine. */
void audit_call_unanswered(AuditCall *call);
