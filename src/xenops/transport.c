/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML-RPC over HTTP on a Unix socket, as the domain client's transport. */
#include "xenops/transport.h"

#include "http/client.h"
#include "value/xmlrpc.h"

/* A list of ten thousand VMs with their states fits. */
#define REPLY_MAX_BYTES (64 * 1024 * 1024)
/* The service answers in the call's own time; this is what may pass on the way. */
#define SLACK_MS 5000

static gboolean
transport_call(gpointer data, const char *method, Value *params, guint timeout_ms, GCancellable *cancellable,
               Value **ret_reply, GError **error)
{
    g_autoptr(GString) request = g_string_new(NULL);
    xmlrpc_write_call(request, method, params);
    g_autoptr(GString) reply = NULL;
    guint http_timeout_ms = timeout_ms > 0 ? timeout_ms + SLACK_MS : 0;
    if (!http_client_post(data, "/", "text/xml", request->str, request->len, http_timeout_ms, REPLY_MAX_BYTES,
                          cancellable, NULL, &reply, error))
        return FALSE;
    *ret_reply = xmlrpc_read_reply(reply->str, reply->len, error);
    return *ret_reply != NULL;
}

static void
free_client(gpointer data)
{
    http_client_free(data);
}

DomainClient *
xenops_transport_client(const char *path)
{
    return domain_client_new(transport_call, http_client_new("http://localhost", path, NULL), free_client);
}
