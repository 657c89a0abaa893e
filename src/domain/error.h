/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the domain service: an exception's name and its arguments as text, carried by GError.
 * One setter per exception of model/domain.toml is generated in "domain/types.h":
 * domain_error_bad_power_state(error, actual, expected) ... */
#pragma once

#include <glib.h>

#define DOMAIN_ERROR (domain_error_quark())
GQuark domain_error_quark(void);

/* GError.code is a DomainErrorCode of the generated "domain/types.h", or DOMAIN_ERROR_FOREIGN for an
 * exception the model does not know. */
#define DOMAIN_ERROR_FOREIGN 100000

/** domain_error_set: @args is NULL-terminated and copied. Returns FALSE always. The GError's message reads
 * "Name(arg, arg)". */
gboolean domain_error_set(GError **error, const char *name, const char *const *args);

/** domain_error_name: the exception of @error, which must be a DOMAIN_ERROR: "Bad_power_state". Borrowed. */
const char *domain_error_name(const GError *error);

/** domain_error_args: NULL-terminated, borrowed. */
const char *const *domain_error_args(const GError *error);

/** domain_error_is: whether @error is the exception @name. */
gboolean domain_error_is(const GError *error, const char *name);

/** domain_error_from: makes any other error (BASE_ERROR, TYPE_ERROR, ...) an Internal_error(text), in place.
 * NULL and no error are fine. */
void domain_error_from(GError **error);

/* One row of the generated table of exceptions. */
typedef struct DomainErrorInfo {
    const char *name;
    const char *const *args; /* types of the arguments, NULL-terminated */
    const char *doc;
} DomainErrorInfo;
extern const DomainErrorInfo domain_error_infos[]; /* the index is the DomainErrorCode */
extern const gsize domain_error_n_infos;
