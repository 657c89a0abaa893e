/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP client against a peer that the test plays on a thread of its own: replies, events, silence,
 * nonsense and a broken connection. */
#include "domain/qemu/qmp.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/loop.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n"
#define LONG_MS  60000

typedef struct Peer {
    int fd;
    const char *const
        *script; /* "<" awaits a line; anything else is sent; "x" closes; NULL ends and leaves open */
    GThread *thread;
    GMutex lock;
    GCond changed;
    GString *events; /* names, each with a semicolon */
    gboolean is_closed;
    Loop *loop;
    Qmp *qmp;
} Peer;

static void
await_line(int fd)
{
    char byte = 0;
    while (byte != '\n' && read(fd, &byte, 1) == 1)
        continue;
}

static gpointer
play(gpointer data)
{
    Peer *peer = data;
    for (const char *const *line = peer->script; *line != NULL; line++) {
        if (strcmp(*line, "<") == 0)
            await_line(peer->fd);
        else if (strcmp(*line, "x") == 0)
            base_fd_clear(&peer->fd);
        else
            g_assert_true(base_fd_write_all(peer->fd, *line, strlen(*line), NULL));
    }
    return NULL;
}

static void
note_event(gpointer owner, const char *name, Value *data)
{
    Peer *peer = owner;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&peer->lock);
    g_string_append_printf(peer->events, "%s;", name == NULL ? "closed" : name);
    peer->is_closed |= name == NULL;
    g_cond_signal(&peer->changed);
}

static Peer *
peer_new(const char *const *script)
{
    int ends[2];
    Peer *peer = g_new0(Peer, 1);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    g_mutex_init(&peer->lock);
    g_cond_init(&peer->changed);
    peer->fd = ends[0];
    peer->script = script;
    peer->events = g_string_new(NULL);
    peer->loop = loop_new("test");
    peer->qmp = qmp_new(loop_context(peer->loop), ends[1], note_event, peer);
    peer->thread = g_thread_new("peer", play, peer);
    return peer;
}

static void
await_closed(Peer *peer)
{
    g_mutex_lock(&peer->lock);
    while (!peer->is_closed)
        g_cond_wait(&peer->changed, &peer->lock);
    g_mutex_unlock(&peer->lock);
}

static void
peer_free(Peer *peer)
{
    g_thread_join(peer->thread);
    qmp_free(peer->qmp);
    loop_free(peer->loop);
    base_fd_clear(&peer->fd);
    g_string_free(peer->events, TRUE);
    g_mutex_clear(&peer->lock);
    g_cond_clear(&peer->changed);
    g_free(peer);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Peer, peer_free)

