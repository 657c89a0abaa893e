/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libldap with bounds: a deadline for all of a talk, few entries, no referrals, certificates always checked.
 */
#include "auth/directory_connection.h"

#include "auth/directory.h"
#include "base/fd.h"
#include <fcntl.h>
#include <ldap.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DETAIL_MAX_BYTES 500  /* of what a server says about an error */
#define VALUES_MAX       5000 /* of one attribute */

struct DirectoryConnection {
    const DirectoryConfig *config;
    LDAP *ldap;
    gint64 deadline_us; /* monotonic */
    struct ldap_conncb connected;
    GThread *guard;
    GMutex lock;
    GCond ended;
    gboolean is_ended;
    int socket; /* the connection's, by a descriptor of our own, so that it cannot become another's; or -1 */
};

/* What an LDAP result means; all that is not here is DIRECTORY_ERROR_FAILED. */
static const struct ResultMeaning {
    int result;
    DirectoryError error;
} meanings[] = {
    {LDAP_SERVER_DOWN, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_CONNECT_ERROR, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_TIMEOUT, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_TIMELIMIT_EXCEEDED, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_BUSY, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_UNAVAILABLE, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_LOCAL_ERROR, DIRECTORY_ERROR_UNAVAILABLE},
    {LDAP_INVALID_CREDENTIALS, DIRECTORY_ERROR_WRONG_CREDENTIALS},
    {LDAP_INAPPROPRIATE_AUTH, DIRECTORY_ERROR_WRONG_CREDENTIALS},
    {LDAP_INVALID_DN_SYNTAX, DIRECTORY_ERROR_WRONG_CREDENTIALS},
    {LDAP_INSUFFICIENT_ACCESS, DIRECTORY_ERROR_PERMISSION_DENIED},
    {LDAP_UNWILLING_TO_PERFORM, DIRECTORY_ERROR_PERMISSION_DENIED},
    {LDAP_CONFIDENTIALITY_REQUIRED, DIRECTORY_ERROR_PERMISSION_DENIED},
    {LDAP_STRONG_AUTH_REQUIRED, DIRECTORY_ERROR_PERMISSION_DENIED},
};

static gboolean
fail(DirectoryConnection *connection, int result, const char *doing, GError **error)
{
    DirectoryError code = DIRECTORY_ERROR_FAILED;
    for (gsize i = 0; i < G_N_ELEMENTS(meanings); i++) {
        if (meanings[i].result == result)
            code = meanings[i].error;
    }
    char *detail = NULL;
    ldap_get_option(connection->ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
    gsize length = detail != NULL ? strnlen(detail, DETAIL_MAX_BYTES) : 0;
    g_autofree char *printable = g_utf8_make_valid(detail != NULL ? detail : "", (gssize)length);
    g_set_error(error, DIRECTORY_ERROR, code, "%s: %s%s%s", doing, ldap_err2string(result),
                length > 0 ? ": " : "", printable);
    ldap_memfree(detail);
    return FALSE;
}

/* -- The deadline
 * ------------------------------------------------------------------------------------------------------ */

static gpointer
guard_deadline(gpointer data)
{
    DirectoryConnection *connection = data;
    g_mutex_lock(&connection->lock);
    gboolean is_late = FALSE;
    while (!connection->is_ended && !is_late)
        is_late = !g_cond_wait_until(&connection->ended, &connection->lock, connection->deadline_us);
    /* Also of sockets that come later: to the next of several servers. */
    while (!connection->is_ended) {
        if (connection->socket >= 0)
            shutdown(connection->socket, SHUT_RDWR);
        g_cond_wait(&connection->ended, &connection->lock);
    }
    g_mutex_unlock(&connection->lock);
    return NULL;
}

/* A socket is connected, TLS has not begun. */
static int
note_socket(LDAP *ldap, Sockbuf *buffer, LDAPURLDesc *server, struct sockaddr *address,
            struct ldap_conncb *self)
{
    DirectoryConnection *connection = self->lc_arg;
    int fd = -1;
    if (ber_sockbuf_ctrl(buffer, LBER_SB_OPT_GET_FD, &fd) != 1)
        fd = -1;
    g_mutex_lock(&connection->lock);
    base_fd_clear(&connection->socket);
    connection->socket = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    g_cond_broadcast(&connection->ended);
    g_mutex_unlock(&connection->lock);
    return 0;
}

static void
forget_socket(LDAP *ldap, Sockbuf *buffer, struct ldap_conncb *self)
{
}

static void
start_guard(DirectoryConnection *connection)
{
    connection->connected = (struct ldap_conncb){note_socket, forget_socket, connection};
    connection->guard = g_thread_new("directory-guard", guard_deadline, connection);
}

static void
stop_guard(DirectoryConnection *connection)
{
    g_mutex_lock(&connection->lock);
    connection->is_ended = TRUE;
    g_cond_broadcast(&connection->ended);
    g_mutex_unlock(&connection->lock);
    if (connection->guard != NULL)
        g_thread_join(connection->guard);
    base_fd_clear(&connection->socket);
}

/* Gives all that is left to the next step. */
static gboolean
set_time_left(DirectoryConnection *connection, const char *doing, GError **error)
{
    gint64 left_us = connection->deadline_us - g_get_monotonic_time();
    if (left_us <= 0)
        return fail(connection, LDAP_TIMEOUT, doing, error);
    struct timeval left = {left_us / G_USEC_PER_SEC, left_us % G_USEC_PER_SEC};
    ldap_set_option(connection->ldap, LDAP_OPT_NETWORK_TIMEOUT, &left);
    ldap_set_option(connection->ldap, LDAP_OPT_TIMEOUT, &left);
    return TRUE;
}

/* -- Connecting
 * ------------------------------------------------------------------------------------------------------ */

/* The servers that DNS names for the domain, as URIs. Blocks for as long as the system's resolver does. */
static char *
domain_uris(const char *domain, GError **error)
{
    char *hosts = NULL;
    if (ldap_domain2hostlist(domain, &hosts) != LDAP_SUCCESS || hosts == NULL || *hosts == '\0') {
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_LOOKUP, "DNS has no LDAP servers for '%s'",
                    domain);
        ldap_memfree(hosts);
        return NULL;
    }
    g_auto(GStrv) names = g_strsplit(hosts, " ", 0);
    g_autofree char *joined = g_strjoinv(" ldap://", names);
    ldap_memfree(hosts);
    return g_strconcat("ldap://", joined, NULL);
}

