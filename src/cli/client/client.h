/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run of xe: sends the command, then does what the server's messages say until it says Exit. */
#pragma once

#include <stdio.h>

#include "cli/client/connection.h"
#include "cli/client/options.h"

#define XE_HEARTBEAT_SECONDS 300

/* How far the conversation has come: what an error means depends on it. */
typedef enum XeStage {
    XE_STAGE_CONNECTING,
    XE_STAGE_GREETING,
    XE_STAGE_TALKING,
    XE_STAGE_FILE_REFUSED
} XeStage;

typedef struct XeClient {
    const XeOptions *options;
    const char *const *default_sockets; /* NULL-terminated; tried in order on this machine */
    FILE *output;
    FILE *errors;
    int input;               /* descriptor of stdin */
    int output_fd;           /* where downloads without a file name go */
    guint heartbeat_seconds; /* between signs of life during transfers */
    XeEndpoint *endpoint;    /* the one that answered; downloads go there too */
    XeConnection *connection;
    XeStage stage;
    char *last_text; /* what was printed last: the question of a Prompt */
    GString *debug;  /* kept for --debug-on-fail */
} XeClient;

/** xe_client_run: the program's exit status. */
int xe_client_run(XeClient *client);
void xe_client_clear(XeClient *client);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XeClient, xe_client_clear)

/** xe_client_endpoints: (element-type XeEndpoint): where to look for the server, best first. */
GPtrArray *xe_client_endpoints(const XeOptions *options, const char *const *default_sockets);

/** xe_client_debug: a line for --debug or --debug-on-fail. */
void xe_client_debug(XeClient *client, const char *format, ...) G_GNUC_PRINTF(2, 3);
