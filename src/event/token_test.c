/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens read as what was written, sort like their numbers, and are refused otherwise. */
#include "event/token.h"

#include "db/test_model.h"
#include <string.h>

static void
test_round_trip_and_order(void)
{
    static const guint64 generations[] = {
        0, 1, 9, 10, 99999, G_GUINT64_CONSTANT(12345678901234), G_MAXINT64, G_MAXUINT64};
    g_autofree char *previous = g_strdup("");

    for (gsize i = 0; i < G_N_ELEMENTS(generations); i++) {
        g_autofree char *token = event_token_format(generations[i]);
        guint64 generation;
        g_assert_cmpuint(strlen(token), ==, 41);
        g_assert_cmpstr(token, >, previous);
        g_assert_true(event_token_parse(token, &generation, NULL));
        g_assert_cmpuint(generation, ==, generations[i]);
        g_free(previous);
        previous = g_strdup(token);
    }
}

static void
test_empty_and_short_forms(void)
{
    guint64 generation = 1;

    g_assert_true(event_token_parse("", &generation, NULL));
    g_assert_cmpuint(generation, ==, 0);
    g_assert_true(event_token_parse("12,34", &generation, NULL));
    g_assert_cmpuint(generation, ==, 12);
}

static void
test_refused(void)
{
    static const char *const tokens[] = {
        ",", "12", "12,", ",12", " 12,0", "12,0x", "0x12,0", "12,,0", "18446744073709551616,0", "-1,0"};

    for (gsize i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_autoptr(GError) error = NULL;
        guint64 generation = 7;
        g_assert_false(event_token_parse(tokens[i], &generation, &error));
        test_assert_api_error(&error, "EVENT_FROM_TOKEN_PARSE_FAILURE", tokens[i], NULL);
        g_assert_cmpuint(generation, ==, 7);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event/token/round-trip-and-order", test_round_trip_and_order);
    g_test_add_func("/event/token/empty-and-short-forms", test_empty_and_short_forms);
    g_test_add_func("/event/token/refused", test_refused);
    return g_test_run();
}
