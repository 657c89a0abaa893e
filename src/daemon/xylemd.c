/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The management server's main(): options in, signals until the end. */
#include "base/log.h"
#include "daemon/options.h"
#include "daemon/server.h"
#include "model/model.h"
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

static gboolean
quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static int
serve(const XylemdOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGINT, quit, loop);
    g_unix_signal_add(SIGTERM, quit, loop);
    Server *server = server_start(options, &error);
    if (server == NULL) {
        fprintf(stderr, "xylemd: %s\n", error->message);
        return 1;
    }
    sd_notify(0, "READY=1");
    g_main_loop_run(loop);
    sd_notify(0, "STOPPING=1");
    log_info("stopping");
    server_stop(server);
    return 0;
}

int
main(int argc, char **argv)
{
    XylemdOptions options;
    g_autoptr(GError) error = NULL;
    signal(SIGPIPE, SIG_IGN); /* peers that hang up are told by errno */
    signal(SIGXFSZ, SIG_IGN); /* so are files that may not grow further */
    int status = 0;
    if (!options_parse(&options, &argc, &argv, &error)) {
        fprintf(stderr, "xylemd: %s\n", error->message);
        status = 2;
    } else if (options.show_version) {
        printf("xylemd %s\n", XYLEM_VERSION);
    } else {
        LogLevel level = LOG_LEVEL_INFO;
        base_log_level_from_name(options.log_level, &level);
        base_log_init("xylemd", level);
        model_init();
        status = options.check_db ? server_check_db(&options) : serve(&options);
    }
    options_clear(&options);
    return status;
}
