/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What xylemd is told on its command line. */
#pragma once

#include <glib.h>

typedef struct XylemdOptions {
    char *state_directory;
    char *bind_address;
    int port;                  /* TLS; 0: any free one; -1: none */
    int plain_port;            /* plain HTTP; 0: any free one; -1: none */
    char *socket_path;         /* NULL: <state>/xapi.sock */
    char *domain_socket_path;  /* NULL: <state>/xenopsd.sock */
    char *storage_socket_path; /* NULL: <state>/storage.sock */
    char **plugin_directories; /* NULL: the installed one */
    char *guest_directory;     /* (nullable) */
    char *iso_directory;       /* (nullable) */
    char *auth;                /* "pam", "password" or "auto" */
    char *log_level;
    int n_workers;
    int login_delay_ms; /* how long a refused login takes at least */
    int shutdown_timeout_s;
    gboolean check_db;
    gboolean show_version;
} XylemdOptions;

/** options_parse: fills @options from the command line, with defaults. Errors: G_OPTION_ERROR,
 * BASE_ERROR_INVALID. */
gboolean options_parse(XylemdOptions *options, int *argc, char ***argv, GError **error);
/** options_clear: frees what options_parse() filled in, also after it failed. */
void options_clear(XylemdOptions *options);
