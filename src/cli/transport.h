/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection that carries thin-client messages, whatever it is made of: a descriptor, a TLS session, a
 * taken-over HTTP request. */
#pragma once

#include "cli/frame.h"

/* The two ways data moves; both block. */
typedef struct CliTransport {
    /** up to @length bytes; 0 at the end, -1 and @error on failure */
    gssize (*read)(gpointer data, void *buffer, gsize length, GError **error);
    /** all of @length bytes */
    gboolean (*write)(gpointer data, const void *buffer, gsize length, GError **error);
    gpointer data;
} CliTransport;

/** cli_transport_fd: over a descriptor, which stays the caller's. */
CliTransport cli_transport_fd(int fd);

/** cli_transport_read_all: exactly @length bytes. Errors: BASE_ERROR_IO when the peer closes before. */
gboolean cli_transport_read_all(const CliTransport *transport, void *buffer, gsize length, GError **error);

/** cli_transport_send: one message at once. */
gboolean cli_transport_send(const CliTransport *transport, const CliFrame *frame, GError **error);

/**
 * cli_transport_receive:
 * @max_bytes: bound on the payload
 * @ret_frame: (out): the caller clears it
 *
 * Errors: BASE_ERROR_IO, BASE_ERROR_INVALID, BASE_ERROR_TOO_LARGE.
 */
gboolean cli_transport_receive(const CliTransport *transport, gsize max_bytes, CliFrame *ret_frame,
                               GError **error);

/** cli_transport_greet: sends our opening bytes. */
gboolean cli_transport_greet(const CliTransport *transport, GError **error);

/**
 * cli_transport_read_greeting:
 *
 * Reads the peer's opening bytes. Errors: BASE_ERROR_IO; BASE_ERROR_FAILED when the server answers in plain
 * HTTP instead: it could not serve the request; BASE_ERROR_INVALID when it is no greeting, or one of another
 * major version.
 */
gboolean cli_transport_read_greeting(const CliTransport *transport, GError **error);
