/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of this folder reach beside its public functions. */
#pragma once

#include "auth/session.h"

/** sessions_find_at: sessions_find() at @now_us of the monotonic clock. */
Session *sessions_find_at(Sessions *sessions, const char *ref, gint64 now_us, GError **error);
