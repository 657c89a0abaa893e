/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer thread: many at once, batches, failures of the store, callbacks. */
#include "db/db.h"

#include "db/test_model.h"
#include "model/api_error.h"

#define N_THREADS 16
#define N_ROUNDS  100

static gboolean
increment(DbTxn *txn, gpointer data, GError **error)
{
    const char *ref = data;
    g_autoptr(DbRow) row = db_txn_read(txn, CLASS_VM, ref);

    db_txn_set_int(txn, CLASS_VM, ref, VM_MEMORY, db_row_int(row, VM_MEMORY) + 1);
    return TRUE;
}

typedef struct Shared {
    Db *db;
    char *ref;
} Shared;

static gpointer
increment_often(gpointer data)
{
    Shared *shared = data;

    for (int i = 0; i < N_ROUNDS; i++) {
        g_autoptr(DbTxn) txn = db_txn_new(shared->db, NULL);
        g_autoptr(GError) error = NULL;
        db_txn_step(txn, increment, shared->ref, NULL);
        g_assert_true(db_txn_commit(txn, NULL, &error));
    }
    return NULL;
}

static gpointer
read_often(gpointer data)
{
    Shared *shared = data;
    guint64 generation = 0;
    gint64 last = 0;

    while (last < N_THREADS * N_ROUNDS) {
        g_autoptr(DbRow) row = db_get(shared->db, CLASS_VM, shared->ref);
        g_assert_cmpint(db_row_int(row, VM_MEMORY), >=, last);
        last = db_row_int(row, VM_MEMORY);
        guint64 now = db_generation(shared->db);
        g_assert_cmpuint(now, >=, generation);
        generation = now;
    }
    return NULL;
}

static void
test_concurrent_commits_all_land(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *ref = test_insert(db, CLASS_VM, "counter");
    Shared shared = {db, ref};
    GThread *threads[N_THREADS + 1];

    test_set(db, CLASS_VM, ref, VM_MEMORY, value_int(0));
    for (int i = 0; i < N_THREADS; i++)
        threads[i] = g_thread_new("writer", increment_often, &shared);
    threads[N_THREADS] = g_thread_new("reader", read_often, &shared);
    for (int i = 0; i <= N_THREADS; i++)
        g_thread_join(threads[i]);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, ref);
    g_assert_cmpint(db_row_int(row, VM_MEMORY), ==, N_THREADS * N_ROUNDS);
}

/* -- Batches: a step holds the writer until all are queued -- */

typedef struct Gate {
    GMutex mutex;
    GCond cond;
    gboolean is_entered, is_open;
} Gate;

static gboolean
wait_at_gate(DbTxn *txn, gpointer data, GError **error)
{
    Gate *gate = data;

    g_mutex_lock(&gate->mutex);
    gate->is_entered = TRUE;
    g_cond_broadcast(&gate->cond);
    while (!gate->is_open)
        g_cond_wait(&gate->cond, &gate->mutex);
    g_mutex_unlock(&gate->mutex);
    return TRUE;
}

static void
gate_close_writer(Gate *gate, Db *db)
{
    DbTxn *txn = db_txn_new(db, NULL);

    db_txn_step(txn, wait_at_gate, gate, NULL);
    db_txn_commit_async(txn, NULL, NULL);
    g_mutex_lock(&gate->mutex);
    while (!gate->is_entered)
        g_cond_wait(&gate->cond, &gate->mutex);
    g_mutex_unlock(&gate->mutex);
}

static void
gate_open(Gate *gate)
{
    g_mutex_lock(&gate->mutex);
    gate->is_open = TRUE;
    g_cond_broadcast(&gate->cond);
    g_mutex_unlock(&gate->mutex);
}

/* What an asynchronous commit came to. */
typedef struct Outcome {
    Db *db;
    guint64 generation;
    GError *error;
    gboolean was_visible;
    const char *ref;
} Outcome;

static void
note_outcome(gpointer data, guint64 generation, const GError *error)
{
    Outcome *outcome = data;

    outcome->generation = generation;
    outcome->error = error != NULL ? g_error_copy(error) : NULL;
    if (outcome->ref != NULL) {
        g_autoptr(DbRow) row = db_get(outcome->db, CLASS_VM, outcome->ref);
        outcome->was_visible = row != NULL;
    }
}

static void
queue_insert(Db *db, const char *ref, const char *name, Outcome *outcome)
{
    DbTxn *txn = db_txn_new(db, NULL);

    *outcome = (Outcome){.db = db, .ref = ref};
    db_txn_insert(txn, CLASS_VM, ref);
    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_LABEL, name);
    db_txn_commit_async(txn, note_outcome, outcome);
}

/* Waits until everything queued before has been answered. */
static void
flush(Db *db)
{
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_true(db_txn_commit(txn, NULL, &error));
}

