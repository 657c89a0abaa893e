/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Class auth: what the directory knows about users and groups. It has no rows: each call asks. */
#include "api/services.h"

#include "auth/external.h"

static Directory *
require_directory(ApiCall *call, GError **error)
{
    return external_directory(call->services->external, error);
}

gboolean
api_auth__get_subject_identifier(ApiCall *call, const AuthGetSubjectIdentifierArgs *args, Value **ret_value,
                                 GError **error)
{
    g_autoptr(Directory) directory = require_directory(call, error);
    if (directory == NULL)
        return FALSE;
    g_autofree char *identifier = directory->kind->identify(directory, args->subject_name, error);
    if (identifier == NULL)
        return external_error(error);
    *ret_value = value_string(identifier);
    return TRUE;
}

gboolean
api_auth__get_subject_information_from_identifier(ApiCall *call,
                                                  const AuthGetSubjectInformationFromIdentifierArgs *args,
                                                  Value **ret_value, GError **error)
{
    g_autoptr(Directory) directory = require_directory(call, error);
    if (directory == NULL)
        return FALSE;
    *ret_value = directory->kind->describe(directory, args->subject_identifier, error);
    return *ret_value != NULL || external_error(error);
}

gboolean
api_auth__get_group_membership(ApiCall *call, const AuthGetGroupMembershipArgs *args, Value **ret_value,
                               GError **error)
{
    g_autoptr(Directory) directory = require_directory(call, error);
    if (directory == NULL)
        return FALSE;
    g_auto(GStrv) groups = directory->kind->groups(directory, args->subject_identifier, error);
    if (groups == NULL)
        return external_error(error);
    *ret_value = value_array_of_strings((const char *const *)groups);
    return TRUE;
}
