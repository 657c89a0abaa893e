/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What xenopsd is told on its command line and in its configuration file. */
#pragma once

#include "daemon/option.h"

typedef struct XenopsdOptions {
    char *config_path; /* NULL: no file */
    char *state_directory;
    char *socket_path;
    char *dbus; /* "none", "system", "session" or an address */
    char *dbus_name;
    char *storage_socket_path; /* NULL: disks are paths */
    char *backend;             /* "qemu" or "fake" */
    char *accel;               /* "auto", "kvm" or "tcg" */
    char *qemu;                /* program */
    char *log_level;
    gboolean print_config;
    gboolean show_version;
} XenopsdOptions;

/* Every option, in the order of the documentation. */
extern const OptionTable xenopsd_options;

/** domain_options_read: fills @options from @argv and the file it names, with defaults. Errors: those of
 * option_read(). */
gboolean domain_options_read(XenopsdOptions *options, const char *const *argv, GError **error);
/** domain_options_clear: frees what domain_options_read() filled in, also after it failed. */
void domain_options_clear(XenopsdOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XenopsdOptions, domain_options_clear)
