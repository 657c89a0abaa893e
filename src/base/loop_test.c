/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loops run calls in order on their own thread, and timers once. */
#include "base/loop.h"

#define CALLS 1000

typedef struct Record {
    GThread *thread;
    GMainContext *context;
    gint done;
    guint order[CALLS];
    guint n_calls;
} Record;

typedef struct NumberedCall {
    Record *record;
    guint number;
} NumberedCall;

static void
note_call(gpointer data)
{
    NumberedCall *call = data;

    call->record->thread = g_thread_self();
    call->record->context = g_main_context_get_thread_default();
    call->record->order[call->record->n_calls++] = call->number;
}

static void
test_order(void)
{
    g_autofree NumberedCall *calls = g_new(NumberedCall, CALLS);
    Record record = {0};
    Loop *loop = loop_new("test");
    g_autoptr(GMainContext) context = g_main_context_ref(loop_context(loop));

    for (guint i = 0; i < CALLS; i++) {
        calls[i] = (NumberedCall){&record, i};
        loop_call(loop, note_call, &calls[i]);
    }
    loop_free(loop);
    g_assert_cmpuint(record.n_calls, ==, CALLS);
    for (guint i = 0; i < CALLS; i++)
        g_assert_cmpuint(record.order[i], ==, i);
    g_assert_true(record.thread != g_thread_self());
    g_assert_true(record.context == context);
}

typedef struct TimerRecord {
    GMutex lock;
    GCond changed;
    guint n_runs;
} TimerRecord;

static gboolean
note_timer(gpointer data)
{
    TimerRecord *record = data;

    g_mutex_lock(&record->lock);
    record->n_runs++;
    g_cond_signal(&record->changed);
    g_mutex_unlock(&record->lock);
    return G_SOURCE_CONTINUE;
}

static void
wait_for_run(TimerRecord *record)
{
    g_mutex_lock(&record->lock);
    while (record->n_runs == 0)
        g_cond_wait(&record->changed, &record->lock);
    g_mutex_unlock(&record->lock);
}

static void
test_timer(void)
{
    TimerRecord record = {0};
    TimerRecord later = {0};
    g_autoptr(Loop) loop = loop_new("test");
    g_autoptr(GSource) timer = loop_timer(loop, 0, note_timer, &record);

    wait_for_run(&record);
    /* A second timer set after the first ran: were the first still armed, it would be due before this one. */
    g_autoptr(GSource) second = loop_timer(loop, 1, note_timer, &later);
    wait_for_run(&later);
    g_assert_true(g_source_is_destroyed(timer));
    g_assert_cmpuint(record.n_runs, ==, 1);
    g_assert_true(second != timer);
}

static void
wait_for_unlock(gpointer data)
{
    GMutex *lock = data;

    g_mutex_lock(lock);
    g_mutex_unlock(lock);
}

/* The loop is held up until both timers are due: were the first still armed, it would run before the second.
 */
static void
test_timer_destroyed(void)
{
    GMutex lock;
    TimerRecord record = {0};
    TimerRecord witness = {0};
    g_autoptr(Loop) loop = loop_new("test");

    g_mutex_init(&lock);
    g_mutex_lock(&lock);
    loop_call(loop, wait_for_unlock, &lock);
    g_autoptr(GSource) timer = loop_timer(loop, 0, note_timer, &record);
    g_source_destroy(timer);
    g_autoptr(GSource) second = loop_timer(loop, 1, note_timer, &witness);
    g_mutex_unlock(&lock);
    wait_for_run(&witness);
    g_assert_cmpuint(record.n_runs, ==, 0);
    g_assert_true(second != timer);
    g_mutex_clear(&lock);
}

static void
test_free_at_once(void)
{
    for (int i = 0; i < 50; i++)
        loop_free(loop_new("test"));
    loop_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/loop/free-runs-queued-calls-in-order-first", test_order);
    g_test_add_func("/base/loop/timer-runs-once", test_timer);
    g_test_add_func("/base/loop/destroyed-timer-does-not-run", test_timer_destroyed);
    g_test_add_func("/base/loop/free-works-before-the-thread-began", test_free_at_once);
    return g_test_run();
}
