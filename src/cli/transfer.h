/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that go between the client and the server's HTTP handlers, watched by a task. Source: protocol notes
 * 4 and 7.1. */
#pragma once

#include "cli/call.h"

/**
 * cli_transfer:
 * @tag: CLI_TAG_HTTP_GET or CLI_TAG_HTTP_PUT
 * @file: the user's name of the file
 * @path: with its query; session and task are added
 * @label: of the task
 *
 * Lets the client do the transfer, and waits until the handler is done with it. (transfer full): the task's
 * result; nil when it has none. Errors: the task's; CLI_ERROR_FAILED when the client could not.
 */
Value *cli_transfer(CliCall *call, CliTag tag, const char *file, const char *path, const char *label,
                    GError **error);

/** cli_transfer_untracked: the same where the handler works as no task: the client's word is all there is. */
gboolean cli_transfer_untracked(CliCall *call, CliTag tag, const char *file, const char *path,
                                GError **error);

/**
 * cli_transfer_connect:
 * @path: with its query; the session is added
 *
 * Joins the user's terminal to a stream of the server, until one of them ends it. Errors: CLI_ERROR_FAILED
 * when the client could not, and has said why.
 */
gboolean cli_transfer_connect(CliCall *call, const char *path, GError **error);