static void
test_commands(void)
{
    static const char *const script[] = {GREETING,
                                         "<",
                                         "{\"return\": {}, \"id\": 1}\n",
                                         "<",
                                         "{\"return\": {\"status\": \"running\"}, \"id\": 2}\n",
                                         NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply = NULL;
    g_assert_true(qmp_negotiate(peer->qmp, LONG_MS, NULL, &error));
    g_assert_true(qmp_execute(peer->qmp, "query-status", NULL, LONG_MS, NULL, &reply, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(value_map_get_string(reply, "status", ""), ==, "running");
}

/* The peer answers getfd once a descriptor has come; what is written to its copy is there. */
static gpointer
take_descriptor(gpointer data)
{
    Peer *peer = data;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char line[256] = "";
    struct iovec piece = {line, sizeof line - 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int fd = -1;
    g_assert_cmpint(recvmsg(peer->fd, &message, MSG_CMSG_CLOEXEC), >, 0);
    g_assert_nonnull(strstr(line, "\"fdname\":\"it\""));
    g_assert_nonnull(CMSG_FIRSTHDR(&message));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    g_assert_true(base_fd_write_all(fd, "passed", 6, NULL));
    close(fd);
    static const char reply[] = "{\"return\": {}, \"id\": 1}\n";
    g_assert_true(base_fd_write_all(peer->fd, reply, strlen(reply), NULL));
    return NULL;
}

static void
test_descriptor(void)
{
    static const char *const script[] = {NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    int ends[2];
    char text[8] = "";
    g_assert_cmpint(pipe(ends), ==, 0);
    GThread *thread = g_thread_new("taker", take_descriptor, peer);
    g_assert_true(qmp_pass_fd(peer->qmp, "it", ends[1], LONG_MS, NULL, &error));
    g_assert_no_error(error);
    g_thread_join(thread);
    g_assert_cmpint(read(ends[0], text, sizeof text), ==, 6);
    g_assert_cmpstr(text, ==, "passed");
    close(ends[0]);
    close(ends[1]);
}

static void
test_refusal(void)
{
    static const char *const script[] = {
        "<", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}, \"id\": 1}\n", NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_assert_false(qmp_execute(peer->qmp, "fly", NULL, LONG_MS, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "no such thing"));
}

static void
test_events_between(void)
{
    static const char *const script[] = {"<", "{\"event\": \"STOP\", \"timestamp\": {}}\n{\"event\": \"RE",
                                         "SUME\", \"timestamp\": {}}\n{\"return\": 1, \"id\": 1}\n", "x",
                                         NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_assert_true(qmp_execute(peer->qmp, "cont", NULL, LONG_MS, NULL, NULL, &error));
    await_closed(peer);
    g_assert_cmpstr(peer->events->str, ==, "STOP;RESUME;closed;");
}

static void
test_silence(void)
{
    static const char *const script[] = {"<", NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_assert_false(qmp_execute(peer->qmp, "cont", NULL, 1, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TIMED_OUT);
}

static void
test_late_reply(void)
{
    static const char *const script[] = {
        "<", "<", "{\"return\": \"late\", \"id\": 1}\n{\"return\": \"right\", \"id\": 2}\n", NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_autoptr(Value) reply = NULL;
    g_assert_false(qmp_execute(peer->qmp, "slow", NULL, 1, NULL, NULL, NULL));
    g_assert_true(qmp_execute(peer->qmp, "next", NULL, LONG_MS, NULL, &reply, &error));
    g_assert_cmpstr(value_get_string(reply), ==, "right");
}

static void
test_cancelled(void)
{
    static const char *const script[] = {"<", NULL};
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_cancellable_cancel(cancellable);
    g_assert_false(qmp_execute(peer->qmp, "cont", NULL, LONG_MS, cancellable, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_CANCELLED);
}

static void
assert_ends(const char *const *script)
{
    g_autoptr(Peer) peer = peer_new(script);
    g_autoptr(GError) error = NULL;
    g_assert_false(qmp_execute(peer->qmp, "cont", NULL, LONG_MS, NULL, NULL, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_IO);
    await_closed(peer);
}

static void
test_broken(void)
{
    static const char *const closed[] = {"<", "x", NULL};
    static const char *const nonsense[] = {"<", "Segmentation fault\n", NULL};
    static const char *const no_object[] = {"<", "[1, 2]\n", NULL};
    assert_ends(closed);
    assert_ends(nonsense);
    assert_ends(no_object);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/qmp/replies-find-their-commands", test_commands);
    g_test_add_func("/domain/qmp/descriptors-are-passed", test_descriptor);
    g_test_add_func("/domain/qmp/a-refusal-has-qemus-words", test_refusal);
    g_test_add_func("/domain/qmp/events-come-in-order-in-pieces-and-between-replies", test_events_between);
    g_test_add_func("/domain/qmp/silence-times-out", test_silence);
    g_test_add_func("/domain/qmp/a-late-reply-is-dropped", test_late_reply);
    g_test_add_func("/domain/qmp/waiting-can-be-cancelled", test_cancelled);
    g_test_add_func("/domain/qmp/a-broken-or-senseless-peer-is-an-error-at-once", test_broken);
    return g_test_run();
}
