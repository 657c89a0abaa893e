/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the lowest layer, and the helpers every layer uses to make one in a single line. */
#pragma once

#include <glib.h>

#define BASE_ERROR (base_error_quark())

typedef enum BaseError {
    BASE_ERROR_FAILED,    /* nothing better fits */
    BASE_ERROR_IO,        /* the operating system refused; text has errno's words */
    BASE_ERROR_NOT_FOUND, /* a file, program or entry is not there */
    BASE_ERROR_INVALID,   /* text or bytes that do not parse */
    BASE_ERROR_TOO_LARGE, /* a size from outside is over its bound */
    BASE_ERROR_TIMED_OUT, /* a wait ended without what it waited for */
    BASE_ERROR_CANCELLED, /* the caller's GCancellable was triggered */
} BaseError;

GQuark base_error_quark(void);

/**
 * base_error_set:
 * @error: (out) (optional): where to put it
 *
 * Sets a BASE_ERROR. Returns FALSE always, so that failing is one line.
 */
gboolean base_error_set(GError **error, BaseError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * base_error_errno:
 * @errnum: the errno to put into words; ENOENT becomes BASE_ERROR_NOT_FOUND, all else BASE_ERROR_IO
 *
 * Sets "<formatted>: <errno text>". Returns FALSE always.
 */
gboolean base_error_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);
