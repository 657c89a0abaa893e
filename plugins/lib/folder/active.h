/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks of who has activated a disk: <uuid>.active, one entry per host. They hold between hosts that share
 * the folder.
 *
 * An entry names the host's boot: after a reboot the host's own entry means nothing and is taken over. So no
 * entry waits for the disk: a power failure that loses one has ended what it stood for. */
#pragma once

#include "lib/folder/store.h"

/**
 * folder_active_set:
 * @host: the caller's host_ref
 * @is_sharable: several hosts may write
 * @error: (out): DRIVER_ERROR_VDI_IN_USE when another host has it activated and one of the two writes
 *
 * Activating again on the same host is fine; it may go from reading to writing. The store's lock is held
 * exclusively.
 */
gboolean folder_active_set(const FolderStore *store, const char *uuid, const char *host, gboolean is_writable,
                           gboolean is_sharable, GError **error);

/** folder_active_clear: fine if it is not activated; other hosts' entries stay. The store's lock is held
 * exclusively. */
gboolean folder_active_clear(const FolderStore *store, const char *uuid, const char *host, GError **error);

/** folder_active_check: DRIVER_ERROR_VDI_IN_USE while a host has it activated for writing, or at all with
 * @readers_too. */
gboolean folder_active_check(const FolderStore *store, const char *uuid, const char *host,
                             gboolean readers_too, GError **error);

/** folder_active_is_set: whether @host has it activated. */
gboolean folder_active_is_set(const FolderStore *store, const char *uuid, const char *host);
