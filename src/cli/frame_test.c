/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Golden bytes of every message, and refusal of damaged ones. */
#include "cli/frame.h"

#include <string.h>

#include "base/error.h"
#include "cli/transport.h"

/* clang-format off */
/* Each message with its bytes in hexadecimal, blanks for reading. */
static const struct GoldenCase {
    const char *name;
    CliFrame frame;
    const char *hex;
} golden[] = {
    {"print",       {.tag = CLI_TAG_PRINT, .text = "hi"},                      "0e000000 09000000 00000000 02000000 6869"},
    {"print-empty", {.tag = CLI_TAG_PRINT, .text = ""},                        "0c000000 09000000 00000000 00000000"},
    {"load",        {.tag = CLI_TAG_LOAD, .text = "a"},                        "0d000000 09000000 01000000 01000000 61"},
    {"prompt",      {.tag = CLI_TAG_PROMPT},                                   "08000000 09000000 03000000"},
    {"exit",        {.tag = CLI_TAG_EXIT, .number = 1},                        "0c000000 09000000 04000000 01000000"},
    {"exit-below",  {.tag = CLI_TAG_EXIT, .number = -1},                       "0c000000 09000000 04000000 ffffffff"},
    {"ok",          {.tag = CLI_TAG_OK},                                       "08000000 0a000000 05000000"},
    {"failed",      {.tag = CLI_TAG_FAILED},                                   "08000000 0a000000 06000000"},
    {"wait",        {.tag = CLI_TAG_WAIT},                                     "08000000 0a000000 12000000"},
    {"chunk",       {.tag = CLI_TAG_CHUNK, .number = 258},                     "0c000000 0b000000 07000000 02010000"},
    {"end",         {.tag = CLI_TAG_END},                                      "08000000 0b000000 08000000"},
    {"get",         {.tag = CLI_TAG_HTTP_GET, .text = "f", .url = "/u"},       "13000000 09000000 0c000000 01000000 66 02000000 2f75"},
    {"put",         {.tag = CLI_TAG_HTTP_PUT, .text = "f", .url = "/u"},       "13000000 09000000 0d000000 01000000 66 02000000 2f75"},
    {"connect",     {.tag = CLI_TAG_HTTP_CONNECT, .url = "/u"},                "0e000000 09000000 11000000 02000000 2f75"},
    {"debug",       {.tag = CLI_TAG_DEBUG, .text = "d"},                       "0d000000 09000000 0f000000 01000000 64"},
    {"stderr",      {.tag = CLI_TAG_PRINT_STDERR, .text = "e\n"},              "0e000000 09000000 10000000 02000000 650a"},
    {"error",       {.tag = CLI_TAG_ERROR, .text = "X", .list = (char *[]){"a", "bc", NULL}},
     "1c000000 09000000 0e000000 01000000 58 02000000 01000000 61 02000000 6263"},
};

/* Payloads (without the length) that are no message. */
static const struct BadCase {
    const char *name;
    const char *hex;
} bad[] = {
    {"nothing",              ""},
    {"one-int",              "09000000"},
    {"unknown-outer",        "08000000 00000000 00000000"},
    {"unknown-inner",        "09000000 02000000"},
    {"inner-of-another",     "0a000000 00000000 00000000"},
    {"inner-below-zero",     "09000000 ffffffff"},
    {"text-over-the-end",    "09000000 00000000 05000000 6869"},
    {"text-below-zero",      "09000000 00000000 ffffffff"},
    {"text-with-nul",        "09000000 00000000 02000000 6800"},
    {"list-over-the-end",    "09000000 0e000000 00000000 ffffff7f"},
    {"list-cut",             "09000000 0e000000 00000000 02000000 00000000"},
    {"bytes-left-over",      "09000000 03000000 00"},
};
/* clang-format on */

static GByteArray *
from_hex(const char *hex)
{
    GByteArray *bytes = g_byte_array_new();
    for (const char *next = hex; *next != '\0'; next++) {
        if (*next == ' ')
            continue;
        guint8 byte = (guint8)(g_ascii_xdigit_value(next[0]) * 16 + g_ascii_xdigit_value(next[1]));
        g_byte_array_append(bytes, &byte, 1);
        next++;
    }
    return bytes;
}

