/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of xenops. */
#pragma once

#include <glib.h>

/* Options that only some commands take. */
typedef enum XenopsOption {
    XENOPS_OPTION_PAUSED = 1 << 0,
    XENOPS_OPTION_TIMEOUT = 1 << 1, /* and --force */
    XENOPS_OPTION_REPLACE = 1 << 2,
    XENOPS_OPTION_JSON = 1 << 3,
} XenopsOption;

typedef struct XenopsOptions {
    char *socket_path;
    gboolean is_json;
    gboolean is_quiet;
    gboolean is_paused;
    gboolean is_forced;
    gboolean is_replacing;
    double timeout_s; /* of a clean shutdown */
    gboolean shows_version;
    char **words; /* the command and its arguments */
    guint given;  /* XenopsOption that are there */
} XenopsOptions;

/**
 * xenops_options_read:
 * @summary: stands in the help before the options
 *
 * Fills zeroed @options; prints and ends the program for --help. On failure too the caller clears them.
 * Errors: BASE_ERROR_INVALID.
 */
gboolean xenops_options_read(XenopsOptions *options, const char *summary, char **argv, GError **error);
void xenops_options_clear(XenopsOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XenopsOptions, xenops_options_clear)
