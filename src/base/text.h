/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small text helpers that GLib lacks: uuids, wire dates, bounded number parsing. */
#pragma once

#include <glib.h>

#define UUID_TEXT_LENGTH 36

/** base_uuid_new: a random uuid in lower case, from the kernel's random source. The caller frees it. */
char *base_uuid_new(void);

/** base_uuid_is_valid: 8-4-4-4-12 hexadecimal digits in either case, nothing else. */
gboolean base_uuid_is_valid(const char *text);

/** base_time_to_wire: @unix_seconds as "20230305T18:18:29Z" (UTC, years 1 to 9999). The caller frees it. */
char *base_time_to_wire(gint64 unix_seconds);

/**
 * base_time_from_wire:
 * @text: "20230305T18:18:29Z", with or without hyphens in the date, fraction and zone ("Z", "+hh:mm",
 * "+hhmm", "+hh")
 *
 * Errors: BASE_ERROR_INVALID. A text without zone is read as UTC.
 */
gboolean base_time_from_wire(const char *text, gint64 *ret_unix_seconds, GError **error);

/** base_int_parse: the whole of @text as a decimal number that fits 64 bits, sign allowed, no white space. */
gboolean base_int_parse(const char *text, gint64 *ret_number);

/** base_float_parse: the whole of @text, in the C locale; "nan", "inf", "-inf" too. */
gboolean base_float_parse(const char *text, double *ret_number);

/**
 * base_size_parse:
 * @text: plain bytes or a number with suffix b, k, kb, kib, m, mb, mib, g.., t.. in any case, all powers of
 * 1024
 *
 * Source: protocol notes 7.3.
 */
gboolean base_size_parse(const char *text, guint64 *ret_bytes);

/** base_now_us: wall clock, microseconds since 1970. */
gint64 base_now_us(void);

/** base_random_text: @bytes random bytes from the kernel in lower-case hexadecimal (two digits each). For
 * secrets. */
char *base_random_text(gsize bytes);

/** base_secret_equals: takes as long for a wrong @given as for the right one of the same length. */
gboolean base_secret_equals(const char *secret, const char *given);

/** base_utf8_is_valid: g_utf8_validate_len(), eight bytes a step where they are ASCII. A NUL is not valid. */
gboolean base_utf8_is_valid(const char *text, gsize length);
