/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serves one file by our HTTP library, plain and over TLS, as the server's own downloads are served.
 *
 * Usage: file_server FILE CERTIFICATE KEY; the latter two are made if they are not there. Prints the plain
 * port and the TLS port, and serves until it is killed. */
#include "http/server.h"
#include "http/tls.h"
#include <stdio.h>

static void
serve_file(HttpRequest *request, gpointer path)
{
    g_autoptr(GError) error = NULL;

    if (!http_request_reply_file(request, path, "application/octet-stream", NULL, &error))
        http_request_reply_error(request, 404, error->message);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    guint16 plain_port = 0, tls_port = 0;

    if (argc != 4) {
        fprintf(stderr, "usage: file_server FILE CERTIFICATE KEY\n");
        return 2;
    }
    const HttpRoute route = {"GET", "/", 0, serve_file, argv[1]};
    HttpServer *server = http_server_new(&route, 1, 2);
    if (!tls_certificate_ensure(argv[2], argv[3], "localhost", &error) ||
        !http_server_listen_tcp(server, "127.0.0.1", 0, NULL, NULL, &plain_port, &error) ||
        !http_server_listen_tcp(server, "127.0.0.1", 0, argv[2], argv[3], &tls_port, &error)) {
        fprintf(stderr, "file_server: %s\n", error->message);
        return 1;
    }
    printf("%u %u\n", plain_port, tls_port);
    fflush(stdout);
    g_main_loop_run(g_main_loop_new(NULL, FALSE));
    return 0;
}
