/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client against a scripted server on a Unix socket. */
#include "cli/client/client.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/client/transfer.h"

typedef struct Fake Fake;

/* What the server does with a command's connection, after the greeting. */
typedef void (*Script)(Fake *fake, const CliTransport *transport);

struct Fake {
    char *folder;
    char *socket_path;
    int listener;
    GThread *thread;
    Script script;
    const char *instead;  /* sent in place of the greeting */
    gsize instead_length; /* 0: up to its NUL */
    char *request;        /* head and body of the command's request */
    char *second_head;    /* of the connection of a transfer */
    GString *uploaded;
    GString *answers; /* what the client said, one letter a message, texts in brackets */
};

static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 4), ==, 0);
    return fd;
}

/* The head of a request, and as much body as it announces. (transfer full) */
static char *
read_request(int fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gsize wanted = G_MAXSIZE;
    char byte;
    while (text->len < wanted && read(fd, &byte, 1) == 1) {
        g_string_append_c(text, byte);
        if (wanted == G_MAXSIZE && g_str_has_suffix(text->str, "\r\n\r\n")) {
            const char *length = strstr(text->str, "content-length: ");
            wanted =
                text->len + (length == NULL || g_str_has_prefix(text->str, "PUT")
                                 ? 0
                                 : (gsize)g_ascii_strtoull(length + strlen("content-length: "), NULL, 10));
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gpointer
serve(gpointer data)
{
    Fake *fake = data;
    int fd = accept(fake->listener, NULL, NULL);
    CliTransport transport = cli_transport_fd(fd);
    fake->request = read_request(fd);
    if (fake->instead != NULL) {
        transport.write(transport.data, fake->instead,
                        fake->instead_length > 0 ? fake->instead_length : strlen(fake->instead), NULL);
        shutdown(fd, SHUT_WR);
        for (char rest[64]; read(fd, rest, sizeof rest) > 0;)
            continue; /* closed any sooner, the client might not see what came before */
    } else if (fake->script != NULL) {
        g_assert_true(cli_transport_greet(&transport, NULL));
        g_assert_true(cli_transport_read_greeting(&transport, NULL));
        fake->script(fake, &transport);
    }
    close(fd);
    return NULL;
}

static void
fake_start(Fake *fake, Script script)
{
    fake->folder = g_dir_make_tmp("xe-XXXXXX", NULL);
    fake->socket_path = g_build_filename(fake->folder, "socket", NULL);
    fake->listener = listen_at(fake->socket_path);
    fake->script = script;
    fake->answers = g_string_new(NULL);
    fake->uploaded = g_string_new(NULL);
    fake->thread = g_thread_new("fake", serve, fake);
}

static void
fake_end(Fake *fake)
{
    if (fake->thread != NULL)
        g_thread_join(g_steal_pointer(&fake->thread));
    close(fake->listener);
    g_unlink(fake->socket_path);
    g_assert_cmpint(g_rmdir(fake->folder), ==, 0);
    g_free(fake->folder);
    g_free(fake->socket_path);
    g_free(fake->request);
    g_free(fake->second_head);
    g_string_free(fake->answers, TRUE);
    g_string_free(fake->uploaded, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fake, fake_end)

static void
say(const CliTransport *transport, CliFrame frame)
{
    g_assert_true(cli_transport_send(transport, &frame, NULL));
}

/* Takes one message of the client into the record. */
static CliTag
hear(Fake *fake, const CliTransport *transport)
{
    g_auto(CliFrame) frame = {0};
    g_assert_true(cli_transport_receive(transport, 1024, &frame, NULL));
    switch (frame.tag) {
    case CLI_TAG_OK:
        g_string_append_c(fake->answers, 'O');
        break;
    case CLI_TAG_FAILED:
        g_string_append_c(fake->answers, 'F');
        break;
    case CLI_TAG_END:
        g_string_append_c(fake->answers, 'E');
        break;
    case CLI_TAG_CHUNK: {
        g_autofree char *bytes = g_malloc0((gsize)frame.number + 1);
        g_assert_true(cli_transport_read_all(transport, bytes, (gsize)frame.number, NULL));
        g_string_append_printf(fake->answers, "C[%s]", bytes);
        break;
    }
    default:
        g_string_append_c(fake->answers, '?');
    }
    return frame.tag;
}

/* One run of the client. */
typedef struct Run {
    int status;
    char *output;
    char *errors;
} Run;

static void
run_clear(Run *run)
{
    g_free(run->output);
    g_free(run->errors);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static Run
run_client(const Fake *fake, const char *line, const char *typed)
{
    static const char *const none[] = {NULL};
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_auto(XeOptions) options = {0};
    g_assert_true(xe_options_parse((const char *const *)words, &(XeSources){.socket = fake->socket_path},
                                   &options, NULL));

    Run run = {0};
    size_t output_length = 0, errors_length = 0;
    int input[2];
    g_assert_cmpint(pipe(input), ==, 0);
    g_assert_cmpint(write(input[1], typed, strlen(typed)), ==, (gssize)strlen(typed));
    close(input[1]);
    g_auto(XeClient) client = {
        .options = &options,
        .default_sockets = none,
        .output = open_memstream(&run.output, &output_length),
        .errors = open_memstream(&run.errors, &errors_length),
        .input = input[0],
        .output_fd = -1,
        .heartbeat_seconds = XE_HEARTBEAT_SECONDS,
    };
    run.status = xe_client_run(&client);
    fclose(client.output);
    fclose(client.errors);
    close(input[0]);
    return run;
}

/* -- Messages
 * -------------------------------------------------------------------------------------------------------------
 */

static void
script_messages(Fake *fake, const CliTransport *transport)
{
    say(transport, (CliFrame){.tag = CLI_TAG_PRINT, .text = "one"});
    say(transport, (CliFrame){.tag = CLI_TAG_PRINT_STDERR, .text = "two\n"});
    say(transport, (CliFrame){.tag = CLI_TAG_ERROR, .text = "CODE", .list = (char *[]){"a", "b", NULL}});
    say(transport, (CliFrame){.tag = CLI_TAG_DEBUG, .text = "unseen"});
    say(transport, (CliFrame){.tag = CLI_TAG_EXIT, .number = 3});
}

static void
test_messages(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_messages);
    g_auto(Run) run = run_client(&fake, "-u me -pw secret vm-list --minimal", "");
    g_thread_join(g_steal_pointer(&fake.thread));
    g_assert_cmpint(run.status, ==, 3);
    g_assert_cmpstr(run.output, ==, "one\n");
    g_assert_cmpstr(run.errors, ==, "two\nError code: CODE\nError parameters: a, b\n");
    g_assert_cmpstr(
        fake.request, ==,
        "POST /cli HTTP/1.0\r\nUser-agent: xe-cli/Unix/0.2\r\noriginator: cli\r\ncontent-length: 45\r\n\r\n"
        "vm-list\n--minimal\nusername=me\npassword=secret");
}

static void
test_lost_connection(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, NULL);
    g_auto(Run) run = run_client(&fake, "vm-list", "");
    g_assert_cmpint(run.status, ==, 1);
    g_assert_cmpstr(run.errors, ==, "Unable to contact server. Please check server and port settings.\n");
}

static void
test_http_answer(void)
{
    g_auto(Fake) fake = {.instead = "HTTP/1.1 500 Internal Error\r\n\r\n<html>"};
    fake_start(&fake, NULL);
    g_auto(Run) run = run_client(&fake, "vm-list", "");
    g_assert_cmpint(run.status, ==, 1);
    g_assert_cmpstr(run.errors, ==, "Server internal error.\n");
}

static void
test_no_server(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, NULL);
    char *real = fake.socket_path;
    fake.socket_path = g_strconcat(real, "-other", NULL);
    g_auto(Run) run = run_client(&fake, "vm-list", "");
    g_assert_cmpint(run.status, ==, 1);
    g_free(fake.socket_path);
    fake.socket_path = real;
    g_auto(Run) again = run_client(&fake, "vm-list", ""); /* lets the fake end */
}

static void
script_response_to_client(Fake *fake, const CliTransport *transport)
{
    say(transport, (CliFrame){.tag = CLI_TAG_OK});
}

static void
test_client_message_refused(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_response_to_client);
    g_auto(Run) run = run_client(&fake, "vm-list", "");
    g_assert_cmpint(run.status, ==, 1);
}

/* What servers that make no sense say after the request, and what the user reads. */
/* clang-format off */
#define GREETING "XenSource thin CLI protocol\0\0\0\0\2\0\0\0"
static const struct OddCase {
    const char *name;
    const char *bytes;
    gsize length;
    int status;
    const char *errors; /* how it begins */
} odd_cases[] = {
    {"no-greeting",         "SSH-2.0-OpenSSH_9.2 and so on..", 31, 1, "Protocol version mismatch: "},
    {"short-greeting",      "XenSource", 9, 1, "Unable to contact server."},
    {"other-major",         "XenSource thin CLI protocol\7\0\0\0\2\0\0\0", 35, 1, "Protocol version mismatch: "},
    {"silent-end",          GREETING, 35, 1, "Lost connection to the server."},
    {"half-frame",          GREETING "\14\0\0\0\11\0\0", 42, 1, "Lost connection to the server."},
    {"huge-frame",          GREETING "\xff\xff\xff\x7f", 39, 1, "Unexpected message from server: "},
    {"negative-frame",      GREETING "\xff\xff\xff\xff", 39, 1, "Unexpected message from server: "},
    {"unknown-frame",       GREETING "\10\0\0\0\11\0\0\0\77\0\0\0", 47, 1, "Unexpected message from server: "},
    {"cut-text",            GREETING "\14\0\0\0\11\0\0\0\0\0\0\0\11\0\0\0", 51, 1, "Unexpected message from server: "},
    {"exit-3",              GREETING "\14\0\0\0\11\0\0\0\4\0\0\0\3\0\0\0", 51, 3, ""},
    {"exit-256-is-failure", GREETING "\14\0\0\0\11\0\0\0\4\0\0\0\0\1\0\0", 51, 1, ""},
};
/* clang-format on */

static void
test_odd_server(gconstpointer data)
{
    const struct OddCase *one = data;
    g_auto(Fake) fake = {.instead = one->bytes, .instead_length = one->length};
    fake_start(&fake, NULL);
    g_auto(Run) run = run_client(&fake, "vm-list", "");
    g_assert_cmpint(run.status, ==, one->status);
    if (!g_str_has_prefix(run.errors, one->errors))
        g_error("'%s' does not begin with '%s'", run.errors, one->errors);
}

/* -- Questions
 * ------------------------------------------------------------------------------------------------------------
 */

static void
script_prompt(Fake *fake, const CliTransport *transport)
{
    say(transport, (CliFrame){.tag = CLI_TAG_PRINT, .text = "Type 'yes' to continue"});
    say(transport, (CliFrame){.tag = CLI_TAG_PROMPT});
    hear(fake, transport);
    hear(fake, transport);
    say(transport, (CliFrame){.tag = CLI_TAG_EXIT});
}

static void
test_prompt(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_prompt);
    g_auto(Run) run = run_client(&fake, "vm-uninstall uuid=x", "yes\nmore\n");
    g_thread_join(g_steal_pointer(&fake.thread));
    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpstr(fake.answers->str, ==, "C[yes]E");
}

