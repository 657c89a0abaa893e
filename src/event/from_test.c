/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.from over a real database with a small model. */
#include "event/event.h"

#include "base/error.h"
#include "db/test_model.h"
#include "event/internal.h"
#include "event/test_answer.h"
#include "event/token.h"

#define SESSION       "OpaqueRef:session"
#define OTHER_SESSION "OpaqueRef:other"
#define FOREVER       3600.0

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

/* One whole call. @classes is taken over. The caller clears @answer. */
static void
call(EventHub *hub, Value *classes, const char *token, double timeout, TestAnswer *answer)
{
    G_GNUC_UNUSED g_autoptr(EventWait) wait =
        event_from_start(hub, SESSION, classes, token, timeout, test_answer_take, answer);

    test_answer_wait(answer);
    value_unref(classes);
}

static void
assert_events(const TestAnswer *answer, const char *format, ...)
{
    va_list args;

    g_assert_no_error(answer->error);
    va_start(args, format);
    g_autofree char *expected = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *found = test_events_text(value_map_get(answer->result, "events"));
    g_assert_cmpstr(found, ==, expected);
}

static char *
token_now(Db *db)
{
    return event_token_format(db_generation(db));
}

static void
test_empty_token_gives_all_as_add(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autofree char *host = test_insert(db, CLASS_HOST, "h");
    test_set(db, CLASS_VM, vm, VM_MEMORY, value_int(1));
    g_auto(TestAnswer) answer = {0};
    g_autofree char *now = token_now(db);

    call(hub, test_classes("*"), "", FOREVER, &answer);
    assert_events(&answer, "add host %s; add vm %s", host, vm);
    g_assert_cmpstr(value_map_get_string(answer.result, "token", ""), ==, now);

    const Value *event = value_array_get(value_map_get(answer.result, "events"), 1);
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, db_generation(db));
    g_assert_cmpstr(value_map_get_string(event, "id", ""), ==, id);
    g_assert_cmpstr(value_map_get_string(event, "timestamp", ""), ==, "0.0");
    g_assert_cmpuint(value_size(value_map_get(event, "snapshot")), ==, VM_N);
}

static void
test_counts_cover_every_class_with_rows(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    test_make(db, CLASS_VM, "a");
    test_make(db, CLASS_VM, "b");
    test_make(db, CLASS_SESSION, NULL);
    g_auto(TestAnswer) answer = {0};

    call(hub, test_classes("host"), "", 0.0, &answer);
    assert_events(&answer, "");
    const Value *counts = value_map_get(answer.result, "valid_ref_counts");
    g_assert_cmpuint(value_size(counts), ==, 9); /* not event */
    g_assert_cmpint(value_kind(value_map_get(counts, "vm")), ==, VALUE_COUNT);
    g_assert_cmpint(value_get_int(value_map_get(counts, "vm")), ==, 2);
    g_assert_cmpint(value_get_int(value_map_get(counts, "vdi")), ==, 0);
    g_assert_cmpint(value_get_int(value_map_get(counts, "session")), ==, 3);
}

static void
test_difference_since_token(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *changed = test_insert(db, CLASS_VM, "changed");
    g_autofree char *deleted = test_insert(db, CLASS_VM, "deleted");
    test_make(db, CLASS_VM, "same");
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) answer = {0};

    test_delete(db, CLASS_VM, deleted);
    test_set(db, CLASS_VM, changed, VM_MEMORY, value_int(1));
    test_set(db, CLASS_VM, changed, VM_MEMORY, value_int(2));
    g_autofree char *added = test_insert(db, CLASS_VM, "added");
    g_autofree char *brief = test_insert(db, CLASS_VM, "brief");
    test_delete(db, CLASS_VM, brief);

    call(hub, test_classes("vm"), token, FOREVER, &answer);
    assert_events(&answer, "add vm %s; mod vm %s; del vm %s", added, changed, deleted);
    const Value *events = value_map_get(answer.result, "events");
    g_assert_null(value_map_get(value_array_get(events, 2), "snapshot"));
    const Value *snapshot = value_map_get(value_array_get(events, 1), "snapshot");
    g_assert_cmpint(value_get_int(value_map_get(snapshot, "memory")), ==, 2);
}

static void
test_messages_come_first(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autofree char *message = test_insert(db, CLASS_MESSAGE, NULL);
    g_auto(TestAnswer) answer = {0};

    call(hub, test_classes("*"), "", FOREVER, &answer);
    assert_events(&answer, "add message %s; add vm %s", message, vm);
}

