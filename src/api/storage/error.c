/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the storage service become the API's. They carry the wire code already; only the carrier changes.
 */
#include "api/services.h"

gboolean
api_error_from_storage(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain != STORAGE_ERROR)
        return FALSE;
    g_autoptr(GError) storage = g_steal_pointer(error);
    return api_error_set(error, storage_error_code(storage), storage_error_params(storage));
}
