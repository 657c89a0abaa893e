/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uuids, wire dates, random text, and number parsing that refuses what it does not understand. */
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"

static const char hex_digits[] = "0123456789abcdef";

/* Years 1 and 9999, the ends of what the wire form can hold. */
#define WIRE_TIME_MIN G_GINT64_CONSTANT(-62135596800)
#define WIRE_TIME_MAX G_GINT64_CONSTANT(253402300799)

static void
fill_random(void *buffer, gsize length)
{
    char *next = buffer;

    while (length > 0) {
        ssize_t got = getrandom(next, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            g_error("getrandom: %s", g_strerror(errno)); /* secrets must not be made without it */
        next += got;
        length -= (gsize)got;
    }
}

static char *
append_hex(char *out, const guint8 *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        *out++ = hex_digits[bytes[i] >> 4];
        *out++ = hex_digits[bytes[i] & 15];
    }
    return out;
}

gboolean
base_secret_equals(const char *secret, const char *given)
{
    gsize length = strlen(secret);
    if (strlen(given) != length)
        return FALSE;
    guint8 difference = 0;
    for (gsize i = 0; i < length; i++)
        difference |= (guint8)(secret[i] ^ given[i]);
    return difference == 0;
}

char *
base_random_text(gsize bytes)
{
    g_autofree guint8 *raw = g_malloc(bytes + 1);
    char *text = g_malloc(bytes * 2 + 1);

    fill_random(raw, bytes);
    *append_hex(text, raw, bytes) = '\0';
    explicit_bzero(raw, bytes);
    return text;
}

char *
base_uuid_new(void)
{
    static const guint8 group_bytes[] = {4, 2, 2, 2, 6};
    guint8 raw[16];
    const guint8 *group = raw;
    char *text = g_malloc(UUID_TEXT_LENGTH + 1);
    char *out = text;

    fill_random(raw, sizeof(raw));
    raw[6] = (raw[6] & 0x0f) | 0x40; /* Source: RFC 4122 4.4: version 4 ... */
    raw[8] = (raw[8] & 0x3f) | 0x80; /* ... and its variant */
    for (gsize i = 0; i < G_N_ELEMENTS(group_bytes); i++) {
        if (i > 0)
            *out++ = '-';
        out = append_hex(out, group, group_bytes[i]);
        group += group_bytes[i];
    }
    *out = '\0';
    return text;
}

gboolean
base_uuid_is_valid(const char *text)
{
    for (int i = 0; i < UUID_TEXT_LENGTH; i++) {
        gboolean hyphen_expected = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen_expected ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
            return FALSE; /* also at an early end: NUL is neither */
    }
    return text[UUID_TEXT_LENGTH] == '\0';
}

char *
base_time_to_wire(gint64 unix_seconds)
{
    time_t seconds = CLAMP(unix_seconds, WIRE_TIME_MIN, WIRE_TIME_MAX);
    struct tm fields;

    gmtime_r(&seconds, &fields);
    return g_strdup_printf("%04d%02d%02dT%02d:%02d:%02dZ", fields.tm_year + 1900, fields.tm_mon + 1,
                           fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec);
}

/* Takes exactly @digits digits off *@text. */
static gboolean
take_number(const char **text, int digits, int low, int high, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        if (!g_ascii_isdigit((*text)[i]))
            return FALSE;
        number = number * 10 + ((*text)[i] - '0');
    }
    if (number < low || number > high)
        return FALSE;
    *text += digits;
    *ret_number = number;
    return TRUE;
}

static gboolean
take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return FALSE;
    (*text)++;
    return TRUE;
}

static gboolean
take_date(const char **text, struct tm *date)
{
    static const guint8 month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (!take_number(text, 4, 1, 9999, &year))
        return FALSE;
    gboolean hyphens = take_char(text, '-');
    if (!take_number(text, 2, 1, 12, &month) || (hyphens && !take_char(text, '-')))
        return FALSE;

    gboolean leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int days = month_days[month - 1] + (month == 2 && leap ? 1 : 0);
    if (!take_number(text, 2, 1, days, &day))
        return FALSE;
    date->tm_year = year - 1900;
    date->tm_mon = month - 1;
    date->tm_mday = day;
    return TRUE;
}

