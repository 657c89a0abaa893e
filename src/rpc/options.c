/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The question that a browser asks before it lets a page of another origin call us. */
#include "rpc/rpc.h"

/* Source: protocol notes 0 */
void
rpc_options_handler(HttpRequest *request, gpointer data)
{
    const char *wanted = http_request_header(request, "Access-Control-Request-Headers");
    gboolean has_wanted = wanted != NULL && *wanted != '\0';
    g_autofree char *allowed = g_strconcat("Access-Control-Allow-Headers: ", has_wanted ? wanted : "",
                                           has_wanted ? ", " : "", "X-Requested-With", NULL);
    const char *const headers[] = {"Access-Control-Allow-Origin: *", allowed,
                                   "Access-Control-Allow-Methods: PUT", NULL};
    http_request_reply(request, 200, NULL, NULL, headers);
}
