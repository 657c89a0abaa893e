/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server side of xe: POST /cli. */
#pragma once

#include "cli/transport.h"
#include "rpc/rpc.h"

/* Bound on the words of a command. */
#define CLI_BODY_MAX_BYTES (200 * 1024)

typedef struct CliServer CliServer;

/** cli_server_new: all must outlive it. */
CliServer *cli_server_new(Rpc *rpc, Db *db, Sessions *sessions);
/** cli_server_stop: breaks off what waits for a client and refuses what comes; the HTTP server may then be
 * freed, which no handler outlives. */
void cli_server_stop(CliServer *server);
/** cli_server_free: breaks off what waits for a client, lets the rest end. NULL is fine. */
void cli_server_free(CliServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliServer, cli_server_free)

/** cli_http_handler: route this at POST /cli, with body_max_bytes 0 and the CliServer as data. */
void cli_http_handler(HttpRequest *request, gpointer server);

/**
 * cli_serve:
 * @body: the words of the command
 *
 * One whole conversation over @transport, which stays the caller's: greeting, command, exit. Blocks. Returns
 * the exit status sent; 1 when the client went away.
 */
int cli_serve(CliServer *server, const CliTransport *transport, const RpcOrigin *origin, const char *body,
              gsize length);
