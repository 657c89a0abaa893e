/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A cancellable with a timer. */
#include "api/storage/deadline.h"

/* An SR that does not answer must not hold up a call that has failed already. */
#define TIMEOUT_S 60

static gboolean
expired(gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
    return G_SOURCE_REMOVE;
}

static void
cancelled(GCancellable *sooner, gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
}

StorageDeadline
storage_deadline_start(GCancellable *sooner)
{
    StorageDeadline deadline = {.cancellable = g_cancellable_new(),
                                .timer = g_timeout_source_new_seconds(TIMEOUT_S)};
    g_source_set_callback(deadline.timer, expired, g_object_ref(deadline.cancellable), g_object_unref);
    g_source_attach(deadline.timer, NULL);
    if (sooner == NULL)
        return deadline;
    deadline.sooner = g_object_ref(sooner);
    deadline.sooner_handler = g_cancellable_connect(sooner, G_CALLBACK(cancelled),
                                                    g_object_ref(deadline.cancellable), g_object_unref);
    return deadline;
}

void
storage_deadline_clear(StorageDeadline *deadline)
{
    if (deadline->sooner != NULL)
        g_cancellable_disconnect(deadline->sooner, deadline->sooner_handler);
    g_clear_object(&deadline->sooner);
    if (deadline->timer != NULL)
        g_source_destroy(deadline->timer);
    g_clear_pointer(&deadline->timer, g_source_unref);
    g_clear_object(&deadline->cancellable);
}
