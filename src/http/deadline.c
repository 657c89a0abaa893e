/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests that come too slowly. MHD ends connections that are silent; one that sends a byte now and then
 * would stay for ever. So each connection says by when its request line, its header or its body must be
 * there, and a thread looks at all of them every few seconds: a look costs less than a lock for each request
 * would. */
#include "http/internal.h"

#include <sys/socket.h>

#include "base/log.h"

#define LOOKS_PER_TIMEOUT 8

static gint
now_s(void)
{
    return (gint)(g_get_monotonic_time() / G_TIME_SPAN_SECOND);
}

void
http_connection_allow(HttpConnection *connection, guint seconds)
{
    g_atomic_int_set(&connection->deadline_s, seconds > 0 ? now_s() + (gint)seconds + 1 : 0);
}

/* MHD finds the end of the connection and closes it. With the lock, so that the descriptor is still its own.
 */
static void
end_late(HttpServer *server)
{
    gint now = now_s();
    for (GList *link = server->connections.head; link != NULL; link = link->next) {
        HttpConnection *connection = link->data;
        gint deadline = g_atomic_int_get(&connection->deadline_s);
        if (deadline == 0 || deadline > now ||
            !g_atomic_int_compare_and_exchange(&connection->deadline_s, deadline, 0))
            continue;
        log_debug("http: a request from %s comes too slowly", connection->peer);
        shutdown(connection->fd, SHUT_RDWR);
    }
}

static gpointer
deadlines_thread(gpointer data)
{
    HttpServer *server = data;
    gint64 period_us = MAX(server->request_timeout_s / LOOKS_PER_TIMEOUT, 1) * G_TIME_SPAN_SECOND;
    g_mutex_lock(&server->lock);
    while (!g_atomic_int_get(&server->is_stopping)) {
        end_late(server);
        g_cond_wait_until(&server->changed, &server->lock, g_get_monotonic_time() + period_us);
    }
    g_mutex_unlock(&server->lock);
    return NULL;
}

void
http_deadlines_start(HttpServer *server)
{
    if (server->deadlines == NULL)
        server->deadlines = g_thread_new("http-deadlines", deadlines_thread, server);
}

void
http_deadlines_stop(HttpServer *server)
{
    if (server->deadlines == NULL)
        return;
    http_server_notify(server);
    g_thread_join(g_steal_pointer(&server->deadlines));
}
