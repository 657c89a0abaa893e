/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference for call rates: answers every request with the same bytes, by plain libmicrohttpd in the
 * set-up that the server uses (epoll, pool of threads, connection memory, suspending allowed), after having
 * read the whole body. What our own server takes longer for a call than this one is our own.
 *
 * Usage: constant_server PORT BODY_BYTES THREADS; prints the port it listens on, and serves until it is
 * killed. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_MEMORY (16 * 1024)
#define CONNECTION_LIMIT  4096
#define TIMEOUT_S         300

static struct MHD_Response *response;

static enum MHD_Result
answer(void *data, struct MHD_Connection *connection, const char *url, const char *method,
       const char *version, const char *upload, size_t *upload_length, void **context)
{
    static int seen;
    if (*context == NULL) { /* the header; answered now, the connection would not be kept */
        *context = &seen;
        return MHD_YES;
    }
    if (*upload_length > 0) {
        *upload_length = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static int
listen_on(unsigned long port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        perror("constant_server: listen");
        exit(1);
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static struct MHD_Response *
make_response(size_t length)
{
    char *body = malloc(length + 1);
    if (body == NULL)
        exit(1);
    memset(body, 'x', length);
    struct MHD_Response *made = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(made, "Content-Type", "text/xml");
    MHD_add_response_header(made, "cache-control", "no-cache, no-store");
    return made;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: constant_server PORT BODY_BYTES THREADS\n");
        return 2;
    }
    unsigned int n_threads = (unsigned int)strtoul(argv[3], NULL, 10);
    response = make_response(strtoul(argv[2], NULL, 10));
    const struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, n_threads, NULL},
                                          {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, answer, NULL, MHD_OPTION_LISTEN_SOCKET, listen_on(strtoul(argv[1], NULL, 10)),
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTION_LIMIT, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT_S, MHD_OPTION_ARRAY,
        n_threads > 1 ? pool : none, MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "constant_server: libmicrohttpd did not start\n");
        return 1;
    }
    for (;;)
        pause();
}
