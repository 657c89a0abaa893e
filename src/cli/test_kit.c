/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pieces of a server wired for tests, and a client that answers what it is asked. */
#include "cli/test_kit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model/api_error.h"
#include "model/classes.h"

/* What a message answers in a test. */
typedef struct Answer {
    Value *result;
    const char *error_code;
} Answer;

static TestCli *current; /* handlers get no data of their own; one test runs at a time */
static GHashTable *answers;

static gboolean
check_password(gpointer data, const char *user, const char *password, GError **error)
{
    if (strcmp(user, "root") == 0 && strcmp(password, "secret") == 0)
        return TRUE;
    const char *params[] = {user, "wrong", NULL};
    return api_error_set(error, "SESSION_AUTHENTICATION_FAILED", params);
}

static void
append_value(GString *out, const Value *value)
{
    switch (value_kind(value)) {
    case VALUE_STRING:
    case VALUE_DATETIME:
        g_string_append(out, value_get_string(value));
        break;
    case VALUE_INT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value_get_int(value));
        break;
    case VALUE_BOOL:
        g_string_append(out, value_get_bool(value) ? "true" : "false");
        break;
    case VALUE_MAP:
        for (gsize i = 0; i < value_size(value); i++) {
            g_string_append_printf(out, "%s%s=", i == 0 ? "{" : ", ", value_map_key(value, i));
            append_value(out, value_map_value(value, i));
        }
        g_string_append(out, value_size(value) == 0 ? "{}" : "}");
        break;
    default:
        g_string_append_c(out, '?');
    }
}

static gboolean
answer_call(ApiCall *call, Value *const *params, Value **ret_value, GError **error)
{
    const Answer *answer = g_hash_table_lookup(answers, GINT_TO_POINTER(model_message_id(call->message)));
    g_string_append_printf(current->calls, "%s(", call->message->name);
    for (gsize i = 0; i < call->message->n_params; i++) {
        g_string_append(current->calls, i > 0 ? ", " : "");
        append_value(current->calls, params[i]);
    }
    g_string_append(current->calls, ")\n");
    if (answer->error_code != NULL) {
        const char *codes[] = {value_kind(params[0]) == VALUE_STRING ? value_get_string(params[0]) : "",
                               NULL};
        return api_error_set(error, answer->error_code, codes);
    }
    *ret_value = answer->result == NULL ? NULL : value_ref(answer->result);
    return TRUE;
}

static void
answer_free(gpointer data)
{
    Answer *answer = data;
    value_unref(answer->result);
    g_free(answer);
}

TestCli *
test_cli_new(void)
{
    model_init();
    TestCli *cli = g_new0(TestCli, 1);
    g_autoptr(GError) error = NULL;
    cli->db = db_open(db_store_sqlite_open(NULL, FALSE, &error), &error);
    g_assert_no_error(error);
    cli->events = event_hub_new(cli->db);
    cli->sessions = sessions_new(cli->db, check_password, NULL);
    cli->tasks = tasks_new(cli->db);
    cli->handlers = g_ptr_array_new();
    g_ptr_array_set_size(cli->handlers, (int)model_n_messages);
    cli->calls = g_string_new(NULL);
    cli->rpc = rpc_new(cli->db, cli->events, cli->sessions, cli->tasks,
                       (const RpcHandler *)cli->handlers->pdata, NULL, 2);
    cli->server = cli_server_new(cli->rpc, cli->db, cli->sessions);
    current = cli;
    answers = g_hash_table_new_full(NULL, NULL, NULL, answer_free);
    return cli;
}

void
test_cli_free(TestCli *cli)
{
    cli_server_free(cli->server);
    rpc_free(cli->rpc);
    tasks_free(cli->tasks);
    sessions_free(cli->sessions);
    event_hub_free(cli->events);
    db_close(cli->db);
    g_ptr_array_unref(cli->handlers);
    g_string_free(cli->calls, TRUE);
    g_clear_pointer(&answers, g_hash_table_unref);
    current = NULL;
    g_free(cli);
}

void
test_cli_answer(TestCli *cli, int message, Value *result, const char *error_code)
{
    Answer *answer = g_new0(Answer, 1);
    *answer = (Answer){result, error_code};
    g_hash_table_replace(answers, GINT_TO_POINTER(message), answer);
    ((RpcHandler *)cli->handlers->pdata)[message] = answer_call;
}