static void
test_waits_for_what_concerns_it(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autofree char *host = test_insert(db, CLASS_HOST, "h");
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) of_class = {0}, of_object = {0}, of_all = {0};
    g_autofree char *object = g_strdup_printf("vm/%s", vm);
    g_autoptr(Value) class_value = test_classes("VM");
    g_autoptr(Value) object_value = test_classes(object);
    g_autoptr(Value) all_value = test_classes("*");
    G_GNUC_UNUSED g_autoptr(EventWait) a =
        event_from_start(hub, SESSION, class_value, token, FOREVER, test_answer_take, &of_class);
    G_GNUC_UNUSED g_autoptr(EventWait) b =
        event_from_start(hub, SESSION, object_value, token, FOREVER, test_answer_take, &of_object);
    G_GNUC_UNUSED g_autoptr(EventWait) c =
        event_from_start(hub, SESSION, all_value, token, FOREVER, test_answer_take, &of_all);

    test_set(db, CLASS_HOST, host, HOST_NAME_LABEL, value_string("new name"));
    test_answer_wait(&of_all);
    assert_events(&of_all, "mod host %s", host);
    g_autofree char *other = test_insert(db, CLASS_VM, "other");
    test_answer_wait(&of_class);
    assert_events(&of_class, "add vm %s", other);
    g_assert_false(test_answer_is_there(&of_object));
    test_set(db, CLASS_VM, vm, VM_MEMORY, value_int(1));
    test_answer_wait(&of_object);
    assert_events(&of_object, "mod vm %s", vm);
}

static void
test_single_object_that_goes(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *task = test_insert(db, CLASS_TASK, "t");
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) answer = {0};
    g_autofree char *object = g_strdup_printf("task/%s", task);
    g_autoptr(Value) classes = test_classes(object);
    G_GNUC_UNUSED g_autoptr(EventWait) wait =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &answer);

    test_delete(db, CLASS_TASK, task);
    test_answer_wait(&answer);
    assert_events(&answer, "del task %s", task);
}

static void
test_time_out_is_success_without_events(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    test_make(db, CLASS_VM, "a");
    g_autofree char *token = token_now(db);
    test_make(db, CLASS_HOST, "h");
    g_autofree char *newer = token_now(db);
    g_auto(TestAnswer) answer = {0};

    call(hub, test_classes("vm"), token, 0.01, &answer);
    assert_events(&answer, "");
    g_assert_cmpstr(value_map_get_string(answer.result, "token", ""), ==, newer);
    g_assert_cmpstr(newer, >, token);
}

static void
test_unknown_classes_match_nothing(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    test_make(db, CLASS_VM, "a");
    test_make(db, CLASS_SESSION, NULL);
    const char *const texts[] = {"no_such", "session", "no_such/OpaqueRef:1", NULL};
    g_auto(TestAnswer) answer = {0};

    call(hub, value_array_of_strings(texts), "", 0.0, &answer);
    assert_events(&answer, "");
}

static void
test_bad_token_is_refused(void)
{
    static const char *const tokens[] = {"x",     "1",    "1,",   ",1",
                                         "1,2,3", "-1,0", "1,0 ", "99999999999999999999,0"};
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);

    for (gsize i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_auto(TestAnswer) answer = {0};
        call(hub, test_classes("*"), tokens[i], FOREVER, &answer);
        test_assert_api_error(&answer.error, "EVENT_FROM_TOKEN_PARSE_FAILURE", tokens[i], NULL);
    }
}

static void
test_malformed_classes_are_refused(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    const char *const texts[] = {"vm", "vm/a/b", NULL};
    g_auto(TestAnswer) answer = {0};

    call(hub, value_array_of_strings(texts), "", FOREVER, &answer);
    test_assert_api_error(&answer.error, "EVENT_SUBSCRIPTION_PARSE_FAILURE", "vm/a/b", NULL);
}

static void
test_foreign_token_loses_events(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *token = event_token_format(db_generation(db) + 1);
    g_auto(TestAnswer) answer = {0};

    call(hub, test_classes("*"), token, FOREVER, &answer);
    test_assert_api_error(&answer.error, "EVENTS_LOST", NULL);
}

static void
test_old_token_loses_events(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) lost = {0}, other_class = {0};

    for (int round = 0; round < 2; round++) {
        g_autoptr(DbTxn) insert = db_txn_new(db, NULL);
        g_autoptr(DbTxn) delete = db_txn_new(db, NULL);
        g_autoptr(GError) error = NULL;
        for (int i = 0; i < 5000; i++)
            db_txn_delete(delete, CLASS_VM, db_txn_insert_volatile(insert, CLASS_VM, NULL));
        g_assert_true(db_txn_commit(insert, NULL, &error));
        g_assert_true(db_txn_commit(delete, NULL, &error));
    }
    call(hub, test_classes("vm"), token, FOREVER, &lost);
    test_assert_api_error(&lost.error, "EVENTS_LOST", NULL);
    call(hub, test_classes("host"), token, 0.0, &other_class);
    assert_events(&other_class, "");
}

