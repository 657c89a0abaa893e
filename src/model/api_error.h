/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the API: a code and string parameters, carried by GError. One setter per code is generated in
 * "model/errors.h". */
#pragma once

#include <glib.h>

#define API_ERROR (api_error_quark())
GQuark api_error_quark(void);

/* GError.code is an ApiErrorCode of the generated "model/errors.h", or API_ERROR_FOREIGN for a code the model
 * does not know. */
#define API_ERROR_FOREIGN 100000

/** api_error_set: @params is NULL-terminated and copied. Returns FALSE always. The message of the GError
 * reads "CODE(param, param)". */
gboolean api_error_set(GError **error, const char *code, const char *const *params);

/** api_error_code: the wire code of @error, which must be an API_ERROR. Borrowed. */
const char *api_error_code(const GError *error);

/** api_error_params: NULL-terminated, borrowed. */
const char *const *api_error_params(const GError *error);

/** api_error_is: whether @error is the API error @code. */
gboolean api_error_is(const GError *error, const char *code);

/* One row of the error table: for xe, which prints the doc and the parameters' names. */
typedef struct ApiErrorInfo {
    const char *code;
    const char *const *params; /* names, NULL-terminated */
    const char *doc;
} ApiErrorInfo;
extern const ApiErrorInfo api_error_infos[];
extern const gsize api_error_n_infos;
/** api_error_info: NULL if the model does not know @code. */
const ApiErrorInfo *api_error_info(const char *code);

/** api_error_from: gives any other error (BASE_ERROR, TYPE_ERROR, ...) the code INTERNAL_ERROR [text], in
 * place. */
void api_error_from(GError **error);
