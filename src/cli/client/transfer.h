/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files and consoles between the user and the server, over HTTP connections beside the command's. */
#pragma once

#include "cli/client/client.h"

/**
 * xe_file_is_allowed:
 * @may_be_new: also a file in the current directory that is not hidden (downloads)
 *
 * Whether the server may name @path: only what the user gave as the value of some "key=value" word, compared
 * after normalisation. A server that is not honest could otherwise read any file of the user's. Source:
 * protocol notes 7.1.
 */
gboolean xe_file_is_allowed(const XeOptions *options, const char *path, gboolean may_be_new);

/** xe_transfer_load: answers Load: Response OK and the file, or Response Failed. FALSE: the command's
 * connection is lost. */
gboolean xe_transfer_load(XeClient *client, const char *path, GError **error);

/** xe_transfer_get: GET @url into a new file @path ("": standard output). The problem goes into @error; the
 * caller answers. */
gboolean xe_transfer_get(XeClient *client, const char *path, const char *url, GError **error);

/** xe_transfer_put: PUT the file @path ("": standard input) to @url. */
gboolean xe_transfer_put(XeClient *client, const char *path, const char *url, GError **error);

/** xe_transfer_connect: the user's terminal on the console at @url, until Ctrl-]. */
gboolean xe_transfer_connect(XeClient *client, const char *url, GError **error);