static void
test_injected_token_reports_the_object(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    test_make(db, CLASS_VM, "b");
    g_autoptr(GError) error = NULL;
    g_auto(TestAnswer) answer = {0};

    g_autofree char *token = event_inject(hub, NULL, "VM", vm, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(token), ==, 41);
    call(hub, test_classes("vm"), token, FOREVER, &answer);
    assert_events(&answer, "mod vm %s", vm);
    g_assert_cmpstr(value_map_get_string(answer.result, "token", ""), >, token);
}

static void
test_inject_refuses_what_is_not_there(void)
{
    static const char *const names[] = {"VM", "vm", "session", "no_such"};
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(event_inject(hub, NULL, names[i], "OpaqueRef:none", &error));
        test_assert_api_error(&error, "HANDLE_INVALID", names[i], "OpaqueRef:none", NULL);
    }
}

static void
test_logout_ends_waits_of_the_session(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) a = {0}, b = {0}, other = {0};
    g_autoptr(Value) classes = test_classes("*");
    g_autoptr(EventWait) wait_a =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &a);
    G_GNUC_UNUSED g_autoptr(EventWait) wait_b =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &b);
    g_autoptr(EventWait) wait_other =
        event_from_start(hub, OTHER_SESSION, classes, token, FOREVER, test_answer_take, &other);

    event_cancel_session(hub, SESSION);
    test_answer_wait(&a);
    test_answer_wait(&b);
    test_assert_api_error(&a.error, "SESSION_INVALID", SESSION, NULL);
    test_assert_api_error(&b.error, "SESSION_INVALID", SESSION, NULL);
    g_assert_false(test_answer_is_there(&other));
    g_assert_true(event_wait_cancel(wait_other));
    g_assert_false(event_wait_cancel(wait_a));
}

static void
test_dead_session_is_refused(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) answer = {0};

    test_delete(db, CLASS_SESSION, SESSION);
    call(hub, test_classes("vm"), token, FOREVER, &answer);
    test_assert_api_error(&answer.error, "SESSION_INVALID", SESSION, NULL);
}

static void
test_cancelled_wait_never_answers(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) gone = {0}, stays = {0};
    g_autoptr(Value) classes = test_classes("vm");
    g_autoptr(EventWait) wait_gone =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &gone);
    G_GNUC_UNUSED g_autoptr(EventWait) wait_stays =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &stays);

    g_assert_true(event_wait_cancel(wait_gone));
    test_make(db, CLASS_VM, "a");
    test_answer_wait(&stays);
    g_assert_false(test_answer_is_there(&gone));
    g_assert_false(event_wait_cancel(wait_gone));
}

static void
test_end_of_hub_answers_all(void)
{
    g_autoptr(Db) db = open_db();
    EventHub *hub = event_hub_new(db);
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) answer = {0};
    g_autoptr(Value) classes = test_classes("*");
    G_GNUC_UNUSED g_autoptr(EventWait) wait =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &answer);

    event_hub_free(hub);
    g_assert_error(answer.error, BASE_ERROR, BASE_ERROR_CANCELLED);
    test_make(db, CLASS_VM, "after"); /* the hook is gone too */
}

static void
test_derived_fields_make_mods(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *vm = test_insert(db, CLASS_VM, "a");
    g_autofree char *vbd = test_insert(db, CLASS_VBD, NULL);
    g_autofree char *token = token_now(db);
    g_auto(TestAnswer) answer = {0};

    test_set(db, CLASS_VBD, vbd, VBD_VM, value_string(vm));
    call(hub, test_classes("*"), token, FOREVER, &answer);
    assert_events(&answer, "mod vbd %s; mod vm %s", vbd, vm);
    const Value *snapshot =
        value_map_get(value_array_get(value_map_get(answer.result, "events"), 1), "snapshot");
    test_assert_refs(value_ref(value_map_get(snapshot, "VBDs")), vbd, NULL);
}

static guint
n_woken(EventHub *hub)
{
    g_mutex_lock(&hub->mutex);
    guint n = (guint)g_sequence_get_length(hub->due);
    g_mutex_unlock(&hub->mutex);
    return n;
}

