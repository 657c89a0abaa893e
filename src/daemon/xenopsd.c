/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenopsd: reads its options, builds the domain service with its back end, and serves it as XML-RPC on a Unix
 * socket, and on a message bus (domain/dbus/bus.h).
 *
 * A call is POST / with a methodCall; the reply's value is {Status: Success, Value} or {Status: Failure,
 * ErrorDescription}. A body that is no call gets a fault. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/control.h"
#include "daemon/domain_options.h"
#include "daemon/domain_storage.h"
#include "domain/dbus/bus.h"
#include "domain/fake/fake.h"
#include "domain/qemu/probe.h"
#include "domain/qemu/qemu.h"
#include "domain/service.h"
#include "http/server.h"
#include "value/xmlrpc.h"

#define BODY_MAX_BYTES (16 * 1024 * 1024)
#define SERVER_THREADS 2
#define FAULT_BAD_CALL 400

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
make_backend(const XenopsdOptions *options, Loop *loop, const char *accel, GError **error)
{
    if (strcmp(options->backend, "fake") == 0)
        return domain_fake_new();
    QemuBackendSpec spec = {.binary = options->qemu, .accel = accel, .context = loop_context(loop)};
    return qemu_backend_new(&spec, error);
}

/* What signals may ask of this daemon. */
typedef struct Served {
    DomainService *service;
    Loop *loop;
    const char *backend;
    const char *accel;
} Served;

typedef struct Answer {
    void (*alive)(gpointer data);
    gpointer data;
} Answer;

static void
answer(gpointer data)
{
    g_autofree Answer *answer = data;
    answer->alive(answer->data);
}

/* The loop that guests' timers and monitors live on. */
static void
probe(gpointer data, void (*alive)(gpointer), gpointer alive_data)
{
    Answer *call = g_new(Answer, 1);
    *call = (Answer){alive, alive_data};
    loop_call(((Served *)data)->loop, answer, call);
}

static void
dump(gpointer data, GString *out)
{
    const Served *served = data;
    g_string_append_printf(out, "back end %s, acceleration %s\n", served->backend, served->accel);
}

/* TRUE without a bus if none is wanted. */
static gboolean
serve_bus(const XenopsdOptions *options, DomainService *service, DomainBus **ret_bus, GError **error)
{
    if (strcmp(options->dbus, "none") == 0)
        return TRUE;
    *ret_bus = domain_bus_new(service, options->dbus, options->dbus_name, error);
    return *ret_bus != NULL;
}

static gboolean
serve(const XenopsdOptions *options, Control *control, Served *served, GError **error)
{
    const HttpRoute routes[] = {{"POST", "/", BODY_MAX_BYTES, handle_call, served->service}};
    g_autoptr(HttpServer) server = http_server_new(routes, G_N_ELEMENTS(routes), SERVER_THREADS);
    g_autoptr(DomainBus) bus = NULL;
    if (!serve_bus(options, served->service, &bus, error) ||
        !http_server_listen_unix(server, options->socket_path, 0600, error))
        return FALSE;
    if (bus != NULL)
        log_info("on the bus '%s' as %s", options->dbus, options->dbus_name);
    log_info("serving at %s, back end %s, acceleration %s", options->socket_path, served->backend,
             served->accel);
    control_status("Serving; back end %s, acceleration %s", served->backend, served->accel);
    control_run(control, &(ControlParts){NULL, dump, "the domain loop", probe, served});
    log_info("stopping; guests go on");
    return TRUE;
}

static gboolean
run_service(const XenopsdOptions *options, Control *control, GError **error)
{
    gboolean is_fake = strcmp(options->backend, "fake") == 0;
    control_status("Looking for acceleration");
    const char *accel = is_fake ? "none" : choose_accel(options->accel);
    g_autoptr(Loop) loop = loop_new("domain");
    g_autoptr(DomainClock) clock = domain_clock_new(loop_context(loop));
    g_autoptr(DomainBackend) backend = make_backend(options, loop, accel, error);
    if (backend == NULL)
        return FALSE;
    g_autoptr(DomainHttpStorage) storage =
        options->storage_socket_path == NULL ? NULL : domain_http_storage_new(options->storage_socket_path);
    DomainServiceSpec spec = {.state_dir = options->state_directory,
                              .backend = backend,
                              .storage = storage == NULL ? NULL : domain_http_storage_table(storage),
                              .clock = clock};
    control_status("Finding guests");
    g_autoptr(DomainService) service = domain_service_new(&spec, error);
    Served served = {service, loop, options->backend, accel};
    return service != NULL && serve(options, control, &served, error);
}

static gboolean
read_again(gpointer options, const char *const *argv, GError **error)
{
    return domain_options_read(options, argv, error);
}

static int
run(XenopsdOptions *options, const char *const *argv)
{
    const ControlSpec spec = {
        .table = &xenopsd_options,
        .options = options,
        .options_size = sizeof *options,
        .read = read_again,
        .argv = argv,
        .config_path = (const char *const *)&options->config_path,
        .log_level = &options->log_level,
        .state_directory = options->state_directory,
    };
    LogLevel level = LOG_LEVEL_INFO;
    base_log_level_from_name(options->log_level, &level);
    base_log_init("xenopsd", level);
    g_autoptr(GError) error = NULL;
    g_autoptr(Control) control = control_new(&spec);
    if (run_service(options, control, &error))
        return 0;
    fprintf(stderr, "xenopsd: %s\n", error->message);
    return 1;
}

int
main(int argc, char **argv)
{
    g_auto(XenopsdOptions) options = {0};
    g_autoptr(GError) error = NULL;
    signal(SIGPIPE, SIG_IGN); /* peers that hang up, and files that may not grow further, are told by errno */
    signal(SIGXFSZ, SIG_IGN);
    if (!domain_options_read(&options, (const char *const *)argv, &error)) {
        fprintf(stderr, "xenopsd: %s\n", error->message);
        return 2;
    }
    if (options.show_version)
        printf("xenopsd %s\n", XYLEM_VERSION);
    else if (options.print_config)
        option_print_config(&xenopsd_options, stdout);
    else
        return run(&options, (const char *const *)argv);
    return 0;
}
