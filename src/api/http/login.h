/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is behind an HTTP request that is no call: by Unix socket, session, pool secret, or name and password.
 */
#pragma once

#include "api/services.h"

/* Whoever a request comes from. */
typedef struct HttpLogin {
    Sessions *sessions;
    Session *session;      /* a reference; NULL when cleared */
    gboolean is_temporary; /* opened for this request alone */
} HttpLogin;

/**
 * http_login:
 * @originator: what a session that is opened for the request says of itself
 *
 * In the order of the protocol: root's Unix socket; session_id; pool_secret (both cookie or query);
 * Authorization: Basic. What is given and wrong is refused, whatever else is given. May wait for a password
 * check: worker threads only. Errors: SESSION_AUTHENTICATION_FAILED [user, text].
 *
 * Source: protocol notes 0
 */
gboolean http_login(const ApiServices *services, HttpRequest *request, const char *originator,
                    HttpLogin *ret_login, GError **error);
/** http_login_clear: logs a temporary session out. A cleared or zeroed one is fine. */
void http_login_clear(HttpLogin *login);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HttpLogin, http_login_clear)

/** http_login_require: whether the role suffices. Errors: RBAC_PERMISSION_DENIED ["http/<action>", text]. */
gboolean http_login_require(const HttpLogin *login, const char *action, ModelRole least_role, GError **error);

/** http_login_refuse: answers 401, which makes browsers ask for a password. */
void http_login_refuse(HttpRequest *request, const char *action);

/** http_login_parse_basic: user and password of an Authorization header; FALSE if @header (nullable) is none
 * of kind Basic. The caller frees both. */
gboolean http_login_parse_basic(const char *header, char **ret_user, char **ret_password);
