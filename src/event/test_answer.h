/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: waits for the answer of a wait, and looks into it. */
#pragma once

#include "event/event.h"

typedef struct TestAnswer {
    GMutex mutex;
    GCond cond;
    gboolean is_there;
    Value *result;
    GError *error;
} TestAnswer;

static inline void
test_answer_clear(TestAnswer *answer)
{
    value_unref(answer->result);
    g_clear_error(&answer->error);
    g_mutex_clear(&answer->mutex);
    g_cond_clear(&answer->cond);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestAnswer, test_answer_clear)

/* The EventAnswer to give; data is the TestAnswer. */
static inline void
test_answer_take(gpointer data, Value *result, const GError *error)
{
    TestAnswer *answer = data;

    g_assert_true((result == NULL) != (error == NULL));
    g_mutex_lock(&answer->mutex);
    g_assert_false(answer->is_there);
    answer->result = result;
    answer->error = error != NULL ? g_error_copy(error) : NULL;
    answer->is_there = TRUE;
    g_cond_signal(&answer->cond);
    g_mutex_unlock(&answer->mutex);
}

static inline void
test_answer_wait(TestAnswer *answer)
{
    g_mutex_lock(&answer->mutex);
    while (!answer->is_there)
        g_cond_wait(&answer->cond, &answer->mutex);
    g_mutex_unlock(&answer->mutex);
}

static inline gboolean
test_answer_is_there(TestAnswer *answer)
{
    g_mutex_lock(&answer->mutex);
    gboolean is_there = answer->is_there;
    g_mutex_unlock(&answer->mutex);
    return is_there;
}

/* An array of one string. */
static inline Value *
test_classes(const char *text)
{
    const char *const texts[] = {text, NULL};

    return value_array_of_strings(texts);
}

/* "add vm <ref>; mod host <ref>; ..." of an array of events. The caller frees it. */
static inline char *
test_events_text(const Value *events)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < value_size(events); i++) {
        const Value *event = value_array_get(events, i);
        g_string_append_printf(
            text, "%s%s %s %s", i > 0 ? "; " : "", value_map_get_string(event, "operation", "?"),
            value_map_get_string(event, "class", "?"), value_map_get_string(event, "ref", "?"));
    }
    return g_string_free(text, FALSE);
}
