/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both clocks: order of manual timers, what cancelling does, and that real ones fire on their loop. */
#include "domain/clock.h"

#include "base/loop.h"

typedef struct Note {
    GString *text;
    char letter;
} Note;

static void
write_letter(gpointer data)
{
    Note *note = data;
    g_string_append_c(note->text, note->letter);
}

static void
write_end(gpointer data)
{
    Note *note = data;
    g_string_append_c(note->text, '.');
}

static void
test_order(void)
{
    g_autoptr(DomainClock) clock = domain_clock_new_manual(1000);
    g_autoptr(GString) text = g_string_new(NULL);
    Note notes[] = {{text, 'a'}, {text, 'b'}, {text, 'c'}, {text, 'd'}};
    DomainTimer *late = domain_clock_call_after(clock, 30, write_letter, &notes[0], write_end);
    DomainTimer *first = domain_clock_call_after(clock, 10, write_letter, &notes[1], write_end);
    DomainTimer *second = domain_clock_call_after(clock, 10, write_letter, &notes[2], write_end);
    DomainTimer *never = domain_clock_call_after(clock, 20, write_letter, &notes[3], write_end);
    domain_clock_advance(clock, 9);
    g_assert_cmpstr(text->str, ==, "");
    domain_timer_cancel(never);
    g_assert_cmpstr(text->str, ==, ".");
    domain_clock_advance(clock, 21);
    g_assert_cmpstr(text->str, ==, ".b.c.a.");
    g_assert_cmpint(domain_clock_now_us(clock), ==, 1030);
    g_assert_false(domain_clock_has_timers(clock));
    domain_timer_cancel(late);
    domain_timer_cancel(first);
    domain_timer_cancel(second);
}

static void
push_letter(gpointer data)
{
    g_async_queue_push(data, (gpointer) "fired");
}

static void
test_real(void)
{
    g_autoptr(Loop) loop = loop_new("test");
    g_autoptr(DomainClock) clock = domain_clock_new(loop_context(loop));
    g_autoptr(GAsyncQueue) queue = g_async_queue_new();
    DomainTimer *never =
        domain_clock_call_after(clock, G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC, push_letter, queue, NULL);
    DomainTimer *soon = domain_clock_call_after(clock, 0, push_letter, queue, NULL);
    g_assert_cmpstr(g_async_queue_pop(queue), ==, "fired");
    domain_timer_cancel(soon);
    domain_timer_cancel(never);
    g_assert_cmpint(domain_clock_wall_us(clock), >, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/clock/manual-timers-fire-in-order", test_order);
    g_test_add_func("/domain/clock/real-timers-fire-on-their-loop", test_real);
    return g_test_run();
}
