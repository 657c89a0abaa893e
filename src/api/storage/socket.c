/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The storage socket: where the domain service has the disks of its VMs attached, activated, deactivated and
 * detached.
 *
 * Calls are XML-RPC with one struct {dbg, dp, sr, vdi, read_write}; SR and VDI by uuid. A plugin may take its
 * time, so calls run on threads of their own. A caller that hangs up has cancelled what takes disks into use;
 * what gives them back goes on. */
#include "api/storage/context.h"

#include "value/xmlrpc.h"

#define MAX_THREADS 16
#define MAX_WAITING 256 /* for a thread; the domain service has fewer workers that could ask */

typedef struct SocketCall {
    ApiServices *services;
    HttpRequest *request;
    GCancellable *cancellable; /* triggered when the caller hangs up */
} SocketCall;

typedef struct SocketArgs {
    const char *dp;
    gboolean is_writable;
} SocketArgs;

static Value *
attach(ApiServices *services, StorageContext *context, const SocketArgs *args, GError **error)
{
    gboolean is_writable = args->is_writable && !db_row_bool(context->vdi, VDI_READ_ONLY);
    g_autoptr(StorageAttachment) attachment =
        storage_vdi_attach(services->storage, &context->call, args->dp, is_writable,
                           db_row_bool(context->vdi, VDI_SHARABLE), error);
    if (attachment == NULL)
        return NULL;
    Value *data = value_map_copy(attachment->xenstore_data);
    value_map_set(data, "image-format", value_string(attachment->format));
    Value *result = value_map_new(4);
    value_map_set(result, "params", value_string(attachment->path));
    value_map_set(result, "params_nbd", value_string(attachment->nbd));
    value_map_set(result, "o_direct", value_bool(attachment->o_direct));
    value_map_set(result, "xenstore_data", data);
    return result;
}

static Value *
activate(ApiServices *services, StorageContext *context, const SocketArgs *args, GError **error)
{
    return storage_vdi_activate(services->storage, &context->call, args->dp, error) ? value_string("") : NULL;
}

static Value *
deactivate(ApiServices *services, StorageContext *context, const SocketArgs *args, GError **error)
{
    return storage_vdi_deactivate(services->storage, &context->call, args->dp, error) ? value_string("")
                                                                                      : NULL;
}

static Value *
detach(ApiServices *services, StorageContext *context, const SocketArgs *args, GError **error)
{
    return storage_vdi_detach(services->storage, &context->call, args->dp, error) ? value_string("") : NULL;
}

static const struct SocketMethod {
    const char *name;
    Value *(*run)(ApiServices *services, StorageContext *context, const SocketArgs *args, GError **error);
    gboolean can_be_cancelled;
} methods[] = {
    {"VDI.attach", attach, TRUE},
    {"VDI.activate", activate, TRUE},
    {"VDI.deactivate", deactivate, FALSE},
    {"VDI.detach", detach, FALSE},
};

static const struct SocketMethod *
find_method(const char *name, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (g_str_equal(methods[i].name, name))
            return &methods[i];
    api_error_message_method_unknown(error, name);
    return NULL;
}

static Value *
run(const SocketCall *socket_call, const struct SocketMethod *method, const Value *args, GError **error)
{
    ApiServices *services = socket_call->services;
    Value *read_write = value_map_get(args, "read_write");
    SocketArgs socket_args = {value_map_get_string(args, "dp", ""),
                              read_write != NULL && value_kind(read_write) == VALUE_BOOL &&
                                  value_get_bool(read_write)};
    const char *uuid = value_map_get_string(args, "vdi", "");
    g_autoptr(DbRow) vdi = db_get_by_uuid(services->db, CLASS_VDI, uuid);
    g_auto(StorageContext) context = {0};
    if (vdi == NULL) {
        api_error_vdi_missing(error, value_map_get_string(args, "sr", ""), uuid);
        return NULL;
    }
    if (!storage_context_vdi(&context, services, NULL, vdi->ref, error))
        return NULL;
    context.call.cancellable = method->can_be_cancelled ? socket_call->cancellable : NULL;
    Value *result = method->run(services, &context, &socket_args, error);
    if (result == NULL)
        api_error_from_storage(error);
    return result;
}

static Value *
answer(const SocketCall *socket_call, const XmlrpcCall *call, GError **error)
{
    const struct SocketMethod *method = find_method(call->method, error);
    if (method == NULL)
        return NULL;
    if (value_size(call->params) != 1 || value_kind(value_array_get(call->params, 0)) != VALUE_MAP) {
        api_error_internal_error(error, "expected one struct of named arguments");
        return NULL;
    }
    return run(socket_call, method, value_array_get(call->params, 0), error);
}

static void
reply(HttpRequest *request, const Value *result, GError *error)
{
    GString *body = g_string_new(NULL);
    if (result != NULL) {
        xmlrpc_write_success_begin(body);
        xmlrpc_write_value(body, result);
        xmlrpc_write_success_end(body);
    } else {
        xmlrpc_write_failure(body, api_error_code(error), api_error_params(error));
    }
    http_request_reply(request, 200, "text/xml", body, NULL);
}

static void
serve(gpointer data, gpointer user_data)
{
    SocketCall *socket_call = data;
    g_autoptr(HttpRequest) request = socket_call->request;
    g_autoptr(GError) error = NULL;
    g_auto(XmlrpcCall) call = {NULL, NULL};
    gsize length = 0;
    const char *body = http_request_body(request, &length);
    g_autoptr(Value) result = NULL;
    if (xmlrpc_read_call(body, length, &call, &error))
        result = answer(socket_call, &call, &error);
    api_error_from(&error);
    reply(request, result, error);
    g_object_unref(socket_call->cancellable);
    g_free(socket_call);
}

void
api_storage_socket_start(ApiServices *services)
{
    services->storage_threads = g_thread_pool_new(serve, NULL, MAX_THREADS, FALSE, NULL);
}

void
api_storage_socket_stop(ApiServices *services)
{
    if (services->storage_threads != NULL)
        g_thread_pool_free(g_steal_pointer(&services->storage_threads), FALSE, TRUE);
}

static void
caller_gone(gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
}

void
api_storage_socket_handler(HttpRequest *request, gpointer data)
{
    ApiServices *services = data;
    if (g_thread_pool_unprocessed(services->storage_threads) >= MAX_WAITING) {
        g_autoptr(GError) error = NULL;
        api_error_too_busy(&error);
        reply(request, NULL, error);
        return;
    }
    SocketCall *call = g_new(SocketCall, 1);
    *call = (SocketCall){services, http_request_ref(request), g_cancellable_new()};
    http_request_on_gone(request, caller_gone, g_object_ref(call->cancellable), g_object_unref);
    g_thread_pool_push(services->storage_threads, call, NULL);
}
