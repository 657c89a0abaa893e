/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server that inputs are sent to: real HTTP, dispatcher and database, in this process; handlers of custom
 * messages are not there, so that none reaches out of it. */
#include "fuzz.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unix_socket.h"
#include "http/internal.h"
#include "model/classes.h"

#define RUNS_PER_WORLD  4000
#define SESSION_WORD    "SESSION"
#define STUCK_MS        20000 /* an answer that takes so long is a finding */
#define BREAK_OFF_MS    5
#define REPLY_MAX_BYTES (64 * 1024 * 1024)

static FuzzWorld *current;
static guint n_runs;

void
fuzz_init(void)
{
    signal(SIGPIPE, SIG_IGN);
    base_log_init("fuzz", LOG_LEVEL_ERROR);
    atexit(fuzz_world_renew); /* what is left then is a leak */
    g_log_set_always_fatal(G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
}

char *
fuzz_text(const guint8 *data, gsize size)
{
    return g_strndup((const char *)data, size);
}

/* ---- The world ---- */

static void
insert_rows(TestCli *cli)
{
    const char *uuid = strchr(FUZZ_VM, ':') + 1;
    Value *config = value_map_new(2);
    value_map_set(config, "owner", value_string("o'hara"));
    value_map_set(config, "a b", value_string(""));
    g_free(test_cli_insert(cli, CLASS_VM, uuid, VM_NAME_LABEL, value_string("web"), VM_VCPUS_MAX,
                           value_int(4), VM_OTHER_CONFIG, config, -1));
    g_free(test_cli_insert(cli, CLASS_HOST, strchr(FUZZ_HOST, ':') + 1, HOST_NAME_LABEL,
                           value_string("host \"1\""), -1));
    g_free(test_cli_insert(cli, CLASS_TASK, strchr(FUZZ_TASK, ':') + 1, TASK_NAME_LABEL,
                           value_string("<task> & co"), -1));
}

static void
listen_on_socket(FuzzWorld *world)
{
    g_autoptr(GError) error = NULL;
    const HttpRoute routes[] = {
        {"POST", "/", RPC_BODY_MAX_BYTES, rpc_http_handler, world->cli->rpc},
        {"POST", "/jsonrpc", RPC_BODY_MAX_BYTES, rpc_json_handler, world->cli->rpc},
        {"OPTIONS", "/", 0, rpc_options_handler, world->cli->rpc},
        {"POST", "/cli", 0, cli_http_handler, world->cli->server},
        {"POST", "/small", 100, fuzz_echo_handler, NULL},
        {"GET", "/echo", 0, fuzz_echo_handler, NULL},
        {"GET", "/file", 0, fuzz_file_handler, world->file_path},
        {"PUT", "/take", 0, fuzz_take_handler, NULL},
        {"CONNECT", "/take", 0, fuzz_take_handler, NULL},
    };
    world->server = http_server_new(routes, G_N_ELEMENTS(routes), 2);
    world->server->silent_timeout_s = 1; /* what half a request holds is given back soon */
    http_server_listen_unix(world->server, world->socket_path, 0600, &error);
    g_assert_no_error(error);
}

static FuzzWorld *
world_new(void)
{
    g_autoptr(GError) error = NULL;
    FuzzWorld *world = g_new0(FuzzWorld, 1);
    world->client = -1;
    world->cli = test_cli_new();
    insert_rows(world->cli);
    world->folder = g_dir_make_tmp("fuzz-XXXXXX", &error);
    g_assert_no_error(error);
    world->socket_path = g_build_filename(world->folder, "socket", NULL);
    world->file_path = g_build_filename(world->folder, "file", NULL);
    g_assert_true(g_file_set_contents(world->file_path, "content\n", -1, NULL));
    listen_on_socket(world);
    return world;
}

static void
world_free(FuzzWorld *world)
{
    if (world->client >= 0)
        close(world->client);
    session_unref(world->session);
    cli_server_stop(world->cli->server);
    http_server_free(world->server);
    test_cli_free(world->cli);
    g_unlink(world->file_path);
    g_assert_cmpint(g_rmdir(world->folder), ==, 0);
    g_free(world->folder);
    g_free(world->file_path);
    g_free(world->socket_path);
    g_free(world);
}

void
fuzz_world_renew(void)
{
    g_clear_pointer(&current, world_free);
    n_runs = 0;
}

FuzzWorld *
fuzz_world(void)
{
    if (++n_runs > RUNS_PER_WORLD)
        fuzz_world_renew();
    if (current == NULL)
        current = world_new();
    return current;
}

/* ---- Requests ---- */

static const char *
living_session(FuzzWorld *world)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) found =
        world->session != NULL ? sessions_find(world->cli->sessions, world->session->ref, NULL) : NULL;
    if (found == NULL) {
        session_unref(world->session);
        world->session = sessions_login(world->cli->sessions, "root", "", "fuzz", TRUE, &error);
        g_assert_no_error(error);
    }
    return world->session->ref;
}

