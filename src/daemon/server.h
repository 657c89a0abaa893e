/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The management server as a whole: its parts, in the order they are built and taken down. */
#pragma once

#include "daemon/options.h"

typedef struct Server Server;

/**
 * server_start:
 *
 * Opens the database, brings the machine's rows up to date, and listens. Errors: what the first part that
 * failed says, in words for an administrator.
 */
Server *server_start(const XylemdOptions *options, GError **error);
/** server_stop: answers what waits, lets running calls end, closes the database. Guests go on. NULL is fine.
 */
void server_stop(Server *server);

/** server_reload: the options have been read again: those that are live take effect, and storage plugins are
 * looked for. On the main thread. */
void server_reload(gpointer server);
/** server_dump: appends what the parts are doing now, without secrets. From any thread. */
void server_dump(gpointer server, GString *out);
/** server_probe: a WatchdogProbe of the database's writer. */
void server_probe(gpointer server, void (*alive)(gpointer data), gpointer alive_data);

/** server_check_db: --check-db: prints each violation on stdout. Returns the exit status: 0 none, 1 some, or
 * the database cannot be read. */
int server_check_db(const XylemdOptions *options);
