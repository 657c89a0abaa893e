/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The management server's main(): options in, signals until the end. */
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/options.h"
#include "daemon/server.h"
#include "model/model.h"
#include <signal.h>
#include <stdio.h>

static gboolean
read_again(gpointer options, const char *const *argv, GError **error)
{
    return options_read(options, argv, error);
}

static int
serve(XylemdOptions *options, const char *const *argv)
{
    const ControlSpec spec = {
        .table = &xylemd_options,
        .options = options,
        .options_size = sizeof *options,
        .read = read_again,
        .argv = argv,
        .config_path = (const char *const *)&options->config_path,
        .log_level = &options->log_level,
        .state_directory = options->state_directory,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(Control) control = control_new(&spec);
    Server *server = server_start(options, &error);
    if (server == NULL) {
        fprintf(stderr, "xylemd: %s\n", error->message);
        return 1;
    }
    control_run(control,
                &(ControlParts){server_reload, server_dump, "the database writer", server_probe, server});
    log_info("stopping");
    server_stop(server);
    return 0;
}

static int
run(XylemdOptions *options, const char *const *argv)
{
    if (options->show_version) {
        printf("xylemd %s\n", XYLEM_VERSION);
        return 0;
    }
    if (options->print_config) {
        option_print_config(&xylemd_options, stdout);
        return 0;
    }
    LogLevel level = LOG_LEVEL_INFO;
    base_log_level_from_name(options->log_level, &level);
    base_log_init("xylemd", level);
    model_init();
    return options->check_db ? server_check_db(options) : serve(options, argv);
}

int
main(int argc, char **argv)
{
    XylemdOptions options;
    g_autoptr(GError) error = NULL;
    signal(SIGPIPE, SIG_IGN); /* peers that hang up are told by errno */
    signal(SIGXFSZ, SIG_IGN); /* so are files that may not grow further */
    int status = 2;
    if (options_read(&options, (const char *const *)argv, &error))
        status = run(&options, (const char *const *)argv);
    else
        fprintf(stderr, "xylemd: %s\n", error->message);
    options_clear(&options);
    return status;
}
