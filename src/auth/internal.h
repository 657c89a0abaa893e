/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder and their tests share beside its public functions. */
#pragma once

#include "auth/session.h"

/* Sessions that make room for each other. */
typedef struct SessionGroup {
    char *name;
    guint max;
    GPtrArray *entries; /* SessionEntry, borrowed from Sessions.by_ref */
} SessionGroup;

struct Sessions {
    Db *db;
    AuthCheck check;
    AuthChange change; /* NULL: nobody can */
    gpointer check_data;
    AuditTrail *audit;  /* (nullable) borrowed */
    External *external; /* (nullable) borrowed */
    LoginSources *login_sources;
    guint refusal_delay_ms; /* under the lock */
    GMutex lock;
    GCond stopped;
    gboolean is_stopped;
    GHashTable *by_ref; /* ref -> SessionEntry, owned */
    GHashTable *groups; /* name -> SessionGroup, owned; none is empty */
    char *host_ref;
    Value *permissions[ROLE_N]; /* of each role: shared by the rows */
    void (*on_logout)(gpointer data, const char *ref);
    gpointer on_logout_data;
};

/** sessions_find_at: sessions_find() at @now_us of the monotonic clock. */
Session *sessions_find_at(Sessions *sessions, const char *ref, gint64 now_us, GError **error);
