/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenops call: any method, its arguments in the order of the interface, each in JSON. */
#include <string.h>

#include "base/error.h"
#include "value/json.h"
#include "xenops/command.h"
#include "xenops/print.h"

/* What is typed for an argument. A text may go without its quotation marks. */
static Value *
read_argument(const DomainMember *member, const char *text, GError **error)
{
    if (member->type->kind == DOMAIN_KIND_STRING && *text != '"')
        return value_string(text);
    Value *value = json_read(text, strlen(text), error);
    if (value == NULL)
        g_prefix_error(error, "%s: ", member->name);
    return value;
}

/* dbg, the first of every method, is ours. */
static Value *
read_arguments(const DomainMethod *method, const char *const *texts, GError **error)
{
    gsize n = g_strv_length((char **)texts);
    g_autoptr(Value) args = value_map_new(n + 1);
    if (n > method->args->n_members - 1) {
        base_error_set(error, BASE_ERROR_INVALID, "%s takes at most %" G_GSIZE_FORMAT " arguments",
                       method->name, method->args->n_members - 1);
        return NULL;
    }
    for (gsize i = 0; i < n; i++) {
        const DomainMember *member = &method->args->members[i + 1];
        Value *value = read_argument(member, texts[i], error);
        if (value == NULL)
            return NULL;
        value_map_set(args, member->name, value);
    }
    return g_steal_pointer(&args);
}

gboolean
xenops_run_call(Xenops *xenops, GError **error)
{
    const DomainMethod *method = domain_method_find(xenops->args[0]);
    if (method == NULL)
        return base_error_set(error, BASE_ERROR_INVALID, "there is no method '%s'", xenops->args[0]);
    Value *args = read_arguments(method, xenops->args + 1, error);
    g_autoptr(Value) result = args == NULL ? NULL : xenops_call_args(xenops, method, args, error);
    if (result == NULL)
        return FALSE;
    if (method->result != NULL)
        xenops_print_json(result);
    return TRUE;
}
