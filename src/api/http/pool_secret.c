/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made once, then read at each start. Source: protocol notes 11 */
#include "api/http/pool_secret.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#define SECRET_MAX_BYTES 4096
#define SECRET_MIN_BYTES 32

static gboolean
make(const char *path, char **ret_secret, GError **error)
{
    g_autofree char *first = base_uuid_new();
    g_autofree char *second = base_uuid_new();
    g_autofree char *third = base_uuid_new();
    g_autofree char *secret = g_strjoin("/", first, second, third, NULL);
    if (!base_file_write(path, secret, strlen(secret), 0600, error))
        return FALSE;
    *ret_secret = g_steal_pointer(&secret);
    return TRUE;
}

gboolean
pool_secret_ensure(const char *state_directory, char **ret_secret, GError **error)
{
    g_autofree char *path = g_build_filename(state_directory, "pool_secret", NULL);
    g_autofree char *secret = NULL;
    g_autoptr(GError) failure = NULL;
    if (!base_file_read(path, SECRET_MAX_BYTES, &secret, NULL, &failure)) {
        if (g_error_matches(failure, BASE_ERROR, BASE_ERROR_NOT_FOUND))
            return make(path, ret_secret, error);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_strstrip(secret);
    if (strlen(secret) < SECRET_MIN_BYTES)
        return base_error_set(error, BASE_ERROR_INVALID, "'%s' is too short to be a secret", path);
    *ret_secret = g_steal_pointer(&secret);
    return TRUE;
}
