/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error domain of the lowest layer and its two one-line setters. */
#include "base/error.h"

#include <errno.h>

G_DEFINE_QUARK(base - error - quark, base_error)

gboolean
base_error_set(GError **error, BaseError code, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return FALSE;
    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(BASE_ERROR, code, format, args));
    va_end(args);
    return FALSE;
}

gboolean
base_error_errno(GError **error, int errnum, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return FALSE;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return base_error_set(error, errnum == ENOENT ? BASE_ERROR_NOT_FOUND : BASE_ERROR_IO, "%s: %s", what,
                          g_strerror(errnum));
}
