/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xylemd's options. */
#include "daemon/options.h"

#define DEFAULT_ISO "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"

#define AT(field) G_STRUCT_OFFSET(XylemdOptions, field)

/* clang-format off */
static const Option options_table[] = {
    {"config", OPTION_PATH, AT(config_path), "FILE", .is_for_line_only = TRUE,
     .doc = "Configuration file to read; none without this option."},
    {"state", OPTION_PATH, AT(state_directory), "DIR", "/var/lib/xylem",
     .doc = "Where database, password and certificate rest."},
    {"bind", OPTION_TEXT, AT(bind_address), "ADDRESS", "::",
     .doc = "Address to listen on; :: is all."},
    {"port", OPTION_NUMBER, AT(port), "N", "443", .min = -1, .max = 65535,
     .doc = "TLS port; 0 is any free one, -1 none."},
    {"plain-port", OPTION_NUMBER, AT(plain_port), "N", "-1", .min = -1, .max = 65535,
     .doc = "Plain HTTP port; 0 is any free one, -1 none. Passwords pass through it in the clear."},
    {"socket", OPTION_PATH, AT(socket_path), "PATH", .installed = "/run/xylem/xapi.sock",
     .doc = "Unix socket of the API; without it, xapi.sock in the state directory."},
    {"domain-socket", OPTION_PATH, AT(domain_socket_path), "PATH", .installed = "/run/xylem/xenopsd.sock",
     .doc = "Unix socket that xenopsd serves; without it, xenopsd.sock in the state directory."},
    {"storage-socket", OPTION_PATH, AT(storage_socket_path), "PATH", .installed = "/run/xylem/storage.sock",
     .doc = "Unix socket that xenopsd attaches disks through; without it, storage.sock in the state directory."},
    {"plugin-dir", OPTION_LIST, AT(plugin_directories), "DIR", "/usr/libexec/xylem/sm", .is_live = TRUE,
     .doc = "Where storage plugins are."},
    {"guest-dir", OPTION_PATH, AT(guest_directory), "DIR", .is_live = TRUE,
     .doc = "Kernel, initrd and disk of the demo guest; without it there is no template of it."},
    {"iso-dir", OPTION_PATH, AT(iso_directory), "DIR", DEFAULT_ISO, .is_live = TRUE,
     .doc = "Installer kernels for templates."},
    {"web-dir", OPTION_PATH, AT(web_directory), "DIR", "/usr/share/xylem/web", .is_live = TRUE,
     .doc = "Files that GET / serves to anybody, logged in or not."},
    {"auth", OPTION_CHOICE, AT(auth), "WAY", "auto", .choices = "auto|pam|password",
     .doc = "Who checks passwords: the PAM service xylem; root's generated password in the state directory; auto is PAM for a root daemon that finds the service installed."},
    {"workers", OPTION_NUMBER, AT(n_workers), "N", "64", .min = 1, .max = 1024, .is_live = TRUE,
     .doc = "Threads for calls that wait."},
    {"request-timeout", OPTION_NUMBER, AT(request_timeout_s), "SECONDS", "60", .min = 1, .max = 86400,
     .doc = "How long a request's header may take to arrive, and its body; of an upload, each 64 KiB."},
    {"output-timeout", OPTION_NUMBER, AT(output_timeout_s), "SECONDS", "600", .min = 1, .max = 86400,
     .doc = "How long a client may take over 64 KiB of a download, or of what xe prints, before it is ended."},
    {"login-delay", OPTION_NUMBER, AT(login_delay_ms), "MILLISECONDS", "2500", .min = 0, .max = 60 * 60 * 1000, .is_live = TRUE,
     .doc = "How long a refused login takes at least."},
    {"directory-check", OPTION_NUMBER, AT(directory_check_s), "SECONDS", "600", .min = 1, .max = 86400, .is_live = TRUE,
     .doc = "How often the directory is asked whether users who are logged in still may be."},
    {"shutdown-timeout", OPTION_NUMBER, AT(shutdown_timeout_s), "SECONDS", "60", .min = 1, .max = 86400, .is_live = TRUE,
     .doc = "How long a guest may take to shut down cleanly."},
    {"log-level", OPTION_CHOICE, AT(log_level), "LEVEL", "info", .choices = "debug|info|warning|error", .is_live = TRUE,
     .doc = "The least serious lines that are logged. SIGUSR1 lowers it one step, SIGUSR2 brings this back."},
    {"check-db", OPTION_ACTION, AT(check_db),
     .doc = "Check the database, print every violation, change nothing, end."},
    {"print-config", OPTION_ACTION, AT(print_config),
     .doc = "Print a configuration file with every key and its default, end."},
    {"version", OPTION_ACTION, AT(show_version),
     .doc = "Print the version, end."},
};
/* clang-format on */

const OptionTable xylemd_options = {"xylemd", "The XenAPI management server.", options_table,
                                    G_N_ELEMENTS(options_table)};

static void
set_default_below(const char *state, char **path, const char *name)
{
    if (*path == NULL)
        *path = g_build_filename(state, name, NULL);
}

gboolean
options_read(XylemdOptions *options, const char *const *argv, GError **error)
{
    *options = (XylemdOptions){0};
    if (!option_read(&xylemd_options, options, argv, error))
        return FALSE;
    set_default_below(options->state_directory, &options->socket_path, "xapi.sock");
    set_default_below(options->state_directory, &options->domain_socket_path, "xenopsd.sock");
    set_default_below(options->state_directory, &options->storage_socket_path, "storage.sock");
    return TRUE;
}

void
options_clear(XylemdOptions *options)
{
    option_clear(&xylemd_options, options);
}
