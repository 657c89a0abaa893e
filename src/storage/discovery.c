/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds plugins. What a program says of itself is checked here, once, so that the rest may trust a
 * StoragePlugin. */
#include "storage/discovery.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "storage/smapi1.h"

#define SUFFIX "SR"

/* ---- StoragePlugin ---- */

StoragePlugin *
storage_plugin_ref(StoragePlugin *plugin)
{
    return g_atomic_rc_box_acquire(plugin);
}

static void
plugin_clear(gpointer data)
{
    StoragePlugin *plugin = data;
    g_free(plugin->type);
    g_free(plugin->driver_filename);
    g_free(plugin->name);
    g_free(plugin->description);
    g_free(plugin->vendor);
    g_free(plugin->copyright);
    g_free(plugin->driver_version);
    g_free(plugin->required_api_version);
    value_unref(plugin->capabilities);
    value_unref(plugin->features);
    value_unref(plugin->configuration);
    value_unref(plugin->image_formats);
}

void
storage_plugin_unref(StoragePlugin *plugin)
{
    if (plugin != NULL)
        g_atomic_rc_box_release_full(plugin, plugin_clear);
}

gboolean
storage_plugin_has(const StoragePlugin *plugin, const char *capability)
{
    return value_map_get(plugin->features, capability) != NULL;
}

void
storage_broken_plugin_free(StorageBrokenPlugin *broken)
{
    g_free(broken->driver_filename);
    g_free(broken->reason);
    g_free(broken);
}

/* ---- Reading sr_get_driver_info ---- */

static gboolean
is_array_of(const Value *value, ValueKind kind)
{
    if (value_kind(value) != VALUE_ARRAY)
        return FALSE;
    for (gsize i = 0; i < value_size(value); i++) {
        if (value_kind(value_array_get(value, i)) != kind)
            return FALSE;
    }
    return TRUE;
}

/* Splits "NAME/n"; n is 1 when it is left out or no number. */
static char *
split_capability(const char *text, gint64 *ret_version)
{
    const char *slash = strchr(text, '/');
    gint64 version = 1;
    if (slash == NULL)
        slash = text + strlen(text);
    else if (!base_int_parse(slash + 1, &version))
        version = 1;
    *ret_version = version;
    return g_strndup(text, (gsize)(slash - text));
}

static gboolean
read_capabilities(StoragePlugin *plugin, const Value *listed, GError **error)
{
    if (listed == NULL || !is_array_of(listed, VALUE_STRING))
        return base_error_set(error, BASE_ERROR_INVALID, "capabilities is no array of strings");

    plugin->capabilities = value_array_new(value_size(listed));
    plugin->features = value_map_new(value_size(listed));
    for (gsize i = 0; i < value_size(listed); i++) {
        gint64 version;
        g_autofree char *name = split_capability(value_get_string(value_array_get(listed, i)), &version);
        if (!g_strv_contains(storage_capabilities, name) || storage_plugin_has(plugin, name))
            continue;
        value_array_add(plugin->capabilities, value_string(name));
        value_map_set(plugin->features, name, value_int(version));
    }
    return TRUE;
}

/* An array of structs {key, description} on the wire. */
static gboolean
read_configuration(StoragePlugin *plugin, const Value *listed, GError **error)
{
    plugin->configuration = value_map_new(8);
    if (listed == NULL)
        return TRUE;
    if (!is_array_of(listed, VALUE_MAP))
        return base_error_set(error, BASE_ERROR_INVALID, "configuration is no array of structs");

    for (gsize i = 0; i < value_size(listed); i++) {
        const Value *item = value_array_get(listed, i);
        const char *key = value_map_get_string(item, "key", NULL);
        if (key == NULL)
            return base_error_set(error, BASE_ERROR_INVALID, "a configuration item has no key");
        value_map_set(plugin->configuration, key,
                      value_string(value_map_get_string(item, "description", "")));
    }
    return TRUE;
}

static char *
type_of_file(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    name[strlen(name) - strlen(SUFFIX)] = '\0';
    return g_ascii_strdown(name, -1);
}

