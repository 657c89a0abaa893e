/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What HTTP handlers are given, and how they answer. A handler is a row in the table of http.c and a function
 * of its own; who is there, what they may do and which task it is, is settled before it runs. */
#pragma once

#include "api/http/login.h"

typedef struct HttpAction HttpAction;

/* One request on its way through a handler. */
typedef struct HttpCall {
    ApiServices *services;
    HttpRequest *request;
    const HttpAction *action;
    const char *web_directory; /* (nullable) */
    Session *session;          /* NULL where nobody had to log in */
    Task *task;                /* NULL where nobody had to log in */
    GCancellable *cancellable; /* the task's */
    DbActor actor;             /* for db_txn_new() */
    guint status;              /* what a failure is answered with; 0: what its code says */

    /* The answer, given when the task has ended, so that whoever has seen it finds the task's end. */
    HttpStream *stream; /* closed then */
    char *reply_type;
    GString *reply_body;
    char *reply_path; /* a file's content instead */
} HttpCall;

/**
 * HttpActionHandler:
 *
 * Answers, or begins a stream and writes it all. A failure before that becomes a page with its status; a
 * failure after it only ends the connection. Either way it is the task's. @ret_result (nullable, transfer
 * full): the task's. Runs on a worker thread and may block.
 */
typedef gboolean (*HttpActionHandler)(HttpCall *call, Value **ret_result, GError **error);

struct HttpAction {
    const char *name; /* what permissions and the browser's question call it */
    const char *method;
    const char *prefix;
    ModelRole role;                              /* the least that may */
    gboolean (*is_public)(const HttpCall *call); /* NULL: never. TRUE: nobody has to log in */
    HttpActionHandler handler;
};

/* ---- Answers; a "task-id" header tells which task it was ---- */

/** http_call_reply: (transfer full) @body: status 200. */
void http_call_reply(HttpCall *call, const char *content_type, GString *body);
/** http_call_reply_file: status 200 and the regular file's content. Errors: 404 when it is not there. */
gboolean http_call_reply_file(HttpCall *call, const char *path, const char *content_type, GError **error);

/**
 * http_call_stream:
 * @content_type: sent as given
 * @file_name: (nullable): makes clients save it under this name
 *
 * Takes the connection over and sends "200 OK" with headers and without a length: the reply ends with the
 * connection. Uploads are read from the same stream. Cancelling the task ends all waits for the client.
 * Borrowed from @call. Errors: BASE_ERROR_IO, BASE_ERROR_CANCELLED.
 */
HttpStream *http_call_stream(HttpCall *call, const char *content_type, const char *file_name, GError **error);

/** http_call_refuse: fails with @status; the text is shown to the client. Returns FALSE. */
gboolean http_call_refuse(HttpCall *call, guint status, GError **error, const char *text);

/** http_call_content_length: of an upload; -1 if it is not told, or is no number. */
gint64 http_call_content_length(const HttpCall *call);

/** http_call_enter: the worker's part of a request: logs in, finds the task, runs the handler, answers. */
void http_call_enter(HttpCall *call);

/** http_is_always_public: an HttpAction.is_public. */
gboolean http_is_always_public(const HttpCall *call);
/** http_blob_is_public: an HttpAction.is_public: everybody may read a blob that says so. */
gboolean http_blob_is_public(const HttpCall *call);

/* The handlers: each an HttpActionHandler, named as its action. */
gboolean http_get_root(HttpCall *call, Value **ret_result, GError **error);
gboolean http_get_blob(HttpCall *call, Value **ret_result, GError **error);
gboolean http_put_blob(HttpCall *call, Value **ret_result, GError **error);
gboolean http_get_audit_log(HttpCall *call, Value **ret_result, GError **error);
gboolean http_get_services(HttpCall *call, Value **ret_result, GError **error);
gboolean http_get_database(HttpCall *call, Value **ret_result, GError **error);
gboolean http_get_system_status(HttpCall *call, Value **ret_result, GError **error);
gboolean http_get_logs(HttpCall *call, Value **ret_result, GError **error);
