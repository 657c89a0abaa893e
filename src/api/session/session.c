/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging in and out, and passwords. */
#include "api/services.h"

gboolean
api_session__login_with_password(ApiCall *call, const SessionLoginWithPasswordArgs *args, Value **ret_value,
                                 GError **error)
{
    g_autoptr(Session) session = sessions_login(call->services->sessions, args->uname, args->pwd,
                                                args->originator, call->origin->is_trusted, error);
    if (session == NULL)
        return FALSE;
    *ret_value = value_string(session->ref);
    return TRUE;
}

gboolean
api_session__slave_local_login_with_password(ApiCall *call,
                                             const SessionSlaveLocalLoginWithPasswordArgs *args,
                                             Value **ret_value, GError **error)
{
    g_autoptr(Session) session = sessions_login_local(call->services->sessions, args->uname, args->pwd,
                                                      call->origin->is_trusted, error);
    if (session == NULL)
        return FALSE;
    *ret_value = value_string(session->ref);
    return TRUE;
}

gboolean
api_session__local_logout(ApiCall *call, GError **error)
{
    return sessions_logout_local(call->services->sessions, call->session, error);
}

gboolean
api_session__change_password(ApiCall *call, const SessionChangePasswordArgs *args, GError **error)
{
    return sessions_change_password(call->services->sessions, call->session, args->old_pwd, args->new_pwd,
                                    error);
}

gboolean
api_session__logout(ApiCall *call, GError **error)
{
    return sessions_logout(call->services->sessions, call->session->ref, error);
}

/* Source: API reference: identifiers of externally authenticated users with live sessions; local ones have
 * none */
gboolean
api_session__get_all_subject_identifiers(ApiCall *call, Value **ret_value, GError **error)
{
    g_autoptr(GPtrArray) rows = db_get_all(call->db, CLASS_SESSION);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    Value *identifiers = value_array_new(0);
    for (guint i = 0; i < rows->len; i++) {
        const char *identifier = db_row_string(g_ptr_array_index(rows, i), SESSION_AUTH_USER_SID);
        if (*identifier != '\0' && g_hash_table_add(seen, (gpointer)identifier))
            value_array_add(identifiers, value_string(identifier));
    }
    *ret_value = identifiers;
    return TRUE;
}
