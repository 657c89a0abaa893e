/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to other services. Each exchange has a curl handle to itself for its time; handles, with the
 * connection each keeps alive, are kept for the next one. */
#include "http/client.h"

#include <curl/curl.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/unix_socket.h"

#define CONNECT_TIMEOUT_MS 10000L
#define IDLE_HANDLES_MAX   8u

/* A multi handle with one easy handle: the way libcurl offers to wait for a descriptor of ours too. */
typedef struct Handle {
    CURL *easy;
    CURLM *multi; /* has the kept connection */
} Handle;

struct HttpClient {
    char *base_url;
    char *unix_path;  /* NULL for TCP */
    char *short_path; /* the same for libcurl, see base_unix_short_path() */
    int unix_dir_fd;  /* -1, or what short_path goes through */
    char *ca_path;
    GMutex lock; /* guards idle */
    GQueue idle; /* of Handle, the most recently used first; owned */
};

/* One exchange. */
typedef struct Exchange {
    HttpClient *client;
    Handle *handle;
    GString *body;
    gsize max_bytes;
    gboolean is_too_large;
    char reason[CURL_ERROR_SIZE];
} Exchange;

/* ---- handles ---- */

/* libcurl's own is not thread-safe. */
static void
init_curl(void)
{
    static gsize once = 0;
    if (!g_once_init_enter(&once))
        return;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        g_error("http: libcurl does not start");
    g_once_init_leave(&once, 1);
}

static void
handle_free(Handle *handle)
{
    curl_easy_cleanup(handle->easy);
    curl_multi_cleanup(handle->multi);
    g_free(handle);
}

static Handle *
handle_take(HttpClient *client)
{
    g_mutex_lock(&client->lock);
    Handle *handle = g_queue_pop_head(&client->idle);
    g_mutex_unlock(&client->lock);
    if (handle != NULL)
        return handle;
    handle = g_new0(Handle, 1);
    handle->easy = curl_easy_init();
    handle->multi = curl_multi_init();
    if (handle->easy == NULL || handle->multi == NULL)
        g_error("http: libcurl has no memory");
    return handle;
}

static void
handle_put(HttpClient *client, Handle *handle)
{
    curl_easy_reset(handle->easy); /* options only; the connection is the multi handle's */
    g_mutex_lock(&client->lock);
    gboolean is_kept = client->idle.length < IDLE_HANDLES_MAX;
    if (is_kept)
        g_queue_push_head(&client->idle, handle);
    g_mutex_unlock(&client->lock);
    if (!is_kept)
        handle_free(handle);
}

HttpClient *
http_client_new(const char *base_url, const char *unix_path, const char *ca_path)
{
    init_curl();
    HttpClient *client = g_new0(HttpClient, 1);
    client->base_url = g_strdup(base_url);
    client->unix_path = g_strdup(unix_path);
    client->unix_dir_fd = -1;
    if (unix_path != NULL)
        client->short_path = base_unix_short_path(unix_path, &client->unix_dir_fd);
    if (client->short_path == NULL)
        client->short_path = g_strdup(unix_path); /* each exchange will say that it fails */
    client->ca_path = g_strdup(ca_path);
    g_mutex_init(&client->lock);
    g_queue_init(&client->idle);
    return client;
}

void
http_client_free(HttpClient *client)
{
    if (client == NULL)
        return;
    g_queue_clear_full(&client->idle, (GDestroyNotify)handle_free);
    g_mutex_clear(&client->lock);
    g_free(client->base_url);
    g_free(client->unix_path);
    g_free(client->short_path);
    base_fd_clear(&client->unix_dir_fd);
    g_free(client->ca_path);
    g_free(client);
}

/* ---- one exchange ---- */

static size_t
take_body(char *data, size_t size, size_t n, void *user)
{
    Exchange *exchange = user;
    gsize length = size * n;
    if (length > exchange->max_bytes - exchange->body->len) {
        exchange->is_too_large = TRUE;
        return 0; /* breaks off */
    }
    g_string_append_len(exchange->body, data, length);
    return length;
}

static struct curl_slist *
make_headers(const char *content_type)
{
    g_autofree char *line = g_strdup_printf("Content-Type: %s", content_type);
    struct curl_slist *headers = curl_slist_append(NULL, line);
    return curl_slist_append(headers, "Expect:"); /* no waiting for a "100 Continue" */
}

