/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xylemd's command line. */
#include "daemon/options.h"

#include "base/error.h"
#include "base/log.h"

#define DEFAULT_STATE      "/var/lib/xylem"
#define DEFAULT_PLUGINS    "/usr/libexec/xylem/sm"
#define DEFAULT_ISO        "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"
#define LOGIN_DELAY_MAX_MS (60 * 60 * 1000)

static void
set_default(char **text, const char *fallback)
{
    if (*text == NULL)
        *text = g_strdup(fallback);
}

/* After the parsing, which would not free what stood there before. */
static void
fill_defaults(XylemdOptions *options)
{
    set_default(&options->state_directory, DEFAULT_STATE);
    set_default(&options->bind_address, "::");
    set_default(&options->auth, "auto");
    set_default(&options->log_level, "info");
    set_default(&options->iso_directory, DEFAULT_ISO);
    const char *state = options->state_directory;
    if (options->socket_path == NULL)
        options->socket_path = g_build_filename(state, "xapi.sock", NULL);
    if (options->domain_socket_path == NULL)
        options->domain_socket_path = g_build_filename(state, "xenopsd.sock", NULL);
    if (options->storage_socket_path == NULL)
        options->storage_socket_path = g_build_filename(state, "storage.sock", NULL);
    if (options->plugin_directories == NULL)
        options->plugin_directories = g_strsplit(DEFAULT_PLUGINS, ":", 0);
}

static gboolean
check(const XylemdOptions *options, GError **error)
{
    static const char *const auth_ways[] = {"auto", "pam", "password", NULL};
    LogLevel level;
    if (options->port < -1 || options->port > 65535 || options->plain_port < -1 ||
        options->plain_port > 65535)
        return base_error_set(error, BASE_ERROR_INVALID,
                              "a port is a number from 0 to 65535, or -1 for none");
    if (!g_strv_contains(auth_ways, options->auth))
        return base_error_set(error, BASE_ERROR_INVALID, "--auth is auto, pam or password, not '%s'",
                              options->auth);
    if (!base_log_level_from_name(options->log_level, &level))
        return base_error_set(error, BASE_ERROR_INVALID,
                              "--log-level is debug, info, warning or error, not '%s'", options->log_level);
    if (options->n_workers < 1 || options->n_workers > 1024)
        return base_error_set(error, BASE_ERROR_INVALID, "--workers is a number from 1 to 1024");
    if (options->login_delay_ms < 0 || options->login_delay_ms > LOGIN_DELAY_MAX_MS)
        return base_error_set(error, BASE_ERROR_INVALID,
                              "--login-delay is a number of milliseconds from 0 to %d", LOGIN_DELAY_MAX_MS);
    if (options->shutdown_timeout_s < 1 || options->shutdown_timeout_s > 86400)
        return base_error_set(error, BASE_ERROR_INVALID,
                              "--shutdown-timeout is a number of seconds from 1 to 86400");
    return TRUE;
}

gboolean
options_parse(XylemdOptions *options, int *argc, char ***argv, GError **error)
{
    *options = (XylemdOptions){
        .port = 443, .plain_port = -1, .n_workers = 32, .login_delay_ms = 2500, .shutdown_timeout_s = 60};
    /* clang-format off */
    const GOptionEntry entries[] = {
        {"state",            0, 0, G_OPTION_ARG_FILENAME,       &options->state_directory,     "where database, password and certificate rest", "DIR"},
        {"bind",             0, 0, G_OPTION_ARG_STRING,         &options->bind_address,        "address to listen on (:: is all)", "ADDR"},
        {"port",             0, 0, G_OPTION_ARG_INT,            &options->port,                "TLS port, 0 for any free one, -1 for none", "N"},
        {"plain-port",       0, 0, G_OPTION_ARG_INT,            &options->plain_port,          "plain HTTP port, 0 for any free one, -1 for none (default)", "N"},
        {"socket",           0, 0, G_OPTION_ARG_FILENAME,       &options->socket_path,         "Unix socket of the API (default: xapi.sock in the state directory)", "PATH"},
        {"domain-socket",    0, 0, G_OPTION_ARG_FILENAME,       &options->domain_socket_path,  "Unix socket of xenopsd", "PATH"},
        {"storage-socket",   0, 0, G_OPTION_ARG_FILENAME,       &options->storage_socket_path, "Unix socket that xenopsd attaches disks through", "PATH"},
        {"plugin-dir",       0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->plugin_directories,  "where storage plugins are; may be repeated", "DIR"},
        {"guest-dir",        0, 0, G_OPTION_ARG_FILENAME,       &options->guest_directory,     "kernel, initrd and disk of the demo guest", "DIR"},
        {"iso-dir",          0, 0, G_OPTION_ARG_FILENAME,       &options->iso_directory,       "installer kernels for templates", "DIR"},
        {"auth",             0, 0, G_OPTION_ARG_STRING,         &options->auth,                "who checks passwords: pam, password (a generated one), auto", "WAY"},
        {"workers",          0, 0, G_OPTION_ARG_INT,            &options->n_workers,           "threads for calls that wait", "N"},
        {"login-delay",      0, 0, G_OPTION_ARG_INT,            &options->login_delay_ms,      "how long a refused login takes at least", "MILLISECONDS"},
        {"shutdown-timeout", 0, 0, G_OPTION_ARG_INT,            &options->shutdown_timeout_s,  "how long a guest may take to shut down cleanly", "SECONDS"},
        {"log-level",        0, 0, G_OPTION_ARG_STRING,         &options->log_level,           "debug, info, warning or error", "LEVEL"},
        {"check-db",         0, 0, G_OPTION_ARG_NONE,           &options->check_db,            "check the database, report every violation, change nothing", NULL},
        {"version",          0, 0, G_OPTION_ARG_NONE,           &options->show_version,        "print the version", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    /* clang-format on */
    g_autoptr(GOptionContext) context = g_option_context_new("- the XenAPI management server");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (*argc > 1)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is not understood; see --help", (*argv)[1]);
    fill_defaults(options);
    return check(options, error);
}

void
options_clear(XylemdOptions *options)
{
    g_free(options->state_directory);
    g_free(options->bind_address);
    g_free(options->socket_path);
    g_free(options->domain_socket_path);
    g_free(options->storage_socket_path);
    g_strfreev(options->plugin_directories);
    g_free(options->guest_directory);
    g_free(options->iso_directory);
    g_free(options->auth);
    g_free(options->log_level);
}