StoragePlugin *
storage_plugin_from_info(const char *driver_filename, const Value *info, GError **error)
{
    if (value_kind(info) != VALUE_MAP) {
        base_error_set(error, BASE_ERROR_INVALID, "sr_get_driver_info answered no struct");
        return NULL;
    }

    g_autoptr(StoragePlugin) plugin = g_atomic_rc_box_new0(StoragePlugin);
    plugin->type = type_of_file(driver_filename);
    plugin->driver_filename = g_strdup(driver_filename);
    plugin->name = g_strdup(value_map_get_string(info, "name", ""));
    plugin->description = g_strdup(value_map_get_string(info, "description", ""));
    plugin->vendor = g_strdup(value_map_get_string(info, "vendor", ""));
    plugin->copyright = g_strdup(value_map_get_string(info, "copyright", ""));
    plugin->driver_version = g_strdup(value_map_get_string(info, "driver_version", ""));
    plugin->required_api_version = g_strdup(value_map_get_string(info, "required_api_version", ""));

    const Value *formats = value_map_get(info, "supported_image_formats");
    gboolean has_formats = formats != NULL && is_array_of(formats, VALUE_STRING);
    plugin->image_formats = has_formats ? value_ref((Value *)formats) : value_array_empty();

    if (!read_capabilities(plugin, value_map_get(info, "capabilities"), error))
        return NULL;
    if (!read_configuration(plugin, value_map_get(info, "configuration"), error))
        return NULL;
    return g_steal_pointer(&plugin);
}

/* ---- Looking around ---- */

void
storage_discovery_clear(StorageDiscovery *discovery)
{
    g_clear_pointer(&discovery->plugins, g_ptr_array_unref);
    g_clear_pointer(&discovery->broken, g_ptr_array_unref);
}

/* Links are followed: third-party packages link FooSR to FooSR.py. */
static gboolean
is_candidate(const char *directory, const char *name)
{
    if (!base_path_is_safe_name(name) || strlen(name) <= strlen(SUFFIX) || !g_str_has_suffix(name, SUFFIX))
        return FALSE;

    struct stat status;
    g_autofree char *path = g_build_filename(directory, name, NULL);
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static StoragePlugin *
ask(const char *path, const char *host_ref, const StorageLimits *limits, GError **error)
{
    StorageCall call = {.host_ref = host_ref};
    StorageRequest request = {.operation = STORAGE_OPERATION_SR_GET_DRIVER_INFO, .call = &call};
    g_autoptr(Value) info = storage_smapi1_call(path, &request, limits, error);
    return info == NULL ? NULL : storage_plugin_from_info(path, info, error);
}

static void
add_broken(StorageDiscovery *discovery, const char *path, const char *reason)
{
    StorageBrokenPlugin *broken = g_new0(StorageBrokenPlugin, 1);
    broken->driver_filename = g_strdup(path);
    broken->reason = g_strdup(reason);
    g_ptr_array_add(discovery->broken, broken);
    log_warning("storage plugin %s is left out: %s", path, reason);
}

static gboolean
has_type(const GPtrArray *plugins, const char *type)
{
    for (guint i = 0; i < plugins->len; i++) {
        const StoragePlugin *plugin = plugins->pdata[i];
        if (g_str_equal(plugin->type, type))
            return TRUE;
    }
    return FALSE;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of candidates in byte order, so that the answer does not depend on the file system. */
static GPtrArray *
list_candidates(const char *directory)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    if (dir == NULL)
        return names;

    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        if (is_candidate(directory, name))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

static void
look_into(const char *directory, const char *host_ref, const StorageLimits *limits,
          StorageDiscovery *discovery)
{
    g_autoptr(GPtrArray) names = list_candidates(directory);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);
        g_autofree char *type = type_of_file(path);
        if (has_type(discovery->plugins, type))
            continue;

        g_autoptr(GError) error = NULL;
        StoragePlugin *plugin = ask(path, host_ref, limits, &error);
        if (plugin != NULL)
            g_ptr_array_add(discovery->plugins, plugin);
        else
            add_broken(discovery, path, error->message);
    }
}

static int
compare_types(gconstpointer a, gconstpointer b)
{
    const StoragePlugin *one = *(StoragePlugin *const *)a;
    const StoragePlugin *other = *(StoragePlugin *const *)b;
    return strcmp(one->type, other->type);
}

void
storage_discover(const char *const *directories, const char *host_ref, const StorageLimits *limits,
                 StorageDiscovery *ret_discovery)
{
    ret_discovery->plugins = g_ptr_array_new_with_free_func((GDestroyNotify)storage_plugin_unref);
    ret_discovery->broken = g_ptr_array_new_with_free_func((GDestroyNotify)storage_broken_plugin_free);
    for (const char *const *directory = directories; *directory != NULL; directory++)
        look_into(*directory, host_ref, limits, ret_discovery);
    g_ptr_array_sort(ret_discovery->plugins, compare_types);
}
