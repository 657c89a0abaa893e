/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many clients that wait for events, in one process that costs little: each keeps a connection, posts the
 * same event.from, notes when the answer arrives and calls again with the token it was given.
 *
 * Usage: event_clients PORT CLIENTS REQUEST_FILE
 *
 * The file is a body of event.from with a token (20 digits, comma, 20 digits) in it. Prints "waiting" once
 * all have called. Each line on standard input starts a round: when every client has been answered, one line
 * with the times of arrival (CLOCK_MONOTONIC, ns) in order is printed; a line "call" has them all call
 * again, and prints "waiting". Ends with its input. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_LENGTH 41
#define BODY_MAX     (64 * 1024)
#define EVENTS_MAX   256

typedef struct Client {
    int fd;
    long long arrived_ns; /* 0: waits */
    char token[TOKEN_LENGTH];
    char *reply; /* what has come so far; NULL between replies */
    size_t length;
} Client;

static char body[BODY_MAX + 1];
static size_t body_length;
static size_t token_place;

static void
fail(const char *what)
{
    fprintf(stderr, "event_clients: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int
is_token(const char *text)
{
    for (int i = 0; i < TOKEN_LENGTH; i++)
        if (i == TOKEN_LENGTH / 2 ? text[i] != ',' : text[i] < '0' || text[i] > '9')
            return 0;
    return 1;
}

static const char *
find_token(const char *text, size_t length)
{
    for (size_t i = 0; i + TOKEN_LENGTH <= length; i++)
        if (text[i] >= '0' && text[i] <= '9' && is_token(text + i))
            return text + i;
    return NULL;
}

static void
read_body(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(path);
    body_length = fread(body, 1, BODY_MAX, file);
    fclose(file);
    const char *token = find_token(body, body_length);
    if (token == NULL) {
        fprintf(stderr, "event_clients: no token in %s\n", path);
        exit(1);
    }
    token_place = (size_t)(token - body);
}

static int
connect_to(unsigned long port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void
call(Client *client)
{
    char head[256];
    char request[sizeof(head) + BODY_MAX];
    int n =
        snprintf(head, sizeof(head),
                 "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n\r\n",
                 body_length);
    memcpy(request, head, (size_t)n);
    memcpy(request + n, body, body_length);
    memcpy(request + n + token_place, client->token, TOKEN_LENGTH);
    size_t length = (size_t)n + body_length;
    client->arrived_ns = 0;
    if (send(client->fd, request, length, 0) != (ssize_t)length)
        fail("send");
}

static long long
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Whether the whole reply is there. */
static int
is_complete(const Client *client)
{
    const char *end = strstr(client->reply, "\r\n\r\n");
    const char *field = strcasestr(client->reply, "\r\nContent-Length:");
    if (end == NULL || field == NULL || field > end)
        return 0;
    return client->length >= (size_t)(end + 4 - client->reply) + strtoul(field + 17, NULL, 10);
}

/* Whether this was the end of an answer. */
static int
receive(Client *client)
{
    static char buffer[256 * 1024];
    long long now = now_ns();
    ssize_t n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        fail("the server hung up");
    if (client->arrived_ns == 0)
        client->arrived_ns = now;
    client->reply = realloc(client->reply, client->length + (size_t)n + 1);
    if (client->reply == NULL)
        fail("memory");
    memcpy(client->reply + client->length, buffer, (size_t)n);
    client->length += (size_t)n;
    client->reply[client->length] = '\0';
    if (!is_complete(client))
        return 0;
    const char *token = strstr(client->reply, "<name>token</name>");
    token = token != NULL ? find_token(token, strlen(token)) : NULL;
    if (token == NULL) {
        fprintf(stderr, "event_clients: no token in the answer: %.300s\n", client->reply);
        exit(1);
    }
    memcpy(client->token, token, TOKEN_LENGTH);
    free(client->reply);
    client->reply = NULL;
    client->length = 0;
    return 1;
}

static int
compare_times(const void *a, const void *b)
{
    const Client *x = a, *y = b;
    return x->arrived_ns < y->arrived_ns ? -1 : x->arrived_ns > y->arrived_ns;
}

static void
round_of_answers(int epoll, Client *clients, size_t n_clients)
{
    struct epoll_event events[EVENTS_MAX];

    for (size_t n_answered = 0; n_answered < n_clients;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++)
            n_answered += (size_t)receive(&clients[events[i].data.u64]);
    }
    /* Sorted in a copy: the clients stand where their descriptors say. */
    Client *sorted = malloc(n_clients * sizeof(*sorted));
    if (sorted == NULL)
        fail("memory");
    memcpy(sorted, clients, n_clients * sizeof(*sorted));
    qsort(sorted, n_clients, sizeof(*sorted), compare_times);
    for (size_t i = 0; i < n_clients; i++)
        printf("%lld ", sorted[i].arrived_ns);
    printf("\n");
    fflush(stdout);
    free(sorted);
}

static void
all_call(Client *clients, size_t n_clients)
{
    for (size_t i = 0; i < n_clients; i++)
        call(&clients[i]);
    printf("waiting\n");
    fflush(stdout);
}

static Client *
connect_all(int epoll, unsigned long port, size_t n_clients)
{
    Client *clients = calloc(n_clients, sizeof(*clients));
    if (clients == NULL)
        fail("memory");
    for (size_t i = 0; i < n_clients; i++) {
        clients[i].fd = connect_to(port);
        memcpy(clients[i].token, body + token_place, TOKEN_LENGTH);
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event) < 0)
            fail("epoll");
    }
    return clients;
}

int
main(int argc, char **argv)
{
    char line[64];
    struct rlimit limit;

    if (argc != 4) {
        fprintf(stderr, "usage: event_clients PORT CLIENTS REQUEST_FILE\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    size_t n_clients = strtoul(argv[2], NULL, 10);
    read_body(argv[3]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    Client *clients = connect_all(epoll, strtoul(argv[1], NULL, 10), n_clients);
    all_call(clients, n_clients);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strcmp(line, "call\n") == 0)
            all_call(clients, n_clients);
        else
            round_of_answers(epoll, clients, n_clients);
    }
    return 0;
}
