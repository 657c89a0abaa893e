/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a request says: target, query, headers, cookies, body, and where it came from. Nothing is decoded or
 * looked for before it is asked for. */
#include "http/internal.h"

#include <string.h>

const char *
http_request_method(HttpRequest *request)
{
    return request->method;
}

const char *
http_request_path(HttpRequest *request)
{
    return request->target;
}

const char *
http_request_query_text(HttpRequest *request)
{
    return request->query_text;
}

const char *
http_request_body(HttpRequest *request, gsize *ret_length)
{
    if (ret_length != NULL)
        *ret_length = request->body_length;
    return request->body != NULL ? request->body : "";
}

gboolean
http_request_is_trusted(HttpRequest *request)
{
    return request->connection->is_trusted;
}

gboolean
http_request_is_tls(HttpRequest *request)
{
    return request->connection->is_tls;
}

const char *
http_request_peer(HttpRequest *request)
{
    return request->connection->peer;
}

/* ---- headers ---- */

typedef struct HeaderSearch {
    const char *name;
    const char *value;
} HeaderSearch;

static enum MHD_Result
match_header(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    HeaderSearch *search = data;
    if (value == NULL || http_header_is_ours(value) || g_ascii_strcasecmp(name, search->name) != 0)
        return MHD_YES;
    search->value = value;
    return MHD_NO; /* found: no more */
}

static const char *
kept_header(GPtrArray *headers, const char *name)
{
    for (guint i = 0; i < headers->len; i += 2)
        if (g_ascii_strcasecmp(headers->pdata[i], name) == 0)
            return headers->pdata[i + 1];
    return NULL;
}

const char *
http_request_header(HttpRequest *request, const char *name)
{
    if (request->headers != NULL)
        return kept_header(request->headers, name);
    if (g_atomic_int_get(&request->is_claimed))
        return NULL; /* MHD may have gone on to the next request */
    const char *value = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
    if (value == NULL || !http_header_is_ours(value))
        return value;
    HeaderSearch search = {.name = name};
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, match_header, &search);
    return search.value;
}

typedef struct PrefixSearch {
    const char *prefix;
    GStrvBuilder *found;
    gboolean is_any;
} PrefixSearch;

static enum MHD_Result
match_prefix(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    PrefixSearch *search = data;
    gsize length = strlen(search->prefix);
    if (value == NULL || http_header_is_ours(value) || g_ascii_strncasecmp(name, search->prefix, length) != 0)
        return MHD_YES;
    g_autofree char *rest = g_ascii_strdown(name + length, -1);
    g_strv_builder_add_many(search->found, rest, value, NULL);
    search->is_any = TRUE;
    return MHD_YES;
}

char **
http_request_headers_with(HttpRequest *request, const char *prefix)
{
    g_autoptr(GStrvBuilder) found = g_strv_builder_new();
    PrefixSearch search = {prefix, found, FALSE};
    for (guint i = 0; request->headers != NULL && i < request->headers->len; i += 2)
        match_prefix(&search, MHD_HEADER_KIND, request->headers->pdata[i], request->headers->pdata[i + 1]);
    if (request->headers == NULL && !g_atomic_int_get(&request->is_claimed))
        MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, match_prefix, &search);
    return search.is_any ? g_strv_builder_end(found) : NULL;
}

static enum MHD_Result
keep_header(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    GPtrArray *headers = data;
    if (value == NULL || http_header_is_ours(value))
        return MHD_YES;
    g_ptr_array_add(headers, g_strdup(name));
    g_ptr_array_add(headers, g_strdup(value));
    return MHD_YES;
}

void
http_request_keep_headers(HttpRequest *request)
{
    GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, keep_header, headers);
    request->headers = headers;
}

gint64
http_request_length(HttpRequest *request)
{
    const char *text = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    guint64 length;
    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &length, NULL))
        return -1;
    return (gint64)length;
}

/* ---- query and cookies ---- */

/* Decodes a copy of @length bytes; text that is not properly encoded stays as it is. */
static char *
decode(const char *text, gsize length, gboolean plus_is_space)
{
    char *copy = g_strndup(text, length);
    if (plus_is_space)
        g_strdelimit(copy, "+", ' ');
    char *decoded = g_uri_unescape_string(copy, NULL);
    if (decoded == NULL)
        return copy;
    g_free(copy);
    return decoded;
}

/* "k=v" pairs; of equal keys the first is kept. A pair without '=' has the value "". */
static GHashTable *
parse_pairs(const char *text, char separator, gboolean is_query)
{
    GHashTable *pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    while (text != NULL && *text != '\0') {
        const char *end = strchrnul(text, separator);
        if (!is_query)
            while (*text == ' ' || *text == '\t')
                text++;
        const char *equals = memchr(text, '=', text < end ? end - text : 0);
        const char *key_end = equals != NULL ? equals : end;
        if (key_end > text) {
            char *key = decode(text, key_end - text, is_query);
            const char *value = equals != NULL ? equals + 1 : end;
            if (g_hash_table_contains(pairs, key))
                g_free(key);
            else
                g_hash_table_insert(pairs, key, decode(value, end - value, is_query));
        }
        text = *end != '\0' ? end + 1 : NULL;
    }
    return pairs;
}

const char *
http_request_query(HttpRequest *request, const char *key)
{
    if (request->query_text == NULL)
        return NULL;
    if (request->query == NULL)
        request->query = parse_pairs(request->query_text, '&', TRUE);
    return g_hash_table_lookup(request->query, key);
}

const char *
http_request_cookie(HttpRequest *request, const char *name)
{
    if (request->cookies == NULL) {
        const char *text = http_request_header(request, MHD_HTTP_HEADER_COOKIE);
        if (text == NULL)
            return NULL;
        request->cookies = parse_pairs(text, strchr(text, ';') != NULL ? ';' : '&', FALSE);
    }
    return g_hash_table_lookup(request->cookies, name);
}

const char *
http_request_param(HttpRequest *request, const char *name)
{
    const char *value = http_request_cookie(request, name);
    return value != NULL ? value : http_request_query(request, name);
}
