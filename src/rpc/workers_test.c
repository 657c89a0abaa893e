/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fair sharing of threads, with jobs that last as long as the test wants. */
#include "rpc/workers.h"

#include <string.h>

/* What all jobs of a test share. */
typedef struct Bench {
    GMutex lock;
    GCond changed;
    gboolean is_open; /* jobs may end */
    guint n_begun;
    guint n_done;
    GString *order; /* letters of the jobs in the order in which they began */
} Bench;

typedef struct Job {
    Bench *bench;
    char letter;
    gboolean is_long; /* lasts until the bench is open */
} Job;

static void
run(gpointer data)
{
    Job *job = data;
    Bench *bench = job->bench;
    g_mutex_lock(&bench->lock);
    bench->n_begun++;
    g_string_append_c(bench->order, job->letter);
    g_cond_broadcast(&bench->changed);
    while (job->is_long && !bench->is_open)
        g_cond_wait(&bench->changed, &bench->lock);
    bench->n_done++;
    g_cond_broadcast(&bench->changed);
    g_mutex_unlock(&bench->lock);
    g_free(job);
}

static Bench *
bench_new(void)
{
    Bench *bench = g_new0(Bench, 1);
    g_mutex_init(&bench->lock);
    g_cond_init(&bench->changed);
    bench->order = g_string_new(NULL);
    return bench;
}

static void
bench_free(Bench *bench)
{
    g_mutex_clear(&bench->lock);
    g_cond_clear(&bench->changed);
    g_string_free(bench->order, TRUE);
    g_free(bench);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bench, bench_free)

static void
bench_open(Bench *bench)
{
    g_mutex_lock(&bench->lock);
    bench->is_open = TRUE;
    g_cond_broadcast(&bench->changed);
    g_mutex_unlock(&bench->lock);
}

static void
wait_begun(Bench *bench, guint n_begun)
{
    g_mutex_lock(&bench->lock);
    while (bench->n_begun < n_begun)
        g_cond_wait(&bench->changed, &bench->lock);
    g_mutex_unlock(&bench->lock);
}

static gboolean
push(Workers *workers, Bench *bench, const char *owner, char letter, gboolean is_long,
     GCancellable *cancellable)
{
    Job *job = g_new(Job, 1);
    *job = (Job){bench, letter, is_long};
    if (workers_push(workers, owner, cancellable, job))
        return TRUE;
    g_free(job);
    return FALSE;
}

static const WorkersLimits small = {
    .n_threads = 4, .share = 2, .n_reserved = 1, .owner_queue = 100, .queue = 100};
static const WorkersLimits one_thread = {.n_threads = 1, .share = 1, .owner_queue = 3, .queue = 5};

static void
test_all_is_done(void)
{
    g_autoptr(Bench) bench = bench_new();
    Workers *workers = workers_new(&small, run);
    for (guint i = 0; i < 100; i++)
        g_assert_true(push(workers, bench, i % 2 == 0 ? "a" : NULL, 'x', FALSE, NULL));
    workers_free(workers);
    g_assert_cmpuint(bench->n_done, ==, 100);
}

static void
test_share(void)
{
    g_autoptr(Bench) bench = bench_new();
    Workers *workers = workers_new(&small, run);
    for (guint i = 0; i < 10; i++)
        push(workers, bench, "a", 'a', TRUE, NULL);
    wait_begun(bench, small.share);
    push(workers, bench, "b", 'b', TRUE, NULL);
    wait_begun(bench, small.share + 1);
    push(workers, bench, "c", 'c', TRUE, NULL); /* on the reserved thread */
    wait_begun(bench, small.share + 2);
    g_assert_cmpstr(bench->order->str, ==, "aabc");
    bench_open(bench);
    workers_free(workers);
    g_assert_cmpuint(bench->n_done, ==, 12);
}

/* The last thread is not for owners who have something at work. */
static void
test_reserve(void)
{
    g_autoptr(Bench) bench = bench_new();
    Workers *workers = workers_new(&small, run);
    push(workers, bench, "a", 'a', TRUE, NULL);
    push(workers, bench, "a", 'a', TRUE, NULL);
    push(workers, bench, "b", 'b', TRUE, NULL);
    wait_begun(bench, 3);
    push(workers, bench, "b", 'B', FALSE, NULL);
    push(workers, bench, "c", 'c', TRUE, NULL);
    wait_begun(bench, 4);
    g_assert_null(strchr(bench->order->str, 'B'));
    bench_open(bench);
    workers_free(workers);
    g_assert_nonnull(strchr(bench->order->str, 'B'));
}

