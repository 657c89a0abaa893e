/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* API errors in GLib's extended form: the code and its parameters ride behind the GError. */
#include "model/api_error.h"

#include "model/errors.h"

typedef struct ApiErrorPrivate {
    char *code;
    char **params;
} ApiErrorPrivate;

static void
api_error_private_init(ApiErrorPrivate *private)
{
    private->code = NULL;
    private->params = NULL;
}

static void
api_error_private_copy(const ApiErrorPrivate *from, ApiErrorPrivate *to)
{
    to->code = g_strdup(from->code);
    to->params = g_strdupv(from->params);
}

static void
api_error_private_clear(ApiErrorPrivate *private)
{
    g_free(private->code);
    g_strfreev(private->params);
}

G_DEFINE_EXTENDED_ERROR(ApiError, api_error)

static int
error_number(const char *code)
{
    const ApiErrorInfo *info = api_error_info(code);
    return info != NULL ? (int)(info - api_error_infos) : API_ERROR_FOREIGN;
}

static char *
error_text(const char *code, const char *const *params)
{
    g_autofree char *joined = g_strjoinv(", ", (char **)params);
    return g_strdup_printf("%s(%s)", code, joined);
}

gboolean
api_error_set(GError **error, const char *code, const char *const *params)
{
    if (error == NULL)
        return FALSE;
    g_autofree char *text = error_text(code, params);
    GError *made = g_error_new_literal(API_ERROR, error_number(code), text);
    ApiErrorPrivate *private = api_error_get_private(made);
    private->code = g_strdup(code);
    private->params = g_strdupv((char **)params);
    g_propagate_error(error, made);
    return FALSE;
}

const char *
api_error_code(const GError *error)
{
    return api_error_get_private(error)->code;
}

const char *const *
api_error_params(const GError *error)
{
    return (const char *const *)api_error_get_private(error)->params;
}

gboolean
api_error_is(const GError *error, const char *code)
{
    return error != NULL && error->domain == API_ERROR && g_str_equal(api_error_code(error), code);
}

const ApiErrorInfo *
api_error_info(const char *code)
{
    static GHashTable *by_code = NULL;
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        by_code = g_hash_table_new(g_str_hash, g_str_equal);
        for (gsize i = 0; i < api_error_n_infos; i++)
            g_hash_table_insert(by_code, (gpointer)api_error_infos[i].code, (gpointer)&api_error_infos[i]);
        g_once_init_leave(&once, 1);
    }
    return g_hash_table_lookup(by_code, code);
}

void
api_error_from(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain == API_ERROR)
        return;
    g_autoptr(GError) other = g_steal_pointer(error);
    api_error_internal_error(error, other->message);
}
