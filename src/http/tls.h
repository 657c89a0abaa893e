/* The server's own certificate: made on first start, replaceable by the administrator. */
#pragma once

#include <glib.h>

/**
 * tls_certificate_ensure:
 * @certificate_path, @key_path: PEM files; left alone if both exist and fit, made otherwise (key mode 0600)
 * @host_name: common name; also subject alternative names: it, "localhost", 127.0.0.1, ::1
 *
 * Self-signed, ECDSA P-256, ten years. Errors: BASE_ERROR_IO, BASE_ERROR_INVALID (one exists and does not load: it is not overwritten).
 */
gboolean tls_certificate_ensure(const char *certificate_path, const char *key_path, const char *host_name, GError **error);
