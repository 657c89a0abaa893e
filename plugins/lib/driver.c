/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of a driver: reading the call, checking it by tables, answering. */
#include "lib/driver.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "value/xmlrpc.h"

#define VENDOR               "Xylem"
#define REQUIRED_API_VERSION "1.0"

/* ---- Faults ---- */

G_DEFINE_QUARK(driver - error - quark, driver_error)

gboolean
driver_fault(GError **error, DriverErrorCode code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    GError *fault = g_error_new_valist(DRIVER_ERROR, (int)code, format, args);
    va_end(args);
    g_propagate_error(error, fault);
    return FALSE;
}

/* Our own messages and those of programs we run, which get LC_ALL=C, both carry errno's words. */
static gboolean
is_disk_full(const char *message)
{
    return strstr(message, "No space left on device") != NULL ||
           strstr(message, "Disk quota exceeded") != NULL;
}

gboolean
driver_fault_from(GError **error, DriverErrorCode code)
{
    if (error == NULL || *error == NULL || (*error)->domain == DRIVER_ERROR)
        return FALSE;
    g_autoptr(GError) cause = g_steal_pointer(error);
    return driver_fault(error, is_disk_full(cause->message) ? DRIVER_ERROR_SR_NO_SPACE : code, "%s",
                        cause->message);
}

char *
driver_fault_text(const GError *fault)
{
    for (const DriverErrorInfo *info = driver_error_infos; info->code != 0; info++) {
        if (info->code == fault->code)
            return g_strdup_printf("%s: %s [opterr=%s]", info->name, info->doc, fault->message);
    }
    return g_strdup(fault->message);
}

/* ---- The request ---- */

const char *
driver_arg(const DriverRequest *request, gsize index, const char *fallback)
{
    return index < value_size(request->args) ? value_get_string(value_array_get(request->args, index))
                                             : fallback;
}

gboolean
driver_arg_size(const DriverRequest *request, gsize index, guint64 *ret_bytes, GError **error)
{
    const char *text = driver_arg(request, index, "");
    gint64 number;
    if (!base_int_parse(text, &number) || number < 0)
        return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "'%s' is no size", text);
    *ret_bytes = (guint64)number;
    return TRUE;
}

const char *
driver_config(const DriverRequest *request, const char *key, const char *fallback)
{
    return value_map_get_string(request->device_config, key, fallback);
}

static gboolean
read_args(const DriverCallInfo *info, const Value *args, GError **error)
{
    if (value_kind(args) != VALUE_ARRAY)
        return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "args is no array");
    if (value_size(args) < info->min_args)
        return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "%s takes an argument", info->name);
    for (gsize i = 0; i < value_size(args); i++) {
        if (value_kind(value_array_get(args, i)) != VALUE_STRING)
            return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "argument %zu is no string", i);
    }
    return TRUE;
}

static gboolean
has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((guchar)*text < 0x20 || *text == 0x7f)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_config_types(const Value *config, GError **error)
{
    if (value_kind(config) != VALUE_MAP)
        return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "device_config is no struct");
    for (gsize i = 0; i < value_size(config); i++) {
        const Value *item = value_map_value(config, i);
        if (value_kind(item) != VALUE_STRING || has_control_character(value_get_string(item)))
            return driver_fault(error, DRIVER_ERROR_BAD_CHARACTER, "%s", value_map_key(config, i));
    }
    return TRUE;
}

static gboolean
check_config_keys(const DriverInfo *info, const Value *config, GError **error)
{
    for (const DriverConfigKey *key = info->config; key->name != NULL; key++) {
        if (key->missing_code == 0 || *value_map_get_string(config, key->name, "") != '\0')
            continue;
        return driver_fault(error, key->missing_code, "%s", key->name);
    }
    return TRUE;
}

static gboolean
check_uuid(const char *name, const char *uuid, GError **error)
{
    if (uuid != NULL && base_uuid_is_valid(uuid))
        return TRUE;
    return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "%s is no uuid", name);
}

static gboolean
check_name(const char *name, GError **error)
{
    return base_path_is_safe_name(name) ||
           driver_fault(error, DRIVER_ERROR_INVALID_ARG, "vdi_location is no file's name");
}

