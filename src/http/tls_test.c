/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the server's own certificate. */
#include "http/tls.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "http/test_kit.h"

typedef struct Files {
    char *folder;
    char *certificate;
    char *key;
} Files;

static void
files_init(Files *files)
{
    files->folder = kit_folder_new();
    files->certificate = g_build_filename(files->folder, "certificate.pem", NULL);
    files->key = g_build_filename(files->folder, "key.pem", NULL);
}

static void
files_clear(Files *files)
{
    kit_folder_free(files->folder);
    g_free(files->certificate);
    g_free(files->key);
}

static char *
content_of(const char *path)
{
    char *text;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static gnutls_x509_crt_t
load(const char *path)
{
    g_autofree char *text = content_of(path);
    gnutls_datum_t datum = {(unsigned char *)text, (unsigned int)strlen(text)};
    gnutls_x509_crt_t certificate;
    g_assert_cmpint(gnutls_x509_crt_init(&certificate), ==, 0);
    g_assert_cmpint(gnutls_x509_crt_import(certificate, &datum, GNUTLS_X509_FMT_PEM), ==, 0);
    return certificate;
}

static void
it_has_what_clients_look_for(void)
{
    g_autoptr(GError) error = NULL;
    Files files;
    files_init(&files);
    g_assert_true(tls_certificate_ensure(files.certificate, files.key, "host.example", &error));
    g_assert_no_error(error);

    struct stat info;
    g_assert_cmpint(g_stat(files.key, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0600);

    gnutls_x509_crt_t certificate = load(files.certificate);
    static const char *const names[] = {"host.example", "localhost", "127.0.0.1", "::1"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpint(gnutls_x509_crt_check_hostname(certificate, names[i]), !=, 0);
    g_assert_cmpint(gnutls_x509_crt_check_hostname(certificate, "other.example"), ==, 0);
    unsigned int bits;
    g_assert_cmpint(gnutls_x509_crt_get_pk_algorithm(certificate, &bits), ==, GNUTLS_PK_ECDSA);
    g_assert_cmpuint(bits, ==, 256);
    g_assert_cmpint(gnutls_x509_crt_get_version(certificate), ==, 3);
    unsigned int usage;
    unsigned int is_critical;
    g_assert_cmpint(gnutls_x509_crt_get_key_usage(certificate, &usage, &is_critical), ==, 0);
    g_assert_cmpuint(usage, ==, GNUTLS_KEY_DIGITAL_SIGNATURE);
    time_t now = time(NULL);
    g_assert_cmpint(gnutls_x509_crt_get_activation_time(certificate), <, now);
    g_assert_cmpint(gnutls_x509_crt_get_expiration_time(certificate), >, now + 9 * 365 * 24 * 60 * 60);
    gnutls_x509_crt_deinit(certificate);
    files_clear(&files);
}

static void
a_host_known_by_number_is_found_by_it(void)
{
    static const char *const names[] = {"192.0.2.7", "2001:db8::7", "localhost"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        Files files;
        files_init(&files);
        g_assert_true(tls_certificate_ensure(files.certificate, files.key, names[i], NULL));
        gnutls_x509_crt_t certificate = load(files.certificate);
        g_assert_cmpint(gnutls_x509_crt_check_hostname(certificate, names[i]), !=, 0);
        gnutls_x509_crt_deinit(certificate);
        files_clear(&files);
    }
}

static void
what_exists_is_left_alone(void)
{
    g_autoptr(GError) error = NULL;
    Files files;
    files_init(&files);
    g_assert_true(tls_certificate_ensure(files.certificate, files.key, "one", &error));
    g_autofree char *certificate = content_of(files.certificate);
    g_autofree char *key = content_of(files.key);
    g_assert_true(tls_certificate_ensure(files.certificate, files.key, "two", &error));
    g_autofree char *same_certificate = content_of(files.certificate);
    g_autofree char *same_key = content_of(files.key);
    g_assert_cmpstr(same_certificate, ==, certificate);
    g_assert_cmpstr(same_key, ==, key);

    /* The key of another certificate. */
    Files others;
    files_init(&others);
    g_assert_true(tls_certificate_ensure(others.certificate, others.key, "three", &error));
    g_assert_false(tls_certificate_ensure(files.certificate, others.key, "two", &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    g_clear_error(&error);
    files_clear(&others);

    g_assert_cmpint(g_unlink(files.key), ==, 0);
    g_assert_false(tls_certificate_ensure(files.certificate, files.key, "two", &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
    g_assert_false(g_file_test(files.key, G_FILE_TEST_EXISTS));
    files_clear(&files);
}

static void
a_key_without_certificate_is_replaced(void)
{
    Files files;
    files_init(&files);
    g_assert_true(g_file_set_contents(files.key, "half written", -1, NULL));
    g_assert_true(tls_certificate_ensure(files.certificate, files.key, "one", NULL));
    g_assert_true(tls_certificate_check(files.certificate, files.key, NULL));
    files_clear(&files);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/tls/it-has-what-clients-look-for", it_has_what_clients_look_for);
    g_test_add_func("/http/tls/a-host-known-by-number-is-found-by-it", a_host_known_by_number_is_found_by_it);
    g_test_add_func("/http/tls/what-exists-is-left-alone", what_exists_is_left_alone);
    g_test_add_func("/http/tls/a-key-without-certificate-is-replaced", a_key_without_certificate_is_replaced);
    return g_test_run();
}