GString *
fuzz_with_session(FuzzWorld *world, const guint8 *data, gsize size)
{
    static const gsize length = sizeof(SESSION_WORD) - 1;
    const char *session = living_session(world);
    GString *out = g_string_sized_new(size);
    const guint8 *word;
    while ((word = memmem(data, size, SESSION_WORD, length)) != NULL) {
        g_string_append_len(out, (const char *)data, word - data);
        g_string_append(out, session);
        size -= (gsize)(word - data) + length;
        data = word + length;
    }
    return g_string_append_len(out, (const char *)data, (gssize)size);
}

gboolean
fuzz_may_wait(const char *method)
{
    return method != NULL && strstr(method, "event.") != NULL;
}

int
fuzz_connect(FuzzWorld *world)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(base_unix_connect(fd, world->socket_path), ==, 0);
    return fd;
}

static gboolean
send_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        gssize n = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            return FALSE;
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* Reads more; 0 at the end of the connection, -1 when it takes longer than @wait_ms. */
static gssize
read_more(int fd, GString *into, int wait_ms)
{
    char buffer[16384];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) == 0)
        return -1;
    gssize n = recv(fd, buffer, sizeof(buffer), 0);
    if (n > 0)
        g_string_append_len(into, buffer, n);
    g_assert_cmpuint(into->len, <=, REPLY_MAX_BYTES);
    return MAX(n, 0);
}

static gsize
content_length(const char *head)
{
    const char *line = strcasestr(head, "\r\ncontent-length:");
    g_assert_nonnull(line);
    return (gsize)g_ascii_strtoull(strchr(line, ':') + 1, NULL, 10);
}

/* A whole reply: its body in @reply. FALSE: none came. */
static gboolean
read_reply(int fd, GString *reply, int wait_ms, guint *ret_status)
{
    const char *end;
    while ((end = strstr(reply->str, "\r\n\r\n")) == NULL)
        if (read_more(fd, reply, wait_ms) <= 0)
            return FALSE;
    g_assert_cmpint(sscanf(reply->str, "HTTP/1.1 %u", ret_status), ==, 1);
    gsize head = (gsize)(end + 4 - reply->str);
    gsize length = content_length(reply->str);
    while (reply->len < head + length)
        g_assert_cmpint(read_more(fd, reply, STUCK_MS), >, 0);
    g_assert_cmpuint(reply->len, ==, head + length);
    g_string_erase(reply, 0, (gssize)head);
    return TRUE;
}

static void
drop_client(FuzzWorld *world)
{
    close(world->client);
    world->client = -1;
}

guint
fuzz_post(FuzzWorld *world, const char *path, const GString *body, gboolean may_wait, GString **ret_reply)
{
    g_autoptr(GString) reply = g_string_new(NULL);
    g_autofree char *head = g_strdup_printf(
        "POST %s HTTP/1.1\r\nHost: fuzz\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", path, body->len);
    if (world->client < 0)
        world->client = fuzz_connect(world);
    guint status = 0;
    gboolean is_sent =
        send_all(world->client, head, strlen(head)) && send_all(world->client, body->str, body->len);
    gboolean is_answered =
        is_sent && read_reply(world->client, reply, may_wait ? BREAK_OFF_MS : STUCK_MS, &status);
    g_assert_true(is_answered || may_wait);
    if (!is_answered || status != 200)
        drop_client(world);
    *ret_reply = g_steal_pointer(&reply);
    return status;
}
