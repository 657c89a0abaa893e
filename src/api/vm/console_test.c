/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Consoles over a real HTTP server: who gets in, which socket they reach, and that bytes pass both ways. */
#include "api/vm/console.h"

#include "api/services.h"
#include "http/test_kit.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- A VM with one console, which says "RFB " and then echoes ---- */

typedef struct Fixture {
    ApiServices services;
    KitServer *kit;
    char *folder;
    char *socket_path;
    int listener;
    GThread *guest;
    gboolean is_running;
    char *vm, *control_domain, *console; /* refs */
} Fixture;

static gpointer
guest_thread(gpointer data)
{
    const Fixture *fixture = data;
    char buffer[64];

    for (;;) {
        int fd = accept(fixture->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        gssize n = write(fd, "RFB ", 4);
        while (n > 0) {
            n = read(fd, buffer, sizeof buffer);
            if (n > 0)
                n = write(fd, buffer, (gsize)n);
        }
        close(fd);
    }
}

static void
start_guest(Fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    fixture->folder = kit_folder_new();
    fixture->socket_path = g_build_filename(fixture->folder, "vnc", NULL);
    g_strlcpy(address.sun_path, fixture->socket_path, sizeof address.sun_path);
    fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fixture->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fixture->listener, 4), ==, 0);
    fixture->guest = g_thread_new("guest", guest_thread, fixture);
}

static gboolean
transport(gpointer data, const char *method, Value *params, guint timeout_ms, GCancellable *cancellable,
          Value **ret_reply, GError **error)
{
    const Fixture *fixture = data;
    DomainVmConsole console = {.protocol = DOMAIN_VM_CONSOLE_PROTOCOL_RFB, .path = fixture->socket_path};
    DomainVmEntry entry = {
        .config = {.id = (char *)"x", .name = (char *)"x", .ty.tag = DOMAIN_VM_BUILDER_INFO_HVM},
        .state = {.power_state = fixture->is_running ? DOMAIN_POWER_STATE_RUNNING : DOMAIN_POWER_STATE_HALTED,
                  .consoles = {.items = &console, .n = 1},
                  .rtc_timeoffset = (char *)"0"},
    };

    *ret_reply = value_map_new(2);
    value_map_set(*ret_reply, "Status", value_string("Success"));
    value_map_set(*ret_reply, "Value", domain_vm_entry_to_value(&entry));
    return TRUE;
}

static gboolean
check_password(gpointer data, const char *user, const char *password, GError **error)
{
    return g_str_equal(password, "secret") || api_error_session_authentication_failed(error);
}

static void
add_rows(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(fixture->services.db, NULL);

    fixture->vm = g_strdup(db_txn_insert(txn, CLASS_VM, NULL));
    fixture->control_domain = g_strdup(db_txn_insert(txn, CLASS_VM, NULL));
    fixture->console = g_strdup(db_txn_insert(txn, CLASS_CONSOLE, NULL));
    db_txn_set_bool(txn, CLASS_VM, fixture->control_domain, VM_IS_CONTROL_DOMAIN, TRUE);
    db_txn_set_string(txn, CLASS_CONSOLE, fixture->console, CONSOLE_VM, fixture->vm);
    db_txn_set_string(txn, CLASS_CONSOLE, fixture->console, CONSOLE_PROTOCOL, "rfb");
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
}

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    const HttpRoute routes[] = {{"CONNECT", "/console", 0, api_console_handler, &fixture->services},
                                {"GET", "/console", 0, api_console_handler, &fixture->services}};
    g_autoptr(GError) error = NULL;

    model_init();
    start_guest(fixture);
    fixture->is_running = TRUE;
    fixture->services.db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    add_rows(fixture);
    fixture->services.sessions = sessions_new(fixture->services.db, check_password, NULL);
    fixture->services.domains = domain_client_new(transport, fixture, NULL);
    fixture->kit = kit_server_new(routes, G_N_ELEMENTS(routes));
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    kit_server_free(fixture->kit);
    vm_console_wait();
    domain_client_free(fixture->services.domains);
    sessions_free(fixture->services.sessions);
    db_close(fixture->services.db);
    shutdown(fixture->listener, SHUT_RDWR);
    g_thread_join(fixture->guest);
    close(fixture->listener);
    kit_folder_free(fixture->folder);
    g_free(fixture->socket_path);
    g_free(fixture->vm);
    g_free(fixture->control_domain);
    g_free(fixture->console);
}