/* Keeps the hub's loop from looking while the test has the mutex. */
typedef struct Hold {
    GMutex mutex;
    gint is_standing; /* atomic */
} Hold;

static void
stand_still(gpointer data)
{
    Hold *hold = data;

    g_atomic_int_set(&hold->is_standing, TRUE);
    g_mutex_lock(&hold->mutex);
    g_mutex_unlock(&hold->mutex);
}

/* What a commit costs must not follow the number of those who wait for other things. */
static void
test_commit_wakes_only_whom_it_concerns(void)
{
    enum { N_WAITS = 10000, N_KINDS = 3 };
    static const char *const subscriptions[N_KINDS] = {"host", "vm/OpaqueRef:none", "task"};
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autofree char *token = token_now(db);
    g_autoptr(GPtrArray) waits = g_ptr_array_new_with_free_func((GDestroyNotify)event_wait_unref);
    g_auto(TestAnswer) unwanted = {0}, wanted = {0};
    g_autoptr(Value) classes = test_classes("vm");

    for (int i = 0; i < N_WAITS; i++) {
        g_autoptr(Value) others = test_classes(subscriptions[i % N_KINDS]);
        g_ptr_array_add(waits,
                        event_from_start(hub, SESSION, others, token, FOREVER, test_answer_take, &unwanted));
    }
    while (n_woken(hub) > 0) /* each is looked at once as it begins */
        g_thread_yield();
    Hold hold = {0};
    g_mutex_lock(&hold.mutex);
    loop_call(hub->loop, stand_still, &hold);
    while (!g_atomic_int_get(&hold.is_standing))
        g_thread_yield();
    g_autoptr(EventWait) wait =
        event_from_start(hub, SESSION, classes, token, FOREVER, test_answer_take, &wanted);
    test_make(db, CLASS_VM, "a");
    g_assert_cmpuint(n_woken(hub), ==, 1);
    g_mutex_unlock(&hold.mutex);
    test_answer_wait(&wanted);
    for (guint i = 0; i < waits->len; i++)
        g_assert_true(event_wait_cancel(waits->pdata[i]));
    g_assert_false(test_answer_is_there(&unwanted));
}

/* A client that follows tokens while others write must end with what is there. */
static gpointer
write_much(gpointer data)
{
    Db *db = data;

    for (int i = 0; i < 300; i++) {
        g_autofree char *a = test_insert(db, CLASS_VM, "x");
        g_autofree char *b = test_insert(db, CLASS_VM, "y");
        test_set(db, CLASS_VM, b, VM_MEMORY, value_int(i));
        if (i % 3 != 0)
            test_delete(db, CLASS_VM, a);
    }
    return NULL;
}

static void
follow(GHashTable *known, const Value *events)
{
    for (gsize i = 0; i < value_size(events); i++) {
        const Value *event = value_array_get(events, i);
        const char *ref = value_map_get_string(event, "ref", NULL);
        const char *operation = value_map_get_string(event, "operation", NULL);
        if (g_str_equal(operation, "del"))
            g_assert_true(g_hash_table_remove(known, ref));
        else if (g_str_equal(operation, "add"))
            g_assert_true(
                g_hash_table_insert(known, g_strdup(ref), value_ref(value_map_get(event, "snapshot"))));
        else
            g_assert_false(
                g_hash_table_insert(known, g_strdup(ref), value_ref(value_map_get(event, "snapshot"))));
    }
}

static void
test_followers_miss_nothing(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)value_unref);
    GThread *writers[3];
    g_autofree char *token = g_strdup("");
    gboolean is_over = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(writers); i++)
        writers[i] = g_thread_new("writer", write_much, db);
    for (gsize i = 0; !is_over; i++) {
        g_auto(TestAnswer) answer = {0};
        if (i == 5) {
            for (gsize j = 0; j < G_N_ELEMENTS(writers); j++)
                g_thread_join(writers[j]);
            is_over = TRUE;
        }
        call(hub, test_classes("vm"), token, 0.0, &answer);
        g_assert_no_error(answer.error);
        follow(known, value_map_get(answer.result, "events"));
        g_free(token);
        token = g_strdup(value_map_get_string(answer.result, "token", NULL));
    }
    g_autoptr(GPtrArray) rows = db_get_all(db, CLASS_VM);
    g_assert_cmpuint(rows->len, ==, g_hash_table_size(known));
    for (guint i = 0; i < rows->len; i++) {
        DbRow *row = rows->pdata[i];
        g_autoptr(Value) record = db_row_record(db, row);
        g_assert_true(value_equal(record, g_hash_table_lookup(known, row->ref)));
    }
}

