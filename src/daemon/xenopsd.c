/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenopsd: reads its options, builds the domain service with its back end, and serves it as XML-RPC on a Unix
 * socket.
 *
 * A call is POST / with a methodCall; the reply's value is {Status: Success, Value} or {Status: Failure,
 * ErrorDescription}. A body that is no call gets a fault. */
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "daemon/domain_storage.h"
#include "domain/fake/fake.h"
#include "domain/qemu/probe.h"
#include "domain/qemu/qemu.h"
#include "domain/service.h"
#include "http/server.h"
#include "value/xmlrpc.h"

#define BODY_MAX_BYTES (16 * 1024 * 1024)
#define SERVER_THREADS 2
#define FAULT_BAD_CALL 400

typedef struct Options {
    char *state_dir;
    char *socket;
    char *storage_socket;
    char *backend;
    char *accel;
    char *qemu;
    char *log_level;
    gboolean wants_version;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->state_dir);
    g_free(options->socket);
    g_free(options->storage_socket);
    g_free(options->backend);
    g_free(options->accel);
    g_free(options->qemu);
    g_free(options->log_level);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* ---- Calls */

static void
send_reply(HttpRequest *request, GString *body)
{
    http_request_reply(request, 200, "text/xml", body, NULL);
    http_request_unref(request);
}

static void
call_done(gpointer data, Value *result, const GError *error)
{
    g_autoptr(Value) reply = domain_service_reply_value(result, error);
    GString *body = g_string_new(NULL);
    xmlrpc_write_bare_begin(body);
    xmlrpc_write_value(body, reply);
    xmlrpc_write_bare_end(body);
    send_reply(data, body);
}

static void
handle_call(HttpRequest *request, gpointer data)
{
    gsize length = 0;
    const char *text = http_request_body(request, &length);
    g_auto(XmlrpcCall) call = {0};
    g_autoptr(GError) error = NULL;
    http_request_ref(request);
    if (xmlrpc_read_call(text, length, &call, &error)) {
        domain_service_call(data, call.method, call.params, call_done, request);
        return;
    }
    GString *body = g_string_new(NULL);
    xmlrpc_write_fault(body, FAULT_BAD_CALL, error->message);
    send_reply(request, body);
}

/* ---- Options */

static gboolean
require_one_of(const char *option, const char *value, const char *const *allowed, GError **error)
{
    if (g_strv_contains(allowed, value))
        return TRUE;
    g_autofree char *list = g_strjoinv(", ", (char **)allowed);
    return base_error_set(error, BASE_ERROR_INVALID, "%s '%s' is none of %s", option, value, list);
}

static void
set_default(char **option, const char *value)
{
    if (*option == NULL)
        *option = g_strdup(value);
}

static gboolean
check_options(Options *options, int argc, GError **error)
{
    static const char *const backends[] = {"qemu", "fake", NULL};
    static const char *const accels[] = {"auto", "kvm", "tcg", NULL};
    set_default(&options->backend, "qemu");
    set_default(&options->accel, "auto");
    set_default(&options->qemu, "qemu-system-x86_64");
    set_default(&options->log_level, "info");
    if (argc > 1)
        return base_error_set(error, BASE_ERROR_INVALID, "there are no arguments beside options");
    if (options->state_dir == NULL || options->socket == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "--state and --socket must be given");
    LogLevel level;
    if (!base_log_level_from_name(options->log_level, &level))
        return base_error_set(error, BASE_ERROR_INVALID,
                              "--log-level '%s' is none of debug, info, warning, error", options->log_level);
    base_log_init("xenopsd", level);
    return require_one_of("--backend", options->backend, backends, error) &&
           require_one_of("--accel", options->accel, accels, error);
}

