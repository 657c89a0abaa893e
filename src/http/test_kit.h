/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the tests of this folder: a server in a temporary folder on all three kinds of listener, and a client
 * that sends the bytes it is told to. Whatever goes wrong in here ends the test. */
#pragma once

#include <gnutls/gnutls.h>

#include "http/server.h"

typedef enum KitKind { KIT_PLAIN, KIT_TLS, KIT_UNIX, KIT_N } KitKind;

typedef struct KitServer {
    HttpServer *server;
    char *folder;
    guint16 port;     /* plain */
    guint16 tls_port; /* with a certificate of its own */
    char *certificate;
    char *key;
    char *socket_path;
} KitServer;

/** kit_server_new: listens for all kinds, with two threads each. */
KitServer *kit_server_new(const HttpRoute *routes, gsize n_routes);
void kit_server_free(KitServer *kit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KitServer, kit_server_free)

/** kit_folder_new, kit_folder_free: a temporary folder with plain files and sockets in it. */
char *kit_folder_new(void);
void kit_folder_free(char *folder);

typedef struct KitClient {
    int fd;
    gnutls_session_t session; /* NULL if not TLS */
    gnutls_certificate_credentials_t credentials;
    GString *buffer; /* received and not yet looked at */
} KitClient;

typedef struct KitReply {
    guint status;
    char *head; /* status line and headers */
    char *body; /* NUL-terminated */
    gsize body_length;
} KitReply;

KitClient *kit_client_new(const KitServer *kit, KitKind kind);
void kit_client_free(KitClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KitClient, kit_client_free)
void kit_reply_free(KitReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KitReply, kit_reply_free)

/** kit_client_send: writes all of @data; fails the test if it cannot. */
void kit_client_send(KitClient *client, const void *data, gsize length);
/** kit_client_say: kit_client_send() of formatted text. */
void kit_client_say(KitClient *client, const char *format, ...) G_GNUC_PRINTF(2, 3);
/** kit_client_post: an HTTP/1.1 POST to "/" with @body. */
void kit_client_post(KitClient *client, const char *body);
/** kit_client_reply: the next reply; NULL if the connection ended before it began. */
KitReply *kit_client_reply(KitClient *client);
/** kit_reply_header: the caller frees it; NULL if absent. */
char *kit_reply_header(const KitReply *reply, const char *name);
/** kit_client_expect: reads exactly the bytes of @text. */
void kit_client_expect(KitClient *client, const char *text);
/** kit_client_read_end: everything until the peer closes. The caller frees it. */
GString *kit_client_read_end(KitClient *client);
/** kit_client_is_at_end: waits until something comes; TRUE if that is the end. */
gboolean kit_client_is_at_end(KitClient *client);
