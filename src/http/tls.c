/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes and checks the server's certificate with GnuTLS. */
#include "http/tls.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

#define PEM_MAX_BYTES (256 * 1024)
#define LIFETIME_DAYS 3650
#define CLOCK_SLACK_S (24 * 60 * 60) /* a client's clock may be behind */
#define SERIAL_BYTES  16

typedef struct gnutls_x509_crt_int Certificate;
typedef struct gnutls_x509_privkey_int Key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, gnutls_x509_crt_deinit)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Key, gnutls_x509_privkey_deinit)

static gboolean
tls_error(GError **error, const char *what, int code)
{
    return base_error_set(error, BASE_ERROR_FAILED, "%s: %s", what, gnutls_strerror(code));
}

/* ---- checking ---- */

gboolean
tls_certificate_check(const char *certificate_path, const char *key_path, GError **error)
{
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;
    gsize certificate_length;
    gsize key_length;
    if (!base_file_read(certificate_path, PEM_MAX_BYTES, &certificate, &certificate_length, error) ||
        !base_file_read(key_path, PEM_MAX_BYTES, &key, &key_length, error))
        return FALSE;

    gnutls_certificate_credentials_t credentials;
    int code = gnutls_certificate_allocate_credentials(&credentials);
    if (code < 0)
        return tls_error(error, "allocate credentials", code);
    const gnutls_datum_t certificate_text = {(unsigned char *)certificate, (unsigned int)certificate_length};
    const gnutls_datum_t key_text = {(unsigned char *)key, (unsigned int)key_length};
    code = gnutls_certificate_set_x509_key_mem2(credentials, &certificate_text, &key_text,
                                                GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(credentials);
    explicit_bzero(key, key_length);
    if (code < 0)
        return base_error_set(error, BASE_ERROR_INVALID, "certificate '%s' with key '%s': %s",
                              certificate_path, key_path, gnutls_strerror(code));
    return TRUE;
}

/* ---- making ---- */

static Key *
make_key(GError **error)
{
    g_autoptr(Key) key = NULL;
    int code = gnutls_x509_privkey_init(&key);
    if (code < 0) {
        tls_error(error, "allocate a key", code);
        return NULL;
    }
    code = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (code < 0) {
        tls_error(error, "generate a key", code);
        return NULL;
    }
    return g_steal_pointer(&key);
}

static int
set_names(Certificate *certificate, const char *host_name)
{
    static const unsigned char loopback4[] = {127, 0, 0, 1};
    unsigned char address[16];
    int code = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, host_name,
                                             strlen(host_name));
    /* A host known by its number only needs an alternative name of that kind. */
    if (code >= 0 && inet_pton(AF_INET, host_name, address) == 1)
        code = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address, 4,
                                                    GNUTLS_FSAN_APPEND);
    else if (code >= 0 && inet_pton(AF_INET6, host_name, address) == 1)
        code = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address, 16,
                                                    GNUTLS_FSAN_APPEND);
    else if (code >= 0 && strcmp(host_name, "localhost") != 0)
        code = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, host_name,
                                                    strlen(host_name), GNUTLS_FSAN_APPEND);
    if (code >= 0)
        code = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                                    GNUTLS_FSAN_APPEND);
    if (code >= 0)
        code = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, loopback4, 4,
                                                    GNUTLS_FSAN_APPEND);
    if (code >= 0)
        code = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, &in6addr_loopback, 16,
                                                    GNUTLS_FSAN_APPEND);
    return code;
}

static int
set_serial_and_dates(Certificate *certificate)
{
    unsigned char serial[SERIAL_BYTES];
    int code = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always of the same length */
    time_t now = time(NULL);
    if (code >= 0)
        code = gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial));
    if (code >= 0)
        code = gnutls_x509_crt_set_activation_time(certificate, now - CLOCK_SLACK_S);
    if (code >= 0)
        code = gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)LIFETIME_DAYS * 24 * 60 * 60);
    return code;
}

/* An end entity's certificate; as it signs itself, clients may also trust it directly. */
static int
set_usage(Certificate *certificate, Key *key)
{
    unsigned char id[64];
    size_t id_length = sizeof(id);
    int code = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (code >= 0)
        code = gnutls_x509_crt_set_key(certificate, key);
    if (code >= 0)
        code = gnutls_x509_crt_get_key_id(certificate, 0, id, &id_length);
    if (code >= 0)
        code = gnutls_x509_crt_set_subject_key_id(certificate, id, id_length);
    return code;
}

static Certificate *
make_certificate(Key *key, const char *host_name, GError **error)
{
    g_autoptr(Certificate) certificate = NULL;
    int code = gnutls_x509_crt_init(&certificate);
    if (code >= 0)
        code = gnutls_x509_crt_set_version(certificate, 3);
    if (code >= 0)
        code = set_names(certificate, host_name);
    if (code >= 0)
        code = set_serial_and_dates(certificate);
    if (code >= 0)
        code = set_usage(certificate, key);
    if (code >= 0)
        code = gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
    if (code < 0) {
        tls_error(error, "make a certificate", code);
        return NULL;
    }
    return g_steal_pointer(&certificate);
}

static gboolean
write_pem(const char *path, mode_t mode, int code, gnutls_datum_t *text, GError **error)
{
    if (code < 0)
        return tls_error(error, path, code);
    gboolean is_written = base_file_write(path, text->data, text->size, mode, error);
    explicit_bzero(text->data, text->size);
    gnutls_free(text->data);
    return is_written;
}

gboolean
tls_certificate_ensure(const char *certificate_path, const char *key_path, const char *host_name,
                       GError **error)
{
    gboolean has_certificate = g_file_test(certificate_path, G_FILE_TEST_EXISTS);
    gboolean has_key = g_file_test(key_path, G_FILE_TEST_EXISTS);
    if (has_certificate && has_key)
        return tls_certificate_check(certificate_path, key_path, error);
    /* A key alone is what a crash between the two writes below leaves: it was never used. A certificate alone
     * is the administrator's, who forgot the key. */
    if (has_certificate)
        return base_error_set(error, BASE_ERROR_INVALID, "there is a certificate '%s', but no key '%s'",
                              certificate_path, key_path);

    g_autoptr(Key) key = make_key(error);
    if (key == NULL)
        return FALSE;
    g_autoptr(Certificate) certificate = make_certificate(key, host_name, error);
    if (certificate == NULL)
        return FALSE;
    gnutls_datum_t text = {0};
    int code = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text);
    if (!write_pem(key_path, 0600, code, &text, error))
        return FALSE;
    code = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text);
    return write_pem(certificate_path, 0644, code, &text, error);
}