/* -- Files
 * ------------------------------------------------------------------------------------------------------------------
 */

static void
script_load(Fake *fake, const CliTransport *transport)
{
    g_autofree char *path = g_build_filename(fake->folder, ".", "file", NULL);
    say(transport, (CliFrame){.tag = CLI_TAG_LOAD, .text = path});
    if (strstr(fake->request, "other=") != NULL)
        return; /* the client hangs up */
    if (hear(fake, transport) == CLI_TAG_OK) {
        hear(fake, transport);
        hear(fake, transport);
    }
    say(transport, (CliFrame){.tag = CLI_TAG_EXIT});
}

static void
load_file(const char *key, int status, const char *wanted)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_load);
    g_autofree char *path = g_build_filename(fake.folder, "file", NULL);
    g_autofree char *line =
        g_strdup_printf("host-call-plugin %s=%s%s", key, strcmp(key, "other") == 0 ? "/elsewhere" : "", path);
    g_assert_true(g_file_set_contents(path, "content", -1, NULL));
    g_auto(Run) run = run_client(&fake, line, "");
    g_thread_join(g_steal_pointer(&fake.thread));
    g_unlink(path);
    g_assert_cmpint(run.status, ==, status);
    g_assert_cmpstr(fake.answers->str, ==, wanted);
    g_assert_true(g_str_has_prefix(run.errors, status == 0 ? "" : "File not permitted: '/"));
}

