/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The route table: which handler a method and path have. Sorted once, so that the first match is the longest.
 */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct MethodRoutes {
    const char *method; /* of the first of its routes */
    gsize first;        /* in routes */
    gsize n;
} MethodRoutes;

struct HttpRouteTable {
    HttpRoute *routes; /* by method, then longest prefix first; strings owned */
    gsize n_routes;
    GArray *methods; /* of MethodRoutes */
    /* Routes that say whether what follows a header is a body of known length: longest prefix first;
     * borrowed. */
    GPtrArray *deciding;
};

static gboolean
method_may_have_body(const char *method)
{
    static const char *const methods[] = {"PUT", "POST", "CONNECT", "PATCH"};
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (strcmp(method, methods[i]) == 0)
            return TRUE;
    return FALSE;
}

gboolean
http_route_is_open(const HttpRoute *route)
{
    return route->body_max_bytes == 0 && method_may_have_body(route->method);
}

static int
compare_prefixes(const HttpRoute *a, const HttpRoute *b)
{
    gsize a_length = strlen(a->prefix);
    gsize b_length = strlen(b->prefix);
    return (a_length < b_length) - (a_length > b_length);
}

static int
compare_routes(const void *a, const void *b)
{
    const HttpRoute *left = a;
    const HttpRoute *right = b;
    int order = strcmp(left->method, right->method);
    return order != 0 ? order : compare_prefixes(left, right);
}

static int
compare_deciding(gconstpointer a, gconstpointer b)
{
    return compare_prefixes(*(const HttpRoute *const *)a, *(const HttpRoute *const *)b);
}

static void
group_by_method(HttpRouteTable *table)
{
    MethodRoutes *last = NULL;
    for (gsize i = 0; i < table->n_routes; i++) {
        const HttpRoute *route = &table->routes[i];
        if (last == NULL || strcmp(last->method, route->method) != 0) {
            MethodRoutes fresh = {.method = route->method, .first = i};
            g_array_append_val(table->methods, fresh);
            last = &g_array_index(table->methods, MethodRoutes, table->methods->len - 1);
        }
        last->n++;
    }
}

static void
collect_deciding(HttpRouteTable *table)
{
    for (gsize i = 0; i < table->n_routes; i++)
        if (method_may_have_body(table->routes[i].method))
            g_ptr_array_add(table->deciding, &table->routes[i]);
    g_ptr_array_sort(table->deciding, compare_deciding);

    for (guint i = 0; i < table->deciding->len; i++)
        for (guint k = i + 1; k < table->deciding->len; k++) {
            const HttpRoute *one = table->deciding->pdata[i];
            const HttpRoute *other = table->deciding->pdata[k];
            if (strcmp(one->prefix, other->prefix) == 0 &&
                http_route_is_open(one) != http_route_is_open(other))
                g_error("http: %s %s and %s %s: one is open, the other has a body", one->method, one->prefix,
                        other->method, other->prefix);
        }
}

HttpRouteTable *
http_route_table_new(const HttpRoute *routes, gsize n_routes)
{
    HttpRouteTable *table = g_new0(HttpRouteTable, 1);
    table->routes = g_new0(HttpRoute, n_routes + 1);
    table->n_routes = n_routes;
    table->methods = g_array_new(FALSE, TRUE, sizeof(MethodRoutes));
    table->deciding = g_ptr_array_new();
    for (gsize i = 0; i < n_routes; i++) {
        table->routes[i] = routes[i];
        table->routes[i].method = g_strdup(routes[i].method);
        table->routes[i].prefix = g_strdup(routes[i].prefix);
    }
    qsort(table->routes, n_routes, sizeof(HttpRoute), compare_routes);
    group_by_method(table);
    collect_deciding(table);
    return table;
}

void
http_route_table_free(HttpRouteTable *table)
{
    if (table == NULL)
        return;
    for (gsize i = 0; i < table->n_routes; i++) {
        g_free((char *)table->routes[i].method);
        g_free((char *)table->routes[i].prefix);
    }
    g_free(table->routes);
    g_array_unref(table->methods);
    g_ptr_array_unref(table->deciding);
    g_free(table);
}

static gboolean
prefix_matches(const char *prefix, const char *text)
{
    while (*prefix != '\0')
        if (*prefix++ != *text++)
            return FALSE;
    return TRUE;
}

const HttpRoute *
http_route_find(const HttpRouteTable *table, const char *method, const char *path,
                gboolean *ret_is_known_method)
{
    const MethodRoutes *found = NULL;
    for (guint i = 0; i < table->methods->len && found == NULL; i++) {
        const MethodRoutes *candidate = &g_array_index(table->methods, MethodRoutes, i);
        if (strcmp(candidate->method, method) == 0)
            found = candidate;
    }
    *ret_is_known_method = found != NULL;
    if (found == NULL)
        return NULL;

    for (gsize i = found->first; i < found->first + found->n; i++)
        if (prefix_matches(table->routes[i].prefix, path))
            return &table->routes[i];
    return NULL;
}

gboolean
http_route_path_is_open(const HttpRouteTable *table, const char *target)
{
    for (guint i = 0; i < table->deciding->len; i++) {
        const HttpRoute *route = table->deciding->pdata[i];
        if (prefix_matches(route->prefix, target))
            return http_route_is_open(route);
    }
    return FALSE;
}
