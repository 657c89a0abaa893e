/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xe: the thin client. Everything that knows a command is on the server. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/client/client.h"

#define SETTINGS_MAX_BYTES 65536

/* Ours as installed and as started by hand, then the one other toolstacks of this API use. */
static const char *const default_sockets[] = {"/run/xylem/xapi.sock", "/var/lib/xylem/xapi.sock",
                                              "/var/lib/xcp/xapi", NULL};

/* ~/.xe, or NULL: it is optional. */
static char *
read_settings(void)
{
    const char *home = g_getenv("HOME");
    g_autofree char *path = g_build_filename(home == NULL ? g_get_home_dir() : home, ".xe", NULL);
    char *text = NULL;
    gsize length = 0;
    if (!base_file_read(path, SETTINGS_MAX_BYTES, &text, &length, NULL))
        return NULL;
    return text;
}

int
main(int argc, char **argv)
{
    /* A server that goes away is an error of a write, not our end. */
    signal(SIGPIPE, SIG_IGN);

    g_autofree char *settings = read_settings();
    XeSources sources = {
        .file_text = settings,
        .extra = g_getenv("XE_EXTRA_ARGS"),
        .socket = g_getenv("XYLEM_SOCKET"),
    };
    g_auto(XeOptions) options = {0};
    g_autoptr(GError) error = NULL;
    const char *const *words = argc > 0 ? (const char *const *)argv + 1 : (const char *const *)argv;
    if (!xe_options_parse(words, &sources, &options, &error)) {
        fprintf(stderr, "Error: %s\n\n%s", error->message, xe_options_usage());
        return 1;
    }
    if (options.wants_version) {
        printf("ThinCLI protocol: %d.%d\n", CLI_PROTOCOL_MAJOR, CLI_PROTOCOL_MINOR);
        return 0;
    }
    if (options.wants_usage) {
        fputs(xe_options_usage(), stdout);
        return 0;
    }

    g_auto(XeClient) client = {
        .options = &options,
        .default_sockets = default_sockets,
        .output = stdout,
        .errors = stderr,
        .input = STDIN_FILENO,
        .output_fd = STDOUT_FILENO,
        .heartbeat_seconds = XE_HEARTBEAT_SECONDS,
    };
    return xe_client_run(&client);
}
