/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.register, event.next, event.unregister. */
#include "event/event.h"

#include "db/test_model.h"
#include "event/test_answer.h"

#define SESSION       "OpaqueRef:session"
#define OTHER_SESSION "OpaqueRef:other"

/* Empty but for the caller's session. */
static Db *
open_db(void)
{
    Db *db = test_db_memory();
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);

    db_txn_insert(txn, CLASS_SESSION, SESSION);
    db_txn_insert(txn, CLASS_SESSION, OTHER_SESSION);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    return db;
}

static void
register_classes(EventHub *hub, const char *text)
{
    g_autoptr(Value) classes = test_classes(text);

    g_assert_true(event_register(hub, SESSION, classes, NULL));
}

static void
unregister_classes(EventHub *hub, const char *text)
{
    g_autoptr(Value) classes = test_classes(text);

    g_assert_true(event_unregister(hub, SESSION, classes, NULL));
}

static void
call(EventHub *hub, TestAnswer *answer)
{
    G_GNUC_UNUSED g_autoptr(EventWait) wait = event_next_start(hub, SESSION, test_answer_take, answer);

    test_answer_wait(answer);
}

static void
assert_events(const TestAnswer *answer, const char *format, ...)
{
    va_list args;

    g_assert_no_error(answer->error);
    va_start(args, format);
    g_autofree char *expected = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *found = test_events_text(answer->result);
    g_assert_cmpstr(found, ==, expected);
}

static void
test_next_without_register_is_refused(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};

    call(hub, &answer);
    test_assert_api_error(&answer.error, "SESSION_NOT_REGISTERED", SESSION, NULL);
}

static void
test_queue_keeps_every_event(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};
    test_make(db, CLASS_VM, "before");

    register_classes(hub, "vm");
    register_classes(hub, "host");
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    test_make(db, CLASS_SR, "s");
    test_set(db, CLASS_VM, vm, VM_MEMORY, value_int(7));
    test_delete(db, CLASS_VM, vm);
    g_autofree char *host = test_insert(db, CLASS_HOST, "h");
    call(hub, &answer);
    assert_events(&answer, "add vm %s; mod vm %s; del vm %s; add host %s", vm, vm, vm, host);
    const Value *snapshot = value_map_get(value_array_get(answer.result, 1), "snapshot");
    g_assert_cmpint(value_get_int(value_map_get(snapshot, "memory")), ==, 7);
    const char *time = value_map_get_string(value_array_get(answer.result, 1), "timestamp", "");
    g_assert_cmpint(g_ascii_strtoll(time, NULL, 10), >, 0);
    g_assert_null(value_map_get(value_array_get(answer.result, 2), "snapshot"));
}

static void
test_malformed_classes_are_refused(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autoptr(Value) classes = test_classes("vm/");
    g_auto(TestAnswer) answer = {0};
    g_autoptr(GError) error = NULL, other = NULL;

    g_assert_false(event_register(hub, SESSION, classes, &error));
    test_assert_api_error(&error, "EVENT_SUBSCRIPTION_PARSE_FAILURE", "vm/", NULL);
    g_assert_false(event_unregister(hub, SESSION, classes, &other));
    test_assert_api_error(&other, "EVENT_SUBSCRIPTION_PARSE_FAILURE", "vm/", NULL);
    call(hub, &answer);
    test_assert_api_error(&answer.error, "SESSION_NOT_REGISTERED", SESSION, NULL);
}

/* Nobody would ever take its events out again. */
static void
test_dead_session_keeps_no_queue(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};

    test_delete(db, CLASS_SESSION, SESSION);
    register_classes(hub, "vm");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    db_txn_insert(txn, CLASS_SESSION, SESSION);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    call(hub, &answer);
    test_assert_api_error(&answer.error, "SESSION_NOT_REGISTERED", SESSION, NULL);
}

static void
test_current_id_is_that_of_the_next_event(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};

    register_classes(hub, "vm");
    gint64 id = event_current_id(hub);
    test_make(db, CLASS_VM, "a");
    call(hub, &answer);
    const char *text = value_map_get_string(value_array_get(answer.result, 0), "id", "");
    g_assert_cmpint(g_ascii_strtoll(text, NULL, 10), ==, id);
}

static void
test_next_waits_for_an_event(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};

    register_classes(hub, "*");
    G_GNUC_UNUSED g_autoptr(EventWait) wait = event_next_start(hub, SESSION, test_answer_take, &answer);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    test_answer_wait(&answer);
    assert_events(&answer, "add vm %s", vm);
}

