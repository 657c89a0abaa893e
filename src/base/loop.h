/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GMainContext with a thread of its own: where timers and descriptors of one service live. */
#pragma once

#include <glib.h>

typedef struct Loop Loop;

/** loop_new: starts the thread, named @name. */
Loop *loop_new(const char *name);

/** loop_free: runs what is already queued, stops the thread and joins it. NULL is fine. Not from the loop
 * itself. */
void loop_free(Loop *loop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loop, loop_free)

/** loop_context: to attach other sources to; borrowed. */
GMainContext *loop_context(Loop *loop);

/** loop_call: queues @function to run once on the loop's thread, in order. From any thread. */
void loop_call(Loop *loop, void (*function)(gpointer data), gpointer data);

/** loop_timer: runs @function once after @delay_ms on the loop's thread. The answer is a source that the
 * caller may destroy and must unref. */
GSource *loop_timer(Loop *loop, guint delay_ms, GSourceFunc function, gpointer data);

/**
 * loop_end_source:
 * @source: (transfer full): attached to @context
 *
 * Destroys @source on the thread that runs @context, and waits for that: its callback is not at work and not
 * called any more when this returns.
 */
void loop_end_source(GMainContext *context, GSource *source);
