/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tap devices on a bridge of this host. */
#pragma once

#include <glib.h>

/** tap_is_possible: whether this process may make taps and @bridge is a bridge. */
gboolean tap_is_possible(const char *bridge);

/**
 * tap_open:
 * @name: at most 15 bytes
 * @ret_fd: (out): as long as this or a copy of it is open, the device exists
 *
 * Makes the tap, puts it into @bridge and takes it up. Errors: BASE_ERROR_IO.
 */
gboolean tap_open(const char *name, const char *bridge, gint64 mtu, int *ret_fd, GError **error);
