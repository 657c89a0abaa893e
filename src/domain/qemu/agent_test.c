/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conversation with a guest's agent, honest and otherwise; and its socket, with a guest that the test
 * plays. */
#include "domain/qemu/agent.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/unix_socket.h"
#include "domain/qemu/agent_talk.h"
#include "value/json.h"

/* ---- The conversation */

static DomainVifTList *
vifs(void)
{
    static DomainVifT items[] = {{.id = (char *)"vm.0", .mac = (char *)"52:54:00:AA:00:00"},
                                 {.id = (char *)"vm.7", .mac = (char *)"52:54:00:aa:00:07"}};
    static DomainVifTList list = {items, G_N_ELEMENTS(items)};
    return &list;
}

/* What it sends next; the caller frees it. */
static char *
next(AgentTalk *talk)
{
    g_autoptr(GString) out = g_string_new(NULL);
    agent_talk_next(talk, out);
    return g_strdup(out->str);
}

static void
assert_next(AgentTalk *talk, const char *text)
{
    g_autofree char *sent = next(talk);
    g_assert_cmpstr(sent, ==, text);
}

static gboolean
take(AgentTalk *talk, const char *text)
{
    return agent_talk_take(talk, text, strlen(text));
}

/* Answers the question for the number; the number. */
static gint64
answer_sync(AgentTalk *talk)
{
    g_autofree char *sent = next(talk);
    g_assert_cmpint((guchar)sent[0], ==, 0xff);
    g_assert_true(g_str_has_prefix(sent + 1, "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":"));
    gint64 id = g_ascii_strtoll(strrchr(sent, ':') + 1, NULL, 10);
    g_autofree char *reply = g_strdup_printf("rubbish\xff{\"return\": %" G_GINT64_FORMAT "}\n", id);
    g_assert_true(take(talk, reply));
    return id;
}

#define COMMAND(name) "{\"name\": \"" name "\", \"enabled\": true}"
#define KNOWS_ALL                                                                                            \
    COMMAND("guest-get-osinfo")                                                                              \
    ", " COMMAND("guest-network-get-interfaces") ", " COMMAND("guest-get-fsinfo") ", " COMMAND(              \
        "guest-shutdown")

/* Answers of one round, in order; a NULL ends them. */
typedef struct RoundCase {
    const char *name;
    const char *answers[5];
    const char *keys; /* JSON of the info; NULL: none */
} RoundCase;

/* clang-format off */
static const RoundCase rounds[] = {
    {"an-agent-that-knows-everything",
     {"{\"return\": {\"version\": \"7.2.13\", \"supported_commands\": [" KNOWS_ALL "]}}",
      "{\"return\": {\"id\": \"debian\", \"pretty-name\": \"Debian 12\", \"version-id\": \"12.5\", \"kernel-release\": \"6.1\"}}",
      "{\"return\": [{\"name\": \"lo\", \"hardware-address\": \"00:00:00:00:00:00\","
        "\"ip-addresses\": [{\"ip-address-type\": \"ipv4\", \"ip-address\": \"127.0.0.1\"}]},"
        "{\"name\": \"eth0\", \"hardware-address\": \"52:54:00:aa:00:07\", \"ip-addresses\": ["
        "{\"ip-address-type\": \"ipv4\", \"ip-address\": \"10.0.0.2\"}, {\"ip-address-type\": \"ipv6\", \"ip-address\": \"fe80::1\"},"
        "{\"ip-address-type\": \"ipv4\", \"ip-address\": \"10.0.0.3\"}]}]}",
      "{\"return\": [{\"name\": \"vda1\", \"mountpoint\": \"/\", \"type\": \"ext4\", \"used-bytes\": 10, \"total-bytes\": 100},"
        "{\"name\": \"vdb\", \"mountpoint\": \"/b\", \"type\": \"xfs\", \"used-bytes\": 200, \"total-bytes\": 100}]}"},
     "{\"attr/PVAddons/MajorVersion\":\"7\",\"attr/PVAddons/MinorVersion\":\"2\",\"attr/PVAddons/MicroVersion\":\"13\","
     "\"attr/PVAddons/Installed\":\"1\",\"control/feature-shutdown\":\"1\",\"control/feature-reboot\":\"1\","
     "\"data/os_name\":\"Debian 12\",\"data/os_distro\":\"debian\",\"data/os_uname\":\"6.1\",\"data/os_majorver\":\"12\",\"data/os_minorver\":\"5\","
     "\"attr/vif/7/ipv4/0\":\"10.0.0.2\",\"attr/eth7/ip\":\"10.0.0.2\",\"attr/vif/7/ipv6/0\":\"fe80::1\",\"attr/vif/7/ipv4/1\":\"10.0.0.3\","
     "\"data/volumes/0/name\":\"vda1\",\"data/volumes/0/mount_points/0\":\"/\",\"data/volumes/0/filesystem\":\"ext4\","
     "\"data/volumes/0/size\":\"100\",\"data/volumes/0/free\":\"90\",\"data/volumes/1/name\":\"vdb\",\"data/volumes/1/mount_points/0\":\"/b\","
     "\"data/volumes/1/filesystem\":\"xfs\",\"data/updated\":\"1\"}"},
    {"an-agent-that-knows-little",
     {"{\"return\": {\"version\": \"1\", \"supported_commands\": [{\"name\": \"guest-shutdown\", \"enabled\": false}]}}"},
     "{\"attr/PVAddons/MajorVersion\":\"1\",\"attr/PVAddons/MinorVersion\":\"0\",\"attr/PVAddons/MicroVersion\":\"0\","
     "\"attr/PVAddons/Installed\":\"1\",\"data/updated\":\"1\"}"},
    {"an-agent-that-refuses",
     {"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}"}, "{\"data/updated\":\"1\"}"},
    {"answers-of-the-wrong-kind",
     {"{\"return\": {\"version\": [], \"supported_commands\": [3, {}, " KNOWS_ALL "]}}",
      "{\"return\": [1]}", "{\"return\": {\"name\": 3}}", "{\"return\": [[], {\"name\": {}, \"total-bytes\": -1, \"used-bytes\": \"x\"}]}"},
     "{\"attr/PVAddons/MajorVersion\":\"0\",\"attr/PVAddons/MinorVersion\":\"0\",\"attr/PVAddons/MicroVersion\":\"0\","
     "\"attr/PVAddons/Installed\":\"1\",\"control/feature-shutdown\":\"1\",\"control/feature-reboot\":\"1\",\"data/updated\":\"1\"}"},
    {"texts-are-cleaned",
     {"{\"return\": {\"version\": \"1.0.0\", \"supported_commands\": [" COMMAND("guest-get-osinfo") "]}}",
      "{\"return\": {\"name\": \"a\\u0007b\\u001b[31m\\n c\", \"id\": \"\\u0001\"}}"},
     "{\"attr/PVAddons/MajorVersion\":\"1\",\"attr/PVAddons/MinorVersion\":\"0\",\"attr/PVAddons/MicroVersion\":\"0\","
     "\"attr/PVAddons/Installed\":\"1\",\"data/os_name\":\"ab[31m c\",\"data/updated\":\"1\"}"},
};
/* clang-format on */

static void
test_round(gconstpointer data)
{
    const RoundCase *row = data;
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    g_assert_true(agent_talk_begin(talk));
    answer_sync(talk);
    for (const char *const *answer = row->answers; *answer != NULL; answer++) {
        g_autofree char *sent = next(talk);
        g_assert_cmpstr(sent, !=, "");
        g_assert_false(agent_talk_begin(talk)); /* one question at a time */
        assert_next(talk, "");
        g_assert_true(take(talk, *answer));
        g_assert_true(take(talk, "\n"));
    }
    assert_next(talk, "");
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, agent_talk_info(talk));
    g_assert_cmpstr(text->str, ==, row->keys);
    g_assert_true(agent_talk_begin(talk));
}

/* Only the number that was sent last counts. */
static void
test_stale_answers(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    agent_talk_begin(talk);
    gint64 id = answer_sync(talk);
    g_free(next(talk)); /* guest-info, never answered */
    agent_talk_reset(talk);
    g_assert_true(agent_talk_begin(talk));
    g_free(next(talk));
    g_autofree char *old = g_strdup_printf("{\"return\": %" G_GINT64_FORMAT "}\n", id);
    g_assert_true(take(talk, "{\"return\": {\"version\": \"1\"}}\n"));
    g_assert_true(take(talk, "{\"error\": {}}\n{\"retu"));
    g_assert_true(take(talk, "\xff"));
    g_assert_true(take(talk, old));
    g_assert_true(take(talk, "\n[1, 2\n")); /* still in step: nonsense before the answer is somebody else's */
    g_assert_false(agent_talk_begin(talk));
}

static void
test_nonsense(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    agent_talk_begin(talk);
    answer_sync(talk);
    g_free(next(talk));
    g_assert_false(take(talk, "this is no answer\n"));
    g_assert_null(agent_talk_info(talk));
}

static void
test_endless_answer(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    g_autofree char *piece = g_strnfill(4096, '[');
    gsize n = 0;
    agent_talk_begin(talk);
    answer_sync(talk);
    while (take(talk, piece))
        n++;
    g_assert_cmpuint(n, ==, AGENT_MESSAGE_MAX_BYTES / 4096);
}

static void
test_many_answers(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    gsize n = 0;
    agent_talk_begin(talk);
    answer_sync(talk);
    while (take(talk, "{}\n"))
        n++;
    g_assert_cmpuint(n, <, 1000);
}

static void
test_deep_answer(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    g_autofree char *deep = g_strnfill(100000, '[');
    agent_talk_begin(talk);
    answer_sync(talk);
    g_free(next(talk));
    g_assert_true(take(talk, deep));
    g_assert_false(take(talk, "\n"));
}

#define SHUTDOWN "{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"powerdown\"}}\n"

static void
test_shutdown(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    agent_talk_want_shutdown(talk);
    g_assert_false(agent_talk_has_acknowledged(talk));
    answer_sync(talk);
    g_assert_false(agent_talk_has_acknowledged(talk));
    assert_next(talk, SHUTDOWN);
    g_assert_true(agent_talk_has_acknowledged(talk));
    assert_next(talk, "");
    g_assert_true(take(talk, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n"));
    g_assert_false(agent_talk_has_acknowledged(talk));
}

/* It does not wait for the rest of a round. */
static void
test_shutdown_within_a_round(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    agent_talk_begin(talk);
    answer_sync(talk);
    g_free(next(talk));
    agent_talk_want_shutdown(talk);
    assert_next(talk, "");
    g_assert_true(
        take(talk, "{\"return\": {\"version\": \"1\", \"supported_commands\": [" KNOWS_ALL "]}}\n"));
    answer_sync(talk);
    assert_next(talk, SHUTDOWN);
    assert_next(talk, "");
}

static void
test_vcpus(void)
{
    g_autoptr(AgentTalk) talk = agent_talk_new(vifs(), "vm");
    agent_talk_want_vcpus(talk);
    answer_sync(talk);
    assert_next(talk, "{\"execute\":\"guest-get-vcpus\"}\n");
    g_assert_true(
        take(talk,
             "{\"return\": [{\"logical-id\": 0, \"online\": true}, {\"logical-id\": 1, \"online\": false}, 5,"
             "{\"logical-id\": \"x\", \"online\": false}]}\n"));
    assert_next(
        talk,
        "{\"execute\":\"guest-set-vcpus\",\"arguments\":{\"vcpus\":[{\"logical-id\":1,\"online\":true}]}}\n");
    g_assert_true(take(talk, "{\"return\": 1}\n"));
    assert_next(talk, "");
    agent_talk_want_vcpus(talk);
    assert_next(talk, "{\"execute\":\"guest-get-vcpus\"}\n");
    g_assert_true(take(talk, "{\"return\": [{\"logical-id\": 0, \"online\": true}]}\n"));
    assert_next(talk, ""); /* nothing to change */
}

/* ---- The socket */

typedef struct Guest {
    char *dir;
    int listener;
    Loop *loop;
    QemuAgent *agent;
    GMutex lock;
    GCond changed;
    guint n_told;
    gboolean has_info;
} Guest;

static void
note(gpointer owner, Value *info)
{
    Guest *guest = owner;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->lock);
    guest->n_told++;
    guest->has_info = info != NULL;
    g_cond_signal(&guest->changed);
}

static Guest *
guest_new(void)
{
    Guest *guest = g_new0(Guest, 1);
    guest->dir = g_dir_make_tmp("agent-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(guest->dir, "agent.sock", NULL);
    g_mutex_init(&guest->lock);
    g_cond_init(&guest->changed);
    guest->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(base_unix_bind(guest->listener, path), ==, 0);
    g_assert_cmpint(listen(guest->listener, 8), ==, 0);
    guest->loop = loop_new("test");
    const QemuAgentSpec spec = {loop_context(guest->loop), path, vifs(), "vm", note, guest};
    guest->agent = qemu_agent_new(&spec);
    return guest;
}

static void
guest_free(Guest *guest)
{
    g_autofree char *path = g_build_filename(guest->dir, "agent.sock", NULL);
    qemu_agent_free(guest->agent);
    loop_free(guest->loop);
    base_fd_clear(&guest->listener);
    unlink(path);
    rmdir(guest->dir);
    g_free(guest->dir);
    g_mutex_clear(&guest->lock);
    g_cond_clear(&guest->changed);
    g_free(guest);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_free)

static int
answer_call(Guest *guest)
{
    int fd = accept4(guest->listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* The next request; the caller frees it. NULL when it has hung up. */
static char *
read_request(int fd)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char byte = 0;
    while (byte != '\n' && read(fd, &byte, 1) == 1)
        g_string_append_c(line, byte);
    return byte == '\n' ? g_strdup(line->str) : NULL;
}

static void
send_text(int fd, const char *text)
{
    g_assert_true(base_fd_write_all(fd, text, strlen(text), NULL));
}

static void
send_sync(int fd)
{
    g_autofree char *request = read_request(fd);
    g_assert_nonnull(strstr(request, "guest-sync-delimited"));
    g_autofree char *reply = g_strdup_printf("\xff{\"return\": %s\n", strrchr(request, ':') + 1);
    *strrchr(reply, '}') = ' '; /* of the request's own brackets one is enough */
    send_text(fd, reply);
}

static void
await_told(Guest *guest, guint n)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&guest->lock);
    while (guest->n_told < n)
        g_cond_wait(&guest->changed, &guest->lock);
}

static void
test_channel(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_assert_false(qemu_agent_ask_shutdown(guest->agent)); /* nobody there */
    qemu_agent_set_open(guest->agent, TRUE);
    auto_fd fd = answer_call(guest);
    send_sync(fd);
    g_autofree char *request = read_request(fd);
    g_assert_cmpstr(request, ==, "{\"execute\":\"guest-info\"}\n");
    send_text(fd, "{\"return\": {\"version\": \"1\", \"supported_commands\": []}}\n");
    await_told(guest, 1);
    g_assert_true(guest->has_info);
    g_assert_true(qemu_agent_ask_shutdown(guest->agent));
    send_sync(fd);
    g_autofree char *shutdown = read_request(fd);
    g_assert_cmpstr(shutdown, ==, SHUTDOWN);
    g_assert_true(qemu_agent_has_acknowledged(guest->agent));
    qemu_agent_set_open(guest->agent, FALSE);
    await_told(guest, 2);
    g_assert_false(guest->has_info);
    g_assert_null(read_request(fd)); /* it has hung up */
}

/* More than it reads of one guest: it hangs up, and comes again with the next round only. */
static void
test_flood(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autofree char *flood = g_strnfill(65536, '\n');
    gsize sent = 0;
    qemu_agent_set_open(guest->agent, TRUE);
    auto_fd fd = answer_call(guest);
    while (base_fd_write_all(fd, flood, 65536, NULL))
        sent += 65536;
    g_assert_cmpuint(sent, <, 8 * 1024 * 1024);
    g_assert_cmpuint(guest->n_told, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (gsize i = 0; i < G_N_ELEMENTS(rounds); i++) {
        g_autofree char *path = g_strdup_printf("/domain/qemu-agent/round/%s", rounds[i].name);
        g_test_add_data_func(path, &rounds[i], test_round);
    }
    g_test_add_func("/domain/qemu-agent/stale-answers-are-passed-over", test_stale_answers);
    g_test_add_func("/domain/qemu-agent/nonsense-ends-the-connection", test_nonsense);
    g_test_add_func("/domain/qemu-agent/an-endless-answer-ends-the-connection", test_endless_answer);
    g_test_add_func("/domain/qemu-agent/many-answers-end-the-connection", test_many_answers);
    g_test_add_func("/domain/qemu-agent/a-deep-answer-ends-the-connection", test_deep_answer);
    g_test_add_func("/domain/qemu-agent/shutdown-is-acknowledged-by-a-living-agent", test_shutdown);
    g_test_add_func("/domain/qemu-agent/shutdown-goes-before-a-round", test_shutdown_within_a_round);
    g_test_add_func("/domain/qemu-agent/unused-processors-are-used", test_vcpus);
    g_test_add_func("/domain/qemu-agent/channel-is-followed", test_channel);
    g_test_add_func("/domain/qemu-agent/a-flood-is-cut-off", test_flood);
    return g_test_run();
}