static void
test_unregister_ends_next(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};

    register_classes(hub, "vm");
    G_GNUC_UNUSED g_autoptr(EventWait) wait = event_next_start(hub, SESSION, test_answer_take, &answer);
    unregister_classes(hub, "host");
    unregister_classes(hub, "VM");
    test_answer_wait(&answer);
    test_assert_api_error(&answer.error, "SESSION_NOT_REGISTERED", SESSION, NULL);
}

static void
test_logout_ends_next(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0}, after = {0};

    register_classes(hub, "vm");
    G_GNUC_UNUSED g_autoptr(EventWait) wait = event_next_start(hub, SESSION, test_answer_take, &answer);
    event_cancel_session(hub, SESSION);
    test_answer_wait(&answer);
    test_assert_api_error(&answer.error, "SESSION_INVALID", SESSION, NULL);
    call(hub, &after);
    test_assert_api_error(&after.error, "SESSION_NOT_REGISTERED", SESSION, NULL);
}

static void
test_full_queue_is_lost_once(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) lost = {0}, after = {0};
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    g_autoptr(GError) error = NULL;

    register_classes(hub, "vm");
    for (int i = 0; i < 20000; i++)
        db_txn_insert_volatile(txn, CLASS_VM, NULL);
    g_assert_true(db_txn_commit(txn, NULL, &error));
    call(hub, &lost);
    test_assert_api_error(&lost.error, "EVENTS_LOST", NULL);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    call(hub, &after);
    assert_events(&after, "add vm %s", vm);
}

#define N_IDLE 10

/* A session that registers and never asks. */
static void
register_idle(Db *db, EventHub *hub, guint number)
{
    g_autofree char *session = g_strdup_printf("OpaqueRef:idle-%u", number);
    g_autoptr(Value) classes = test_classes("vm");
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);

    db_txn_insert(txn, CLASS_SESSION, session);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    g_assert_true(event_register(hub, session, classes, NULL));
}

static gboolean
has_lost(EventHub *hub, guint number)
{
    g_autofree char *session = g_strdup_printf("OpaqueRef:idle-%u", number);
    g_auto(TestAnswer) answer = {0};
    g_autoptr(EventWait) wait = event_next_start(hub, session, test_answer_take, &answer);

    test_answer_wait(&answer);
    if (answer.error != NULL)
        test_assert_api_error(&answer.error, "EVENTS_LOST", NULL);
    return answer.result == NULL;
}

/* None of them is too long by itself; whoever keeps up loses nothing. */
static void
test_queues_too_long_together_lose_the_longest(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) answer = {0};
    g_autoptr(DbTxn) txn = db_txn_new(db, NULL);
    guint n_lost = 0;

    for (guint i = 0; i < N_IDLE; i++)
        register_idle(db, hub, i);
    for (guint i = 0; i < 8000; i++)
        db_txn_insert_volatile(txn, CLASS_VM, NULL);
    g_assert_true(db_txn_commit(txn, NULL, NULL));
    register_classes(hub, "vm");
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    for (guint i = 0; i < N_IDLE; i++)
        n_lost += has_lost(hub, i);
    g_assert_cmpuint(n_lost, >, 0);
    g_assert_cmpuint(n_lost, <, N_IDLE);
    call(hub, &answer);
    assert_events(&answer, "add vm %s", vm);
}

static void
test_cancelled_next_leaves_its_events(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_auto(TestAnswer) gone = {0}, answer = {0};

    register_classes(hub, "vm");
    g_autoptr(EventWait) wait = event_next_start(hub, SESSION, test_answer_take, &gone);
    g_assert_true(event_wait_cancel(wait));
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    call(hub, &answer);
    assert_events(&answer, "add vm %s", vm);
    g_assert_false(test_answer_is_there(&gone));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event/next/without-register-is-refused", test_next_without_register_is_refused);
    g_test_add_func("/event/next/queue-keeps-every-event", test_queue_keeps_every_event);
    g_test_add_func("/event/next/malformed-classes-are-refused", test_malformed_classes_are_refused);
    g_test_add_func("/event/next/dead-session-keeps-no-queue", test_dead_session_keeps_no_queue);
    g_test_add_func("/event/next/current-id-is-that-of-the-next-event",
                    test_current_id_is_that_of_the_next_event);
    g_test_add_func("/event/next/waits-for-an-event", test_next_waits_for_an_event);
    g_test_add_func("/event/next/unregister-ends-next", test_unregister_ends_next);
    g_test_add_func("/event/next/logout-ends-next", test_logout_ends_next);
    g_test_add_func("/event/next/full-queue-is-lost-once", test_full_queue_is_lost_once);
    g_test_add_func("/event/next/queues-too-long-together-lose-the-longest",
                    test_queues_too_long_together_lose_the_longest);
    g_test_add_func("/event/next/cancelled-next-leaves-its-events", test_cancelled_next_leaves_its_events);
    return g_test_run();
}
