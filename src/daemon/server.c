/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Builds the parts of the management server and wires them to each other. */
#include "daemon/server.h"

#include "api/http/http.h"
#include "api/services.h"
#include "api/storage/undo.h"
#include "auth/audit.h"
#include "auth/external.h"
#include "auth/password.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/server.h"
#include "daemon/control.h"
#include "daemon/server_dump.h"
#include "http/tls.h"
#include "xenops/transport.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PAM_SERVICE            "xylem"
#define PAM_SERVICE_FILE       "/etc/pam.d/" PAM_SERVICE
#define HTTP_THREADS           2
#define EXPIRY_PERIOD_S        (5 * 60) /* how often idle sessions and forgotten tasks are looked for */
#define STORAGE_BODY_MAX_BYTES (64 * 1024)
#define AUDIT_MAX_BYTES        (10 * 1024 * 1024) /* of one file ... */
#define AUDIT_KEPT_FILES       9                  /* ... and how many older ones are kept */

struct Server {
    const XylemdOptions *options;
    int lock_fd;
    ApiServices services;
    CliServer *cli;
    ApiHttp *pages;
    ApiVmSync *sync;
    HttpServer *storage_http;
    HttpServer *http;
    char *password_path;
    AuditTrail *audit;
    guint expiry_timer;
    GThread *plugin_search; /* after a reload */
};

static char *
state_path(const XylemdOptions *options, const char *name)
{
    return g_build_filename(options->state_directory, name, NULL);
}

