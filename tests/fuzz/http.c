/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: all bytes of a connection: request lines, headers, bodies, pipelines, connections taken over.
 * The byte 1 is not sent: the server reads what came before it first. */
#include "fuzz.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#define PAUSE             1
#define TAKEN_TRIES       40
#define TAKEN_TRY_US      20
#define PATIENCE_MS       20 /* then the input is one that waits for something */
#define ABANDONED_MAX     32
#define PROBE_PATIENCE_MS 20000

static guint n_abandoned;

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    return 0;
}

static void
wait_until_taken(int fd)
{
    int queued = 0;
    for (guint i = 0; i < TAKEN_TRIES && ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0; i++)
        g_usleep(TAKEN_TRY_US);
}

static void
send_pieces(int fd, const guint8 *data, gsize size)
{
    while (size > 0) {
        const guint8 *pause = memchr(data, PAUSE, size);
        gsize length = pause != NULL ? (gsize)(pause - data) : size;
        if (length > 0 && send(fd, data, length, MSG_NOSIGNAL) < 0)
            return;
        if (pause == NULL)
            return;
        wait_until_taken(fd);
        data += length + 1;
        size -= length + 1;
    }
}

/* Reads to the end; FALSE when it does not come. */
static gboolean
read_to_end(int fd, int patience_ms, GString *into)
{
    char buffer[16384];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    gssize n = 1;
    while (n > 0) {
        if (poll(&ready, 1, patience_ms) == 0)
            return FALSE;
        n = recv(fd, buffer, sizeof(buffer), 0);
        if (n > 0 && into != NULL)
            g_string_append_len(into, buffer, n);
    }
    return TRUE;
}

/* Another connection is served as if nothing had been. */
static void
probe(FuzzWorld *world)
{
    static const char request[] = "GET /echo HTTP/1.0\r\n\r\n";
    g_autoptr(GString) reply = g_string_new(NULL);
    int fd = fuzz_connect(world);
    g_assert_cmpint(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), >, 0);
    g_assert_true(read_to_end(fd, PROBE_PATIENCE_MS, reply));
    g_assert_nonnull(strstr(reply->str, " 200 OK\r\n"));
    close(fd);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    FuzzWorld *world = fuzz_world();
    int fd = fuzz_connect(world);
    send_pieces(fd, data, size);
    shutdown(fd, SHUT_WR);
    gboolean is_ended = read_to_end(fd, PATIENCE_MS, NULL);
    close(fd);
    if (is_ended)
        return 0;
    probe(world);
    if (++n_abandoned < ABANDONED_MAX)
        return 0;
    n_abandoned = 0;
    fuzz_world_renew();
    return 0;
}