static void
test_queued_transactions_share_one_apply(void)
{
    TestFaults faults = {0};
    g_autoptr(Db) db = test_db_failing(&faults);
    Gate gate = {0};
    Outcome outcomes[3];

    gate_close_writer(&gate, db);
    guint before = faults.n_calls;
    queue_insert(db, "OpaqueRef:a", "a", &outcomes[0]);
    queue_insert(db, "OpaqueRef:b", "b", &outcomes[1]);
    queue_insert(db, "OpaqueRef:a", "again", &outcomes[2]);
    gate_open(&gate);
    flush(db);
    g_assert_cmpuint(faults.n_calls, ==, before + 1);
    g_assert_no_error(outcomes[0].error);
    g_assert_no_error(outcomes[1].error);
    g_assert_true(outcomes[0].was_visible && outcomes[1].was_visible);
    g_assert_cmpuint(outcomes[0].generation, ==, outcomes[1].generation);
    g_assert_true(api_error_is(outcomes[2].error, "INTERNAL_ERROR"));
    g_clear_error(&outcomes[2].error);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, "OpaqueRef:a");
    g_assert_cmpstr(db_row_string(row, VM_NAME_LABEL), ==, "a");
}

static void
test_one_poisoned_transaction_fails_alone(void)
{
    TestFaults faults = {.is_poisoned = TRUE};
    g_autoptr(Db) db = test_db_failing(&faults);
    g_autofree char *counter = test_insert(db, CLASS_VM, "counter");
    Gate gate = {0};
    Outcome outcomes[3];

    gate_close_writer(&gate, db);
    queue_insert(db, "OpaqueRef:a", "a", &outcomes[0]);
    queue_insert(db, "OpaqueRef:b", "poison", &outcomes[1]);
    queue_insert(db, "OpaqueRef:b", "c", &outcomes[2]); /* fails only if the one before succeeds */
    DbTxn *txn = db_txn_new(db, NULL);
    db_txn_step(txn, increment, counter, NULL);
    db_txn_commit_async(txn, NULL, NULL);
    gate_open(&gate);
    flush(db);
    g_assert_no_error(outcomes[0].error);
    g_assert_true(api_error_is(outcomes[1].error, "INTERNAL_ERROR"));
    g_assert_nonnull(strstr(outcomes[1].error->message, "poisoned"));
    g_clear_error(&outcomes[1].error);
    g_assert_no_error(outcomes[2].error);
    g_autoptr(DbRow) b = db_get(db, CLASS_VM, "OpaqueRef:b");
    g_assert_cmpstr(db_row_string(b, VM_NAME_LABEL), ==, "c");
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, counter);
    g_assert_cmpint(db_row_int(row, VM_MEMORY), ==, 257); /* once, though its step ran twice */
}

static void
test_store_failure_changes_nothing(void)
{
    TestFaults faults = {0};
    g_autoptr(Db) db = test_db_failing(&faults);
    g_autofree char *ref = test_insert(db, CLASS_VM, "before");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;
    guint64 generation = db_generation(db);

    faults.fail_from = faults.fail_to = faults.n_calls + 1;
    db_txn_set_string(txn, CLASS_VM, ref, VM_NAME_LABEL, "after");
    g_assert_false(db_txn_commit(txn, NULL, &error));
    g_assert_true(api_error_is(error, "INTERNAL_ERROR"));
    g_assert_nonnull(strstr(error->message, "injected"));
    g_assert_cmpuint(db_generation(db), ==, generation);
    g_autoptr(DbRow) row = db_get(db, CLASS_VM, ref);
    g_assert_cmpstr(db_row_string(row, VM_NAME_LABEL), ==, "before");
    test_set(db, CLASS_VM, ref, VM_NAME_LABEL, value_string("after"));
}

static void
test_volatile_commits_need_no_store(void)
{
    TestFaults faults = {0};
    g_autoptr(Db) db = test_db_failing(&faults);
    g_autofree char *vm = test_insert(db, CLASS_VM, "vm");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;
    guint before = faults.n_calls;

    g_autofree char *task = g_strdup(db_txn_insert_volatile(txn, CLASS_TASK, NULL));
    db_txn_set_string(txn, CLASS_TASK, task, TASK_NAME_LABEL, "t");
    db_txn_insert(txn, CLASS_SESSION, NULL);
    db_txn_map_put(txn, CLASS_VM, vm, VM_CURRENT_OPERATIONS, task, value_string("start"));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    test_delete(db, CLASS_TASK, task);
    g_assert_cmpuint(faults.n_calls, ==, before);
}

/* -- Callbacks -- */

typedef struct HookLog {
    Db *db;
    GString *text;
    GError *error;
} HookLog;

static void
log_changes(gpointer data, guint64 generation, const DbChange *changes, gsize n_changes)
{
    static const char operations[] = "+=-";
    HookLog *log = data;

    for (gsize i = 0; i < n_changes; i++) {
        g_assert_true((changes[i].row == NULL) == (changes[i].operation == DB_DEL));
        g_string_append_printf(log->text, "%c%s ", operations[changes[i].operation],
                               model_classes[changes[i].class_id].event_name);
        if (changes[i].row != NULL) {
            g_assert_cmpuint(changes[i].row->changed, ==, generation);
            g_autoptr(DbRow) visible = db_get(log->db, changes[i].class_id, changes[i].ref);
            g_assert_true(visible == changes[i].row);
        }
    }
    g_string_append(log->text, "| ");
}

