/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kills a process that writes, at a random moment: what it had been told is durable must be there, and
 * everything must fit together. */
#include "db/db.h"

#include "base/fd.h"
#include "db/test_model.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_ROUNDS  6
#define N_THREADS 4

/* What a child reports, in one write, after each commit. */
typedef struct Ack {
    int thread;
    gint64 count;
    guint64 generation;
} Ack;

typedef struct Writer {
    Db *db;
    int fd;
    int thread;
    gint64 count; /* rows this thread has made in all rounds */
} Writer;

/* A counter row per thread, and one new row named after it for each turn: both in one transaction, so they
 * must agree. */
static char *
counter_ref(int thread)
{
    return g_strdup_printf("OpaqueRef:counter-%d", thread);
}

static gpointer
write_on(gpointer data)
{
    Writer *writer = data;
    g_autofree char *counter = counter_ref(writer->thread);

    for (;;) {
        g_autoptr(DbTxn) txn = db_txn_new(writer->db, NULL);
        Ack ack = {writer->thread, writer->count + 1, 0};
        db_txn_set_int(txn, CLASS_VM, counter, VM_MEMORY, ack.count);
        const char *vdi = db_txn_insert(txn, CLASS_VDI, NULL);
        db_txn_set_string(txn, CLASS_VDI, vdi, VDI_NAME_LABEL, counter);
        db_txn_map_put(txn, CLASS_VM, counter, VM_BLOBS, "last", value_string(vdi));
        if (!db_txn_commit(txn, &ack.generation, NULL))
            _exit(1);
        writer->count++;
        if (!base_fd_write_all(writer->fd, &ack, sizeof ack, NULL))
            _exit(1);
    }
    return NULL;
}

static void
run_child(const char *dir, int fd, const gint64 *counts)
{
    Db *db = test_db_file(dir);
    Writer writers[N_THREADS];

    for (int i = 0; i < N_THREADS; i++) {
        writers[i] = (Writer){db, fd, i, counts[i]};
        if (i > 0)
            g_thread_unref(g_thread_new("writer", write_on, &writers[i]));
    }
    write_on(&writers[0]);
}

static gboolean
read_ack(int fd, Ack *ret_ack)
{
    ssize_t n;

    while ((n = read(fd, ret_ack, sizeof *ret_ack)) < 0)
        g_assert_cmpint(errno, ==, EINTR);
    g_assert_true(n == 0 ||
                  n == (ssize_t)sizeof *ret_ack); /* writes this small into a pipe are whole or not at all */
    return n > 0;
}

/* Starts a child, kills it after @n_acks, and returns what it had promised: at least @acked commits per
 * thread, nothing newer than *@generation. */
static void
write_and_kill(const char *dir, int n_acks, gint64 *acked, guint64 *generation)
{
    int fds[2];
    int status;
    Ack ack;

    g_assert_cmpint(pipe(fds), ==, 0);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        close(fds[0]);
        run_child(dir, fds[1], acked);
        _exit(1);
    }
    close(fds[1]);
    for (int i = 0; read_ack(fds[0], &ack); i++) {
        acked[ack.thread] = ack.count;
        *generation = MAX(*generation, ack.generation);
        if (i == n_acks)
            kill(pid, SIGKILL);
    }
    close(fds[0]);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
assert_no_violation(gpointer data, const char *line)
{
    g_error("%s", line);
}

static void
assert_counter(Db *db, int thread, gint64 *acked)
{
    g_autofree char *counter = counter_ref(thread);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, counter);
    g_autoptr(GPtrArray) rows = db_get_by_name(db, CLASS_VDI, counter);
    gint64 count = db_row_int(row, VM_MEMORY);

    g_assert_cmpint(count, >=, acked[thread]);
    g_assert_cmpint(count, <=, acked[thread] + 1); /* one may have been durable but not yet reported */
    g_assert_cmpint((gint64)rows->len, ==, count);
    const DbRow *last = rows->pdata[rows->len - 1];
    g_assert_cmpstr(db_row_map_string(row, VM_BLOBS, "last", NULL), ==, last->ref);
    acked[thread] = count;
}

static void
test_acknowledged_writes_survive(void)
{
    char *dir = test_dir_new();
    gint64 acked[N_THREADS] = {0};
    guint64 generation = 0;

    Db *db = test_db_file(dir);
    for (int i = 0; i < N_THREADS; i++) {
        g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
        g_autofree char *counter = counter_ref(i);
        db_txn_insert(txn, CLASS_VM, counter);
        db_txn_set_int(txn, CLASS_VM, counter, VM_MEMORY, 0);
        g_assert_true(db_txn_commit(txn, NULL, NULL));
    }
    db_close(db);
    for (int round = 0; round < N_ROUNDS; round++) {
        write_and_kill(dir, g_test_rand_int_range(N_THREADS * 4, 300), acked, &generation);
        db = test_db_file(dir);
        g_assert_cmpuint(db_generation(db), >, generation);
        for (int i = 0; i < N_THREADS; i++)
            assert_counter(db, i, acked);
        g_assert_cmpuint(db_check(db, assert_no_violation, NULL), ==, 0);
        db_close(db);
    }
    test_dir_free(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/kill/acknowledged-writes-survive", test_acknowledged_writes_survive);
    return g_test_run();
}
