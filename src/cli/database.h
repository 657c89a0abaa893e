/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that look into another database than the pool's own: database:vdi-uuid=, database:filename=.
 * Source: protocol notes 7.3. */
#pragma once

#include "cli/call.h"

/**
 * cli_database_check:
 *
 * For commands that read objects. TRUE when no other database is asked for. Otherwise the server is asked to
 * open it, and its error is the answer; objects of a database that does open are still out of reach of these
 * commands, which is said rather than showing the pool's own.
 */
gboolean cli_database_check(CliCall *call, GError **error);
