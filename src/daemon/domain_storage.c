/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VDI.attach, VDI.activate, VDI.deactivate, VDI.detach with named arguments; attach answers
 * {params: path, xenstore_data: {"image-format": "raw" or "qcow2"}}. */
#include "daemon/domain_storage.h"

#include <string.h>

#include "base/error.h"
#include "domain/error.h"
#include "domain/types.h"
#include "http/client.h"
#include "value/xmlrpc.h"

/* An array may take minutes to bring a volume up; a caller who has had enough cancels. */
#define TIMEOUT_MS      (10 * 60 * 1000)
#define REPLY_MAX_BYTES (1024 * 1024)

struct DomainHttpStorage {
    DomainStorage table;
    HttpClient *client;
};

/* ---- One call */

static Value *
arguments(const char *dp, const char *sr, const char *vdi)
{
    Value *args = value_map_new(6);
    value_map_set(args, "dbg", value_string("xenopsd"));
    value_map_set(args, "dp", value_string(dp));
    value_map_set(args, "sr", value_string(sr));
    value_map_set(args, "vdi", value_string(vdi));
    return args;
}

/* The service's refusal, in its own words; a VDI it does not know has an exception of its own. */
static gboolean
set_refusal(Value *description, GError **error)
{
    g_auto(GStrv) parts = NULL;
    if (description == NULL || !domain_type_read(&domain_type_string_list, description, &parts, NULL) ||
        parts[0] == NULL)
        return domain_error_internal_error(error, "the storage service refused without saying why");
    if (strcmp(parts[0], "Vdi_does_not_exist") == 0 || strcmp(parts[0], "Volume_does_not_exist") == 0)
        return domain_error_vdi_not_found(error);
    return domain_error_storage_backend_error(error, parts[0], (const char *const *)parts + 1);
}

static Value *
read_reply(GString *body, GError **error)
{
    g_autoptr(Value) reply = xmlrpc_read_reply(body->str, body->len, error);
    if (reply == NULL)
        return NULL;
    if (value_kind(reply) != VALUE_MAP) {
        domain_error_internal_error(error, "the storage service's reply is not understood");
        return NULL;
    }
    if (strcmp(value_map_get_string(reply, "Status", ""), "Success") != 0) {
        set_refusal(value_map_get(reply, "ErrorDescription"), error);
        return NULL;
    }
    Value *value = value_map_get(reply, "Value");
    return value == NULL ? value_nil() : value_ref(value);
}

/* @args: (transfer full) */
static Value *
call(DomainHttpStorage *storage, const char *method, Value *args, GCancellable *cancellable, GError **error)
{
    g_autoptr(Value) params = value_array_new(1);
    value_array_add(params, args);
    g_autoptr(GString) text = g_string_new(NULL);
    xmlrpc_write_call(text, method, params);
    g_autoptr(GString) body = NULL;
    g_autoptr(GError) reason = NULL;
    if (!http_client_post(storage->client, "/", "text/xml", text->str, text->len, TIMEOUT_MS, REPLY_MAX_BYTES,
                          cancellable, NULL, &body, &reason)) {
        if (g_error_matches(reason, BASE_ERROR, BASE_ERROR_CANCELLED))
            g_propagate_error(error, g_steal_pointer(&reason));
        else
            domain_error_failed_to_contact_remote_service(error, reason->message);
        return NULL;
    }
    return read_reply(body, error);
}

static gboolean
call_plain(DomainHttpStorage *storage, const char *method, const char *dp, const char *sr, const char *vdi,
           GCancellable *cancellable, GError **error)
{
    g_autoptr(Value) value = call(storage, method, arguments(dp, sr, vdi), cancellable, error);
    return value != NULL;
}

/* ---- The table */

static gboolean
read_attached(Value *value, char **ret_path, char **ret_format, GError **error)
{
    if (value_kind(value) != VALUE_MAP || *value_map_get_string(value, "params", "") != '/')
        return domain_error_internal_error(error, "VDI.attach: the reply names no path");
    Value *extra = value_map_get(value, "xenstore_data");
    gboolean has_extra = extra != NULL && value_kind(extra) == VALUE_MAP;
    const char *format = has_extra ? value_map_get_string(extra, "image-format", "raw") : "raw";
    if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
        return domain_error_internal_error(error, "VDI.attach: the reply names an unknown image format");
    *ret_path = g_strdup(value_map_get_string(value, "params", ""));
    *ret_format = g_strdup(format);
    return TRUE;
}

static gboolean
attach(gpointer data, const char *dp, const char *sr, const char *vdi, gboolean is_writable,
       GCancellable *cancellable, char **ret_path, char **ret_format, GError **error)
{
    Value *args = arguments(dp, sr, vdi);
    value_map_set(args, "read_write", value_bool(is_writable));
    g_autoptr(Value) value = call(data, "VDI.attach", args, cancellable, error);
    return value != NULL && read_attached(value, ret_path, ret_format, error);
}

static gboolean
activate(gpointer data, const char *dp, const char *sr, const char *vdi, GCancellable *cancellable,
         GError **error)
{
    return call_plain(data, "VDI.activate", dp, sr, vdi, cancellable, error);
}

static gboolean
deactivate(gpointer data, const char *dp, const char *sr, const char *vdi, GError **error)
{
    return call_plain(data, "VDI.deactivate", dp, sr, vdi, NULL, error);
}

static gboolean
detach(gpointer data, const char *dp, const char *sr, const char *vdi, GError **error)
{
    return call_plain(data, "VDI.detach", dp, sr, vdi, NULL, error);
}

DomainHttpStorage *
domain_http_storage_new(const char *socket_path)
{
    DomainHttpStorage *storage = g_new0(DomainHttpStorage, 1);
    storage->table = (DomainStorage){storage, attach, activate, deactivate, detach};
    storage->client = http_client_new("http://localhost", socket_path, NULL);
    return storage;
}

void
domain_http_storage_free(DomainHttpStorage *storage)
{
    if (storage == NULL)
        return;
    http_client_free(storage->client);
    g_free(storage);
}

const DomainStorage *
domain_http_storage_table(DomainHttpStorage *storage)
{
    return &storage->table;
}
