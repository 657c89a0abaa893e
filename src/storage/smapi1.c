/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes SMAPIv1 calls and gives every way they can fail the code that clients expect. */
#include "storage/smapi1.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "value/xmlrpc.h"

/* The kernel's bound on one argument (MAX_ARG_STRLEN), less its NUL. */
#define ARGUMENT_MAX_BYTES (128 * 1024 - 1)

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void
set_text(Value *map, const char *key, const char *text)
{
    if (text != NULL)
        value_map_set(map, key, value_string(text));
}

static void
set_map(Value *map, const char *key, const Value *item)
{
    if (item != NULL)
        value_map_set(map, key, value_ref((Value *)item));
}

/* PBD.device_config and whether this host is the SR's master. */
static Value *
device_config_of(const StorageCall *call)
{
    g_autoptr(Value) empty = value_map_empty();
    const Value *given = call->device_config != NULL ? call->device_config : empty;
    return value_map_with(given, "SRmaster", value_string(call->is_sr_master ? "true" : "false"));
}

static void
add_vdi_keys(Value *params, const StorageCall *call)
{
    set_text(params, "vdi_ref", call->vdi_ref);
    set_text(params, "vdi_uuid", call->vdi_uuid);
    set_text(params, "vdi_location", call->vdi_location);
    set_text(params, "vdi_on_boot", call->vdi_on_boot != NULL ? call->vdi_on_boot : "persist");
    set_text(params, "vdi_allow_caching", call->vdi_allow_caching ? "true" : "false");
}

static void
add_operation_keys(Value *params, const StorageRequest *request)
{
    switch (request->operation) {
    case STORAGE_OPERATION_SR_PROBE:
        set_map(params, "sr_sm_config", request->call->sm_config);
        break;
    case STORAGE_OPERATION_VDI_CREATE:
        set_map(params, "vdi_sm_config", request->call->sm_config);
        set_text(params, "vdi_type", request->vdi_type);
        set_text(params, "new_uuid", request->call->new_uuid);
        break;
    case STORAGE_OPERATION_VDI_INTRODUCE:
        set_map(params, "vdi_sm_config", request->call->sm_config);
        set_text(params, "new_uuid", request->new_uuid);
        break;
    case STORAGE_OPERATION_VDI_SNAPSHOT:
    case STORAGE_OPERATION_VDI_CLONE:
        set_map(params, "driver_params", request->driver_params);
        set_text(params, "new_uuid", request->call->new_uuid);
        break;
    default:
        break;
    }
}

static Value *
make_params(const StorageRequest *request)
{
    const StorageCall *call = request->call;
    const StorageOperationInfo *info = storage_request_info(request);
    Value *params = value_map_new(16);

    set_text(params, "host_ref", call->host_ref != NULL ? call->host_ref : "OpaqueRef:NULL");
    set_text(params, "command", info->name);
    value_map_set(params, "args", value_array_of_strings(request->args));
    value_map_set(params, "device_config", device_config_of(call));
    if (request->operation != STORAGE_OPERATION_SR_GET_DRIVER_INFO)
        set_text(params, "session_ref", call->session_ref);
    if (info->object != STORAGE_OBJECT_NONE) {
        set_text(params, "sr_ref", call->sr_ref);
        set_text(params, "sr_uuid", call->sr_uuid);
    }
    if (info->object == STORAGE_OBJECT_VDI)
        add_vdi_keys(params, call);
    add_operation_keys(params, request);
    set_text(params, "subtask_of", call->subtask_of);
    for (gsize i = 0; request->additions != NULL && i < value_size(request->additions); i++)
        set_map(params, value_map_key(request->additions, i), value_map_value(request->additions, i));
    return params;
}

char *
storage_smapi1_encode(const StorageRequest *request)
{
    GString *text = g_string_new(NULL);
    g_autoptr(Value) params = value_array_new(1);
    value_array_add(params, make_params(request));
    xmlrpc_write_call(text, storage_request_info(request)->name, params);
    return g_string_free(text, FALSE);
}

/* ---- Failures ---- */

static gboolean
backend_failure(GError **error, StorageError code, const char *status, const char *output, const char *errors)
{
    g_autofree char *clean_output = g_utf8_make_valid(output, -1);
    g_autofree char *clean_errors = g_utf8_make_valid(errors, -1);
    const char *params[] = {status, clean_output, clean_errors, NULL};
    return storage_error_set(error, code, "SR_BACKEND_FAILURE", params);
}

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* The operation as enum vdi_operations spells it. */
static const char *
vdi_operation_name(const StorageRequest *request)
{
    if (request->operation == STORAGE_OPERATION_VDI_DELETE)
        return "destroy";
    return storage_request_info(request)->name + strlen("vdi_");
}

static StorageError
error_of_fault(int code)
{
    for (const StorageFaultInfo *fault = storage_fault_infos; fault->code != 0; fault++) {
        if (fault->code == code)
            return fault->error;
    }
    return STORAGE_ERROR_BACKEND_FAULT;
}