/* Two servers on one database would lose each other's changes. */
static gboolean
take_state_directory(Server *server, GError **error)
{
    if (!base_dir_make(server->options->state_directory, 0700, error))
        return FALSE;
    g_autofree char *path = state_path(server->options, "xylemd.lock");
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (server->lock_fd < 0)
        return base_error_errno(error, errno, "open '%s'", path);
    if (flock(server->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return base_error_set(error, BASE_ERROR_IO, "another xylemd uses '%s'",
                              server->options->state_directory);
    return TRUE;
}

static Db *
open_database(const XylemdOptions *options, gboolean read_only, GError **error)
{
    g_autofree char *path = state_path(options, "xylem.db");
    DbStore *store = db_store_sqlite_open(path, read_only, error);
    return store != NULL ? db_open(store, error) : NULL;
}

static gboolean
uses_pam(const XylemdOptions *options)
{
    if (!g_str_equal(options->auth, "auto"))
        return g_str_equal(options->auth, "pam");
    return geteuid() == 0 && access(PAM_SERVICE_FILE, R_OK) == 0;
}

static gboolean
expire(gpointer data)
{
    ApiServices *services = data;
    sessions_expire(services->sessions, g_get_monotonic_time());
    tasks_expire(services->tasks, base_now_us());
    return G_SOURCE_CONTINUE;
}

static gboolean
start_sessions(Server *server, GError **error)
{
    ApiServices *services = &server->services;
    if (uses_pam(server->options)) {
        services->sessions = sessions_new(services->db, password_pam_check, (gpointer)PAM_SERVICE);
        sessions_set_change(services->sessions, password_pam_change);
    } else {
        server->password_path = state_path(server->options, "password");
        if (!password_file_ensure(server->password_path, error))
            return FALSE;
        services->sessions = sessions_new(services->db, password_file_check, server->password_path);
        sessions_set_change(services->sessions, password_file_change);
    }
    g_autofree char *audit_path = state_path(server->options, "audit.log");
    server->audit = audit_trail_open(audit_path, AUDIT_MAX_BYTES, AUDIT_KEPT_FILES, error);
    if (server->audit == NULL)
        return FALSE;
    sessions_set_audit(services->sessions, server->audit);
    services->external = external_new(services->db);
    sessions_set_external(services->sessions, services->external);
    server->expiry_timer = g_timeout_add_seconds(EXPIRY_PERIOD_S, expire, services);
    sessions_on_logout(services->sessions, (void (*)(gpointer, const char *))event_cancel_session,
                       services->events);
    services->plugin_session = sessions_login_internal(services->sessions, "__sm__backend", TRUE, error);
    return services->plugin_session != NULL;
}

/* Whom it knows may log in from now on; without it, root may. */
static void
start_directory(Server *server)
{
    g_autoptr(GError) error = NULL;
    ApiServices *services = &server->services;
    if (!api_external_auth_start(services, &error))
        log_error("external authentication does not work: %s", error->message);
    external_start(services->external, services->sessions, (guint)server->options->directory_check_s);
}

static void
set_directories(ApiServices *services, const XylemdOptions *options)
{
    g_atomic_pointer_set(&services->guest_directory, g_intern_string(options->guest_directory));
    g_atomic_pointer_set(&services->iso_directory, g_intern_string(options->iso_directory));
}

/* What options say that may change while the server runs, at the start and after each reload. */
static void
apply(Server *server)
{
    ApiServices *services = &server->services;
    const XylemdOptions *options = server->options;
    set_directories(services, options);
    g_atomic_int_set(&services->clean_shutdown_timeout_s, options->shutdown_timeout_s);
    sessions_set_refusal_delay(services->sessions, (guint)options->login_delay_ms);
    external_set_period(services->external, (guint)options->directory_check_s);
    rpc_set_workers(services->rpc, (guint)options->n_workers);
    api_http_set_web_directory(server->pages, options->web_directory);
}

static gboolean
start_services(Server *server, GError **error)
{
    ApiServices *services = &server->services;
    const XylemdOptions *options = server->options;
    services->state_directory = g_strdup(options->state_directory);
    set_directories(services, options);
    services->bind_address = g_strdup(options->bind_address);
    services->db = open_database(options, FALSE, error);
    if (services->db == NULL)
        return FALSE;
    services->events = event_hub_new(services->db);
    services->tasks = tasks_new(services->db);
    tasks_set_plan_kinds(services->tasks, undo_kinds, services);
    services->domains = xenops_transport_client(options->domain_socket_path);
    g_autofree char *storage_state = state_path(options, "storage");
    services->storage = storage_new((const char *const *)options->plugin_directories, storage_state, error);
    if (services->storage == NULL || !start_sessions(server, error) || !api_bootstrap(services, error))
        return FALSE;
    sessions_set_host(services->sessions, services->host_ref);
    start_directory(server);
    services->rpc = rpc_new(services->db, services->events, services->sessions, services->tasks, api_handlers,
                            services, (guint)options->n_workers);
    rpc_set_host(services->rpc, services->host_ref);
    server->cli = cli_server_new(services->rpc, services->db, services->sessions);
    server->pages = api_http_new(services, error);
    if (server->pages == NULL)
        return FALSE;
    apply(server);
    return TRUE;
}

static gboolean
listen_storage(Server *server, GError **error)
{
    const HttpRoute route = {"POST", "/", STORAGE_BODY_MAX_BYTES, api_storage_socket_handler,
                             &server->services};
    api_storage_socket_start(&server->services);
    server->storage_http = http_server_new(&route, 1, 1);
    return http_server_listen_unix(server->storage_http, server->options->storage_socket_path, 0600, error);
}

static gboolean
listen_tls(Server *server, GError **error)
{
    if (server->options->port < 0)
        return TRUE;
    g_autofree char *certificate = state_path(server->options, "server.crt");
    g_autofree char *key = state_path(server->options, "server.key");
    return tls_certificate_ensure(certificate, key, g_get_host_name(), error) &&
           http_server_listen_tcp(server->http, server->options->bind_address, (guint16)server->options->port,
                                  certificate, key, &server->services.tls_port, error);
}

static gboolean
listen_plain(Server *server, GError **error)
{
    if (server->options->plain_port < 0)
        return TRUE;
    return http_server_listen_tcp(server->http, server->options->bind_address,
                                  (guint16)server->options->plain_port, NULL, NULL,
                                  &server->services.plain_port, error);
}

/* Where somebody who asked for any free port reads which ones it became. */
static gboolean
write_ports(Server *server, GError **error)
{
    g_autofree char *directory = state_path(server->options, "run");
    g_autofree char *path = g_build_filename(directory, "ports.json", NULL);
    g_autofree char *text = g_strdup_printf("{\"tls\": %u, \"plain\": %u}\n", server->services.tls_port,
                                            server->services.plain_port);
    return base_dir_make(directory, 0755, error) && base_file_write(path, text, strlen(text), 0644, error);
}

static gboolean
listen_api(Server *server, GError **error)
{
    const HttpRoute routes[] = {
        {"POST", "/", RPC_BODY_MAX_BYTES, rpc_http_handler, server->services.rpc},
        {"OPTIONS", "/", 0, rpc_options_handler, NULL},
        {"POST", "/jsonrpc", RPC_BODY_MAX_BYTES, rpc_json_handler, server->services.rpc},
        {"POST", "/cli", 0, cli_http_handler, server->cli},
        {"GET", "/console", 0, api_console_handler, &server->services},
        {"CONNECT", "/console", 0, api_console_handler, &server->services},
    };
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(HttpRoute));
    g_array_append_vals(all, routes, G_N_ELEMENTS(routes));
    api_http_add_routes(server->pages, all);
    server->http = http_server_new((const HttpRoute *)all->data, all->len, HTTP_THREADS);
    http_server_set_timeouts(server->http, (guint)server->options->request_timeout_s,
                             (guint)server->options->output_timeout_s);
    return http_server_listen_unix(server->http, server->options->socket_path, 0600, error) &&
           listen_tls(server, error) && listen_plain(server, error) && write_ports(server, error);
}

/* Plugins say themselves what they are, so this takes as long as the slowest of them. */
static gpointer
search_plugins(gpointer services)
{
    g_autoptr(GError) error = NULL;
    if (!api_plugins_refresh(services, &error))
        log_warning("storage plugins: %s", error->message);
    return NULL;
}

static void
await_plugin_search(Server *server)
{
    if (server->plugin_search != NULL)
        g_thread_join(g_steal_pointer(&server->plugin_search));
}

void
server_reload(gpointer data)
{
    Server *server = data;
    g_autoptr(GError) error = NULL;
    apply(server);
    if (!api_templates_refresh(&server->services, &error))
        log_warning("templates: %s", error->message);
    await_plugin_search(server);
    storage_set_plugin_directories(server->services.storage,
                                   (const char *const *)server->options->plugin_directories);
    server->plugin_search = g_thread_new("plugins", search_plugins, &server->services);
}

Server *
server_start(const XylemdOptions *options, GError **error)
{
    Server *server = g_new0(Server, 1);
    server->options = options;
    server->lock_fd = -1;
    control_status("Reading the database");
    if (!take_state_directory(server, error) || !start_services(server, error) ||
        !listen_storage(server, error) || !listen_api(server, error)) {
        server_stop(server);
        return NULL;
    }
    server->sync = api_vm_sync_start(&server->services);
    log_info("serving on port %u (TLS), %u (plain; 0 is none) and '%s'", server->services.tls_port,
             server->services.plain_port, options->socket_path);
    control_status("Serving on port %u (TLS), %u (plain; 0 is none)", server->services.tls_port,
                   server->services.plain_port);
    return server;
}

void
server_stop(Server *server)
{
    if (server == NULL)
        return;
    ApiServices *services = &server->services;
    await_plugin_search(server);
    if (server->expiry_timer != 0)
        g_source_remove(server->expiry_timer);
    if (services->sessions != NULL)
        sessions_stop(services->sessions);
    if (server->cli != NULL)
        cli_server_stop(server->cli);
    http_server_free(server->http);
    api_http_free(server->pages);
    api_vm_sync_stop(server->sync);
    cli_server_free(server->cli);
    rpc_free(services->rpc);
    http_server_free(server->storage_http);
    api_storage_socket_stop(services);
    storage_free(services->storage);
    domain_client_free(services->domains);
    session_unref(services->plugin_session);
    event_hub_free(services->events);
    external_free(services->external);
    sessions_free(services->sessions);
    audit_trail_free(server->audit);
    tasks_free(services->tasks);
    db_close(services->db);
    g_free(services->state_directory);
    g_free(services->host_ref);
    g_free(services->host_uuid);
    g_free(services->pool_ref);
    g_free(services->pool_secret);
    g_free(services->bind_address);
    g_free(server->password_path);
    base_fd_clear(&server->lock_fd);
    g_free(server);
}

void
server_dump(gpointer data, GString *out)
{
    server_dump_services(&((Server *)data)->services, out);
}

/* What a probe of the writer leaves behind until it is answered. */
typedef struct Probe {
    void (*alive)(gpointer data);
    gpointer data;
} Probe;

static gboolean
no_change(DbTxn *txn, gpointer data, GError **error)
{
    return TRUE;
}

static void
probe_done(gpointer data, guint64 generation, const GError *error)
{
    g_autofree Probe *probe = data;
    probe->alive(probe->data);
}

/* An empty transaction waits its turn like any other: it shows that the batches before it have been stored.
 */
void
server_probe(gpointer data, void (*alive)(gpointer), gpointer alive_data)
{
    const Server *server = data;
    DbActor actor = {.task = NULL, .user = NULL};
    DbTxn *txn = db_txn_new(server->services.db, &actor);
    Probe *probe = g_new(Probe, 1);
    *probe = (Probe){alive, alive_data};
    db_txn_step(txn, no_change, NULL, NULL);
    db_txn_commit_async(txn, probe_done, probe);
}

static void
print_violation(gpointer data, const char *line)
{
    printf("%s\n", line);
}

int
server_check_db(const XylemdOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Db) db = open_database(options, TRUE, &error);
    if (db == NULL) {
        fprintf(stderr, "xylemd: %s\n", error->message);
        return 1;
    }
    guint n = db_check(db, print_violation, NULL);
    printf("%u violations\n", n);
    return n > 0 ? 1 : 0;
}