static void
set_options(Exchange *exchange, const char *url, const struct curl_slist *headers, const char *body,
            gsize length, guint timeout_ms)
{
    HttpClient *client = exchange->client;
    CURL *easy = exchange->handle->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* services of ours, whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->short_path);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->reason);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)MIN(timeout_ms, G_MAXINT));
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    if (client->ca_path != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_path);
    else {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* Runs it until it is done or cancelled; what came of it is in *@ret_code, CURLE_ABORTED_BY_CALLBACK if
 * cancelled. */
static gboolean
run(Handle *handle, GCancellable *cancellable, CURLcode *ret_code, GError **error)
{
    GPollFD cancel = {.fd = -1};
    gboolean is_cancellable = g_cancellable_make_pollfd(cancellable, &cancel);
    struct curl_waitfd extra = {.fd = cancel.fd, .events = CURL_WAIT_POLLIN};
    CURLMcode code;
    int n_running = 1;
    *ret_code = CURLE_ABORTED_BY_CALLBACK;
    do {
        code = curl_multi_perform(handle->multi, &n_running);
        if (code == CURLM_OK && n_running > 0)
            code = curl_multi_poll(handle->multi, &extra, is_cancellable ? 1 : 0, 60 * 1000, NULL);
    } while (code == CURLM_OK && n_running > 0 && !g_cancellable_is_cancelled(cancellable));
    if (is_cancellable)
        g_cancellable_release_fd(cancellable);
    if (code != CURLM_OK)
        return base_error_set(error, BASE_ERROR_FAILED, "libcurl: %s", curl_multi_strerror(code));

    int n_left;
    CURLMsg *message = curl_multi_info_read(handle->multi, &n_left);
    if (message != NULL && message->msg == CURLMSG_DONE)
        *ret_code = message->data.result;
    return TRUE;
}

/* Puts what curl says into our words. */
static gboolean
check_code(const Exchange *exchange, const char *url, CURLcode code, GError **error)
{
    const char *reason = exchange->reason[0] != '\0' ? exchange->reason : curl_easy_strerror(code);
    if (code == CURLE_OK)
        return TRUE;
    if (exchange->is_too_large)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "%s: the reply is longer than %zu bytes", url,
                              exchange->max_bytes);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return base_error_set(error, BASE_ERROR_CANCELLED, "%s: cancelled", url);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return base_error_set(error, BASE_ERROR_TIMED_OUT, "%s: %s", url, reason);
    /* libcurl would name a port that is not meant. */
    if (code == CURLE_COULDNT_CONNECT && exchange->client->unix_path != NULL)
        return base_error_set(error, BASE_ERROR_IO, "nobody answers at '%s'", exchange->client->unix_path);
    return base_error_set(error, BASE_ERROR_IO, "%s: %s", url, reason);
}

static gboolean
perform(Exchange *exchange, const char *url, GCancellable *cancellable, guint *ret_status, GError **error)
{
    Handle *handle = exchange->handle;
    CURLcode code;
    CURLMcode added = curl_multi_add_handle(handle->multi, handle->easy);
    if (added != CURLM_OK)
        return base_error_set(error, BASE_ERROR_FAILED, "libcurl: %s", curl_multi_strerror(added));
    gboolean has_run = run(handle, cancellable, &code, error);
    long status = 0;
    curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(handle->multi, handle->easy);
    if (!has_run || !check_code(exchange, url, code, error))
        return FALSE;
    *ret_status = (guint)status;
    return TRUE;
}

gboolean
http_client_post(HttpClient *client, const char *path, const char *content_type, const char *body,
                 gsize length, guint timeout_ms, gsize max_bytes, GCancellable *cancellable,
                 guint *ret_status, GString **ret_body, GError **error)
{
    if (g_cancellable_is_cancelled(cancellable))
        return base_error_set(error, BASE_ERROR_CANCELLED, "%s%s: cancelled", client->base_url, path);
    g_autofree char *url = g_strconcat(client->base_url, path, NULL);
    g_autoptr(GString) reply = g_string_new(NULL);
    Exchange exchange = {
        .client = client, .handle = handle_take(client), .body = reply, .max_bytes = max_bytes};
    struct curl_slist *headers = make_headers(content_type);
    set_options(&exchange, url, headers, body, length, timeout_ms);

    guint status = 0;
    gboolean is_done = perform(&exchange, url, cancellable, &status, error);
    handle_put(client, exchange.handle);
    curl_slist_free_all(headers);
    if (!is_done)
        return FALSE;
    if (ret_status == NULL && status != 200)
        return base_error_set(error, BASE_ERROR_FAILED, "%s: HTTP status %u", url, status);
    if (ret_status != NULL)
        *ret_status = status;
    if (ret_body != NULL)
        *ret_body = g_steal_pointer(&reply);
    return TRUE;
}