static void
test_load(void)
{
    load_file("args:x:file", 0, "OC[content]E");
}

static void
test_load_not_given(void)
{
    load_file("other", 1, "");
}

static void
script_transfer(Fake *fake, const CliTransport *transport)
{
    g_autofree char *path = g_build_filename(fake->folder, "file", NULL);
    gboolean is_get = strstr(fake->request, "vm-export") != NULL;
    say(transport, (CliFrame){.tag = is_get ? CLI_TAG_HTTP_GET : CLI_TAG_HTTP_PUT,
                              .text = path,
                              .url = "/transfer?x=y"});
    int fd = accept(fake->listener, NULL, NULL);
    fake->second_head = read_request(fd);
    CliTransport second = cli_transport_fd(fd);
    const char *reply = is_get ? "HTTP/1.1 200 OK\r\n\r\ndownloaded" : "HTTP/1.1 200 OK\r\n\r\n";
    if (strstr(fake->request, "force") != NULL)
        reply = "HTTP/1.1 403 Forbidden\r\n\r\n";
    second.write(second.data, reply, strlen(reply), NULL);
    char bytes[64];
    for (ssize_t count = 0; !is_get && (count = read(fd, bytes, sizeof bytes)) > 0;)
        g_string_append_len(fake->uploaded, bytes, count);
    close(fd);
    hear(fake, transport);
    say(transport, (CliFrame){.tag = CLI_TAG_EXIT});
}

