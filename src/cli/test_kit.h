/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: a server side of xe over an object database in memory, and a client that speaks to it. */
#pragma once

#include "cli/server.h"

typedef struct TestCli {
    Db *db;
    EventHub *events;
    Sessions *sessions;
    Tasks *tasks;
    Rpc *rpc;
    CliServer *server;
    GPtrArray *handlers; /* (element-type RpcHandler): by message */
    GString *calls;      /* "VM.start(ref, false)" of the messages test_cli_answer() is for, one a line */
} TestCli;

/** test_cli_new: an empty server; "root" may log in with "secret". */
TestCli *test_cli_new(void);
void test_cli_free(TestCli *cli);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestCli, test_cli_free)

/**
 * test_cli_answer:
 * @result: (transfer full) (nullable): what @message answers from now on
 * @error_code: (nullable): or the code it fails with
 *
 * Stands in for the message's handler: records the call.
 */
void test_cli_answer(TestCli *cli, int message, Value *result, const char *error_code);

/** test_cli_insert: (transfer full): a row; fields are named by index, each with a Value taken over; -1 ends
 * them. */
char *test_cli_insert(TestCli *cli, int class_id, const char *uuid, ...);

typedef struct TestRun {
    int status;
    char *output; /* as the client writes it: each Print with a line feed */
    char *errors;
} TestRun;

void test_run_clear(TestRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestRun, test_run_clear)

/**
 * test_cli_run:
 * @line: words separated by blanks
 * @answer: (nullable): what the user types when asked, or the content of a file that is asked for; without it
 * files and transfers fail
 *
 * One whole conversation, logged in as root over a socket that is not trusted.
 */
TestRun test_cli_run(TestCli *cli, const char *line, const char *answer);
/** test_cli_run_as: with the words as they go over the wire. */
TestRun test_cli_run_as(TestCli *cli, const char *body, gboolean is_trusted, const char *answer);
