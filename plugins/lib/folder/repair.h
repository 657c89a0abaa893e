/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Brings a folder back into order after a crash, and takes up images that were put there by hand. */
#pragma once

#include "lib/folder/catalog.h"

/**
 * folder_repair:
 * @catalog: of @store, which is locked exclusively; kept up to date
 *
 * Removes what a call that never answered left: temporary files, sidecars without image, bases nothing reads
 * from, and the raw file of a disk that has become an overlay. An image without sidecar and without backing
 * file gets a sidecar; anything it does not understand is left as it is.
 */
gboolean folder_repair(const FolderStore *store, FolderCatalog *catalog, GError **error);
