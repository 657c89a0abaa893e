/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a request to its reply: finds the message, reads its parameters by the model's types, checks session
 * and role, then answers regular messages from the object database itself and hands custom ones to their
 * handler on a worker thread, as a task. Async.X and X are the same code. */
#pragma once

#include "auth/session.h"
#include "db/db.h"
#include "event/event.h"
#include "http/server.h"
#include "model/model.h"
#include "task/task.h"

typedef struct Rpc Rpc;
struct ApiServices; /* what handlers work with: api/services.h; opaque here */

/* Where a call comes from. */
typedef struct RpcOrigin {
    gboolean is_trusted;    /* a Unix socket's root: login checks no password */
    const char *peer;       /* "127.0.0.1", "unix", "cli"; NULL once an async call has been answered */
    const char *subtask_of; /* (nullable): task ref from the subtask-of header */
    const char *task_id;    /* (nullable): from the task-id header: what the call runs as */
} RpcOrigin;

/* One call on its way through a handler. Lives until the handler returns. */
typedef struct ApiCall {
    Rpc *rpc;
    Db *db;
    struct ApiServices *services;
    const ModelMessage *message;
    const RpcOrigin *origin;
    Session *session;          /* NULL for the few messages without */
    Task *task;                /* the task this runs as; never NULL in a handler */
    GCancellable *cancellable; /* the task's */
    DbActor actor;             /* for db_txn_new() */
} ApiCall;

/* A custom message's entry: generated code that unpacks @params into the message's argument struct and calls
 * api_<class>__<message>(). Void messages leave *@ret_value NULL. */
typedef gboolean (*RpcHandler)(ApiCall *call, Value *const *params, Value **ret_value, GError **error);

/**
 * rpc_new:
 * @handlers: by message index (model_n_messages of them); NULL answers NOT_IMPLEMENTED [name]
 * @n_workers: threads for handlers that wait on something
 */
Rpc *rpc_new(Db *db, EventHub *events, Sessions *sessions, Tasks *tasks, const RpcHandler *handlers,
             struct ApiServices *services, guint n_workers);
/** rpc_set_workers: another number of them, from now on. */
void rpc_set_workers(Rpc *rpc, guint n_workers);
/** rpc_set_host: what tasks name as resident_on. Before the first call. */
void rpc_set_host(Rpc *rpc, const char *host_ref);
/** rpc_free: cancels what runs and what is still queued, lets it end, then frees. NULL is fine. */
void rpc_free(Rpc *rpc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rpc, rpc_free)

/** rpc_http_handler: route this at POST / (body bound RPC_BODY_MAX_BYTES) with the Rpc as data. */
void rpc_http_handler(HttpRequest *request, gpointer rpc);
/** rpc_json_handler: the same for POST /jsonrpc. */
void rpc_json_handler(HttpRequest *request, gpointer rpc);
/** rpc_options_handler: route this at OPTIONS /: tells browsers that other origins may call. */
void rpc_options_handler(HttpRequest *request, gpointer data);
#define RPC_BODY_MAX_BYTES (300 * 1024)

/**
 * rpc_invoke:
 * @method: "VM.start", "Async.VM.start"
 * @params: array as on the wire: the session ref first where the message takes one
 *
 * The same call from inside the process (xe's server side, back-calls); same checks and errors. Blocks until
 * it is done: worker threads only. Errors: API_ERROR.
 */
gboolean rpc_invoke(Rpc *rpc, const RpcOrigin *origin, const char *method, Value *params, Value **ret_value,
                    GError **error);

/* ---- Tasks, for calls and whatever else works on behalf of a client ---- */

/**
 * rpc_adopt_task:
 *
 * task_adopt() for @session, if the task is its own or its user's; others need pool-operator. Errors: also
 * RBAC_PERMISSION_DENIED.
 */
Task *rpc_adopt_task(Tasks *tasks, Db *db, const Session *session, const char *ref, const TaskSpec *spec,
                     GError **error);
/* Requests have what follows it in a header's name, and its value, noted in the other_config of the task that
 * they make, as "http:" and the name. Source: the peer's context.ml */
#define RPC_OTHER_CONFIG_HEADER "x-http-other-config-"
/** rpc_begin_task: task_begin(); a parent that is gone by now is no reason to do nothing. */
Task *rpc_begin_task(Tasks *tasks, Db *db, const TaskSpec *spec, GError **error);