/* ---- Tests ---- */

static char *
login(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) session =
        sessions_login(fixture->services.sessions, "root", "secret", "test", FALSE, &error);

    g_assert_no_error(error);
    return g_strdup(session->ref);
}

static void
assert_status(Fixture *fixture, KitKind kind, guint status, const char *target, const char *headers)
{
    g_autoptr(KitClient) client = kit_client_new(fixture->kit, kind);

    kit_client_say(client, "CONNECT %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, headers);
    g_autoptr(KitReply) reply = kit_client_reply(client);
    g_assert_nonnull(reply);
    g_assert_cmpuint(reply->status, ==, status);
}

static void
assert_console_answers(Fixture *fixture, KitKind kind, const char *target, const char *headers)
{
    g_autoptr(KitClient) client = kit_client_new(fixture->kit, kind);

    kit_client_say(client, "CONNECT %s HTTP/1.0\r\nHost: x\r\n%s\r\n", target, headers);
    kit_client_expect(
        client, "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-cache, no-store\r\n\r\nRFB ");
    kit_client_say(client, "hello");
    kit_client_expect(client, "hello");
}

static void
bytes_pass_on_every_kind_of_listener(Fixture *fixture, gconstpointer data)
{
    g_autofree char *session = login(fixture);
    g_autofree char *by_console = g_strdup_printf("/console?ref=%s&session_id=%s", fixture->console, session);
    g_autofree char *by_vm = g_strdup_printf("/console?ref=%s", fixture->vm);
    g_autofree char *cookie = g_strdup_printf("Cookie: session_id=%s\r\n", session);

    for (KitKind kind = 0; kind < KIT_N; kind++) {
        assert_console_answers(fixture, kind, by_console, "");
        assert_console_answers(fixture, kind, by_vm, cookie);
    }
}

static void
only_who_is_known_gets_in(Fixture *fixture, gconstpointer data)
{
    g_autofree char *target = g_strdup_printf("/console?ref=%s", fixture->vm);
    g_autofree char *stale = g_strdup_printf("%s&session_id=OpaqueRef:no", target);

    assert_status(fixture, KIT_PLAIN, 401, target, "");
    assert_status(fixture, KIT_PLAIN, 401, stale, "");
    assert_status(fixture, KIT_PLAIN, 401, target, "Authorization: Basic cm9vdDp3cm9uZw==\r\n");
    assert_status(fixture, KIT_PLAIN, 401, target, "Authorization: Basic %%%\r\n");
    assert_console_answers(fixture, KIT_PLAIN, target, "Authorization: Basic cm9vdDpzZWNyZXQ=\r\n");
    assert_console_answers(fixture, KIT_UNIX, target, "");
}

static void
what_is_not_there_is_told(Fixture *fixture, gconstpointer data)
{
    g_autofree char *target = g_strdup_printf("/console?ref=%s", fixture->vm);

    assert_status(fixture, KIT_UNIX, 404, "/console?ref=OpaqueRef:none", "");
    assert_status(fixture, KIT_UNIX, 404, "/console?uuid=none", "");
    assert_status(fixture, KIT_UNIX, 404, "/console", "");
    fixture->is_running = FALSE;
    assert_status(fixture, KIT_UNIX, 500, target, "");
}

static void
websocket_carries_frames(Fixture *fixture, gconstpointer data)
{
    static const char hello[] = {'\x82', '\x85', 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};
    static const char ping[] = {'\x89', '\x81', 0, 0, 0, 0, 'p'};
    g_autoptr(KitClient) client = kit_client_new(fixture->kit, KIT_UNIX);

    kit_client_say(client,
                   "GET /console?ref=%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
                   fixture->vm);
    kit_client_expect(client,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                      "Sec-WebSocket-Protocol: binary\r\n\r\n\x82\x04RFB ");
    kit_client_send(client, hello, sizeof hello);
    kit_client_expect(client, "\x82\x05hello");
    kit_client_send(client, ping, sizeof ping);
    kit_client_expect(client, "\x8a\x01p");
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/api/vm/console/bytes-pass-on-every-kind-of-listener", bytes_pass_on_every_kind_of_listener);
    ADD("/api/vm/console/only-who-is-known-gets-in", only_who_is_known_gets_in);
    ADD("/api/vm/console/what-is-not-there-is-told", what_is_not_there_is_told);
    ADD("/api/vm/console/websocket-carries-frames", websocket_carries_frames);
    return g_test_run();
}
