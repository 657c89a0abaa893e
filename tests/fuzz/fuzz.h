/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets of this folder share. A target is one file with the two functions libFuzzer calls;
 * replay.c calls the same two where there is no libFuzzer. */
#pragma once

#include "cli/test_kit.h"

/** LLVMFuzzerInitialize: once, before the first input. */
int LLVMFuzzerInitialize(int *count, char ***words);
/** LLVMFuzzerTestOneInput: one input; whatever it is, nothing may crash, leak, hang or answer nonsense. */
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/** fuzz_init: no log lines, GLib's complaints end the process. */
void fuzz_init(void);

/** fuzz_text: @data as a string, up to its first NUL. */
char *fuzz_text(const guint8 *data, gsize size);

/* A server over an object database in memory. */
typedef struct FuzzWorld {
    TestCli *cli;
    HttpServer *server;
    char *folder;
    char *socket_path;
    char *file_path;  /* a file to send */
    Session *session; /* root's */
    int client;       /* a connection kept alive; -1: none */
} FuzzWorld;

/* Rows that inputs may name. */
#define FUZZ_VM   "OpaqueRef:11111111-1111-1111-1111-111111111111"
#define FUZZ_HOST "OpaqueRef:22222222-2222-2222-2222-222222222222"
#define FUZZ_TASK "OpaqueRef:33333333-3333-3333-3333-333333333333"

/** fuzz_world: the same for many inputs, then a new one: what inputs write must not pile up. */
FuzzWorld *fuzz_world(void);
/** fuzz_world_renew: the next fuzz_world() makes a new one. */
void fuzz_world_renew(void);

/** fuzz_connect: a new connection to the world's server. */
int fuzz_connect(FuzzWorld *world);

/**
 * fuzz_post:
 * @body: where it says SESSION, a living session's ref is put
 * @may_wait: a call that may wait for ever: it is broken off after a moment
 *
 * One POST. The status; 0 if it was broken off. The server must answer at all.
 */
guint fuzz_post(FuzzWorld *world, const char *path, const GString *body, gboolean may_wait,
                GString **ret_reply);

/** fuzz_with_session: @data with SESSION replaced. */
GString *fuzz_with_session(FuzzWorld *world, const guint8 *data, gsize size);
/** fuzz_may_wait: whether @method is one of those that wait for events. */
gboolean fuzz_may_wait(const char *method);

/* Routes' handlers. */
/** fuzz_echo_handler: answers with all that the request says. */
void fuzz_echo_handler(HttpRequest *request, gpointer data);
/** fuzz_file_handler: answers with the file @path. */
void fuzz_file_handler(HttpRequest *request, gpointer path);
/** fuzz_take_handler: takes the connection over and says how much came. */
void fuzz_take_handler(HttpRequest *request, gpointer data);