static gboolean
read_options(int *argc, char ***argv, Options *options, GError **error)
{
    const GOptionEntry entries[] = {
        {"state", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir, "Where VMs and their domains are kept",
         "DIR"},
        {"socket", 0, 0, G_OPTION_ARG_FILENAME, &options->socket, "Unix socket to serve", "PATH"},
        {"storage-socket", 0, 0, G_OPTION_ARG_FILENAME, &options->storage_socket,
         "Unix socket of the storage service", "PATH"},
        {"backend", 0, 0, G_OPTION_ARG_STRING, &options->backend, "qemu (default) or fake", "NAME"},
        {"accel", 0, 0, G_OPTION_ARG_STRING, &options->accel, "auto (default), kvm or tcg", "NAME"},
        {"qemu", 0, 0, G_OPTION_ARG_FILENAME, &options->qemu, "QEMU to run", "PATH"},
        {"log-level", 0, 0, G_OPTION_ARG_STRING, &options->log_level,
         "debug, info (default), warning or error", "L"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &options->wants_version, "Say the version and end", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_summary(context,
                                 "The domain service: keeps VM configurations and runs their domains.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    return options->wants_version || check_options(options, *argc, error);
}

/* ---- Building and running */

/* "kvm" or "tcg". Only a measurement says whether KVM is worth having. */
static const char *
choose_accel(const char *wanted)
{
    if (strcmp(wanted, "auto") != 0)
        return wanted;
    return qemu_probe_kvm(NULL) ? "kvm" : "tcg";
}

static DomainBackend *
make_backend(const Options *options, Loop *loop, const char *accel, GError **error)
{
    if (strcmp(options->backend, "fake") == 0)
        return domain_fake_new();
    QemuBackendSpec spec = {.binary = options->qemu, .accel = accel, .context = loop_context(loop)};
    return qemu_backend_new(&spec, error);
}

static gboolean
quit_loop(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_CONTINUE;
}

static gboolean
serve(const Options *options, DomainService *service, const char *accel, GError **error)
{
    const HttpRoute routes[] = {{"POST", "/", BODY_MAX_BYTES, handle_call, service}};
    g_autoptr(HttpServer) server = http_server_new(routes, G_N_ELEMENTS(routes), SERVER_THREADS);
    if (!http_server_listen_unix(server, options->socket, 0600, error))
        return FALSE;
    g_autoptr(GMainLoop) main_loop = g_main_loop_new(NULL, FALSE);
    guint term = g_unix_signal_add(SIGTERM, quit_loop, main_loop);
    guint interrupt = g_unix_signal_add(SIGINT, quit_loop, main_loop);
    log_info("serving at %s, back end %s, acceleration %s", options->socket, options->backend, accel);
    sd_notify(0, "READY=1");
    g_main_loop_run(main_loop);
    sd_notify(0, "STOPPING=1");
    log_info("stopping; guests go on");
    g_source_remove(term);
    g_source_remove(interrupt);
    return TRUE;
}

static gboolean
run(const Options *options, GError **error)
{
    gboolean is_fake = strcmp(options->backend, "fake") == 0;
    const char *accel = is_fake ? "none" : choose_accel(options->accel);
    g_autoptr(Loop) loop = loop_new("domain");
    g_autoptr(DomainClock) clock = domain_clock_new(loop_context(loop));
    g_autoptr(DomainBackend) backend = make_backend(options, loop, accel, error);
    if (backend == NULL)
        return FALSE;
    g_autoptr(DomainHttpStorage) storage =
        options->storage_socket == NULL ? NULL : domain_http_storage_new(options->storage_socket);
    DomainServiceSpec spec = {.state_dir = options->state_dir,
                              .backend = backend,
                              .storage = storage == NULL ? NULL : domain_http_storage_table(storage),
                              .clock = clock};
    g_autoptr(DomainService) service = domain_service_new(&spec, error);
    return service != NULL && serve(options, service, accel, error);
}

int
main(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_autoptr(GError) error = NULL;
    signal(SIGPIPE, SIG_IGN); /* peers that hang up, and files that may not grow further, are told by errno */
    signal(SIGXFSZ, SIG_IGN);
    if (!read_options(&argc, &argv, &options, &error)) {
        fprintf(stderr, "xenopsd: %s\n", error->message);
        return 2;
    }
    if (options.wants_version) {
        printf("xenopsd %s\n", XYLEM_VERSION);
        return 0;
    }
    if (run(&options, &error))
        return 0;
    fprintf(stderr, "xenopsd: %s\n", error->message);
    return 1;
}
