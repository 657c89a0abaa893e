/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object database as the XML document that the peer keeps its own in. */
#pragma once

#include "db/db.h"
#include "http/server.h"

/**
 * database_dump:
 * @is_for_others: leaves out what nobody else should read: secrets, and settings whose name says password
 *
 * The rows that are stored, as of one moment. (transfer full)
 */
GString *database_dump(Db *db, gboolean is_for_others);
/** database_dump_to: the same, complete, to @stream as it is made. Errors: BASE_ERROR_IO. */
gboolean database_dump_to(Db *db, HttpStream *stream, GError **error);
