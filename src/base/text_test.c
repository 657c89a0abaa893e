/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uuids, wire dates, numbers, sizes, random text, UTF-8. */
#include "base/text.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

static void
test_uuid_new(void)
{
    g_autofree char *one = base_uuid_new();
    g_autofree char *other = base_uuid_new();

    g_assert_true(base_uuid_is_valid(one));
    g_assert_cmpint(one[14], ==, '4');
    g_assert_nonnull(strchr("89ab", one[19]));
    g_assert_cmpstr(one, !=, other);
}

static void
test_uuid_is_valid(void)
{
    static const struct {
        const char *text;
        gboolean valid;
    } cases[] = {
        {"01234567-89ab-cdef-0123-456789abcdef", TRUE},
        {"01234567-89AB-CDEF-0123-456789ABCDEF", TRUE},
        {"01234567-89ab-cdef-0123-456789abcde", FALSE},
        {"01234567-89ab-cdef-0123-456789abcdef0", FALSE},
        {"0123456789ab-cdef-0123-456789abcdef00", FALSE},
        {"g1234567-89ab-cdef-0123-456789abcdef", FALSE},
        {"", FALSE},
        {"OpaqueRef:NULL", FALSE},
        {"01234567-89ab-cdef-0123-456789abcde-", FALSE},
        {"01234567-89ab-cdef-0123", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(base_uuid_is_valid(cases[i].text), ==, cases[i].valid);
}

static void
test_time_to_wire(void)
{
    static const struct {
        gint64 seconds;
        const char *text;
    } cases[] = {
        {0, "19700101T00:00:00Z"},          {1678040309, "20230305T18:18:29Z"},
        {951782400, "20000229T00:00:00Z"},  {G_MAXINT64, "99991231T23:59:59Z"},
        {G_MININT64, "00010101T00:00:00Z"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = base_time_to_wire(cases[i].seconds);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void
test_time_from_wire(void)
{
    static const struct {
        const char *text;
        gint64 seconds;
    } cases[] = {
        {"20230305T18:18:29Z", 1678040309},      {"2023-03-05T18:18:29Z", 1678040309},
        {"20230305T18:18:29", 1678040309},       {"20230305T18:18:29.123456Z", 1678040309},
        {"20230305T18:18:29,5Z", 1678040309},    {"20230305T20:18:29+02:00", 1678040309},
        {"20230305T20:18:29+0200", 1678040309},  {"20230305T20:18:29+02", 1678040309},
        {"20230305T12:48:29-05:30", 1678040309}, {"19700101T00:00:00Z", 0},
        {"00010101T00:00:00Z", -62135596800},    {"99991231T23:59:59Z", 253402300799},
        {"20000229T00:00:00Z", 951782400},       {"20161231T23:59:60Z", 1483228800},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gint64 seconds = -1;
        g_assert_true(base_time_from_wire(cases[i].text, &seconds, &error));
        g_assert_no_error(error);
        g_assert_cmpint(seconds, ==, cases[i].seconds);
    }
}

static void
test_time_refused(void)
{
    static const char *const cases[] = {
        "",
        "now",
        "20230305",
        "20230305T",
        "20230305T18:18",
        "20230305T18:18:29X",
        "20230305T18:18:29ZZ",
        "20231305T18:18:29Z",
        "20230230T18:18:29Z",
        "20210229T00:00:00Z",
        "19000229T00:00:00Z",
        "20230305T24:00:00Z",
        "20230305T18:60:00Z",
        "20230305T18:18:61Z",
        "2023-0305T18:18:29Z",
        "202303-05T18:18:29Z",
        "00000101T00:00:00Z",
        "20230305 18:18:29Z",
        " 20230305T18:18:29Z",
        "20230305T18:18:29Z ",
        "20230305T18:18:29.Z",
        "20230305T18:18:29+2",
        "20230305T18:18:29+02:60",
        "20230305T18:18:29+24:00",
        "+0230305T18:18:29Z",
        "2023030-T18:18:29Z",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gint64 seconds = -7;
        g_assert_false(base_time_from_wire(cases[i], &seconds, &error));
        g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
        g_assert_cmpint(seconds, ==, -7);
    }
}

static void
test_int_parse(void)
{
    static const struct {
        const char *text;
        gboolean valid;
        gint64 number;
    } cases[] = {
        {"0", TRUE, 0},
        {"42", TRUE, 42},
        {"-1", TRUE, -1},
        {"+7", TRUE, 7},
        {"007", TRUE, 7},
        {"9223372036854775807", TRUE, G_MAXINT64},
        {"-9223372036854775808", TRUE, G_MININT64},
        {"9223372036854775808", FALSE, 0},
        {"-9223372036854775809", FALSE, 0},
        {"99999999999999999999999", FALSE, 0},
        {"18446744073709551616", FALSE, 0},
        {"", FALSE, 0},
        {"-", FALSE, 0},
        {"+", FALSE, 0},
        {"--1", FALSE, 0},
        {" 1", FALSE, 0},
        {"1 ", FALSE, 0},
        {"1.0", FALSE, 0},
        {"0x10", FALSE, 0},
        {"1e3", FALSE, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 number = 0;
        g_assert_cmpint(base_int_parse(cases[i].text, &number), ==, cases[i].valid);
        g_assert_cmpint(number, ==, cases[i].number);
    }
}

static void
test_float_parse(void)
{
    static const struct {
        const char *text;
        double number;
    } cases[] = {
        {"0", 0.0},      {"1.5", 1.5},      {"-2", -2.0},        {"1e3", 1000.0}, {"+.5", 0.5},
        {"1E-3", 0.001}, {"inf", INFINITY}, {"-inf", -INFINITY}, {"1e-400", 0.0},
    };
    static const char *const refused[] = {"",   " 1", "1 ", "1,5", "0x10",  "infinity", "nan(1)",
                                          "1e", "e1", ".",  "-",   "1e999", "1.2.3"};
    double number = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_true(base_float_parse(cases[i].text, &number));
        g_assert_true(number == cases[i].number);
    }
    g_assert_true(base_float_parse("nan", &number));
    g_assert_true(isnan(number));
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
        g_assert_false(base_float_parse(refused[i], &number));
}

static void
test_size_parse(void)
{
    static const struct {
        const char *text;
        gboolean valid;
        guint64 bytes;
    } cases[] = {
        {"0", TRUE, 0},
        {"512", TRUE, 512},
        {"512b", TRUE, 512},
        {"1k", TRUE, 1024},
        {"1KB", TRUE, 1024},
        {"1KiB", TRUE, 1024},
        {"2m", TRUE, 2097152},
        {"2MB", TRUE, 2097152},
        {"2mib", TRUE, 2097152},
        {"3g", TRUE, G_GUINT64_CONSTANT(3221225472)},
        {"3GiB", TRUE, G_GUINT64_CONSTANT(3221225472)},
        {"1t", TRUE, G_GUINT64_CONSTANT(1099511627776)},
        {"1TiB", TRUE, G_GUINT64_CONSTANT(1099511627776)},
        {"18446744073709551615", TRUE, G_MAXUINT64},
        {"18446744073709551616", FALSE, 0},
        {"16777216t", FALSE, 0},
        {"", FALSE, 0},
        {"k", FALSE, 0},
        {"-1", FALSE, 0},
        {"1.5g", FALSE, 0},
        {"1 k", FALSE, 0},
        {"1ib", FALSE, 0},
        {"1p", FALSE, 0},
        {"1kk", FALSE, 0},
        {"1kbb", FALSE, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint64 bytes = 0;
        g_assert_cmpint(base_size_parse(cases[i].text, &bytes), ==, cases[i].valid);
        g_assert_cmpuint(bytes, ==, cases[i].bytes);
    }
}

static void
test_random_text(void)
{
    g_autofree char *one = base_random_text(32);
    g_autofree char *other = base_random_text(32);
    g_autofree char *none = base_random_text(0);

    g_assert_cmpuint(strlen(one), ==, 64);
    g_assert_cmpuint(strspn(one, "0123456789abcdef"), ==, 64);
    g_assert_cmpstr(one, !=, other);
    g_assert_cmpstr(none, ==, "");
}

/* A bad byte at each place of a text of each length, so that both the step by words and the rest meet it. */
static void
test_utf8(void)
{
    for (gsize length = 0; length < 24; length++) {
        g_autofree char *text = g_strnfill(length, 'a');
        g_assert_true(base_utf8_is_valid(text, length));
        for (gsize i = 0; i < length; i++) {
            text[i] = '\xff';
            g_assert_false(base_utf8_is_valid(text, length));
            text[i] = '\0';
            g_assert_false(base_utf8_is_valid(text, length));
            text[i] = 'a';
        }
    }
    g_assert_true(base_utf8_is_valid("abcdefgh\xc3\xa4", 10));
    g_assert_true(base_utf8_is_valid("abcdefg\xc3\xa4", 9));
    g_assert_false(base_utf8_is_valid("abcdefg\xc3", 8));
}

static void
test_secret_equals(void)
{
    g_assert_true(base_secret_equals("secret", "secret"));
    g_assert_true(base_secret_equals("", ""));
    g_assert_false(base_secret_equals("secret", "secreT"));
    g_assert_false(base_secret_equals("secret", "Secret"));
    g_assert_false(base_secret_equals("secret", "secret2"));
    g_assert_false(base_secret_equals("secret", "secre"));
    g_assert_false(base_secret_equals("secret", ""));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/text/uuid-is-random-and-version-4", test_uuid_new);
    g_test_add_func("/base/text/uuid-form-is-checked", test_uuid_is_valid);
    g_test_add_func("/base/text/time-is-written-in-wire-form", test_time_to_wire);
    g_test_add_func("/base/text/time-is-read-in-all-forms", test_time_from_wire);
    g_test_add_func("/base/text/time-refuses-what-is-no-date", test_time_refused);
    g_test_add_func("/base/text/int-fits-64-bits-or-is-refused", test_int_parse);
    g_test_add_func("/base/text/float-takes-plain-numbers-only", test_float_parse);
    g_test_add_func("/base/text/size-suffixes-are-powers-of-1024", test_size_parse);
    g_test_add_func("/base/text/random-text-is-hexadecimal", test_random_text);
    g_test_add_func("/base/text/secrets-are-equal-to-the-last-byte", test_secret_equals);
    g_test_add_func("/base/text/utf8-is-checked-at-every-offset", test_utf8);
    return g_test_run();
}