/* Many clients that come and go while others write: each wait is answered or cancelled, never both, never
 * neither. */
typedef struct Crowd {
    Db *db;
    EventHub *hub;
    gint n_answered, n_cancelled; /* atomic */
} Crowd;

static void
come_and_go(Crowd *crowd, GRand *random)
{
    static const char *const subscriptions[] = {"*", "vm", "host", "task", "vm/OpaqueRef:1"};
    g_autofree char *token = g_rand_boolean(random) ? g_strdup("") : token_now(crowd->db);
    g_autoptr(Value) classes =
        test_classes(subscriptions[g_rand_int_range(random, 0, G_N_ELEMENTS(subscriptions))]);
    g_auto(TestAnswer) answer = {0};
    g_autoptr(EventWait) wait =
        event_from_start(crowd->hub, SESSION, classes, token, g_rand_double_range(random, 0.0, 0.002),
                         test_answer_take, &answer);

    if (g_rand_boolean(random) && event_wait_cancel(wait)) {
        g_assert_false(test_answer_is_there(&answer));
        g_atomic_int_inc(&crowd->n_cancelled);
        return;
    }
    test_answer_wait(&answer);
    g_assert_false(event_wait_cancel(wait));
    g_atomic_int_inc(&crowd->n_answered);
}

typedef struct Client {
    Crowd *crowd;
    GRand *random;
} Client;

static gpointer
come_and_go_often(gpointer data)
{
    const Client *client = data;

    for (int i = 0; i < 200; i++)
        come_and_go(client->crowd, client->random);
    return NULL;
}

static void
test_crowd(void)
{
    g_autoptr(Db) db = open_db();
    g_autoptr(EventHub) hub = event_hub_new(db);
    Crowd crowd = {.db = db, .hub = hub};
    Client clients[4];
    GThread *threads[5];

    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        clients[i] = (Client){&crowd, g_rand_new_with_seed((guint32)g_test_rand_int())};
        threads[i] = g_thread_new("client", come_and_go_often, &clients[i]);
    }
    threads[4] = g_thread_new("writer", write_much, db);
    for (int i = 0; i < 50; i++)
        event_cancel_session(hub, SESSION);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++)
        g_rand_free(clients[i].random);
    g_assert_cmpint(crowd.n_answered + crowd.n_cancelled, ==, 800);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event/from/empty-token-gives-all-as-add", test_empty_token_gives_all_as_add);
    g_test_add_func("/event/from/counts-cover-every-class-with-rows",
                    test_counts_cover_every_class_with_rows);
    g_test_add_func("/event/from/difference-since-token", test_difference_since_token);
    g_test_add_func("/event/from/messages-come-first", test_messages_come_first);
    g_test_add_func("/event/from/waits-for-what-concerns-it", test_waits_for_what_concerns_it);
    g_test_add_func("/event/from/single-object-that-goes", test_single_object_that_goes);
    g_test_add_func("/event/from/time-out-is-success-without-events",
                    test_time_out_is_success_without_events);
    g_test_add_func("/event/from/unknown-classes-match-nothing", test_unknown_classes_match_nothing);
    g_test_add_func("/event/from/bad-token-is-refused", test_bad_token_is_refused);
    g_test_add_func("/event/from/malformed-classes-are-refused", test_malformed_classes_are_refused);
    g_test_add_func("/event/from/foreign-token-loses-events", test_foreign_token_loses_events);
    g_test_add_func("/event/from/old-token-loses-events", test_old_token_loses_events);
    g_test_add_func("/event/from/injected-token-reports-the-object", test_injected_token_reports_the_object);
    g_test_add_func("/event/from/inject-refuses-what-is-not-there", test_inject_refuses_what_is_not_there);
    g_test_add_func("/event/from/logout-ends-waits-of-the-session", test_logout_ends_waits_of_the_session);
    g_test_add_func("/event/from/dead-session-is-refused", test_dead_session_is_refused);
    g_test_add_func("/event/from/cancelled-wait-never-answers", test_cancelled_wait_never_answers);
    g_test_add_func("/event/from/end-of-hub-answers-all", test_end_of_hub_answers_all);
    g_test_add_func("/event/from/derived-fields-make-mods", test_derived_fields_make_mods);
    g_test_add_func("/event/from/commit-wakes-only-whom-it-concerns",
                    test_commit_wakes_only_whom_it_concerns);
    g_test_add_func("/event/from/followers-miss-nothing", test_followers_miss_nothing);
    g_test_add_func("/event/from/crowd", test_crowd);
    return g_test_run();
}
