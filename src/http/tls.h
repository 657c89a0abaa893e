/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's own certificate: made on first start, replaceable by the administrator. */
#pragma once

#include <glib.h>

/**
 * tls_certificate_ensure:
 * @certificate_path, @key_path: PEM files; left alone if both exist and fit, made otherwise (key mode 0600)
 * @host_name: common name; also subject alternative names: it, "localhost", 127.0.0.1, ::1
 *
 * Self-signed, ECDSA P-256, ten years. Errors: BASE_ERROR_IO, BASE_ERROR_INVALID (one exists and does not
 * load, or does not fit the other: nothing is overwritten).
 */
gboolean tls_certificate_ensure(const char *certificate_path, const char *key_path, const char *host_name,
                                GError **error);

/**
 * tls_certificate_check: both load and belong together.
 * Errors: BASE_ERROR_NOT_FOUND, BASE_ERROR_IO, BASE_ERROR_INVALID.
 */
gboolean tls_certificate_check(const char *certificate_path, const char *key_path, GError **error);
