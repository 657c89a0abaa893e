/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenops: the domain service's command line, for people. One command a run; see command.c. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "xenops/command.h"
#include "xenops/transport.h"

/* Documented in xenops(1). */
typedef enum Status {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,
    STATUS_MISUSED = 2,
    STATUS_UNREACHABLE = 3,
    STATUS_CANCELLED = 4,
} Status;

/* ---- Errors */

static const char *
doc_of(const GError *error)
{
    gboolean is_known = error->domain == DOMAIN_ERROR && (gsize)error->code < domain_error_n_infos;
    return is_known ? domain_error_infos[error->code].doc : NULL;
}

/* The exception with its arguments and what it means; of those whose argument says it all, only that. */
static char *
describe(const GError *error, Status status)
{
    const char *doc = doc_of(error);
    if (doc == NULL)
        return g_strdup(error->message);
    const char *const *args = domain_error_args(error);
    gboolean is_plain = status == STATUS_UNREACHABLE || domain_error_is(error, "Internal_error");
    if (is_plain && *args != NULL)
        return g_strdup(*args);
    return g_strdup_printf("%s: %s", *args == NULL ? domain_error_name(error) : error->message, doc);
}

/* One line. */
static Status
fail(const GError *error, Status status)
{
    g_autofree char *line = describe(error, status);
    fprintf(stderr, "xenops: %s\n", g_strchomp(g_strdelimit(line, "\n\r\033", ' ')));
    return status;
}

/* ---- Ctrl-C: the first asks the operation to stop, the second does not wait for it. */

static gpointer
watch_signals(gpointer data)
{
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
    g_cancellable_cancel(data);
    sigwait(&set, &number);
    _exit(STATUS_CANCELLED);
}

static void
catch_signals(GCancellable *cancellable)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* inherited by every thread */
    g_thread_unref(g_thread_new("signals", watch_signals, g_object_ref(cancellable)));
}

/* ---- One run */

/* The command of the line, if the line is one that it takes. */
static const XenopsCommand *
find_command(const XenopsOptions *options, GError **error)
{
    const char *name = options->words == NULL ? NULL : options->words[0];
    if (name == NULL) {
        base_error_set(error, BASE_ERROR_INVALID, "no command; xenops --help lists them");
        return NULL;
    }
    const XenopsCommand *command = xenops_command_find(name);
    guint n = g_strv_length(options->words) - 1;
    if (command == NULL)
        base_error_set(error, BASE_ERROR_INVALID, "no command '%s'; xenops --help lists them", name);
    else if (n < command->n_args || (n > command->n_args && !command->takes_more))
        base_error_set(error, BASE_ERROR_INVALID, "use: xenops %s %s%s", name, command->args,
                       command->takes_more ? " [JSON...]" : "");
    else if ((options->given & ~command->options) != 0)
        base_error_set(error, BASE_ERROR_INVALID, "%s does not take one of the options; see xenops --help",
                       name);
    else
        return command;
    return NULL;
}

static Status
run(const XenopsOptions *options, const XenopsCommand *command)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(DomainClient) client = xenops_transport_client(options->socket_path);
    g_autoptr(GError) error = NULL;
    g_auto(DomainQueryInfo) info = {0};
    Xenops xenops = {.options = options,
                     .command = command,
                     .args = (const char *const *)options->words + 1,
                     .client = client,
                     .context = {.dbg = "xenops", .cancellable = cancellable}};
    catch_signals(cancellable);
    if (!domain_client_query(client, &xenops.context, &info, &error))
        return fail(error, STATUS_UNREACHABLE);
    if (command->run(&xenops, &error))
        return STATUS_DONE;
    return fail(error,
                g_error_matches(error, BASE_ERROR, BASE_ERROR_CANCELLED) ? STATUS_CANCELLED : STATUS_FAILED);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_auto(XenopsOptions) options = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *summary = xenops_commands_text();
    if (!xenops_options_read(&options, summary, argv, &error))
        return fail(error, STATUS_MISUSED);
    if (options.shows_version) {
        printf("xenops %s\n", XYLEM_VERSION);
        return STATUS_DONE;
    }
    const XenopsCommand *command = find_command(&options, &error);
    return command == NULL ? fail(error, STATUS_MISUSED) : run(&options, command);
}
