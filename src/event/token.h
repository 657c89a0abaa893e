/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event tokens: where in the history of the database a client stands, as text that sorts like the numbers in
 * it. */
#pragma once

#include <glib.h>

/** event_token_format: 20 digits, a comma, and the generation of messages, which for us come from the
 * database too: 20 zeros. */
char *event_token_format(guint64 generation);

/** event_token_parse: "" is 0: from the start. Errors: EVENT_FROM_TOKEN_PARSE_FAILURE [token]. */
gboolean event_token_parse(const char *token, guint64 *ret_generation, GError **error);
