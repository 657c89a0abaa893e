/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the command line with GOption; which command takes which option is said by the table of commands. */
#include "xenops/options.h"

#include "base/error.h"
#include "base/text.h"

#define DEFAULT_SOCKET    "/run/xylem/xenopsd.sock"
#define DEFAULT_TIMEOUT_S 60.0

/* One switch and the option it stands for. */
static guint
flag(gboolean is_given, XenopsOption option)
{
    return is_given ? option : 0;
}

static gboolean
finish(XenopsOptions *options, const char *timeout, GError **error)
{
    options->timeout_s = DEFAULT_TIMEOUT_S;
    if (timeout != NULL && (!base_float_parse(timeout, &options->timeout_s) || !(options->timeout_s >= 0)))
        return base_error_set(error, BASE_ERROR_INVALID, "--timeout takes seconds, not '%s'", timeout);
    if (timeout != NULL && options->is_forced)
        return base_error_set(error, BASE_ERROR_INVALID, "--force does not wait, so it takes no --timeout");
    options->given = flag(options->is_paused, XENOPS_OPTION_PAUSED) |
                     flag(options->is_forced || timeout != NULL, XENOPS_OPTION_TIMEOUT) |
                     flag(options->is_replacing, XENOPS_OPTION_REPLACE) |
                     flag(options->is_json, XENOPS_OPTION_JSON);
    const char *environment = g_getenv("XENOPS_SOCKET");
    if (options->socket_path == NULL)
        options->socket_path =
            g_strdup(environment != NULL && *environment != '\0' ? environment : DEFAULT_SOCKET);
    return TRUE;
}

gboolean
xenops_options_read(XenopsOptions *options, const char *summary, char **argv, GError **error)
{
    g_autofree char *timeout = NULL;
    const GOptionEntry entries[] = {
        {"socket", 's', 0, G_OPTION_ARG_FILENAME, &options->socket_path,
         "Socket of xenopsd; also XENOPS_SOCKET", "PATH"},
        {"json", 'j', 0, G_OPTION_ARG_NONE, &options->is_json, "Print JSON (list, show, host, events, tasks)",
         NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &options->is_quiet,
         "Show no progress; print ids alone (list, tasks)", NULL},
        {"paused", 'p', 0, G_OPTION_ARG_NONE, &options->is_paused, "Leave the VM paused (start)", NULL},
        {"timeout", 't', 0, G_OPTION_ARG_STRING, &timeout,
         "How long the guest may take, 60 unless given (shutdown, reboot)", "SECONDS"},
        {"force", 'f', 0, G_OPTION_ARG_NONE, &options->is_forced, "Do not ask the guest (shutdown, reboot)",
         NULL},
        {"replace", 'r', 0, G_OPTION_ARG_NONE, &options->is_replacing,
         "Take the place of a VM with the same id (add)", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &options->shows_version, "Print the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->words, "", "COMMAND [ARGUMENT...]"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_auto(GStrv) copy = g_strdupv(argv);
    g_autoptr(GError) reason = NULL;
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, summary);
    if (!g_option_context_parse_strv(context, &copy, &reason))
        return base_error_set(error, BASE_ERROR_INVALID, "%s", reason->message);
    return finish(options, timeout, error);
}

void
xenops_options_clear(XenopsOptions *options)
{
    g_clear_pointer(&options->socket_path, g_free);
    g_clear_pointer(&options->words, g_strfreev);
}
