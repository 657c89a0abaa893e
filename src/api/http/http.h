/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP handlers beside the calls: downloads, uploads and pages, one table of them. */
#pragma once

#include "api/services.h"

typedef struct ApiHttp ApiHttp;

/**
 * api_http_new:
 * @services: outlives it; its pool_secret is set here
 *
 * After api_bootstrap(). Errors: BASE_ERROR (the state directory takes no files).
 */
ApiHttp *api_http_new(ApiServices *services, GError **error);
/** api_http_set_web_directory: what GET / serves from now on; (nullable): nothing, as at first. */
void api_http_set_web_directory(ApiHttp *http, const char *web_directory);
/** api_http_free: waits until no handler runs any more; the HTTP server must have ended. NULL is fine. */
void api_http_free(ApiHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiHttp, api_http_free)

/** api_http_add_routes: appends an HttpRoute for each handler; they point into @http. */
void api_http_add_routes(ApiHttp *http, GArray *routes);
