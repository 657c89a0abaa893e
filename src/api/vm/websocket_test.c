/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of websockets. */
#include "api/vm/websocket.h"

#include <string.h>

/* Source: RFC 6455, 1.3 */
static void
accept_key_is_that_of_the_standard(void)
{
    g_autofree char *key = websocket_accept_key("dGhlIHNhbXBsZSBub25jZQ==");

    g_assert_cmpstr(key, ==, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* Source: RFC 6455, 5.7 */
static void
masked_frame_of_the_standard_is_read(void)
{
    static const guint8 frame[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    WebsocketHead head;

    g_assert_cmpuint(websocket_head_size(frame), ==, 6);
    g_assert_true(websocket_head_parse(frame, &head));
    g_assert_true(head.is_final);
    g_assert_cmpuint(head.opcode, ==, 1);
    g_assert_cmpuint(head.length, ==, 5);
    g_assert_cmpuint(frame[6] ^ head.mask[0], ==, 'H');
}

static void
lengths_survive_writing_and_reading(void)
{
    static const gsize lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 1000000};

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        guint8 bytes[WEBSOCKET_HEAD_MAX] = {0};
        WebsocketHead head;
        gsize size = websocket_head_write(2, lengths[i], bytes);
        bytes[1] |= 0x80; /* as if a client had sent it, with a mask of zeros */
        g_assert_cmpuint(websocket_head_size(bytes), ==, size + 4);
        g_assert_true(websocket_head_parse(bytes, &head));
        g_assert_cmpuint(head.length, ==, lengths[i]);
    }
}

static void
broken_heads_are_refused(void)
{
    static const guint8 unmasked[2] = {0x82, 0x05};
    static const guint8 reserved[2] = {0xc2, 0x85};
    static const guint8 endless[WEBSOCKET_HEAD_MAX] = {0x82, 0xff, 0xff, 0xff, 0xff,
                                                       0xff, 0xff, 0xff, 0xff, 0xff};
    static const guint8 long_ping[WEBSOCKET_HEAD_MAX] = {0x89, 0xfe, 0x00, 0x7e};
    static const guint8 split_ping[WEBSOCKET_HEAD_MAX] = {0x09, 0x81};
    WebsocketHead head;

    g_assert_cmpuint(websocket_head_size(unmasked), ==, 0);
    g_assert_cmpuint(websocket_head_size(reserved), ==, 0);
    g_assert_false(websocket_head_parse(endless, &head));
    g_assert_false(websocket_head_parse(long_ping, &head));
    g_assert_false(websocket_head_parse(split_ping, &head));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/vm/websocket/accept-key-is-that-of-the-standard",
                    accept_key_is_that_of_the_standard);
    g_test_add_func("/api/vm/websocket/masked-frame-of-the-standard-is-read",
                    masked_frame_of_the_standard_is_read);
    g_test_add_func("/api/vm/websocket/lengths-survive-writing-and-reading",
                    lengths_survive_writing_and_reading);
    g_test_add_func("/api/vm/websocket/broken-heads-are-refused", broken_heads_are_refused);
    return g_test_run();
}
