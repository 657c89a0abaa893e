/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See test_kit.h. */
#include "http/test_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/tls.h"

/* Only so that a broken server fails a test instead of blocking it. */
#define STUCK_SECONDS 60

/* ---- the server ---- */

char *
kit_folder_new(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("http-test-XXXXXX", &error);
    g_assert_no_error(error);
    return folder;
}

void
kit_folder_free(char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_assert_cmpint(g_unlink(path), ==, 0);
    }
    g_dir_close(dir);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_free(folder);
}

KitServer *
kit_server_new(const HttpRoute *routes, gsize n_routes)
{
    g_autoptr(GError) error = NULL;
    KitServer *kit = g_new0(KitServer, 1);
    kit->folder = kit_folder_new();
    kit->certificate = g_build_filename(kit->folder, "certificate.pem", NULL);
    kit->key = g_build_filename(kit->folder, "key.pem", NULL);
    kit->socket_path = g_build_filename(kit->folder, "socket", NULL);
    kit->server = http_server_new(routes, n_routes, 2);
    tls_certificate_ensure(kit->certificate, kit->key, "localhost", &error);
    g_assert_no_error(error);
    http_server_listen_tcp(kit->server, "127.0.0.1", 0, NULL, NULL, &kit->port, &error);
    g_assert_no_error(error);
    http_server_listen_tcp(kit->server, "127.0.0.1", 0, kit->certificate, kit->key, &kit->tls_port, &error);
    g_assert_no_error(error);
    http_server_listen_unix(kit->server, kit->socket_path, 0600, &error);
    g_assert_no_error(error);
    return kit;
}

void
kit_server_free(KitServer *kit)
{
    http_server_free(kit->server);
    kit_folder_free(kit->folder);
    g_free(kit->certificate);
    g_free(kit->key);
    g_free(kit->socket_path);
    g_free(kit);
}

/* ---- the client ---- */

static int
connect_to(const struct sockaddr *address, socklen_t length)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(fd, >=, 0);
    struct timeval stuck = {.tv_sec = STUCK_SECONDS};
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stuck, sizeof(stuck)), ==, 0);
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stuck, sizeof(stuck)), ==, 0);
    g_assert_cmpint(connect(fd, address, length), ==, 0);
    return fd;
}

static int
connect_tcp(guint16 port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect_to((struct sockaddr *)&address, sizeof(address));
}

static int
connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return connect_to((struct sockaddr *)&address, sizeof(address));
}

static void
start_tls(KitClient *client)
{
    g_assert_cmpint(gnutls_certificate_allocate_credentials(&client->credentials), ==, 0);
    g_assert_cmpint(gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), ==, 0);
    g_assert_cmpint(gnutls_set_default_priority(client->session), ==, 0);
    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
    gnutls_transport_set_int(client->session, client->fd);
    int code;
    do
        code = gnutls_handshake(client->session);
    while (code < 0 && !gnutls_error_is_fatal(code));
    g_assert_cmpint(code, ==, 0);
}

KitClient *
kit_client_new(const KitServer *kit, KitKind kind)
{
    KitClient *client = g_new0(KitClient, 1);
    client->buffer = g_string_new(NULL);
    if (kind == KIT_UNIX)
        client->fd = connect_unix(kit->socket_path);
    else
        client->fd = connect_tcp(kind == KIT_TLS ? kit->tls_port : kit->port);
    if (kind == KIT_TLS)
        start_tls(client);
    return client;
}

void
kit_client_free(KitClient *client)
{
    if (client == NULL)
        return;
    if (client->session != NULL) {
        gnutls_bye(client->session, GNUTLS_SHUT_WR);
        gnutls_deinit(client->session);
        gnutls_certificate_free_credentials(client->credentials);
    }
    close(client->fd);
    g_string_free(client->buffer, TRUE);
    g_free(client);
}

void
kit_client_send(KitClient *client, const void *data, gsize length)
{
    const char *rest = data;
    while (length > 0) {
        gssize n = client->session != NULL ? gnutls_record_send(client->session, rest, length)
                                           : send(client->fd, rest, length, MSG_NOSIGNAL);
        g_assert_cmpint(n, >, 0);
        rest += n;
        length -= n;
    }
}

void
kit_client_say(KitClient *client, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    kit_client_send(client, text, strlen(text));
}

void
kit_client_post(KitClient *client, const char *body)
{
    kit_client_say(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

/* Reads more into the buffer; FALSE at the end, a reset included. */
static gboolean
fill(KitClient *client)
{
    char data[16384];
    gssize n;
    do
        n = client->session != NULL ? gnutls_record_recv(client->session, data, sizeof(data))
                                    : recv(client->fd, data, sizeof(data), 0);
    while (client->session != NULL && n < 0 && n != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(n));
    g_assert_true(n >= 0 || client->session != NULL || errno != EAGAIN); /* stuck */
    g_assert_cmpint(n, !=, GNUTLS_E_AGAIN);
    if (n <= 0)
        return FALSE;
    g_string_append_len(client->buffer, data, n);
    return TRUE;
}

static char *
take(KitClient *client, gsize length)
{
    while (client->buffer->len < length)
        g_assert_true(fill(client));
    char *text = g_malloc(length + 1);
    memcpy(text, client->buffer->str, length);
    text[length] = '\0';
    g_string_erase(client->buffer, 0, length);
    return text;
}

KitReply *
kit_client_reply(KitClient *client)
{
    const char *end;
    while ((end = strstr(client->buffer->str, "\r\n\r\n")) == NULL) {
        gboolean is_new = client->buffer->len == 0;
        if (!fill(client)) {
            g_assert_true(is_new);
            return NULL;
        }
    }
    KitReply *reply = g_new0(KitReply, 1);
    reply->head = take(client, end + 4 - client->buffer->str);
    g_assert_cmpint(sscanf(reply->head, "HTTP/1.%*d %u", &reply->status), ==, 1);
    g_autofree char *length = kit_reply_header(reply, "Content-Length");
    g_assert_nonnull(length);
    reply->body_length = g_ascii_strtoull(length, NULL, 10);
    reply->body = take(client, reply->body_length);
    return reply;
}

void
kit_reply_free(KitReply *reply)
{
    if (reply == NULL)
        return;
    g_free(reply->head);
    g_free(reply->body);
    g_free(reply);
}

char *
kit_reply_header(const KitReply *reply, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(reply->head, "\r\n", -1);
    gsize length = strlen(name);
    for (gsize i = 1; lines[i] != NULL; i++)
        if (g_ascii_strncasecmp(lines[i], name, length) == 0 && lines[i][length] == ':')
            return g_strdup(lines[i] + length + 1 + strspn(lines[i] + length + 1, " "));
    return NULL;
}

void
kit_client_expect(KitClient *client, const char *text)
{
    g_autofree char *got = take(client, strlen(text));
    g_assert_cmpstr(got, ==, text);
}

GString *
kit_client_read_end(KitClient *client)
{
    while (fill(client))
        ;
    GString *all = client->buffer;
    client->buffer = g_string_new(NULL);
    return all;
}

gboolean
kit_client_is_at_end(KitClient *client)
{
    return client->buffer->len == 0 && !fill(client);
}
