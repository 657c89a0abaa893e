/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subjects: users and groups of the directory that may log in. Their roles are in subject_roles.c. */
#include "api/services.h"

#include "auth/external.h"
#include "rpc/record.h"

#define IDENTIFIER_MAX_BYTES 4096

/* Two calls at once must not both find that there is none yet. */
static GMutex creating;

static gboolean
has_subject(Db *db, const char *identifier)
{
    g_autoptr(GPtrArray) subjects = db_get_all(db, CLASS_SUBJECT);
    for (guint i = 0; i < subjects->len; i++) {
        if (g_str_equal(db_row_string(g_ptr_array_index(subjects, i), SUBJECT_SUBJECT_IDENTIFIER),
                        identifier))
            return TRUE;
    }
    return FALSE;
}

static gboolean
insert(ApiCall *call, const Value *record, const char *identifier, Value **ret_value, GError **error)
{
    const char *ref = NULL;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    if (has_subject(call->db, identifier))
        return api_error_subject_already_exists(error);
    if (!rpc_record_insert(txn, CLASS_SUBJECT, record, &ref, error))
        return FALSE;
    g_autoptr(Value) result = value_string(ref);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    *ret_value = g_steal_pointer(&result);
    return TRUE;
}

/* It has no role at first. Source: API reference, subject.roles. The directory is not asked: it may be away,
 * and a subject that it does not know lets nobody in. */
gboolean
api_subject__create(ApiCall *call, const SubjectCreateArgs *args, Value **ret_value, GError **error)
{
    g_autoptr(Value) field = rpc_record_field(CLASS_SUBJECT, SUBJECT_SUBJECT_IDENTIFIER, args->args, error);
    if (field == NULL)
        return FALSE;
    const char *identifier = value_get_string(field);
    if (*identifier == '\0' || value_get_string_length(field) > IDENTIFIER_MAX_BYTES)
        return api_error_invalid_value(error, "subject_identifier", *identifier == '\0' ? "" : "(too long)");
    g_mutex_lock(&creating);
    gboolean is_done = insert(call, args->args, identifier, ret_value, error);
    g_mutex_unlock(&creating);
    return is_done;
}

/* Whom it let in is out at once. */
gboolean
api_subject__destroy(ApiCall *call, const SubjectDestroyArgs *args, GError **error)
{
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_delete(txn, CLASS_SUBJECT, args->self.id);
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    external_review(call->services->external, call->services->sessions);
    return TRUE;
}

gboolean
api_session__logout_subject_identifier(ApiCall *call, const SessionLogoutSubjectIdentifierArgs *args,
                                       GError **error)
{
    external_logout(call->services->sessions, args->subject_identifier, call->session->ref);
    return TRUE;
}
