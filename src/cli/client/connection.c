/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens and carries the client's connections. */
#include "cli/client/connection.h"

#include <errno.h>
#include <gio/gio.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/unix_socket.h"

struct XeConnection {
    int fd;
    CliTransport transport;
    gnutls_session_t session; /* NULL: not encrypted */
    gnutls_certificate_credentials_t credentials;
};

XeEndpoint *
xe_endpoint_new_unix(const char *socket_path)
{
    XeEndpoint *endpoint = g_new0(XeEndpoint, 1);
    endpoint->socket_path = g_strdup(socket_path);
    return endpoint;
}

XeEndpoint *
xe_endpoint_new_tcp(const char *host, guint16 port, gboolean is_tls)
{
    XeEndpoint *endpoint = g_new0(XeEndpoint, 1);
    endpoint->host = g_strdup(host);
    endpoint->port = port;
    endpoint->is_tls = is_tls;
    return endpoint;
}

void
xe_endpoint_free(XeEndpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    g_free(endpoint->socket_path);
    g_free(endpoint->host);
    g_free(endpoint);
}

char *
xe_endpoint_describe(const XeEndpoint *endpoint)
{
    if (endpoint->socket_path != NULL)
        return g_strdup(endpoint->socket_path);
    return g_strdup_printf("%s port %u%s", endpoint->host, endpoint->port,
                           endpoint->is_tls ? "" : " (not encrypted)");
}

static gboolean
connect_unix(const char *path, int *ret_fd, GError **error)
{
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return base_error_errno(error, errno, "make a socket");
    if (base_unix_connect(fd, path) < 0)
        return base_error_errno(error, errno, "connect to %s", path);
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}

static gboolean
connect_tcp(const XeEndpoint *endpoint, int *ret_fd, GError **error)
{
    g_autofree char *port = g_strdup_printf("%u", endpoint->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    int result = getaddrinfo(endpoint->host, port, &hints, &addresses);
    if (result != 0)
        return base_error_set(error, BASE_ERROR_IO, "look up %s: %s", endpoint->host, gai_strerror(result));

    auto_fd fd = -1;
    int problem = 0;
    for (struct addrinfo *address = addresses; address != NULL && fd < 0; address = address->ai_next) {
        fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
        if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
            problem = errno;
            base_fd_clear(&fd);
        }
    }
    freeaddrinfo(addresses);
    if (fd < 0)
        return base_error_errno(error, problem, "connect to %s port %s", endpoint->host, port);

    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *ret_fd = base_fd_steal(&fd);
    return TRUE;
}

static gssize
tls_read(gpointer data, void *buffer, gsize length, GError **error)
{
    XeConnection *connection = data;
    ssize_t count;
    do
        count = gnutls_record_recv(connection->session, buffer, length);
    while (count == GNUTLS_E_INTERRUPTED || count == GNUTLS_E_AGAIN || count == GNUTLS_E_REHANDSHAKE);

    if (count ==
        GNUTLS_E_PREMATURE_TERMINATION) /* closed without a goodbye: common, and the messages have lengths */
        return 0;
    if (count < 0) {
        base_error_set(error, BASE_ERROR_IO, "read: %s", gnutls_strerror((int)count));
        return -1;
    }
    return count;
}

static gboolean
tls_write(gpointer data, const void *buffer, gsize length, GError **error)
{
    XeConnection *connection = data;
    for (gsize done = 0; done < length;) {
        ssize_t count = gnutls_record_send(connection->session, (const char *)buffer + done, length - done);
        if (count == GNUTLS_E_INTERRUPTED || count == GNUTLS_E_AGAIN)
            continue;
        if (count < 0)
            return base_error_set(error, BASE_ERROR_IO, "write: %s", gnutls_strerror((int)count));
        done += (gsize)count;
    }
    return TRUE;
}

static gboolean
start_tls(XeConnection *connection, const char *host, GError **error)
{
    if (gnutls_certificate_allocate_credentials(&connection->credentials) < 0 ||
        gnutls_init(&connection->session, GNUTLS_CLIENT) < 0)
        return base_error_set(error, BASE_ERROR_FAILED, "TLS cannot be set up");

    gnutls_session_t session = connection->session;
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, connection->credentials);
    if (!g_hostname_is_ip_address(host))
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, strlen(host));
    gnutls_transport_set_int(session, connection->fd);

    int result;
    do
        result = gnutls_handshake(session);
    while (result < 0 && !gnutls_error_is_fatal(result));
    if (result < 0)
        return base_error_set(error, BASE_ERROR_IO, "TLS with %s: %s", host, gnutls_strerror(result));
    connection->transport = (CliTransport){tls_read, tls_write, connection};
    return TRUE;
}

XeConnection *
xe_connection_open(const XeEndpoint *endpoint, GError **error)
{
    auto_fd fd = -1;
    gboolean is_open = endpoint->socket_path != NULL ? connect_unix(endpoint->socket_path, &fd, error)
                                                     : connect_tcp(endpoint, &fd, error);
    if (!is_open)
        return NULL;

    g_autoptr(XeConnection) connection = g_new0(XeConnection, 1);
    connection->fd = base_fd_steal(&fd);
    connection->transport = cli_transport_fd(connection->fd);
    if (endpoint->is_tls && !start_tls(connection, endpoint->host, error))
        return NULL;
    return g_steal_pointer(&connection);
}

void
xe_connection_free(XeConnection *connection)
{
    if (connection == NULL)
        return;
    if (connection->session != NULL) {
        gnutls_bye(connection->session, GNUTLS_SHUT_WR);
        gnutls_deinit(connection->session);
    }
    if (connection->credentials != NULL)
        gnutls_certificate_free_credentials(connection->credentials);
    base_fd_clear(&connection->fd);
    g_free(connection);
}

const CliTransport *
xe_connection_transport(XeConnection *connection)
{
    return &connection->transport;
}

int
xe_connection_fd(XeConnection *connection)
{
    return connection->fd;
}

gboolean
xe_connection_has_pending(XeConnection *connection)
{
    return connection->session != NULL && gnutls_record_check_pending(connection->session) > 0;
}