/* Source: protocol notes 8, "Faults". stderr goes through untouched: clients read the list of a probe from
 * it. */
static gboolean
set_fault(const StorageRequest *request, const GError *fault, const char *errors, GError **error)
{
    const StorageCall *call = request->call;
    const char *sr[] = {or_empty(call->sr_ref), NULL};
    const char *sr_and_vdi[] = {or_empty(call->sr_ref), or_empty(call->vdi_ref), NULL};
    const char *none[] = {NULL};

    switch (error_of_fault(fault->code)) {
    case STORAGE_ERROR_NOT_SUPPORTED:
        return storage_error_set(error, STORAGE_ERROR_NOT_SUPPORTED, "SR_OPERATION_NOT_SUPPORTED", sr);
    case STORAGE_ERROR_NOT_EMPTY:
        return storage_error_set(error, STORAGE_ERROR_NOT_EMPTY, "SR_NOT_EMPTY", none);
    case STORAGE_ERROR_SR_IN_USE:
        return storage_error_set(error, STORAGE_ERROR_SR_IN_USE, "SR_DEVICE_IN_USE", none);
    case STORAGE_ERROR_VDI_MISSING:
        return storage_error_set(error, STORAGE_ERROR_VDI_MISSING, "VDI_MISSING", sr_and_vdi);
    case STORAGE_ERROR_VDI_IN_USE:
        if (storage_request_info(request)->object == STORAGE_OBJECT_VDI) {
            const char *params[] = {or_empty(call->vdi_ref), vdi_operation_name(request), NULL};
            return storage_error_set(error, STORAGE_ERROR_VDI_IN_USE, "VDI_IN_USE", params);
        }
        break;
    default:
        break;
    }

    g_autofree char *wire_code = g_strdup_printf("SR_BACKEND_FAILURE_%d", fault->code);
    g_autofree char *clean_errors = g_utf8_make_valid(errors, -1);
    const char *params[] = {"", fault->message, clean_errors, NULL};
    return storage_error_set(error, STORAGE_ERROR_BACKEND_FAULT, wire_code, params);
}

/* The program did not come to an end by itself. */
static gboolean
set_run_failure(const StorageRequest *request, const GError *failure, GError **error)
{
    if (g_error_matches(failure, BASE_ERROR, BASE_ERROR_CANCELLED)) {
        const char *params[] = {or_empty(request->call->subtask_of), NULL};
        return storage_error_set(error, STORAGE_ERROR_CANCELLED, "TASK_CANCELLED", params);
    }
    if (g_error_matches(failure, BASE_ERROR, BASE_ERROR_TIMED_OUT))
        return backend_failure(error, STORAGE_ERROR_BACKEND_TIMED_OUT, "timed out", "", failure->message);
    return backend_failure(error, STORAGE_ERROR_BACKEND_FAILED, "failed", "", failure->message);
}

static Value *
read_reply(const StorageRequest *request, const ProcessResult *result, GError **error)
{
    if (result->exit_status != 0) {
        backend_failure(error, STORAGE_ERROR_BACKEND_EXIT, "non-zero exit", result->output, result->errors);
        return NULL;
    }

    g_autoptr(GError) failure = NULL;
    Value *reply = xmlrpc_read_reply(result->output, result->output_length, &failure);
    if (reply != NULL)
        return reply;
    if (failure->domain == XMLRPC_FAULT)
        set_fault(request, failure, result->errors, error);
    else
        backend_failure(error, STORAGE_ERROR_BACKEND_REPLY, "bad reply", failure->message, result->errors);
    return NULL;
}

Value *
storage_smapi1_call(const char *program, const StorageRequest *request, const StorageLimits *limits,
                    GError **error)
{
    g_autofree char *text = storage_smapi1_encode(request);
    if (strlen(text) > ARGUMENT_MAX_BYTES) {
        backend_failure(error, STORAGE_ERROR_BACKEND_FAILED, "failed", "",
                        "the call is too long for an argument");
        return NULL;
    }

    const char *argv[] = {program, text, NULL};
    /* PATH is ours unless we have none. Source: protocol notes 8: PATH and ORIGINATOR are what drivers count
     * on. */
    const char *environment[] = {"ORIGINATOR=SM", g_getenv("PATH") == NULL ? DEFAULT_PATH : NULL, NULL};
    ProcessSpec spec = {
        .argv = argv,
        .environment = environment,
        .timeout_ms = limits->timeout_ms,
        .output_max_bytes = limits->output_max_bytes,
        .cancellable = request->call->cancellable,
    };
    g_auto(ProcessResult) result = {0};
    g_autoptr(GError) failure = NULL;
    if (!base_process_run(&spec, &result, &failure)) {
        set_run_failure(request, failure, error);
        return NULL;
    }
    return read_reply(request, &result, error);
}
