/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What xylemd is told on its command line and in its configuration file. */
#pragma once

#include "daemon/option.h"

typedef struct XylemdOptions {
    char *config_path; /* NULL: no file */
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
    char *web_directory;       /* (nullable) */
    char *auth;                /* "pam", "password" or "auto" */
    char *log_level;
    int n_workers;
    int request_timeout_s; /* for a header, a body, or 64 KiB of an upload */
    int output_timeout_s;  /* for 64 KiB of a download or of xe's output */
    int login_delay_ms;    /* how long a refused login takes at least */
    int directory_check_s;
    int shutdown_timeout_s;
    gboolean check_db;
    gboolean print_config;
    gboolean show_version;
} XylemdOptions;

/* Every option, in the order of the documentation. */
extern const OptionTable xylemd_options;

/** options_read: fills @options from @argv and the file it names, with defaults. Errors: those of
 * option_read(). */
gboolean options_read(XylemdOptions *options, const char *const *argv, GError **error);
/** options_clear: frees what options_read() filled in, also after it failed. */
void options_clear(XylemdOptions *options);
