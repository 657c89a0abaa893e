/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client and the server side over real connections: Unix socket, plain TCP, TLS. */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "cli/client/client.h"
#include "cli/test_kit.h"
#include "http/tls.h"
#include "model/classes.h"

#define WEB "44444444-0000-0000-0000-000000000001"

typedef struct World {
    TestCli *cli;
    HttpServer *server;
    char *folder;
    char *socket_path;
    guint16 plain_port;
    guint16 tls_port;
} World;

static char *
in_folder(const World *world, const char *name)
{
    return g_build_filename(world->folder, name, NULL);
}

static void
set_up(World *world, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    world->cli = test_cli_new();
    g_free(test_cli_insert(world->cli, CLASS_VM, WEB, VM_NAME_LABEL, value_string("web"), -1));
    world->folder = g_dir_make_tmp("xe-XXXXXX", NULL);
    world->socket_path = in_folder(world, "socket");
    g_autofree char *certificate = in_folder(world, "certificate.pem");
    g_autofree char *key = in_folder(world, "key.pem");
    HttpRoute route = {"POST", "/cli", 0, cli_http_handler, world->cli->server};
    world->server = http_server_new(&route, 1, 1);
    tls_certificate_ensure(certificate, key, "host.example", &error);
    g_assert_no_error(error);
    http_server_listen_unix(world->server, world->socket_path, 0600, &error);
    g_assert_no_error(error);
    http_server_listen_tcp(world->server, "127.0.0.1", 0, NULL, NULL, &world->plain_port, &error);
    g_assert_no_error(error);
    http_server_listen_tcp(world->server, "127.0.0.1", 0, certificate, key, &world->tls_port, &error);
    g_assert_no_error(error);
}

static void
tear_down(World *world, gconstpointer data)
{
    static const char *const files[] = {"socket", "certificate.pem", "key.pem"};
    g_clear_pointer(&world->cli->server, cli_server_free); /* ends what is still connected */
    http_server_free(world->server);
    test_cli_free(world->cli);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = in_folder(world, files[i]);
        g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(world->folder), ==, 0);
    g_free(world->folder);
    g_free(world->socket_path);
}

/* Runs xe; what it wrote is in *@ret_output and *@ret_errors. */
static int
run_xe(const char *socket_path, const char *line, char **ret_output, char **ret_errors)
{
    static const char *const none[] = {NULL};
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_auto(XeOptions) options = {0};
    size_t output_length = 0, errors_length = 0;
    g_assert_true(
        xe_options_parse((const char *const *)words, &(XeSources){.socket = socket_path}, &options, NULL));
    g_auto(XeClient) client = {
        .options = &options,
        .default_sockets = none,
        .output = open_memstream(ret_output, &output_length),
        .errors = open_memstream(ret_errors, &errors_length),
        .input = -1,
        .output_fd = -1,
        .heartbeat_seconds = XE_HEARTBEAT_SECONDS,
    };
    int status = xe_client_run(&client);
    fclose(client.output);
    fclose(client.errors);
    return status;
}

static void
assert_lists(const char *socket_path, const char *options)
{
    g_autofree char *line = g_strdup_printf("%s vm-list --minimal params=uuid", options);
    g_autofree char *output = NULL, *errors = NULL;
    int status = run_xe(socket_path, g_strchug(line), &output, &errors);
    g_assert_cmpstr(errors, ==, "");
    g_assert_cmpstr(output, ==, WEB "\n");
    g_assert_cmpint(status, ==, 0);
}

static void
test_unix_is_trusted(World *world, gconstpointer data)
{
    assert_lists(world->socket_path, "");
}

static void
test_plain(World *world, gconstpointer data)
{
    g_autofree char *options = g_strdup_printf("-p %u --nossl -pw secret", world->plain_port);
    assert_lists(NULL, options);
}

static void
test_tls(World *world, gconstpointer data)
{
    g_autofree char *options = g_strdup_printf("-p %u -pw secret", world->tls_port);
    assert_lists(NULL, options);
}

static void
test_wrong_password(World *world, gconstpointer data)
{
    g_autofree char *line = g_strdup_printf("-p %u -u root -pw wrong vm-list", world->tls_port);
    g_autofree char *output = NULL, *errors = NULL;
    g_assert_cmpint(run_xe(NULL, line, &output, &errors), ==, 1);
    g_assert_cmpstr(errors, ==, "Authentication failed\nFor usage run: 'xe help'\n");
}

static void
test_too_long(World *world, gconstpointer data)
{
    g_autofree char *filler = g_strnfill(CLI_BODY_MAX_BYTES, 'x');
    g_autofree char *line = g_strdup_printf("vm-list name-label=%s", filler);
    g_autofree char *output = NULL, *errors = NULL;
    g_assert_cmpint(run_xe(world->socket_path, line, &output, &errors), ==, 1);
    g_assert_cmpstr(output, ==, "");
}

/* A client that only connects and asks, then waits. */
static void
test_end_breaks_off(World *world, gconstpointer data)
{
    g_autoptr(XeEndpoint) endpoint = xe_endpoint_new_unix(world->socket_path);
    g_autoptr(GError) error = NULL;
    g_autoptr(XeConnection) connection = xe_connection_open(endpoint, &error);
    g_assert_no_error(error);
    const CliTransport *transport = xe_connection_transport(connection);
    const char *request = "POST /cli HTTP/1.0\r\ncontent-length: 7\r\n\r\nvm-list";
    g_assert_true(transport->write(transport->data, request, strlen(request), NULL));
    g_assert_true(cli_transport_read_greeting(transport, NULL)); /* the server waits for ours now */

    g_clear_pointer(&world->cli->server, cli_server_free);
    char byte;
    g_assert_cmpint(transport->read(transport->data, &byte, 1, NULL), <=, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*function)(World *world, gconstpointer data);
    } tests[] = {
        {"/cli/wire/unix-socket-needs-no-password", test_unix_is_trusted},
        {"/cli/wire/plain-tcp-works", test_plain},
        {"/cli/wire/tls-works", test_tls},
        {"/cli/wire/wrong-password-is-refused", test_wrong_password},
        {"/cli/wire/command-over-the-bound-is-refused", test_too_long},
        {"/cli/wire/end-of-server-breaks-off-waiting-clients", test_end_breaks_off},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, World, NULL, set_up, tests[i].function, tear_down);
    return g_test_run();
}
