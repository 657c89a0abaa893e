/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins that are under way, counted by where they come from: one source's refusals, which take their time,
 * must not use up the threads of all. */
#pragma once

#include <glib.h>

/** login_source: what logins from @peer are counted by: its address; of IPv6 the first 64 bits, as a client
 * can choose the others. NULL counts as "". The caller frees it. */
char *login_source(const char *peer);

typedef struct LoginSources LoginSources;

/**
 * login_sources_new:
 * @max_per_source: logins under way from one source
 * @max: from all together
 */
LoginSources *login_sources_new(guint max_per_source, guint max);
void login_sources_free(LoginSources *sources); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LoginSources, login_sources_free)

/** login_sources_enter: one more from @peer; TOO_BUSY if there are too many. From any thread. */
gboolean login_sources_enter(LoginSources *sources, const char *peer, GError **error);
/** login_sources_leave: one less; after login_sources_enter() only. */
void login_sources_leave(LoginSources *sources, const char *peer);