static void
test_hook_gets_one_change_per_row(void)
{
    g_autoptr(Db) db = test_db_memory();
    HookLog log = {.db = db, .text = g_string_new(NULL)};
    g_autofree char *host = test_insert(db, CLASS_HOST, "h");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    db_set_commit_hook(db, log_changes, &log);
    g_autofree char *vm = g_strdup(db_txn_insert(txn, CLASS_VM, NULL));
    const char *vdi = db_txn_insert(txn, CLASS_VDI, NULL);
    db_txn_set_string(txn, CLASS_VM, vm, VM_RESIDENT_ON, host);
    db_txn_set_int(txn, CLASS_VM, vm, VM_MEMORY, 5);
    db_txn_set_int(txn, CLASS_VDI, vdi, VDI_SIZE, 5);
    db_txn_delete(txn, CLASS_SR, db_txn_insert(txn, CLASS_SR, NULL));
    g_assert_true(db_txn_commit(txn, NULL, &error));
    test_delete(db, CLASS_VM, vm);
    flush(db);
    db_set_commit_hook(db, NULL, NULL);
    g_assert_cmpstr(log.text->str, ==, "+vm +vdi =host | -vm =host | ");
    g_string_free(log.text, TRUE);
}

static void
commit_in_hook(gpointer data, guint64 generation, const DbChange *changes, gsize n_changes)
{
    HookLog *log = data;
    g_autoptr(DbTxn) txn = db_txn_new(log->db, NULL);

    if (log->error == NULL)
        db_txn_commit(txn, NULL, &log->error);
}

static void
test_commit_in_the_hook_is_refused(void)
{
    g_autoptr(Db) db = test_db_memory();
    HookLog log = {.db = db};

    db_set_commit_hook(db, commit_in_hook, &log);
    test_make(db, CLASS_VM, "a");
    db_set_commit_hook(db, NULL, NULL);
    g_assert_true(api_error_is(log.error, "INTERNAL_ERROR"));
    g_clear_error(&log.error);
}

static void
test_close_commits_what_is_queued(void)
{
    char *dir = test_dir_new();
    Db *db = test_db_file(dir);
    Gate gate = {0};

    gate_close_writer(&gate, db);
    for (int i = 0; i < 1000; i++) {
        DbTxn *txn = db_txn_new(db, NULL);
        db_txn_insert(txn, CLASS_VM, NULL);
        db_txn_commit_async(txn, NULL, NULL);
    }
    gate_open(&gate);
    db_close(db);
    db = test_db_file(dir);
    g_assert_cmpuint(db_count(db, CLASS_VM), ==, 1000);
    db_close(db);
    test_dir_free(dir);
}

/* A change of one of many must not cost as much as all of them: this is 200 million steps if it does. */
static void
test_ten_thousand_residents_are_cheap(void)
{
    g_autoptr(Db) db = test_db_memory();
    g_autofree char *host = test_insert(db, CLASS_HOST, "h");
    g_autofree char *other = test_insert(db, CLASS_HOST, "o");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 10000; i++)
        db_txn_set_string(txn, CLASS_VM, db_txn_insert_volatile(txn, CLASS_VM, NULL), VM_RESIDENT_ON, host);
    g_assert_true(db_txn_commit(txn, NULL, &error));
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_VM);
    for (guint i = 0; i < rows->len; i += 2) {
        DbTxn *move = db_txn_new(db, NULL);
        db_txn_set_string(move, CLASS_VM, ((DbRow *)rows->pdata[i])->ref, VM_RESIDENT_ON, other);
        db_txn_commit_async(move, NULL, NULL);
    }
    flush(db);
    g_autoptr(DbRow) row = db_get(db, CLASS_HOST, host);
    g_autoptr(Value) residents = db_row_get(db, row, HOST_RESIDENT_VMS);
    g_assert_cmpuint(value_size(residents), ==, 5000);
    g_assert_cmpstr(value_get_string(value_array_get(residents, 7)), ==, ((DbRow *)rows->pdata[15])->ref);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/writer/concurrent-commits-all-land", test_concurrent_commits_all_land);
    g_test_add_func("/db/writer/queued-transactions-share-one-apply",
                    test_queued_transactions_share_one_apply);
    g_test_add_func("/db/writer/one-poisoned-transaction-fails-alone",
                    test_one_poisoned_transaction_fails_alone);
    g_test_add_func("/db/writer/store-failure-changes-nothing", test_store_failure_changes_nothing);
    g_test_add_func("/db/writer/volatile-commits-need-no-store", test_volatile_commits_need_no_store);
    g_test_add_func("/db/writer/hook-gets-one-change-per-row", test_hook_gets_one_change_per_row);
    g_test_add_func("/db/writer/commit-in-the-hook-is-refused", test_commit_in_the_hook_is_refused);
    g_test_add_func("/db/writer/close-commits-what-is-queued", test_close_commits_what_is_queued);
    g_test_add_func("/db/writer/ten-thousand-residents-are-cheap", test_ten_thousand_residents_are_cheap);
    return g_test_run();
}
