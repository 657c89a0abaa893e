/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The extended GError domain that holds an exception's name and arguments. */
#include "domain/error.h"

#include <string.h>

#include "domain/types.h"

typedef struct DomainErrorPrivate {
    char *name;
    char **args;
} DomainErrorPrivate;

static void
domain_error_private_init(DomainErrorPrivate *private)
{
    private->name = NULL;
    private->args = NULL;
}

static void
domain_error_private_copy(const DomainErrorPrivate *from, DomainErrorPrivate *to)
{
    to->name = g_strdup(from->name);
    to->args = g_strdupv(from->args);
}

static void
domain_error_private_clear(DomainErrorPrivate *private)
{
    g_free(private->name);
    g_strfreev(private->args);
}

G_DEFINE_EXTENDED_ERROR(DomainError, domain_error)

static int
code_of(const char *name)
{
    for (gsize i = 0; i < domain_error_n_infos; i++) {
        if (strcmp(domain_error_infos[i].name, name) == 0)
            return (int)i;
    }
    return DOMAIN_ERROR_FOREIGN;
}

gboolean
domain_error_set(GError **error, const char *name, const char *const *args)
{
    if (error == NULL)
        return FALSE;

    static const char *const no_args[] = {NULL};
    const char *const *given = args == NULL ? no_args : args;
    g_autofree char *list = g_strjoinv(", ", (char **)given);
    g_set_error(error, DOMAIN_ERROR, code_of(name), "%s(%s)", name, list);

    DomainErrorPrivate *private = domain_error_get_private(*error);
    private->name = g_strdup(name);
    private->args = g_strdupv((char **)given);
    return FALSE;
}

const char *
domain_error_name(const GError *error)
{
    return domain_error_get_private(error)->name;
}

const char *const *
domain_error_args(const GError *error)
{
    return (const char *const *)domain_error_get_private(error)->args;
}

gboolean
domain_error_is(const GError *error, const char *name)
{
    return error != NULL && error->domain == DOMAIN_ERROR && strcmp(domain_error_name(error), name) == 0;
}

void
domain_error_from(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain == DOMAIN_ERROR)
        return;
    g_autoptr(GError) cause = g_steal_pointer(error);
    domain_error_internal_error(error, cause->message);
}
