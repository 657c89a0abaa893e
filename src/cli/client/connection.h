/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of the client: Unix socket, plain TCP or TLS. Certificates are not checked, as by the peer's
 * xe. */
#pragma once

#include "cli/transport.h"

/* One way to reach the server. */
typedef struct XeEndpoint {
    char *socket_path; /* a Unix socket; NULL: TCP */
    char *host;
    guint16 port;
    gboolean is_tls;
} XeEndpoint;

/** xe_endpoint_new_unix: copies its arguments, as the next one does. */
XeEndpoint *xe_endpoint_new_unix(const char *socket_path);
/** xe_endpoint_new_tcp: @host is a name or an address. */
XeEndpoint *xe_endpoint_new_tcp(const char *host, guint16 port, gboolean is_tls);
void xe_endpoint_free(XeEndpoint *endpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XeEndpoint, xe_endpoint_free)

/** xe_endpoint_describe: "127.0.0.1 port 443", for messages. */
char *xe_endpoint_describe(const XeEndpoint *endpoint);

typedef struct XeConnection XeConnection;

/** xe_connection_open: Errors: BASE_ERROR_NOT_FOUND (no such socket), BASE_ERROR_IO. */
XeConnection *xe_connection_open(const XeEndpoint *endpoint, GError **error);
/** xe_connection_free: closes it. NULL is fine. */
void xe_connection_free(XeConnection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XeConnection, xe_connection_free)

/** xe_connection_transport: borrowed from @connection. */
const CliTransport *xe_connection_transport(XeConnection *connection);
/** xe_connection_fd: to wait on; see xe_connection_has_pending(). */
int xe_connection_fd(XeConnection *connection);
/** xe_connection_has_pending: bytes are here that the descriptor no longer shows (decrypted already). */
gboolean xe_connection_has_pending(XeConnection *connection);
