/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts by source. Only sources with a login under way are kept. */
#include "auth/login_source.h"

#include "model/errors.h"
#include <arpa/inet.h>
#include <string.h>

#define NETWORK_BYTES 8 /* of an IPv6 address: what a client is given at least */

struct LoginSources {
    GMutex lock;
    guint max_per_source;
    guint max;
    guint n;             /* under way */
    GHashTable *by_name; /* source -> how many of them, never 0 */
};

char *
login_source(const char *peer)
{
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];
    if (peer == NULL || inet_pton(AF_INET6, peer, &address) != 1)
        return g_strdup(peer != NULL ? peer : "");
    memset(&address.s6_addr[NETWORK_BYTES], 0, sizeof address.s6_addr - NETWORK_BYTES);
    inet_ntop(AF_INET6, &address, text, sizeof text);
    return g_strconcat(text, "/64", NULL);
}

LoginSources *
login_sources_new(guint max_per_source, guint max)
{
    LoginSources *sources = g_new0(LoginSources, 1);
    g_mutex_init(&sources->lock);
    sources->max_per_source = max_per_source;
    sources->max = max;
    sources->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return sources;
}

void
login_sources_free(LoginSources *sources)
{
    if (sources == NULL)
        return;
    g_hash_table_unref(sources->by_name);
    g_mutex_clear(&sources->lock);
    g_free(sources);
}

gboolean
login_sources_enter(LoginSources *sources, const char *peer, GError **error)
{
    g_autofree char *source = login_source(peer);
    g_mutex_lock(&sources->lock);
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(sources->by_name, source));
    gboolean has_room = n < sources->max_per_source && sources->n < sources->max;
    if (has_room) {
        sources->n++;
        g_hash_table_replace(sources->by_name, g_steal_pointer(&source), GUINT_TO_POINTER(n + 1));
    }
    g_mutex_unlock(&sources->lock);
    return has_room || api_error_too_busy(error);
}

void
login_sources_leave(LoginSources *sources, const char *peer)
{
    g_autofree char *source = login_source(peer);
    g_mutex_lock(&sources->lock);
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(sources->by_name, source));
    sources->n--;
    if (n > 1)
        g_hash_table_replace(sources->by_name, g_steal_pointer(&source), GUINT_TO_POINTER(n - 1));
    else
        g_hash_table_remove(sources->by_name, source);
    g_mutex_unlock(&sources->lock);
}
