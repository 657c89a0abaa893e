/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plans ask of the storage service for a disk given as VDI "SR/VDI". The order is attach, activate,
 * deactivate, detach; each may be repeated and then succeeds without doing anything. A datapath `dp` is
 * "vbd/<vm>/<device>". Calls block; worker threads only. */
#pragma once

#include <gio/gio.h>

typedef struct DomainStorage {
    gpointer data;
    /* @ret_format: "raw" or "qcow2" */
    gboolean (*attach)(gpointer data, const char *dp, const char *sr, const char *vdi, gboolean is_writable,
                       GCancellable *cancellable, char **ret_path, char **ret_format, GError **error);
    gboolean (*activate)(gpointer data, const char *dp, const char *sr, const char *vdi,
                         GCancellable *cancellable, GError **error);
    gboolean (*deactivate)(gpointer data, const char *dp, const char *sr, const char *vdi, GError **error);
    gboolean (*detach)(gpointer data, const char *dp, const char *sr, const char *vdi, GError **error);
} DomainStorage;