/* TLS contexts are made one at a time: the library sets itself up with the first. */
static gboolean
set_up_tls(DirectoryConnection *connection, GError **error)
{
    static GMutex lock;
    const char *ca_file = connection->config->ca_file;
    const int demand = LDAP_OPT_X_TLS_DEMAND, as_client = 0;
    if (ca_file != NULL && access(ca_file, R_OK) != 0) {
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED, "the ca-file '%s' cannot be read",
                    ca_file);
        return FALSE;
    }
    g_mutex_lock(&lock);
    int result = ldap_set_option(connection->ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    if (result == LDAP_OPT_SUCCESS && ca_file != NULL)
        result = ldap_set_option(connection->ldap, LDAP_OPT_X_TLS_CACERTFILE, ca_file);
    if (result == LDAP_OPT_SUCCESS)
        result = ldap_set_option(connection->ldap, LDAP_OPT_X_TLS_NEWCTX, &as_client);
    g_mutex_unlock(&lock);
    if (result == LDAP_OPT_SUCCESS)
        return TRUE;
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED, "TLS cannot be set up%s%s",
                ca_file != NULL ? " with " : "", ca_file != NULL ? ca_file : "");
    return FALSE;
}

static gboolean
open_handle(DirectoryConnection *connection, GError **error)
{
    const DirectoryConfig *config = connection->config;
    const int version = LDAP_VERSION3;
    g_autofree char *uris =
        config->uri != NULL ? g_strdup(config->uri) : domain_uris(config->service_name, error);
    if (uris == NULL)
        return FALSE;
    int result = ldap_initialize(&connection->ldap, uris);
    if (result != LDAP_SUCCESS) {
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED, "'%s': %s", uris,
                    ldap_err2string(result));
        return FALSE;
    }
    ldap_set_option(connection->ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(connection->ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(connection->ldap, LDAP_OPT_CONNECT_CB, &connection->connected);
    return set_up_tls(connection, error);
}

/* Whether the connection's first byte is already encrypted, or never leaves the machine. */
static gboolean
is_safe(const DirectoryConfig *config)
{
    return config->uri != NULL &&
           (g_str_has_prefix(config->uri, "ldaps://") || g_str_has_prefix(config->uri, "ldapi://"));
}

static gboolean
encrypt(DirectoryConnection *connection, GError **error)
{
    if (!connection->config->starts_tls || is_safe(connection->config))
        return TRUE;
    const char *doing = "start TLS";
    if (!set_time_left(connection, doing, error))
        return FALSE;
    int result = ldap_start_tls_s(connection->ldap, NULL, NULL);
    return result == LDAP_SUCCESS || fail(connection, result, doing, error);
}

/* An account's name and password, or neither. */
static gboolean
bind_as(DirectoryConnection *connection, const char *name, const char *password, GError **error)
{
    const char *doing = *name != '\0' ? "log in to the directory" : "connect to the directory";
    struct berval secret = {strlen(password), (char *)password};
    if (!set_time_left(connection, doing, error))
        return FALSE;
    int result = ldap_sasl_bind_s(connection->ldap, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
    return result == LDAP_SUCCESS || fail(connection, result, doing, error);
}

DirectoryConnection *
directory_connection_new(const DirectoryConfig *config, GError **error)
{
    g_autoptr(DirectoryConnection) connection = g_new0(DirectoryConnection, 1);
    g_mutex_init(&connection->lock);
    g_cond_init(&connection->ended);
    connection->socket = -1;
    connection->config = config;
    connection->deadline_us = g_get_monotonic_time() + (gint64)config->timeout_s * G_USEC_PER_SEC;
    start_guard(connection);
    if (!open_handle(connection, error) || !encrypt(connection, error))
        return NULL;
    gboolean has_account = config->bind_name != NULL;
    if (!bind_as(connection, has_account ? config->bind_name : "", has_account ? config->password : "",
                 error))
        return NULL;
    return g_steal_pointer(&connection);
}

void
directory_connection_free(DirectoryConnection *connection)
{
    if (connection == NULL)
        return;
    stop_guard(connection);
    if (connection->ldap != NULL)
        ldap_unbind_ext(connection->ldap, NULL, NULL);
    g_cond_clear(&connection->ended);
    g_mutex_clear(&connection->lock);
    g_free(connection);
}

/* -- Searching
 * ------------------------------------------------------------------------------------------------------ */

static void
read_attribute(LDAP *ldap, LDAPMessage *message, const char *name, DirectoryEntry *entry)
{
    struct berval **values = ldap_get_values_len(ldap, message, name);
    for (int i = 0; values != NULL && values[i] != NULL && i < VALUES_MAX; i++)
        directory_entry_add(entry, name, values[i]->bv_val, values[i]->bv_len);
    ldap_value_free_len(values);
}

static DirectoryEntry *
read_entry(LDAP *ldap, LDAPMessage *message)
{
    char *dn = ldap_get_dn(ldap, message);
    if (dn == NULL)
        return NULL;
    DirectoryEntry *entry = directory_entry_new(dn);
    ldap_memfree(dn);
    BerElement *position = NULL;
    char *name = ldap_first_attribute(ldap, message, &position);
    while (name != NULL) {
        read_attribute(ldap, message, name, entry);
        ldap_memfree(name);
        name = ldap_next_attribute(ldap, message, position);
    }
    if (position != NULL)
        ber_free(position, 0);
    return entry;
}

static GPtrArray *
read_entries(LDAP *ldap, LDAPMessage *messages, guint max)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func((GDestroyNotify)directory_entry_free);
    for (LDAPMessage *message = ldap_first_entry(ldap, messages); message != NULL && entries->len < max;
         message = ldap_next_entry(ldap, message)) {
        DirectoryEntry *entry = read_entry(ldap, message);
        if (entry != NULL)
            g_ptr_array_add(entries, entry);
    }
    return entries;
}

GPtrArray *
directory_connection_search(DirectoryConnection *connection, const char *base, DirectoryScope scope,
                            const char *filter, const char *const *attributes, guint max, GError **error)
{
    const char *doing = "search the directory";
    LDAPMessage *messages = NULL;
    if (!set_time_left(connection, doing, error))
        return NULL;
    int result = ldap_search_ext_s(connection->ldap, base,
                                   scope == DIRECTORY_SCOPE_ENTRY ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
                                   filter, (char **)attributes, 0, NULL, NULL, NULL, (int)max, &messages);
    GPtrArray *entries = NULL;
    /* Active Directory answers a referral beside the entries, and some directories one instead of none. */
    if (result == LDAP_SUCCESS || result == LDAP_SIZELIMIT_EXCEEDED || result == LDAP_NO_SUCH_OBJECT ||
        result == LDAP_INVALID_DN_SYNTAX || result == LDAP_REFERRAL || result == LDAP_PARTIAL_RESULTS)
        entries = read_entries(connection->ldap, messages, max);
    else
        fail(connection, result, doing, error);
    ldap_msgfree(messages);
    return entries;
}

gboolean
directory_connection_bind(DirectoryConnection *connection, const char *dn, const char *password,
                          GError **error)
{
    if (*dn == '\0' || *password == '\0') {
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_WRONG_CREDENTIALS,
                    "an empty password is nobody's");
        return FALSE;
    }
    return bind_as(connection, dn, password, error);
}
