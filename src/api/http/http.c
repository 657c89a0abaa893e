/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of HTTP handlers, and the threads they run on. */
#include "api/http/http.h"

#include "api/http/blob.h"
#include "api/http/entry.h"
#include "api/http/pool_secret.h"

#define THREADS_MAX 64  /* handlers at a time */
#define WAITING_MAX 256 /* for their turn */

/* Roles. Source: the peer's table of HTTP actions */
/* clang-format off */
static const HttpAction actions[] = {
    {"get_root",               "GET", "/",                   ROLE_READ_ONLY,      http_is_always_public, http_get_root         },
    {"get_blob",               "GET", "/blob",               ROLE_READ_ONLY,      http_blob_is_public,   http_get_blob         },
    {"put_blob",               "PUT", "/blob",               ROLE_VM_POWER_ADMIN, NULL,                  http_put_blob         },
    {"get_audit_log",          "GET", "/audit_log",          ROLE_READ_ONLY,      NULL,                  http_get_audit_log    },
    {"get_services",           "GET", "/services",           ROLE_READ_ONLY,      NULL,                  http_get_services     },
    {"get_pool_xml_db_sync",   "GET", "/pool/xmldbdump",     ROLE_POOL_ADMIN,     NULL,                  http_get_database     },
    {"get_system_status",      "GET", "/system-status",      ROLE_POOL_OPERATOR,  NULL,                  http_get_system_status},
    {"get_host_logs_download", "GET", "/host_logs_download", ROLE_POOL_OPERATOR,  NULL,                  http_get_logs         },
};
/* clang-format on */

/* What a route's handler is given. */
typedef struct Place {
    ApiHttp *http;
    const HttpAction *action;
} Place;

struct ApiHttp {
    ApiServices *services;
    const char *web_directory; /* (nullable) interned; atomic */
    GThreadPool *threads;
    Place places[G_N_ELEMENTS(actions)];
};

static void
serve(gpointer item, gpointer data)
{
    HttpCall *call = item;
    http_call_enter(call);
    http_request_unref(call->request);
    g_free(call);
}

static void
take(HttpRequest *request, gpointer data)
{
    const Place *place = data;
    if (g_thread_pool_unprocessed(place->http->threads) >= WAITING_MAX) {
        http_request_reply_error(request, 503, "too many requests are waiting");
        return;
    }
    HttpCall *call = g_new(HttpCall, 1);
    *call = (HttpCall){.services = place->http->services,
                       .request = http_request_ref(request),
                       .action = place->action,
                       .web_directory = g_atomic_pointer_get(&place->http->web_directory)};
    g_thread_pool_push(place->http->threads, call, NULL);
}

ApiHttp *
api_http_new(ApiServices *services, GError **error)
{
    if (!blob_store_prepare(services, error) ||
        !pool_secret_ensure(services->state_directory, &services->pool_secret, error))
        return NULL;
    ApiHttp *http = g_new0(ApiHttp, 1);
    http->services = services;
    http->threads = g_thread_pool_new(serve, NULL, THREADS_MAX, FALSE, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++)
        http->places[i] = (Place){http, &actions[i]};
    return http;
}

void
api_http_set_web_directory(ApiHttp *http, const char *web_directory)
{
    g_atomic_pointer_set(&http->web_directory, g_intern_string(web_directory));
}

void
api_http_free(ApiHttp *http)
{
    if (http == NULL)
        return;
    g_thread_pool_free(http->threads, FALSE, TRUE);
    g_free(http);
}

void
api_http_add_routes(ApiHttp *http, GArray *routes)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        HttpRoute route = {actions[i].method, actions[i].prefix, 0, take, &http->places[i]};
        g_array_append_val(routes, route);
    }
}
