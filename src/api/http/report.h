/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a bug report holds, by entry. */
#pragma once

#include "api/http/bundle.h"
#include "api/services.h"

/** report_capabilities: (transfer full): the entries there are, as the XML that clients choose from. */
char *report_capabilities(void);
/** report_is_entry: whether there is an entry of this name. */
gboolean report_is_entry(const char *key);
/**
 * report_write:
 * @keys: (nullable): NULL for all
 *
 * Adds what each entry is about. Errors: BASE_ERROR_IO.
 */
gboolean report_write(const ApiServices *services, Bundle *bundle, const char *const *keys,
                      GCancellable *cancellable, GError **error);
/** report_write_logs: the entry of logs alone. */
gboolean report_write_logs(const ApiServices *services, Bundle *bundle, GCancellable *cancellable,
                           GError **error);