static void
test_turns(void)
{
    g_autoptr(Bench) bench = bench_new();
    Workers *workers = workers_new(&one_thread, run);
    push(workers, bench, "z", 'z', TRUE, NULL);
    wait_begun(bench, 1);
    for (guint i = 0; i < 3; i++)
        push(workers, bench, "a", 'a', FALSE, NULL);
    push(workers, bench, "b", 'b', FALSE, NULL);
    push(workers, bench, "c", 'c', FALSE, NULL);
    bench_open(bench);
    workers_free(workers);
    g_assert_cmpstr(bench->order->str, ==, "zabcaa");
}

static void
test_bounds(void)
{
    g_autoptr(Bench) bench = bench_new();
    Workers *workers = workers_new(&one_thread, run);
    push(workers, bench, "z", 'z', TRUE, NULL);
    wait_begun(bench, 1);
    for (guint i = 0; i < one_thread.owner_queue; i++)
        g_assert_true(push(workers, bench, "a", 'a', FALSE, NULL));
    g_assert_false(workers_has_room(workers, "a"));
    g_assert_false(push(workers, bench, "a", 'a', FALSE, NULL));
    g_assert_true(push(workers, bench, "b", 'b', FALSE, NULL));
    g_assert_true(push(workers, bench, "c", 'c', FALSE, NULL));
    g_assert_false(workers_has_room(workers, "d"));
    g_assert_false(push(workers, bench, "d", 'd', FALSE, NULL));
    bench_open(bench);
    workers_free(workers);
    g_assert_cmpuint(bench->n_done, ==, 6);
}

static void
test_cancelled(void)
{
    g_autoptr(Bench) bench = bench_new();
    g_autoptr(GCancellable) early = g_cancellable_new();
    g_autoptr(GCancellable) late = g_cancellable_new();
    Workers *workers = workers_new(&one_thread, run);
    push(workers, bench, "z", 'z', TRUE, NULL);
    wait_begun(bench, 1);
    push(workers, bench, "a", 'a', FALSE, NULL);
    push(workers, bench, "a", 'l', FALSE, late);
    g_cancellable_cancel(late);
    wait_begun(bench, 2); /* though the only thread is taken */
    g_cancellable_cancel(early);
    push(workers, bench, "a", 'e', FALSE, early);
    wait_begun(bench, 3);
    g_assert_cmpstr(bench->order->str, ==, "zle");
    bench_open(bench);
    workers_free(workers);
    g_assert_cmpstr(bench->order->str, ==, "zlea");
}

static void
test_other_limits(void)
{
    g_autoptr(Bench) bench = bench_new();
    Workers *workers = workers_new(&one_thread, run);
    const WorkersLimits two = {.n_threads = 2, .share = 2, .owner_queue = 3, .queue = 5};
    push(workers, bench, "a", 'a', TRUE, NULL);
    push(workers, bench, "a", 'a', TRUE, NULL);
    push(workers, bench, "b", 'b', TRUE, NULL);
    wait_begun(bench, 1);
    workers_set_limits(workers, &two);
    wait_begun(bench, 2); /* it waited for a thread */
    workers_set_limits(workers, &one_thread);
    g_assert_cmpuint(workers_count_busy(workers), ==, 2); /* what has begun goes on */
    g_assert_cmpuint(workers_count_waiting(workers), ==, 1);
    bench_open(bench);
    workers_free(workers);
    g_assert_cmpuint(bench->n_done, ==, 3);
}

static void
test_limits(void)
{
    for (guint n_threads = 1; n_threads <= 1024; n_threads++) {
        WorkersLimits limits = workers_limits(n_threads);
        g_assert_cmpuint(limits.share, >=, 1);
        g_assert_cmpuint(limits.share, <=, n_threads);
        g_assert_cmpuint(limits.n_reserved, <, n_threads);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/workers/all-that-waits-is-done-before-the-end", test_all_is_done);
    g_test_add_func("/rpc/workers/no-owner-has-more-than-its-share", test_share);
    g_test_add_func("/rpc/workers/last-threads-are-for-owners-with-nothing-at-work", test_reserve);
    g_test_add_func("/rpc/workers/owners-take-turns", test_turns);
    g_test_add_func("/rpc/workers/refuses-what-is-beyond-its-bounds", test_bounds);
    g_test_add_func("/rpc/workers/cancelled-while-waiting-runs-at-once", test_cancelled);
    g_test_add_func("/rpc/workers/limits-change-while-jobs-wait", test_other_limits);
    g_test_add_func("/rpc/workers/limits-suit-any-number-of-threads", test_limits);
    return g_test_run();
}