char *
test_cli_insert(TestCli *cli, int class_id, const char *uuid, ...)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(cli->db, NULL);
    g_autofree char *ref = g_strdup_printf("OpaqueRef:%s", uuid);
    db_txn_insert(txn, class_id, ref);
    db_txn_set_string(txn, class_id, ref, model_classes[class_id].uuid_field, uuid);

    va_list fields;
    va_start(fields, uuid);
    for (int field = va_arg(fields, int); field >= 0; field = va_arg(fields, int))
        db_txn_set(txn, class_id, ref, field, va_arg(fields, Value *));
    va_end(fields);
    db_txn_commit(txn, NULL, &error);
    g_assert_no_error(error);
    return g_steal_pointer(&ref);
}

/* -- A client
 * -----------------------------------------------------------------------------------------------------------
 */

void
test_run_clear(TestRun *run)
{
    g_clear_pointer(&run->output, g_free);
    g_clear_pointer(&run->errors, g_free);
}

typedef struct Side {
    TestCli *cli;
    int fd;
    const char *body;
    gboolean is_trusted;
} Side;

static gpointer
serve(gpointer data)
{
    Side *side = data;
    CliTransport transport = cli_transport_fd(side->fd);
    RpcOrigin origin = {.is_trusted = side->is_trusted, .peer = "test"};
    cli_serve(side->cli->server, &transport, &origin, side->body, strlen(side->body));
    close(side->fd);
    return NULL;
}

static void
say(const CliTransport *transport, CliTag tag, gint32 number)
{
    g_assert_true(cli_transport_send(transport, &(CliFrame){.tag = tag, .number = number}, NULL));
}

static void
send_blob(const CliTransport *transport, const char *text)
{
    say(transport, CLI_TAG_CHUNK, (gint32)strlen(text));
    g_assert_true(transport->write(transport->data, text, strlen(text), NULL));
    say(transport, CLI_TAG_END, 0);
}

/* One message of the server; FALSE at Exit. */
static gboolean
take_message(const CliTransport *transport, const char *answer, GString *output, GString *errors,
             int *ret_status)
{
    g_auto(CliFrame) frame = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *list = NULL;
    cli_transport_receive(transport, CLI_FRAME_MAX_BYTES, &frame, &error);
    g_assert_no_error(error);
    switch (frame.tag) {
    case CLI_TAG_EXIT:
        *ret_status = frame.number;
        return FALSE;
    case CLI_TAG_PRINT:
        g_string_append_printf(output, "%s\n", frame.text);
        break;
    case CLI_TAG_PRINT_STDERR:
        g_string_append(errors, frame.text);
        break;
    case CLI_TAG_ERROR:
        list = g_strjoinv(", ", frame.list);
        g_string_append_printf(errors, "Error code: %s\nError parameters: %s\n", frame.text, list);
        break;
    case CLI_TAG_PROMPT:
        send_blob(transport, answer);
        break;
    case CLI_TAG_LOAD:
        say(transport, answer == NULL ? CLI_TAG_FAILED : CLI_TAG_OK, 0);
        if (answer != NULL)
            send_blob(transport, answer);
        break;
    case CLI_TAG_HTTP_GET:
    case CLI_TAG_HTTP_PUT:
        g_string_append_printf(output, "transfer %s %s\n", frame.text, frame.url);
        say(transport, CLI_TAG_WAIT, 0);
        say(transport, answer == NULL ? CLI_TAG_FAILED : CLI_TAG_OK, 0);
        break;
    case CLI_TAG_HTTP_CONNECT:
        g_string_append_printf(output, "connect %s\n", frame.url);
        say(transport, answer == NULL ? CLI_TAG_FAILED : CLI_TAG_OK, 0);
        break;
    default:
        g_assert_not_reached();
    }
    return TRUE;
}

TestRun
test_cli_run_as(TestCli *cli, const char *body, gboolean is_trusted, const char *answer)
{
    int fds[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    Side side = {cli, fds[1], body, is_trusted};
    CliTransport transport = cli_transport_fd(fds[0]);
    GThread *thread = g_thread_new("server", serve, &side);

    GString *output = g_string_new(NULL), *errors = g_string_new(NULL);
    TestRun run = {0};
    g_assert_true(cli_transport_read_greeting(&transport, NULL));
    g_assert_true(cli_transport_greet(&transport, NULL));
    while (take_message(&transport, answer, output, errors, &run.status))
        continue;
    close(fds[0]);
    g_thread_join(thread);
    run.output = g_string_free(output, FALSE);
    run.errors = g_string_free(errors, FALSE);
    return run;
}

TestRun
test_cli_run(TestCli *cli, const char *line, const char *answer)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_autofree char *lines = g_strjoinv("\n", words);
    g_autofree char *body = g_strdup_printf("%s\nusername=root\npassword=secret", lines);
    return test_cli_run_as(cli, body, FALSE, answer);
}
