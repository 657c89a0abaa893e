/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder share: a call on its way from bytes to reply. */
#pragma once

#include "auth/audit.h"
#include "rpc/rpc.h"
#include "rpc/workers.h"

struct Rpc {
    Db *db;
    EventHub *events;
    Sessions *sessions;
    Tasks *tasks;
    const RpcHandler *handlers;
    struct ApiServices *services;
    Workers *workers; /* handlers */
    Workers *quick;   /* what takes time, but waits for nobody who waits for one of these */
    Workers *logins;  /* who waits for a password check, or for the answer to a wrong one, waits here */
    char *host_ref;   /* (nullable) */
};

typedef struct RpcJob RpcJob;

/* How replies are spelled. @job tells what of the request the envelope repeats. */
typedef struct RpcCodec {
    const char *content_type; /* exactly as clients compare it */
    DbEncoding encoding;
    gboolean wraps_method_list; /* system.listMethods is answered in the envelope, too */
    void (*success_begin)(const RpcJob *job, GString *out);
    void (*success_end)(const RpcJob *job, GString *out);
    void (*value)(GString *out, const Value *value);
    void (*failure)(const RpcJob *job, GString *out, const char *code, const char *const *params);
    void (*map_begin)(GString *out);
    void (*map_key)(GString *out, const char *key, gboolean is_first);
    void (*map_key_end)(GString *out);
    void (*map_end)(GString *out);
} RpcCodec;

extern const RpcCodec rpc_codec_xml;
extern const RpcCodec rpc_codec_json;

/* Somebody in this process who waits for the answer. */
typedef struct RpcWaiter {
    GMutex lock;
    GCond done;
    gboolean is_done;
    Value *result;
    GError *error;
} RpcWaiter;

/* One call. Answered exactly once, by job_answer() or one of its kin, which free it. */
struct RpcJob {
    Rpc *rpc;
    HttpRequest *request; /* NULL for a call from inside */
    RpcWaiter *waiter;    /* NULL for a call over the wire */
    const RpcCodec *codec;
    RpcOrigin origin;  /* its texts are borrowed from the request or the caller */
    char *called_name; /* "Async.VM.start" */
    const ModelMessage *message;
    gboolean is_async;
    Value **params; /* message->n_params of them, without the session, in canonical form */
    Session *session;
    Task *task;         /* once it has begun; then with what is left to do it gets to a worker */
    AuditCall *audit;   /* (nullable) what the audit log will say; told when the call ends */
    Value *json_id;     /* JSON-RPC: the request's id, repeated with its type; else NULL */
    gboolean is_json_2; /* JSON-RPC 2.0 */
};

/** job_prepare: finds the message and checks count, types, session and role. Errors: API_ERROR, in the order
 * of protocol notes 1.4. */
gboolean job_prepare(RpcJob *job, const char *method, const Value *params, GError **error);

/* Ends of a job; each frees it. */
void job_answer(RpcJob *job, Value *result);       /* (transfer full) (nullable): NULL is void */
void job_fail(RpcJob *job, const GError *error);   /* any domain; borrowed */
void job_answer_text(RpcJob *job, GString *body);  /* (transfer full): a whole reply in the job's codec */
void job_answer_body(RpcJob *job, HttpBody *body); /* (transfer full): the same, in pieces */
void job_free(RpcJob *job);                        /* nobody is there to answer */

/** job_actor: who changes the database. */
DbActor job_actor(const RpcJob *job);

/** regular_can_answer: whether the engine answers @message itself. */
gboolean regular_can_answer(const RpcJob *job);
/** regular_is_long: whether it may take long enough to be kept off a server thread. */
gboolean regular_is_long(const RpcJob *job);
/** regular_answer: answers a regular message; takes over @job. */
void regular_answer(RpcJob *job);
/** regular_can_run: whether regular_run() can do it: a regular message. */
gboolean regular_can_run(const RpcJob *job);
/** regular_run: as a handler would: the work of Async.X.create and destroy where X has no functions of its
 * own, and of whatever is to run as a task of the client's. Blocks. */
gboolean regular_run(RpcJob *job, const DbActor *actor, Value **ret_value, GError **error);

/** rpc_limit_quick: other limits, for tests; before the first call. */
void rpc_limit_quick(Rpc *rpc, const WorkersLimits *limits);

/** custom_begin: begins the task of an asynchronous call, answers with it, and leaves the rest to a worker;
 * takes over @job. Blocks for as long as a commit takes. */
void custom_begin(RpcJob *job);
/** custom_push: leaves all of it to one of @workers; takes over @job. TOO_BUSY if too much waits for them
 * already. */
void custom_push(RpcJob *job, Workers *workers);
/** custom_run: runs the handler as a task and answers, unless that is done; takes over @job. Blocks. */
void custom_run(RpcJob *job);

/** parked_can_answer / parked_start: event.from and event.next, which wait without a thread; takes over @job.
 */
gboolean parked_can_answer(const RpcJob *job);
void parked_start(RpcJob *job);

/** system_answer: the methods that belong to no class; FALSE if @method is none of them. Takes over @job if
 * TRUE. */
gboolean system_answer(RpcJob *job, const char *method, const Value *params);