/* Most of our drivers locate a disk by its uuid; either key is enough. */
static gboolean
read_vdi_keys(const DriverInfo *info, DriverRequest *request, GError **error)
{
    request->vdi_uuid = value_map_get_string(request->params, "vdi_uuid", NULL);
    request->vdi_location =
        value_map_get_string(request->params, "vdi_location", info->locates_by_name ? "" : request->vdi_uuid);
    if (info->locates_by_name)
        return check_name(request->vdi_location, error);
    if (!check_uuid("vdi_location", request->vdi_location, error))
        return FALSE;
    if (request->vdi_uuid == NULL)
        request->vdi_uuid = request->vdi_location;
    return check_uuid("vdi_uuid", request->vdi_uuid, error);
}

static gboolean
read_object_keys(const DriverInfo *driver, const DriverCallInfo *info, DriverRequest *request, GError **error)
{
    if (info->object == DRIVER_OBJECT_NONE)
        return TRUE;
    request->sr_uuid = value_map_get_string(request->params, "sr_uuid", NULL);
    if (!check_uuid("sr_uuid", request->sr_uuid, error))
        return FALSE;
    return info->object == DRIVER_OBJECT_SR || read_vdi_keys(driver, request, error);
}

/* What stands in place of a key that was not sent; lives as long as the program. */
static const Value *
empty_map(void)
{
    static Value *map;
    if (map == NULL)
        map = value_map_empty();
    return map;
}

static const Value *
empty_array(void)
{
    static Value *array;
    if (array == NULL)
        array = value_array_empty();
    return array;
}

static const Value *
get_or(const Value *map, const char *key, const Value *fallback)
{
    const Value *item = value_map_get(map, key);
    return item != NULL ? item : fallback;
}

static gboolean
read_request(const DriverInfo *info, const DriverCallInfo *call, const Value *params,
             DriverRequest *ret_request, GError **error)
{
    DriverRequest request = {
        .command = call->name,
        .params = params,
        .host_ref = value_map_get_string(params, "host_ref", ""),
        .vdi_type = value_map_get_string(params, "vdi_type", ""),
        .new_uuid = value_map_get_string(params, "new_uuid", ""),
        .device_config = get_or(params, "device_config", empty_map()),
        .vdi_sm_config = get_or(params, "vdi_sm_config", empty_map()),
        .args = get_or(params, "args", empty_array()),
    };

    if (!read_args(call, request.args, error) || !check_config_types(request.device_config, error))
        return FALSE;
    if (!check_config_keys(info, request.device_config, error) ||
        !read_object_keys(info, call, &request, error))
        return FALSE;
    if (value_kind(request.vdi_sm_config) != VALUE_MAP)
        return driver_fault(error, DRIVER_ERROR_INVALID_ARG, "vdi_sm_config is no struct");
    request.is_sr_master = g_ascii_strcasecmp(driver_config(&request, "SRmaster", "true"), "true") == 0;
    if (call->is_for_master && !request.is_sr_master)
        return driver_fault(error, DRIVER_ERROR_LVM_MASTER, "%s", call->name);
    *ret_request = request;
    return TRUE;
}

/* ---- sr_get_driver_info ---- */

static Value *
configuration_value(const DriverInfo *info)
{
    Value *list = value_array_new(4);
    for (const DriverConfigKey *key = info->config; key->name != NULL; key++) {
        Value *item = value_map_new(2);
        value_map_set(item, "key", value_string(key->name));
        value_map_set(item, "description", value_string(key->doc));
        value_array_add(list, item);
    }
    return list;
}

static Value *
info_value(const DriverInfo *info)
{
    Value *value = value_map_new(9);
    value_map_set(value, "name", value_string(info->name));
    value_map_set(value, "description", value_string(info->description));
    value_map_set(value, "vendor", value_string(VENDOR));
    value_map_set(value, "copyright", value_string("LGPL-2.1-or-later"));
    value_map_set(value, "driver_version", value_string(XYLEM_VERSION));
    value_map_set(value, "required_api_version", value_string(REQUIRED_API_VERSION));
    value_map_set(value, "capabilities", value_array_of_strings(info->capabilities));
    value_map_set(value, "configuration", configuration_value(info));
    value_map_set(value, "supported_image_formats", value_array_of_strings(info->image_formats));
    return value;
}

