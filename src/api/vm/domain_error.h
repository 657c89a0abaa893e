/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table behind api_error_from_domain(): seen by its test. */
#pragma once

#include <glib.h>

/* What one exception of the domain service becomes. */
typedef struct DomainErrorRow {
    const char *code;   /* of the API; NULL: the exception's first argument, with the others as parameters */
    const char *params; /* NULL: no row. One letter each: see domain_error.c */
} DomainErrorRow;

extern const DomainErrorRow domain_error_rows[]; /* the index is the DomainErrorCode */
extern const gsize domain_error_n_rows;
