/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that are one message of the API: rows of model/cli.toml with "call". */
#pragma once

#include "cli/table.h"

/** cli_message_run: does what @call's row says. */
gboolean cli_message_run(CliCall *call, GError **error);

/**
 * cli_message_record:
 * @class_id: what the record is of
 *
 * (transfer full): a record for create: what a client may give, at the model's defaults. To be filled in by
 * value_map_set().
 */
Value *cli_message_record(int class_id);

/** cli_result_uuids: (transfer full): the uuids of the object, or set of objects, a message's result refers
 * to. */
GStrv cli_result_uuids(CliCall *call, const Type *type, const Value *result);
