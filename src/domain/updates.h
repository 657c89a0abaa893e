/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changed, in order: each object once, at its latest change. Safe from any thread. */
#pragma once

#include "domain/reply.h"
#include "domain/types.h"

typedef struct DomainUpdates DomainUpdates;

DomainUpdates *domain_updates_new(DomainClock *clock);
/** domain_updates_free: answers whoever still waits. */
void domain_updates_free(DomainUpdates *updates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainUpdates, domain_updates_free)

/** domain_updates_touch: the object of kind @tag (not Barrier) has changed, come or gone. Wakes whoever
 * waits. */
void domain_updates_touch(DomainUpdates *updates, DomainDynamicIdTag tag, const char *id);

/** domain_updates_forget: drops the object without telling; for tasks, whose ids never come back. */
void domain_updates_forget(DomainUpdates *updates, DomainDynamicIdTag tag, const char *id);

/** domain_updates_inject_barrier: puts a mark into the stream, or moves it to its end. */
void domain_updates_inject_barrier(DomainUpdates *updates, gint64 id);
/** domain_updates_remove_barrier: takes it out again; an unknown one is fine. */
void domain_updates_remove_barrier(DomainUpdates *updates, gint64 id);

/**
 * domain_updates_get:
 * @last: token of the call before, or -1
 *
 * Answers @reply (Updates.get) with what is newer than @last, at once if there is any, else at the next
 * change or after @timeout_us. Tokens are microseconds since 1970 at the service's start, counted up by
 * changes: those of an earlier run are older than everything here.
 */
void domain_updates_get(DomainUpdates *updates, gint64 last, gint64 timeout_us, DomainReply *reply);