static void
test_get(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_transfer);
    g_autofree char *path = g_build_filename(fake.folder, "file", NULL);
    g_autofree char *line = g_strdup_printf("vm-export filename=%s", path);
    g_autofree char *content = NULL;
    struct stat status;
    g_auto(Run) run = run_client(&fake, line, "");
    g_thread_join(g_steal_pointer(&fake.thread));
    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpstr(fake.answers->str, ==, "O");
    g_assert_true(g_str_has_prefix(fake.second_head, "GET /transfer?x=y HTTP/1.0\r\n"));
    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "downloaded");
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_unlink(path);
}

static void
test_failed_get_leaves_nothing(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_transfer);
    g_autofree char *path = g_build_filename(fake.folder, "file", NULL);
    g_autofree char *line = g_strdup_printf("vm-export --force filename=%s", path);
    g_auto(Run) run = run_client(&fake, line, "");
    g_thread_join(g_steal_pointer(&fake.thread));
    g_assert_cmpstr(fake.answers->str, ==, "F");
    g_assert_cmpstr(run.errors, ==, "Operation failed. Error: the server answered with status 403\n");
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
test_put(void)
{
    g_auto(Fake) fake = {0};
    fake_start(&fake, script_transfer);
    g_autofree char *path = g_build_filename(fake.folder, "file", NULL);
    g_autofree char *line = g_strdup_printf("vm-import filename=%s", path);
    g_assert_true(g_file_set_contents(path, "uploaded bytes", -1, NULL));
    g_auto(Run) run = run_client(&fake, line, "");
    g_thread_join(g_steal_pointer(&fake.thread));
    g_unlink(path);
    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpstr(fake.answers->str, ==, "O");
    g_assert_nonnull(strstr(fake.second_head, "content-length: 14\r\n"));
    g_assert_cmpstr(fake.uploaded->str, ==, "uploaded bytes");
}

static void
test_file_rule(void)
{
    g_auto(XeOptions) options = {0};
    const char *words[] = {"vm-export", "filename=/tmp/dir/../a.xva", "key=", "/bare", NULL};
    g_assert_true(xe_options_parse(words, &(XeSources){0}, &options, NULL));
    g_autofree char *here = g_get_current_dir();
    g_autofree char *new_here = g_build_filename(here, "new", NULL);

    g_assert_true(xe_file_is_allowed(&options, "/tmp/a.xva", FALSE));
    g_assert_true(xe_file_is_allowed(&options, "/tmp//./a.xva", FALSE));
    g_assert_false(xe_file_is_allowed(&options, "/tmp/dir/a.xva", FALSE));
    g_assert_false(xe_file_is_allowed(&options, "/etc/shadow", TRUE));
    g_assert_false(xe_file_is_allowed(&options, "/bare", FALSE));
    g_assert_false(xe_file_is_allowed(&options, new_here, FALSE));
    g_assert_true(xe_file_is_allowed(&options, new_here, TRUE));
    g_assert_true(xe_file_is_allowed(&options, "new", TRUE));
    g_assert_false(xe_file_is_allowed(&options, ".profile", TRUE));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    g_test_add_func("/cli/client/does-what-messages-say", test_messages);
    g_test_add_func("/cli/client/lost-connection-is-status-1", test_lost_connection);
    g_test_add_func("/cli/client/http-instead-of-greeting-is-a-server-error", test_http_answer);
    g_test_add_func("/cli/client/no-server-is-status-1", test_no_server);
    g_test_add_func("/cli/client/refuses-messages-only-clients-send", test_client_message_refused);
    g_test_add_func("/cli/client/answers-a-prompt-with-one-line", test_prompt);
    g_test_add_func("/cli/client/loads-a-file-the-user-gave", test_load);
    g_test_add_func("/cli/client/does-not-load-other-files", test_load_not_given);
    g_test_add_func("/cli/client/downloads-into-a-new-private-file", test_get);
    g_test_add_func("/cli/client/failed-download-leaves-no-file", test_failed_get_leaves_nothing);
    g_test_add_func("/cli/client/uploads-after-the-head-of-the-reply", test_put);
    for (gsize i = 0; i < G_N_ELEMENTS(odd_cases); i++) {
        g_autofree char *name = g_strdup_printf("/cli/client/odd-server/%s", odd_cases[i].name);
        g_test_add_data_func(name, &odd_cases[i], test_odd_server);
    }
    g_test_add_func("/cli/client/file-names-must-be-on-the-command-line", test_file_rule);
    return g_test_run();
}