/* A second of 60 is a leap second and counts as the next one. A fraction is dropped. */
static gboolean
take_time(const char **text, struct tm *date)
{
    if (!take_number(text, 2, 0, 23, &date->tm_hour) || !take_char(text, ':') ||
        !take_number(text, 2, 0, 59, &date->tm_min) || !take_char(text, ':') ||
        !take_number(text, 2, 0, 60, &date->tm_sec))
        return FALSE;
    if (**text == '.' || **text == ',') {
        if (!g_ascii_isdigit((*text)[1]))
            return FALSE;
        do
            (*text)++;
        while (g_ascii_isdigit(**text));
    }
    return TRUE;
}

static gboolean
take_zone(const char **text, int *ret_offset_seconds)
{
    int hours, minutes = 0;

    *ret_offset_seconds = 0;
    if (**text == '\0' || take_char(text, 'Z'))
        return TRUE;
    if (**text != '+' && **text != '-')
        return FALSE;
    int sign = *(*text)++ == '-' ? -1 : 1;
    if (!take_number(text, 2, 0, 23, &hours))
        return FALSE;
    if (**text != '\0') {
        take_char(text, ':');
        if (!take_number(text, 2, 0, 59, &minutes))
            return FALSE;
    }
    *ret_offset_seconds = sign * (hours * 3600 + minutes * 60);
    return TRUE;
}

gboolean
base_time_from_wire(const char *text, gint64 *ret_unix_seconds, GError **error)
{
    const char *next = text;
    struct tm date = {0};
    int offset_seconds;

    if (!take_date(&next, &date) || !take_char(&next, 'T') || !take_time(&next, &date) ||
        !take_zone(&next, &offset_seconds) || *next != '\0')
        return base_error_set(error, BASE_ERROR_INVALID, "not a date: '%.64s'", text);
    *ret_unix_seconds = (gint64)timegm(&date) - offset_seconds;
    return TRUE;
}

gboolean
base_int_parse(const char *text, gint64 *ret_number)
{
    gboolean negative = *text == '-';
    guint64 limit = (guint64)G_MAXINT64 + (negative ? 1 : 0);
    guint64 number = 0;

    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return FALSE;
    for (; *text != '\0'; text++) {
        if (!g_ascii_isdigit(*text))
            return FALSE;
        guint digit = (guint)(*text - '0');
        if (number > (limit - digit) / 10)
            return FALSE;
        number = number * 10 + digit;
    }
    *ret_number = negative ? (gint64)(0 - number) : (gint64)number;
    return TRUE;
}

gboolean
base_float_parse(const char *text, double *ret_number)
{
    static const struct {
        const char *word;
        double number;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"+inf", INFINITY}, {"-inf", -INFINITY}};
    char *end;

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(text, words[i].word) == 0) {
            *ret_number = words[i].number;
            return TRUE;
        }
    }
    /* strtod also takes leading white space, hexadecimal and long words: none of these is a number on our
     * wires. */
    if (*text == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return FALSE;
    double number = g_ascii_strtod(text, &end);
    if (*end != '\0' || end == text || isinf(number))
        return FALSE;
    *ret_number = number;
    return TRUE;
}

gboolean
base_size_parse(const char *text, guint64 *ret_bytes)
{
    static const char units[] = "kmgt"; /* each 1024 times the one before */
    guint64 bytes = 0;
    guint shift = 0;
    const char *suffix = text;

    for (; g_ascii_isdigit(*suffix); suffix++) {
        guint digit = (guint)(*suffix - '0');
        if (bytes > (G_MAXUINT64 - digit) / 10)
            return FALSE;
        bytes = bytes * 10 + digit;
    }
    if (suffix == text)
        return FALSE;

    const char *unit = *suffix == '\0' ? NULL : strchr(units, g_ascii_tolower(*suffix));
    if (unit != NULL) {
        shift = 10 * (guint)(unit - units + 1);
        suffix++;
    }
    if (*suffix != '\0' && g_ascii_strcasecmp(suffix, "b") != 0 &&
        !(unit != NULL && g_ascii_strcasecmp(suffix, "ib") == 0))
        return FALSE;
    if (bytes > G_MAXUINT64 >> shift)
        return FALSE;
    *ret_bytes = bytes << shift;
    return TRUE;
}

gint64
base_now_us(void)
{
    return g_get_real_time();
}

gboolean
base_utf8_is_valid(const char *text, gsize length)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);
    const guint64 high_bits = ones << 7;
    guint64 word;

    for (; length >= sizeof(word); text += sizeof(word), length -= sizeof(word)) {
        memcpy(&word, text, sizeof(word));
        if (((word | (word - ones)) & high_bits) != 0) /* a byte above 127, or a NUL */
            break;
    }
    return g_utf8_validate_len(text, length, NULL);
}
