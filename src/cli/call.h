/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One command on its way: its words, its session, its client, and the calls it makes. What handlers work
 * with. */
#pragma once

#include <gio/gio.h>

#include "cli/arguments.h"
#include "cli/error.h"
#include "cli/table.h"
#include "cli/transport.h"
#include "rpc/rpc.h"

struct CliCall {
    Rpc *rpc;
    Db *db;
    const CliTransport *transport;
    const RpcOrigin *origin;
    Session *session; /* NULL before the login */
    const CliArguments *arguments;
    const CliRow *row; /* NULL for generated commands */
    gboolean is_minimal;
    GString *output;           /* messages not sent yet */
    GString *minimal;          /* what --minimal prints at the end */
    gboolean has_minimal;      /* something is in it, maybe an empty text */
    GCancellable *cancellable; /* the server is ending */
};

/* -- Words
 * ---------------------------------------------------------------------------------------------------------
 */

/** cli_get: the value of @key, or NULL. */
const char *cli_get(CliCall *call, const char *key);
/** cli_require: the same; a missing one is a CLI_ERROR_USAGE. */
const char *cli_require(CliCall *call, const char *key, GError **error);
/** cli_get_truth: FALSE and CLI_ERROR_FAILED for what is neither true nor false; @fallback when absent. */
gboolean cli_get_truth(CliCall *call, const char *key, gboolean fallback, gboolean *ret_truth,
                       GError **error);
/** cli_get_size: of a key that is there. */
gboolean cli_get_size(CliCall *call, const char *key, gint64 *ret_bytes, GError **error);

/* -- Calls
 * ---------------------------------------------------------------------------------------------------------
 */

/**
 * cli_invoke:
 * @method: "VM.start"
 * @...: (transfer full): Values, without the session; NULL ends them
 *
 * (transfer full): the result; nil for void. NULL on failure. Sends what is still unsent first, since this
 * may take long. Errors: API_ERROR.
 */
Value *cli_invoke(CliCall *call, const char *method, GError **error, ...) G_GNUC_NULL_TERMINATED;
/** cli_invoke_array: the same, with the parameters as an array without the session. @params is not taken
 * over. */
Value *cli_invoke_array(CliCall *call, const char *method, const Value *params, GError **error);
/** cli_do: cli_invoke() for messages without a result. */
gboolean cli_do(CliCall *call, const char *method, GError **error, ...) G_GNUC_NULL_TERMINATED;

/** cli_check_role: RBAC_PERMISSION_DENIED [@what, text] unless the session has @least. */
gboolean cli_check_role(CliCall *call, ModelRole least, const char *what, GError **error);

/* -- Objects
 * ------------------------------------------------------------------------------------------------------- */

/** cli_row_by_uuid: (transfer full): UUID_INVALID [class, uuid] when there is none. */
DbRow *cli_row_by_uuid(CliCall *call, int class_id, const char *uuid, GError **error);
/** cli_row_by_key: cli_row_by_uuid() of the value of @key, which must be there. */
DbRow *cli_row_by_key(CliCall *call, int class_id, const char *key, GError **error);
/** cli_row_by_name: (transfer full): by uuid, name_label or, of hosts, hostname. CLI_ERROR_FAILED when none
 * or several fit. */
DbRow *cli_row_by_name(CliCall *call, int class_id, const char *name, GError **error);
/** cli_pool: (transfer full): the one pool. */
DbRow *cli_pool(CliCall *call, GError **error);
/** cli_master: (transfer full) */
DbRow *cli_master(CliCall *call, GError **error);
/** cli_default_sr: (transfer full) (nullable): the pool's default SR; NULL without @error set when there is
 * none. */
DbRow *cli_default_sr(CliCall *call);
/** cli_snapshot_row: (transfer full): of "snapshot-uuid" or "uuid"; must be a snapshot. */
DbRow *cli_snapshot_row(CliCall *call, GError **error);
/** cli_template_row: (transfer full): of @key; must be a template. */
DbRow *cli_template_row(CliCall *call, const char *key, GError **error);

/** cli_uuid_of: the uuid of what @ref refers to, or CLI_MISSING. (transfer full) */
char *cli_uuid_of(CliCall *call, int class_id, const char *ref);
const char *cli_row_uuid(const DbRow *row);
const char *cli_row_name(const DbRow *row);

/* -- The client
 * ----------------------------------------------------------------------------------------------------- */

/** cli_send: queues a message; long queues are sent. A lost client shows at cli_flush(). */
void cli_send(CliCall *call, const CliFrame *frame);
/** cli_flush: sends what is queued. Errors: CLI_ERROR_GONE. */
gboolean cli_flush(CliCall *call, GError **error);
/** cli_receive: the client's next message; what is queued is sent first. The caller clears it. Errors:
 * CLI_ERROR_GONE. */
gboolean cli_receive(CliCall *call, CliFrame *ret_frame, GError **error);
/** cli_load_bytes: (transfer full): the content of a file of the user, whatever it is. Errors: those of
 * cli_load_file(). */
GString *cli_load_bytes(CliCall *call, const char *name, GError **error);
/** cli_load_file: (transfer full): the content of a file of the user. CLI_ERROR_FAILED when there is none, or
 * it is over 32 MiB. */
char *cli_load_file(CliCall *call, const char *name, GError **error);
/** cli_confirm: asks for a yes. CLI_ERROR_DECLINED when the answer is another. */
gboolean cli_confirm(CliCall *call, GError **error);
