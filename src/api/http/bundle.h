/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An archive that is sent while it is made. */
#pragma once

#include "http/server.h"

typedef struct Bundle Bundle;

typedef enum BundleFormat { BUNDLE_TAR, BUNDLE_TAR_GZIP, BUNDLE_TAR_BZIP2, BUNDLE_ZIP } BundleFormat;

/**
 * bundle_new:
 * @stream: outlives it
 * @folder: what all names in the archive begin with
 */
Bundle *bundle_new(HttpStream *stream, BundleFormat format, const char *folder, GError **error);
void bundle_free(Bundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bundle, bundle_free)

/** bundle_add: a member. Errors: BASE_ERROR_IO (the client is gone). */
gboolean bundle_add(Bundle *bundle, const char *name, const void *data, gsize length, GError **error);
/** bundle_add_file: the last @max_bytes of a regular file; one that is not there or cannot be read is left
 * out. Errors: as above. */
gboolean bundle_add_file(Bundle *bundle, const char *name, const char *path, guint64 max_bytes,
                         GError **error);
/** bundle_end: after the last member. */
gboolean bundle_end(Bundle *bundle, GError **error);
