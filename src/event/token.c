/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event tokens as text. Source: protocol notes, section 2: "%020d,%020d". */
#include "event/token.h"

#include "model/api_error.h"

char *
event_token_format(guint64 generation)
{
    return g_strdup_printf("%020" G_GUINT64_FORMAT ",%020d", generation, 0);
}

/* Digits up to @end, at most what fits 64 bits. */
static const char *
read_number(const char *text, char end, guint64 *ret_number)
{
    guint64 number = 0;
    const char *p = text;

    for (; g_ascii_isdigit(*p); p++)
        if (!g_uint64_checked_mul(&number, number, 10) ||
            !g_uint64_checked_add(&number, number, (guint64)(*p - '0')))
            return NULL;
    if (p == text || *p != end)
        return NULL;
    *ret_number = number;
    return p;
}

gboolean
event_token_parse(const char *token, guint64 *ret_generation, GError **error)
{
    guint64 generation = 0, messages;
    const char *comma = *token == '\0' ? NULL : read_number(token, ',', &generation);

    if (*token != '\0' && (comma == NULL || read_number(comma + 1, '\0', &messages) == NULL)) {
        const char *params[] = {token, NULL};
        return api_error_set(error, "EVENT_FROM_TOKEN_PARSE_FAILURE", params);
    }
    *ret_generation = generation;
    return TRUE;
}
