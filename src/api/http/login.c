/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways in, in the order in which they are tried. */
#include "api/http/login.h"

#include <string.h>

#include "auth/login_source.h"
#include "auth/permission.h"
#include "base/text.h"
#include "model/errors.h"

#define SUPERUSER "root"

static gboolean
refuse(const char *user, const char *reason, GError **error)
{
    return api_error_set(error, "SESSION_AUTHENTICATION_FAILED", (const char *const[]){user, reason, NULL});
}

gboolean
http_login_parse_basic(const char *header, char **ret_user, char **ret_password)
{
    if (header == NULL || g_ascii_strncasecmp(header, "Basic ", 6) != 0)
        return FALSE;
    gsize length;
    g_autofree char *encoded = g_strstrip(g_strdup(header + 6));
    g_autofree guchar *decoded = g_base64_decode(encoded, &length);
    g_autofree char *text = g_strndup((const char *)decoded, length);
    char *colon = strchr(text, ':');
    if (colon == NULL || strlen(text) != length || !g_utf8_validate(text, -1, NULL))
        return FALSE;
    *ret_user = g_strndup(text, (gsize)(colon - text));
    *ret_password = g_strdup(colon + 1);
    return TRUE;
}

/* For whoever needs no password: the session that work on their behalf is done with. */
static gboolean
login_superuser(HttpLogin *login, GError **error)
{
    login->session = sessions_login_internal(login->sessions, SUPERUSER, FALSE, error);
    login->is_temporary = login->session != NULL;
    return login->is_temporary;
}

static gboolean
login_trusted(HttpLogin *login, const char *session_ref, GError **error)
{
    if (session_ref != NULL)
        login->session = sessions_find(login->sessions, session_ref, NULL);
    return login->session != NULL || login_superuser(login, error);
}

static gboolean
login_by_session(HttpLogin *login, const char *session_ref, GError **error)
{
    login->session = sessions_find(login->sessions, session_ref, NULL);
    return login->session != NULL || refuse("", "the session is not valid", error);
}

static gboolean
login_by_secret(HttpLogin *login, const char *secret, const char *given, GError **error)
{
    if (secret == NULL || !base_secret_equals(secret, given))
        return refuse("", "this is not the pool's secret", error);
    return login_superuser(login, error);
}

static gboolean
login_by_password(HttpLogin *login, HttpRequest *request, const char *originator, GError **error)
{
    const char *header = http_request_header(request, "authorization");
    const char *peer = http_request_peer(request);
    LoginSources *sources = sessions_login_sources(login->sessions);
    g_autofree char *user = NULL;
    g_autofree char *password = NULL;
    if (!http_login_parse_basic(header, &user, &password))
        return refuse("", "nobody is logged in", error);
    if (!login_sources_enter(sources, peer, error))
        return FALSE;
    login->session = sessions_login(login->sessions, user, password, originator, FALSE, error);
    login_sources_leave(sources, peer);
    login->is_temporary = login->session != NULL;
    return login->is_temporary;
}

gboolean
http_login(const ApiServices *services, HttpRequest *request, const char *originator, HttpLogin *ret_login,
           GError **error)
{
    const char *session_ref = http_request_param(request, "session_id");
    const char *secret = http_request_param(request, "pool_secret");
    *ret_login = (HttpLogin){.sessions = services->sessions};
    if (http_request_is_trusted(request))
        return login_trusted(ret_login, session_ref, error);
    if (session_ref != NULL)
        return login_by_session(ret_login, session_ref, error);
    if (secret != NULL)
        return login_by_secret(ret_login, services->pool_secret, secret, error);
    return login_by_password(ret_login, request, originator, error);
}

void
http_login_clear(HttpLogin *login)
{
    if (login->is_temporary)
        sessions_logout(login->sessions, login->session->ref, NULL); /* it may have expired meanwhile */
    login->is_temporary = FALSE;
    g_clear_pointer(&login->session, session_unref);
}

gboolean
http_login_require(const HttpLogin *login, const char *action, ModelRole least_role, GError **error)
{
    g_autofree char *permission = g_strconcat("http/", action, NULL);
    return permission_check_role(login->session, permission, least_role, error);
}

void
http_login_refuse(HttpRequest *request, const char *action)
{
    g_autofree char *realm = g_strdup_printf("WWW-Authenticate: Basic realm=\"%s\"", action);
    const char *const headers[] = {realm, NULL};
    http_request_reply(
        request, 401, "text/html",
        g_string_new("<html><body><h1>HTTP 401 Unauthorised</h1>Please log in.</body></html>\n"), headers);
}
