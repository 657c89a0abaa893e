/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who waits for whom. A waiter that must not be granted is seen by its place in the queue, never by the
 * clock. */
#include "storage/lock.h"

#define SR "sr"

typedef struct Case {
    const char *name;
    StorageLockMode held;
    const char *held_vdi;
    StorageLockMode wanted;
    const char *wanted_vdi;
    gboolean waits;
} Case;

/* clang-format off */
static const Case cases[] = {
    {"vdi-and-vdi-of-other-disks-run-together",  STORAGE_LOCK_VDI,    "a",  STORAGE_LOCK_VDI,    "b",  FALSE},
    {"vdi-waits-for-the-same-disk",              STORAGE_LOCK_VDI,    "a",  STORAGE_LOCK_VDI,    "a",  TRUE },
    {"create-does-not-wait-for-attach",          STORAGE_LOCK_VDI,    "a",  STORAGE_LOCK_CHANGE, NULL, FALSE},
    {"delete-waits-for-attach-of-its-disk",      STORAGE_LOCK_VDI,    "a",  STORAGE_LOCK_CHANGE, "a",  TRUE },
    {"attach-waits-for-snapshot-of-its-disk",    STORAGE_LOCK_CHANGE, "a",  STORAGE_LOCK_VDI,    "a",  TRUE },
    {"change-waits-for-change",                  STORAGE_LOCK_CHANGE, "a",  STORAGE_LOCK_CHANGE, "b",  TRUE },
    {"scan-waits-for-attach",                    STORAGE_LOCK_VDI,    "a",  STORAGE_LOCK_SR,     NULL, TRUE },
    {"scan-waits-for-create",                    STORAGE_LOCK_CHANGE, NULL, STORAGE_LOCK_SR,     NULL, TRUE },
    {"attach-waits-for-scan",                    STORAGE_LOCK_SR,     NULL, STORAGE_LOCK_VDI,    "a",  TRUE },
    {"create-waits-for-scan",                    STORAGE_LOCK_SR,     NULL, STORAGE_LOCK_CHANGE, NULL, TRUE },
    {"scan-waits-for-scan",                      STORAGE_LOCK_SR,     NULL, STORAGE_LOCK_SR,     NULL, TRUE },
    {"probe-never-waits",                        STORAGE_LOCK_SR,     NULL, STORAGE_LOCK_NONE,   NULL, FALSE},
};
/* clang-format on */

typedef struct Waiter {
    StorageLocks *locks;
    StorageLockMode mode;
    const char *vdi;
    GCancellable *cancellable;
    StorageLock *lock;
    GError *error;
} Waiter;

static gpointer
acquire(gpointer data)
{
    Waiter *waiter = data;
    waiter->lock = storage_lock_acquire(waiter->locks, waiter->mode, SR, waiter->vdi, waiter->cancellable,
                                        &waiter->error);
    return NULL;
}

/* Whether a request that stands in the queue behind others can only be ended by cancelling it. */
static void
test_case(gconstpointer data)
{
    const Case *row = data;
    g_autoptr(StorageLocks) locks = storage_locks_new();
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    StorageLock *held = storage_lock_acquire(locks, row->held, SR, row->held_vdi, NULL, NULL);

    /* Cancelled beforehand: it is granted only if it need not wait at all. */
    g_cancellable_cancel(cancellable);
    Waiter waiter = {locks, row->wanted, row->wanted_vdi, cancellable, NULL, NULL};
    acquire(&waiter);
    if (row->waits)
        g_assert_error(waiter.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    else
        g_assert_nonnull(waiter.lock);
    g_clear_error(&waiter.error);
    storage_lock_release(waiter.lock);

    storage_lock_release(held);
    g_assert_cmpuint(storage_locks_count(locks, SR), ==, 0);
}

static void
wait_for_count(StorageLocks *locks, guint count)
{
    while (storage_locks_count(locks, SR) != count)
        g_thread_yield();
}

static void
test_release_wakes_the_waiter(void)
{
    g_autoptr(StorageLocks) locks = storage_locks_new();
    StorageLock *held = storage_lock_acquire(locks, STORAGE_LOCK_SR, SR, NULL, NULL, NULL);
    Waiter waiter = {.locks = locks, .mode = STORAGE_LOCK_VDI, .vdi = "a"};
    GThread *thread = g_thread_new("waiter", acquire, &waiter);
    wait_for_count(locks, 2);

    storage_lock_release(held);
    g_thread_join(thread);
    g_assert_nonnull(waiter.lock);
    storage_lock_release(waiter.lock);
}

static void
test_cancel_wakes_the_waiter(void)
{
    g_autoptr(StorageLocks) locks = storage_locks_new();
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    StorageLock *held = storage_lock_acquire(locks, STORAGE_LOCK_SR, SR, NULL, NULL, NULL);
    Waiter waiter = {.locks = locks, .mode = STORAGE_LOCK_VDI, .vdi = "a", .cancellable = cancellable};
    GThread *thread = g_thread_new("waiter", acquire, &waiter);
    wait_for_count(locks, 2);

    g_cancellable_cancel(cancellable);
    g_thread_join(thread);
    g_assert_error(waiter.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error(&waiter.error);
    g_assert_cmpuint(storage_locks_count(locks, SR), ==, 1);
    storage_lock_release(held);
}

/* A scan that waits for one attach holds back the attaches behind it. */
static void
test_waiting_scan_is_not_overtaken(void)
{
    g_autoptr(StorageLocks) locks = storage_locks_new();
    g_autoptr(GCancellable) cancelled = g_cancellable_new();
    StorageLock *attach = storage_lock_acquire(locks, STORAGE_LOCK_VDI, SR, "a", NULL, NULL);
    Waiter scan = {.locks = locks, .mode = STORAGE_LOCK_SR};
    GThread *thread = g_thread_new("scan", acquire, &scan);
    wait_for_count(locks, 2);

    g_cancellable_cancel(cancelled);
    g_assert_null(storage_lock_acquire(locks, STORAGE_LOCK_VDI, SR, "b", cancelled, NULL));
    storage_lock_release(attach);
    g_thread_join(thread);
    storage_lock_release(scan.lock);
}

static void
test_srs_are_independent(void)
{
    g_autoptr(StorageLocks) locks = storage_locks_new();
    StorageLock *one = storage_lock_acquire(locks, STORAGE_LOCK_SR, "one", NULL, NULL, NULL);
    StorageLock *two = storage_lock_acquire(locks, STORAGE_LOCK_SR, "two", NULL, NULL, NULL);
    g_assert_nonnull(one);
    g_assert_nonnull(two);
    storage_lock_release(one);
    storage_lock_release(two);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/storage/lock/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/storage/lock/release-wakes-the-waiter", test_release_wakes_the_waiter);
    g_test_add_func("/storage/lock/cancel-wakes-the-waiter", test_cancel_wakes_the_waiter);
    g_test_add_func("/storage/lock/waiting-scan-is-not-overtaken", test_waiting_scan_is_not_overtaken);
    g_test_add_func("/storage/lock/srs-are-independent", test_srs_are_independent);
    return g_test_run();
}
