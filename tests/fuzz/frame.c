/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: the thin client's protocol. The first byte of an input says what the rest is:
 *
 *   p   one message's payload
 *   s   what a client sends: the words of a command, a NUL, then all it says
 *   c   what a server sends, to the client's program; a NEXT stands between connections */
#include "fuzz.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <netdb.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/unix_socket.h"
#include "cli/client/client.h"

#define NEXT            "\xf0NEXT"
#define CONNECTIONS_MAX 4
#define UPLOAD          "upload" /* the one file that the server may ask for */

static char *folder; /* the working directory too: what the client downloads goes here */
static char *socket_path;
static int listener;
static int typed; /* what the user types */

/* Servers name hosts in redirects: none is looked for. Put in place of getaddrinfo() by the linker. */
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret_addresses);
int
__wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                   struct addrinfo **ret_addresses)
{
    return EAI_FAIL;
}

static void
remove_folder(void)
{
    g_autofree char *upload = g_build_filename(folder, UPLOAD, NULL);
    g_unlink(upload);
    g_unlink(socket_path);
    g_rmdir(folder);
    g_free(folder);
    g_free(socket_path);
    close(listener);
    close(typed);
}

int
LLVMFuzzerInitialize(int *count, char ***words)
{
    fuzz_init();
    folder = g_dir_make_tmp("fuzz-XXXXXX", NULL);
    socket_path = g_build_filename(folder, "socket", NULL);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(base_unix_bind(listener, socket_path), ==, 0);
    g_assert_cmpint(listen(listener, CONNECTIONS_MAX), ==, 0);
    g_autofree char *upload = g_build_filename(folder, UPLOAD, NULL);
    g_assert_true(g_file_set_contents(upload, "content", -1, NULL));
    typed = memfd_create("typed", MFD_CLOEXEC);
    g_assert_cmpint(write(typed, "yes\nsecret\n", 11), ==, 11);
    atexit(remove_folder);
    return 0;
}

/* ---- p ---- */

static void
check_payload(const guint8 *data, gsize size)
{
    g_auto(CliFrame) frame = {0}, again = {0};
    g_autoptr(GError) error = NULL;
    gboolean is_good = cli_frame_parse(data, size, &frame, &error);
    g_assert_true(is_good == (error == NULL));
    if (!is_good)
        return;
    g_autoptr(GString) written = g_string_new(NULL);
    cli_frame_write(written, &frame);
    g_assert_cmpmem(written->str + 4, written->len - 4, data, size);
    g_assert_true(cli_frame_parse((const guint8 *)written->str + 4, written->len - 4, &again, NULL));
}

/* ---- s ---- */

typedef struct Bytes {
    const guint8 *next;
    gsize left;
} Bytes;

static gssize
read_bytes(gpointer data, void *buffer, gsize length, GError **error)
{
    Bytes *bytes = data;
    gsize count = MIN(length, bytes->left);
    memcpy(buffer, bytes->next, count);
    bytes->next += count;
    bytes->left -= count;
    return (gssize)count;
}

static gboolean
write_nowhere(gpointer data, const void *buffer, gsize length, GError **error)
{
    return TRUE;
}

static void
check_server(const guint8 *data, gsize size)
{
    const guint8 *end = memchr(data, '\0', size);
    gsize length = end != NULL ? (gsize)(end - data) : size;
    g_autofree char *body = fuzz_text(data, length);
    if (strstr(body, "event-wait") != NULL)
        return; /* waits for ever */
    Bytes bytes = {data + length, size - length};
    if (bytes.left > 0) {
        bytes.next++;
        bytes.left--;
    }
    CliTransport transport = {read_bytes, write_nowhere, &bytes};
    RpcOrigin origin = {.is_trusted = TRUE, .peer = "fuzz"};
    cli_serve(fuzz_world()->cli->server, &transport, &origin, body, strlen(body));
}

/* ---- c ---- */

typedef struct Script {
    const guint8 *data;
    gsize size;
} Script;

/* The client may have several connections open, so none is waited for. */
static void
speak(int fd, const guint8 *data, gsize size)
{
    while (size > 0) {
        gssize count = send(fd, data, size, MSG_NOSIGNAL);
        if (count <= 0)
            return;
        data += count;
        size -= (gsize)count;
    }
    shutdown(fd, SHUT_WR);
}

static void
close_all(GArray *fds)
{
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    g_array_unref(fds);
}

/* A part of the script for each connection the client makes; one that says nothing at all ends it. */
static gpointer
play_server(gpointer data)
{
    Script rest = *(Script *)data;
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
    char first;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        g_assert_cmpint(fd, >=, 0);
        g_array_append_val(fds, fd);
        if (recv(fd, &first, 1, MSG_PEEK) <= 0)
            break;
        const guint8 *next = memmem(rest.data, rest.size, NEXT, strlen(NEXT));
        gsize length = next != NULL ? (gsize)(next - rest.data) : rest.size;
        speak(fd, rest.data, length);
        gsize used = next != NULL ? length + strlen(NEXT) : length;
        rest = (Script){rest.data + used, rest.size - used};
    }
    close_all(fds);
    return NULL;
}

static void
end_server(GThread *thread)
{
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(base_unix_connect(fd, socket_path), ==, 0);
    base_fd_clear(&fd);
    g_thread_join(thread);
}

/* What it downloaded: only below the working directory, and nothing hidden. */
static void
remove_downloads(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (strcmp(name, UPLOAD) == 0 || strcmp(name, "socket") == 0)
            continue;
        g_assert_cmpint(name[0], !=, '.');
        g_assert_cmpint(g_unlink(path), ==, 0);
    }
    g_dir_close(dir);
}

static void
run_client(const XeOptions *options)
{
    static const char *const none[] = {NULL};
    char *output = NULL, *errors = NULL;
    size_t output_size = 0, errors_size = 0;
    lseek(typed, 0, SEEK_SET);
    g_auto(XeClient) client = {
        .options = options,
        .default_sockets = none,
        .output = open_memstream(&output, &output_size),
        .errors = open_memstream(&errors, &errors_size),
        .input = typed,
        .output_fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
        .heartbeat_seconds = XE_HEARTBEAT_SECONDS,
    };
    xe_client_run(&client);
    fclose(client.output);
    fclose(client.errors);
    close(client.output_fd);
    free(output);
    free(errors);
}

static void
check_client(const guint8 *data, gsize size)
{
    g_autofree char *upload = g_strdup_printf("filename=%s/%s", folder, UPLOAD);
    const char *words[] = {"-u", "root", "-pw", "x", "--debug-on-fail", "vm-import", upload, NULL};
    g_auto(XeOptions) options = {0};
    g_assert_true(xe_options_parse(words, &(XeSources){.socket = socket_path}, &options, NULL));
    g_autofree char *home = g_get_current_dir();
    g_assert_cmpint(g_chdir(folder), ==, 0);
    Script script = {data, size};
    GThread *thread = g_thread_new("server", play_server, &script);
    run_client(&options);
    end_server(thread);
    remove_downloads();
    g_assert_cmpint(g_chdir(home), ==, 0);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'p')
        check_payload(data + 1, size - 1);
    else if (data[0] == 's')
        check_server(data + 1, size - 1);
    else if (data[0] == 'c')
        check_client(data + 1, size - 1);
    return 0;
}