static void
test_golden_written(gconstpointer data)
{
    const struct GoldenCase *one = data;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GByteArray) wanted = from_hex(one->hex);
    cli_frame_write(out, &one->frame);
    g_assert_cmpmem(out->str, out->len, wanted->data, wanted->len);
}

static void
test_golden_read(gconstpointer data)
{
    const struct GoldenCase *one = data;
    g_auto(CliFrame) frame = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) bytes = from_hex(one->hex);
    g_assert_true(cli_frame_parse(bytes->data + 4, bytes->len - 4, &frame, &error));
    g_assert_no_error(error);
    g_assert_cmpint(frame.tag, ==, one->frame.tag);
    g_assert_cmpint(frame.number, ==, one->frame.number);
    g_assert_cmpstr(frame.text, ==, one->frame.text);
    g_assert_cmpstr(frame.url, ==, one->frame.url);
    g_assert_cmpint(frame.list == NULL, ==, one->frame.list == NULL);
    if (frame.list != NULL)
        g_assert_cmpstrv(frame.list, one->frame.list);
}

static void
test_bad_refused(gconstpointer data)
{
    const struct BadCase *one = data;
    CliFrame frame = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) bytes = from_hex(one->hex);
    guint8 none = 0;
    g_assert_false(cli_frame_parse(bytes->len > 0 ? bytes->data : &none, bytes->len, &frame, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_INVALID);
}

static void
test_greeting(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    cli_greeting_write(out);
    g_assert_cmpmem(out->str, out->len, "XenSource thin CLI protocol\0\0\0\0\2\0\0\0", 35);
}

/* A transport whose other side is a text. */
static gssize
read_text(gpointer data, void *buffer, gsize length, GError **error)
{
    GString *left = data;
    gsize count = MIN(length, left->len);
    memcpy(buffer, left->str, count);
    g_string_erase(left, 0, (gssize)count);
    return (gssize)count;
}

static void
test_greeting_read(void)
{
    static const struct {
        const char *text;
        gsize length;
        int code; /* -1: fine */
    } cases[] = {
        {"XenSource thin CLI protocol\0\0\0\0\2\0\0\0", 35, -1},
        {"XenSource thin CLI protocol\0\0\0\0\7\0\0\0", 35, -1},
        {"XenSource thin CLI protocol\1\0\0\0\2\0\0\0", 35, BASE_ERROR_INVALID},
        {"XenSource thin CLI protocol\0\0\0", 30, BASE_ERROR_IO},
        {"HTTP/1.1 500 Internal Error\r\n\r\n", 31, BASE_ERROR_FAILED},
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 32, BASE_ERROR_INVALID},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new_len(cases[i].text, (gssize)cases[i].length);
        g_autoptr(GError) error = NULL;
        CliTransport transport = {.read = read_text, .data = text};
        g_assert_cmpint(cli_transport_read_greeting(&transport, &error), ==, cases[i].code < 0);
        if (cases[i].code >= 0)
            g_assert_error(error, BASE_ERROR, cases[i].code);
    }
}

static void
test_oversized_refused(void)
{
    g_autoptr(GString) text = g_string_new_len("\1\4\0\0", 4);
    CliTransport transport = {.read = read_text, .data = text};
    CliFrame frame = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(cli_transport_receive(&transport, 1024, &frame, &error));
    g_assert_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(golden); i++) {
        g_autofree char *written = g_strdup_printf("/cli/frame/%s-has-golden-bytes", golden[i].name);
        g_autofree char *read = g_strdup_printf("/cli/frame/%s-is-read-back", golden[i].name);
        g_test_add_data_func(written, &golden[i], test_golden_written);
        g_test_add_data_func(read, &golden[i], test_golden_read);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *name = g_strdup_printf("/cli/frame/refuses-%s", bad[i].name);
        g_test_add_data_func(name, &bad[i], test_bad_refused);
    }
    g_test_add_func("/cli/frame/greeting-has-golden-bytes", test_greeting);
    g_test_add_func("/cli/transport/greeting-of-same-major-is-accepted-and-nothing-else", test_greeting_read);
    g_test_add_func("/cli/transport/message-over-the-bound-is-refused", test_oversized_refused);
    return g_test_run();
}
