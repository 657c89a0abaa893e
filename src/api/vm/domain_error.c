/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exceptions of the domain service as errors of the API: one row per exception. */
#include "api/vm/domain_error.h"
#include "api/services.h"

#include <string.h>

/* Parameters are one letter each: v the VM's ref, 0 to 3 the exception's argument, t the exception as text, c
 * why there was no contact to the service, - empty. */
/* clang-format off */
const DomainErrorRow domain_error_rows[] = {
    [DOMAIN_ERROR_INTERNAL_ERROR]                         = {"INTERNAL_ERROR",                 "0"},
    [DOMAIN_ERROR_ALREADY_EXISTS]                         = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_DOES_NOT_EXIST]                         = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_UNIMPLEMENTED]                          = {"NOT_IMPLEMENTED",                "t"},
    [DOMAIN_ERROR_DOMAIN_NOT_BUILT]                       = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_MAXIMUM_VCPUS]                          = {"VM_TOO_MANY_VCPUS",              "v"},
    [DOMAIN_ERROR_BAD_POWER_STATE]                        = {"VM_BAD_POWER_STATE",             "v10"},
    [DOMAIN_ERROR_FAILED_TO_ACHNOWLEDGE_SHUTDOWN_REQUEST] = {"VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", ""},
    [DOMAIN_ERROR_FAILED_TO_SHUTDOWN]                     = {"VM_SHUTDOWN_TIMEOUT",            "v-"},
    [DOMAIN_ERROR_DEVICE_IS_CONNECTED]                    = {"DEVICE_ALREADY_ATTACHED",        "v"},
    [DOMAIN_ERROR_DEVICE_NOT_CONNECTED]                   = {"DEVICE_ALREADY_DETACHED",        "v"},
    [DOMAIN_ERROR_DEVICE_DETACH_REJECTED]                 = {"DEVICE_DETACH_REJECTED",         "-vt"},
    [DOMAIN_ERROR_MEDIA_NOT_EJECTABLE]                    = {"VBD_TRAY_LOCKED",                "v"},
    [DOMAIN_ERROR_MEDIA_PRESENT]                          = {"VBD_NOT_EMPTY",                  "v"},
    [DOMAIN_ERROR_MEDIA_NOT_PRESENT]                      = {"VBD_IS_EMPTY",                   "v"},
    [DOMAIN_ERROR_NO_BOOTABLE_DEVICE]                     = {"BOOTLOADER_FAILED",              "vt"},
    [DOMAIN_ERROR_BOOTLOADER_ERROR]                       = {"BOOTLOADER_FAILED",              "vt"},
    [DOMAIN_ERROR_BALLOONING_ERROR]                       = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_NO_BALLOONING_SERVICE]                  = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_NOT_SUPPORTED]                          = {"OPERATION_NOT_ALLOWED",          "t"},
    [DOMAIN_ERROR_IO_ERROR]                               = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_VDI_NOT_FOUND]                          = {"VM_REQUIRES_VDI",                "v-"},
    [DOMAIN_ERROR_CALLER_MUST_PASS_FILE_DESCRIPTOR]       = {"INTERNAL_ERROR",                 "t"},
    [DOMAIN_ERROR_FAILED_TO_CONTACT_REMOTE_SERVICE]       = {"INTERNAL_ERROR",                 "c"},
    [DOMAIN_ERROR_HOOK_FAILED]                            = {"XAPI_HOOK_FAILED",               "0123"},
    [DOMAIN_ERROR_NOT_ENOUGH_MEMORY]                      = {"HOST_NOT_ENOUGH_FREE_MEMORY",    "0-"},
    [DOMAIN_ERROR_CANCELLED]                              = {"TASK_CANCELLED",                 "0"},
    [DOMAIN_ERROR_STORAGE_BACKEND_ERROR]                  = {NULL,                             ""}, /* in its own words */
};
/* clang-format on */
const gsize domain_error_n_rows = G_N_ELEMENTS(domain_error_rows);

static const char *
argument(const char *const *args, guint index)
{
    return index < g_strv_length((char **)args) ? args[index] : "";
}

static char *
parameter(char letter, const GError *failure, const char *vm_ref)
{
    const char *const *args = domain_error_args(failure);

    switch (letter) {
    case 'v':
        return g_strdup(vm_ref != NULL ? vm_ref : "OpaqueRef:NULL");
    case 't':
        return g_strdup(failure->message);
    case 'c':
        return g_strdup_printf("the domain service (xenopsd) of this host does not answer: %s",
                               argument(args, 0));
    case '-':
        return g_strdup("");
    default:
        return g_strdup(argument(args, (guint)(letter - '0')));
    }
}

/* The service names power states as the API does; the API's errors have them in lower case. */
static void
lower_states(const char *code, GPtrArray *params)
{
    for (guint i = 1; g_str_equal(code, "VM_BAD_POWER_STATE") && i < params->len; i++) {
        char *state = g_ptr_array_index(params, i);
        params->pdata[i] = g_ascii_strdown(state, -1);
        g_free(state);
    }
}

static void
set_from_row(const DomainErrorRow *row, const GError *failure, const char *vm_ref, GError **error)
{
    g_autoptr(GPtrArray) params = g_ptr_array_new_with_free_func(g_free);

    for (const char *letter = row->params; *letter != '\0'; letter++)
        g_ptr_array_add(params, parameter(*letter, failure, vm_ref));
    lower_states(row->code, params);
    g_ptr_array_add(params, NULL);
    api_error_set(error, row->code, (const char *const *)params->pdata);
}

gboolean
api_error_from_domain(GError **error, const char *vm_ref)
{
    if (error == NULL || *error == NULL || (*error)->domain != DOMAIN_ERROR)
        return FALSE;
    g_autoptr(GError) failure = g_steal_pointer(error);
    const char *const *args = domain_error_args(failure);

    if (failure->code < 0 || (gsize)failure->code >= domain_error_n_rows)
        return api_error_internal_error(error, failure->message);
    const DomainErrorRow *row = &domain_error_rows[failure->code];
    if (row->code != NULL)
        set_from_row(row, failure, vm_ref, error);
    else if (args[0] != NULL)
        api_error_set(error, args[0], args + 1);
    else
        api_error_internal_error(error, failure->message);
    return FALSE;
}
