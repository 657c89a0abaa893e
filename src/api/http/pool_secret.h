/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The secret by which the members of a pool know each other. */
#pragma once

#include <glib.h>

/**
 * pool_secret_ensure:
 * @ret_secret: the caller's
 *
 * Reads "pool_secret" in @state_directory, made on the first start with mode 0600: uuids joined by '/', as
 * the peer's. Errors: BASE_ERROR_IO, BASE_ERROR_INVALID (the file is there and too short to be a secret).
 */
gboolean pool_secret_ensure(const char *state_directory, char **ret_secret, GError **error);
