/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client connection: who is at the other end, and which request of it is parked. Made and dropped by
 * MHD's threads. */
#include "http/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/log.h"

static const struct sockaddr *
peer_address(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL ? info->client_addr : NULL;
}

static void
format_peer(HttpConnection *connection, const struct sockaddr *address)
{
    if (connection->is_unix)
        g_strlcpy(connection->peer, "unix", sizeof(connection->peer));
    else if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, connection->peer,
                  sizeof(connection->peer));
    else {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(in6))
            inet_ntop(AF_INET, &in6->s6_addr[12], connection->peer, sizeof(connection->peer));
        else
            inet_ntop(AF_INET6, in6, connection->peer, sizeof(connection->peer));
    }
}

static gboolean
peer_is_trusted(int fd)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) {
        log_warning("http: cannot tell who a local client is: %s", g_strerror(errno));
        return FALSE;
    }
    return credentials.uid == 0 || credentials.uid == geteuid();
}

static HttpConnection *
connection_new(HttpListener *listener, struct MHD_Connection *mhd, const struct sockaddr *address)
{
    HttpConnection *connection = g_new0(HttpConnection, 1);
    connection->ref_count = 1;
    connection->server = http_server_ref(listener->server);
    connection->link.data = connection;
    connection->is_tls = listener->is_tls;
    connection->is_unix = listener->unix_path != NULL;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    g_mutex_init(&connection->lock);
    format_peer(connection, address);
    if (connection->is_unix)
        connection->is_trusted = peer_is_trusted(connection->fd);
    http_connection_allow(connection, listener->server->request_timeout_s);
    return connection;
}

HttpConnection *
http_connection_ref(HttpConnection *connection)
{
    g_atomic_int_inc(&connection->ref_count);
    return connection;
}

void
http_connection_unref(HttpConnection *connection)
{
    if (!g_atomic_int_dec_and_test(&connection->ref_count))
        return;
    http_server_unref(connection->server);
    g_mutex_clear(&connection->lock);
    g_free(connection);
}

static void
connection_started(HttpListener *listener, struct MHD_Connection *mhd, void **context)
{
    http_stream_hand_over_waiting();
    const struct sockaddr *address = peer_address(mhd);
    if (address->sa_family == AF_UNSPEC) /* a nudge, see stream.c: it never sends a request */
        return;

    HttpConnection *connection = connection_new(listener, mhd, address);
    MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, connection->server->silent_timeout_s);
    g_mutex_lock(&listener->server->lock);
    g_queue_push_tail_link(&listener->server->connections, &connection->link);
    g_mutex_unlock(&listener->server->lock);
    *context = connection;
}

static void
connection_ended(HttpListener *listener, void **context)
{
    HttpConnection *connection = g_steal_pointer(context);
    if (connection == NULL)
        return;
    g_mutex_lock(&listener->server->lock);
    g_queue_unlink(&listener->server->connections, &connection->link);
    g_mutex_unlock(&listener->server->lock);
    http_connection_unref(connection);
}

void
http_connection_notify(void *listener, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_started(listener, mhd, context);
    else
        connection_ended(listener, context);
}

void
http_connection_set_phase(HttpConnection *connection, HttpPhase phase)
{
    g_atomic_int_set(&connection->phase, phase);
    if (g_atomic_int_get(&connection->server->is_stopping))
        http_server_notify(connection->server);
}

void
http_connection_prove(HttpConnection *connection, struct MHD_Connection *mhd)
{
    if (connection->is_proven)
        return;
    connection->is_proven = TRUE;
    /* The daemon's own time-out: MHD keeps such connections in order, and looks at all others in every turn
     * of its loop. So the short time-out, which few connections have at a time, is the special one. */
    MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, connection->server->keep_alive_timeout_s);
}
