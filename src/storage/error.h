/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the storage service: what went wrong, and the code and parameters that clients of the API see. */
#pragma once

#include <glib.h>

#define STORAGE_ERROR (storage_error_quark())

typedef enum StorageError {
    STORAGE_ERROR_UNKNOWN_DRIVER, /* SR_UNKNOWN_DRIVER [type] */
    STORAGE_ERROR_NOT_SUPPORTED, /* SR_OPERATION_NOT_SUPPORTED [sr]: no such capability, or the driver says so
                                    (38) */
    STORAGE_ERROR_NOT_EMPTY,     /* SR_NOT_EMPTY [] (39) */
    STORAGE_ERROR_SR_IN_USE,     /* SR_DEVICE_IN_USE [] (16) */
    STORAGE_ERROR_VDI_IN_USE,    /* VDI_IN_USE [vdi, operation] (24) */
    STORAGE_ERROR_VDI_MISSING,   /* VDI_MISSING [sr, vdi] (144) */
    STORAGE_ERROR_BACKEND_FAULT, /* SR_BACKEND_FAILURE_<n> ["", fault text, stderr]: every other fault */
    STORAGE_ERROR_BACKEND_EXIT,  /* SR_BACKEND_FAILURE ["non-zero exit", stdout, stderr] */
    STORAGE_ERROR_BACKEND_REPLY, /* SR_BACKEND_FAILURE ["bad reply", what, stderr]: no or another answer than
                                    asked for */
    STORAGE_ERROR_BACKEND_TIMED_OUT, /* SR_BACKEND_FAILURE ["timed out", what, stderr's end] */
    STORAGE_ERROR_BACKEND_FAILED, /* SR_BACKEND_FAILURE ["failed", what, ""]: could not be started, too much
                                     output */
    STORAGE_ERROR_CANCELLED,      /* TASK_CANCELLED [task]: what the plugin has done by then nobody knows */
    STORAGE_ERROR_NOT_BEGUN,      /* TASK_CANCELLED [task], before the plugin was called */
    STORAGE_ERROR_NOT_MASTER,     /* INTERNAL_ERROR [text]: our caller sent it to the wrong host */
    STORAGE_ERROR_INVALID,        /* INVALID_VALUE [field, value] */
    STORAGE_ERROR_DATAPATH,       /* INTERNAL_ERROR [text]: activate before attach and the like */
    STORAGE_ERROR_STATE,          /* INTERNAL_ERROR [text]: our own state could not be read or written */
    STORAGE_ERROR_N,
} StorageError;

GQuark storage_error_quark(void);

/** storage_error_set: @params is NULL-terminated and copied. The message reads "CODE(param, param)". Returns
 * FALSE always. */
gboolean storage_error_set(GError **error, StorageError code, const char *wire_code,
                           const char *const *params);

/** storage_error_code: the wire code of @error, which must be a STORAGE_ERROR. Borrowed. */
const char *storage_error_code(const GError *error);

/** storage_error_params: NULL-terminated, borrowed. */
const char *const *storage_error_params(const GError *error);
