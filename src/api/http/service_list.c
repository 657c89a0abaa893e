/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /services, /services/driver, /services/SM and /services/SM/<type>: what this host offers to others, in
 * JSON. Source: protocol notes 4 */
#include "api/http/entry.h"

#include <string.h>

#include "value/json.h"

static void
set(Value *map, const char *key, const char *text)
{
    value_map_set(map, key, value_string(text));
}

/* The storage service as a whole: it hands calls on to plugins. */
static Value *
own_description(void)
{
    Value *result = value_map_new(10);
    Value *features = value_array_new(1);
    value_array_add(features, value_string("/services/SM"));
    set(result, "driver", "mux");
    set(result, "name", "storage multiplexor");
    set(result, "description", "hands calls on to the storage plugins");
    set(result, "vendor", "Xylem");
    set(result, "copyright", "LGPL-2.1-or-later");
    set(result, "version", XYLEM_VERSION);
    set(result, "required_api_version", "2.0");
    value_map_set(result, "features", features);
    value_map_set(result, "configuration", value_map_new(0));
    value_map_set(result, "required_cluster_stack", value_array_new(0));
    return result;
}

static Value *
plugin_features(const StoragePlugin *plugin)
{
    Value *features = value_array_new(value_size(plugin->features));
    for (gsize i = 0; i < value_size(plugin->features); i++) {
        gint64 version = value_get_int(value_map_value(plugin->features, i));
        g_autofree char *text =
            g_strdup_printf("%s/%" G_GINT64_FORMAT, value_map_key(plugin->features, i), version);
        value_array_add(features, value_string(version == 1 ? value_map_key(plugin->features, i) : text));
    }
    return features;
}

static Value *
describe(const StoragePlugin *plugin)
{
    Value *result = value_map_new(10);
    set(result, "driver", plugin->type);
    set(result, "name", plugin->name);
    set(result, "description", plugin->description);
    set(result, "vendor", plugin->vendor);
    set(result, "copyright", plugin->copyright);
    set(result, "version", plugin->driver_version);
    set(result, "required_api_version", plugin->required_api_version);
    value_map_set(result, "features", plugin_features(plugin));
    value_map_set(result, "configuration", value_ref(plugin->configuration));
    value_map_set(result, "required_cluster_stack", value_array_new(0));
    return result;
}

static Value *
describe_all(Storage *storage)
{
    g_autoptr(GPtrArray) plugins = storage_plugins(storage);
    Value *all = value_array_new(plugins->len);
    for (guint i = 0; i < plugins->len; i++)
        value_array_add(all, describe(g_ptr_array_index(plugins, i)));
    return all;
}

/* Services that other programs registered: each plugin under its type. */
static Value *
driver_list(Storage *storage)
{
    g_autoptr(GPtrArray) plugins = storage_plugins(storage);
    Value *all = value_array_new(plugins->len);
    for (guint i = 0; i < plugins->len; i++) {
        const StoragePlugin *plugin = g_ptr_array_index(plugins, i);
        Value *service = value_map_new(3);
        set(service, "uuid", plugin->type);
        set(service, "service", "SM");
        set(service, "instance", plugin->type);
        value_array_add(all, service);
    }
    return all;
}

/* (transfer full) (nullable) */
static Value *
find(const ApiServices *services, const char *path)
{
    if (g_str_equal(path, "/services"))
        return own_description();
    if (g_str_equal(path, "/services/driver"))
        return driver_list(services->storage);
    if (g_str_equal(path, "/services/SM"))
        return describe_all(services->storage);
    if (!g_str_has_prefix(path, "/services/SM/"))
        return NULL;
    g_autoptr(StoragePlugin) plugin = storage_find_plugin(services->storage, path + strlen("/services/SM/"));
    return plugin != NULL ? describe(plugin) : NULL;
}

gboolean
http_get_services(HttpCall *call, Value **ret_result, GError **error)
{
    g_autoptr(Value) value = find(call->services, http_request_path(call->request));
    if (value == NULL)
        return http_call_refuse(call, 404, error, "there is no such service");
    GString *body = g_string_new(NULL);
    json_write_value(body, value);
    http_call_reply(call, "application/json", body);
    return TRUE;
}
