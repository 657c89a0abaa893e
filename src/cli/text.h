/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of the API as people read and write them. Source: protocol notes 7.3 and 7.4. */
#pragma once

#include "cli/call.h"

/** cli_text_scalar: (transfer full): refs as uuids, floats with three places, enum members in people's
 * spelling. Not for sets, maps, records. */
char *cli_text_scalar(CliCall *call, const Type *type, const Value *value);

/** cli_text_value: (transfer full): any value; members of sets and maps joined by @separator. */
char *cli_text_value(CliCall *call, const Type *type, const Value *value, const char *separator);

/** cli_text_spelling: people's spelling of a member; the member itself when it has none. */
const char *cli_text_spelling(const char *enumeration, const char *member);

/**
 * cli_text_parse:
 * @name: the parameter's, for messages
 * @is_size: ints may have a size suffix
 *
 * (transfer full): reads @text as a @type: refs by uuid ("": none), sets comma-separated, dates on the wire's
 * form or in seconds, enum members in either spelling and any case. Maps cannot be read from one text.
 * Errors: CLI_ERROR_FAILED, UUID_INVALID.
 */
Value *cli_text_parse(CliCall *call, const Type *type, const char *name, const char *text, gboolean is_size,
                      GError **error);
