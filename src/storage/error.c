/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Storage errors carry the code and parameters that the API layer passes to its clients. */
#include "storage/error.h"

typedef struct StorageErrorPrivate {
    char *wire_code;
    GStrv params;
} StorageErrorPrivate;

static void
storage_error_private_init(StorageErrorPrivate *details)
{
    details->wire_code = NULL;
    details->params = NULL;
}

static void
storage_error_private_copy(const StorageErrorPrivate *from, StorageErrorPrivate *to)
{
    to->wire_code = g_strdup(from->wire_code);
    to->params = g_strdupv(from->params);
}

static void
storage_error_private_clear(StorageErrorPrivate *details)
{
    g_free(details->wire_code);
    g_strfreev(details->params);
}

G_DEFINE_EXTENDED_ERROR(StorageError, storage_error)

gboolean
storage_error_set(GError **error, StorageError code, const char *wire_code, const char *const *params)
{
    if (error == NULL)
        return FALSE;

    g_autofree char *list = g_strjoinv(", ", (char **)params);
    g_set_error(error, STORAGE_ERROR, code, "%s(%s)", wire_code, list);
    StorageErrorPrivate *details = storage_error_get_private(*error);
    details->wire_code = g_strdup(wire_code);
    details->params = g_strdupv((char **)params);
    return FALSE;
}

const char *
storage_error_code(const GError *error)
{
    return storage_error_get_private(error)->wire_code;
}

const char *const *
storage_error_params(const GError *error)
{
    return (const char *const *)storage_error_get_private(error)->params;
}
