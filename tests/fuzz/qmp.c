/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: what a QEMU sends on its monitor, should its guest have taken it over. The input is sent whole
 * after the greeting, while a command and a request wait. */
#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "domain/qemu/qmp.h"

#define GREETING   "{\"QMP\": {}}\n{\"return\": {}, \"id\": 1}\n"
#define TIMEOUT_MS 30000

static Loop *loop;

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    loop = loop_new("fuzz");
    return 0;
}

static void
take_event(gpointer owner, const char *name, Value *data)
{
    g_assert_true(data == NULL || value_kind(data) == VALUE_MAP);
    g_assert_true(name != NULL || data == NULL);
}

typedef struct Peer {
    int fd;
    const guint8 *data;
    gsize size;
} Peer;

/* Answers whatever is asked with the input, and hangs up. */
static gpointer
play(gpointer data)
{
    Peer *peer = data;
    base_fd_write_all(peer->fd, GREETING, strlen(GREETING), NULL);
    base_fd_write_all(peer->fd, peer->data, peer->size, NULL);
    shutdown(peer->fd, SHUT_RDWR);
    return NULL;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    int ends[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    Peer peer = {ends[0], data, size};
    g_autoptr(Qmp) qmp = qmp_new(loop_context(loop), ends[1], take_event, NULL);
    GThread *thread = g_thread_new("peer", play, &peer);
    g_autoptr(Value) reply = NULL;
    g_autoptr(GError) error = NULL;
    if (qmp_negotiate(qmp, TIMEOUT_MS, NULL, NULL)) {
        gboolean is_done = qmp_execute(qmp, "query-status", NULL, TIMEOUT_MS, NULL, &reply, &error);
        g_assert_true(is_done == (error == NULL) && is_done == (reply != NULL));
    }
    g_thread_join(thread);
    base_fd_clear(&peer.fd);
    return 0;
}