static void
print_help(const DriverInfo *info)
{
    g_autofree char *capabilities = g_strjoinv(" ", (char **)info->capabilities);
    g_autofree char *formats = g_strjoinv(" ", (char **)info->image_formats);

    printf("%s %s: %s\n%s\n\n", info->program, XYLEM_VERSION, info->name, info->description);
    printf("usage: %s METHODCALL     (one SMAPIv1 call as XML-RPC; the reply goes to standard output)\n\n",
           info->program);
    printf("device_config:\n");
    for (const DriverConfigKey *key = info->config; key->name != NULL; key++)
        printf("  %-16s %s%s\n", key->name, key->doc, key->missing_code == 0 ? " (optional)" : "");
    printf("\ncapabilities: %s\nimage formats: %s\n", capabilities, formats);
}

/* ---- Answering ---- */

static const DriverCallInfo *
find_call_info(const char *name)
{
    for (const DriverCallInfo *info = driver_call_infos; info->name != NULL; info++) {
        if (g_str_equal(info->name, name))
            return info;
    }
    return NULL;
}

static const DriverCall *
find_call(const DriverInfo *info, const char *name)
{
    for (const DriverCall *call = info->calls; call->name != NULL; call++) {
        if (g_str_equal(call->name, name))
            return call;
    }
    return NULL;
}

static Value *
run_located(const DriverInfo *info, const DriverCallInfo *call_info, const DriverCall *call,
            DriverRequest *request, GError **error)
{
    g_autofree char *folder = NULL;
    if (info->locate != NULL && call_info->object != DRIVER_OBJECT_NONE) {
        folder = info->locate(request, error);
        if (folder == NULL)
            return NULL;
        request->folder = folder;
    }
    return call->run(request, error);
}

static Value *
dispatch(const DriverInfo *info, const XmlrpcCall *parsed, GError **error)
{
    if (g_str_equal(parsed->method, "sr_get_driver_info"))
        return info_value(info);

    const DriverCallInfo *call_info = find_call_info(parsed->method);
    const DriverCall *call = find_call(info, parsed->method);
    if (call_info == NULL || call == NULL) {
        driver_fault(error, DRIVER_ERROR_UNIMPLEMENTED, "%s", parsed->method);
        return NULL;
    }
    if (value_size(parsed->params) != 1 || value_kind(value_array_get(parsed->params, 0)) != VALUE_MAP) {
        driver_fault(error, DRIVER_ERROR_SR_BAD_XML, "the call takes one struct");
        return NULL;
    }

    DriverRequest request;
    if (!read_request(info, call_info, value_array_get(parsed->params, 0), &request, error))
        return NULL;
    return run_located(info, call_info, call, &request, error);
}

static Value *
run(const DriverInfo *info, const char *text, GError **error)
{
    g_auto(XmlrpcCall) parsed = {0};
    if (!xmlrpc_read_call(text, strlen(text), &parsed, error)) {
        driver_fault_from(error, DRIVER_ERROR_SR_BAD_XML);
        return NULL;
    }
    return dispatch(info, &parsed, error);
}

char *
driver_answer(const DriverInfo *info, const char *text)
{
    GString *out = g_string_new(NULL);
    GError *error = NULL;
    g_autoptr(Value) result = run(info, text, &error);

    if (result != NULL) {
        xmlrpc_write_bare_begin(out);
        xmlrpc_write_value(out, result);
        xmlrpc_write_bare_end(out);
    } else {
        driver_fault_from(&error, DRIVER_ERROR_EIO);
        g_autofree char *fault = driver_fault_text(error);
        xmlrpc_write_fault(out, error->code, fault);
        g_clear_error(&error);
    }
    return g_string_free(out, FALSE);
}

int
driver_main(const DriverInfo *info, int argc, char **argv)
{
    base_log_init(info->program, LOG_LEVEL_WARNING);
    signal(SIGPIPE, SIG_IGN);

    if (argc == 2 && g_str_equal(argv[1], "--help")) {
        print_help(info);
        return 0;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: %s METHODCALL | --help\n", info->program);
        return 2;
    }

    g_autofree char *reply = driver_answer(info, argv[1]);
    g_autoptr(GError) error = NULL;
    if (base_fd_write_all(1, reply, strlen(reply), &error))
        return 0;
    log_error("%s", error->message);
    return 1;
}
